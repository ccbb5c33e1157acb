// Finds TCP ports for brokers. A broker keeps its port over restarts, also while it is down, so ports are
// taken from below the range that operating systems lend to outgoing connections (32768 and up on Linux):
// a port of that range could be borrowed by any client while the broker is away.
import { createServer } from 'node:net';
import { LockstepError } from '../errors.ts';

const lowest = 20_000;
const highest = 32_700;
const attemptsMax = 200;
const given = new Set<number>();

/** A port of 127.0.0.1 on which nobody listens now and which this process has not handed out before. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port) || !(await isPortFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new LockstepError(
    'REGION_FAILED',
    `No free port between ${lowest} and ${highest} after ${attemptsMax} attempts.`,
  );
}

/** Whether one can listen on this port of 127.0.0.1 now. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
