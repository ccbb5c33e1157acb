// `lockstep agent` as a process of its own, as a supervisor starts and stops it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));

export interface AgentProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Its log, JSON lines. */
  log(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** `environment`: beside our own. */
export function startAgent(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): AgentProcess {
  const child = spawn(process.execPath, [command, 'agent', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let log = '';
  child.stderr.on('data', (bytes) => {
    log += String(bytes);
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    child,
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}
