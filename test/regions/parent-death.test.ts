// Brokers end with the program that started them, however it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { processIdentity } from '../../src/regions/index.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const regionsModule = path.resolve(import.meta.dirname, '../../src/regions/index.ts');

/** A program with one broker that prints the broker's process id and then idles, or ends as told. */
const program = (end: string) => `
import { createRegion } from ${JSON.stringify(regionsModule)};
const region = await createRegion({ name: 'orphan', directory: process.argv[2], heapMb: 256 });
await region.start();
console.log('pid ' + region.brokers[0].pid);
${end}
`;

test.each<[string, string, NodeJS.Signals | null]>([
  ['is killed', 'setInterval(() => {}, 1000);', 'SIGKILL'],
  ['is interrupted', 'setInterval(() => {}, 1000);', 'SIGINT'],
  ['throws what nobody catches', "setImmediate(() => { throw new Error('planned'); });", null],
  ['simply exits', 'process.exit(0);', null],
])('no broker is left when its program %s', async (what, end, signal) => {
  const name = what.replaceAll(' ', '-');
  const file = path.join(folder.path, `${name}.mts`);
  await writeFile(file, program(end));
  const child = spawn(process.execPath, [file, path.join(folder.path, name)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('exit', (code, by) => resolve(by ?? code)));
  const pid = await brokerPid(child);
  if (signal) {
    expect(processIdentity(pid)).not.toBeNull();
    child.kill(signal);
    expect(await ended).toBe(signal);
  } else {
    await ended;
  }
  await waitFor(() => processIdentity(pid) === null, { deadlineMs: 5000, describe: `broker ${pid} to end` });
});

async function brokerPid(child: ChildProcess): Promise<number> {
  let printed = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return Number(
    await waitFor(() => /pid (\d+)\n/.exec(printed)?.[1], {
      deadlineMs: 60_000,
      describe: () => `the broker's process id; printed: ${printed}`,
    }),
  );
}
