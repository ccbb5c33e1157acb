// `lockstep local up`, `down` and `status` through their functions, with real brokers of both versions.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { localDown, localStatus, localUp, type Progress } from '../../src/regions/index.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const regions = [
  { name: 'us-east', heapMb: 256 },
  { name: 'eu-west', kafkaVersion: '3.9.2', heapMb: 256 },
];

afterEach(async () => {
  await localDown({ directory: folder.path, removeData: true });
});

test('up starts the regions, status shows them, down stops exactly them, and up again finds ports and data', async () => {
  const directory = folder.path;
  const progress: Progress[] = [];
  const up = await localUp({ regions, directory, onProgress: (each) => progress.push(each) });
  expect(up.map((region) => [region.name, region.kafkaVersion, region.brokers[0]?.state])).toEqual([
    ['us-east', '4.3.1', 'running'],
    ['eu-west', '3.9.2', 'running'],
  ]);
  expect(progress.map((each) => each.message)).toContain(`serves at ${up[0]?.bootstrap[0]}`);
  const status = await localStatus({ directory });
  expect(new Set(status.map((region) => region.brokers[0]?.pid))).toEqual(
    new Set(up.map((region) => region.brokers[0]?.pid)),
  );

  const again = await localUp({ regions, directory });
  expect(again.map((region) => region.brokers[0]?.pid)).toEqual(up.map((region) => region.brokers[0]?.pid));

  const pids = up.map((region) => region.brokers[0]!.pid!);
  await localDown({ directory });
  // One that has ended is there until its parent has heard of it.
  await waitFor(() => !pids.some(isAlive), { deadlineMs: 5_000, describe: 'the brokers to be gone' });
  expect((await localStatus({ directory })).map((region) => region.brokers[0]?.state)).toEqual([
    'stopped',
    'stopped',
  ]);

  const third = await localUp({ regions: [regions[0]!], directory });
  expect(third[0]?.bootstrap).toEqual(up[0]?.bootstrap);
});

test('down leaves a process alone that only has the id of a former broker', async () => {
  const directory = folder.path;
  const [up] = await localUp({ regions: [regions[0]!], directory });
  await localDown({ directory });
  // The worst case: the remembered id now belongs to this very test process.
  const file = path.join(up!.directory, 'state.json');
  const state = JSON.parse(await readFile(file, 'utf8'));
  state.processes[0].process = { pid: process.pid, startTime: '1' };
  await writeFile(file, JSON.stringify(state));
  expect((await localStatus({ directory }))[0]?.brokers[0]?.state).toBe('stopped');
  await localDown({ directory });
  expect(isAlive(process.pid)).toBe(true);
});

test('a region that cannot start takes down the others that were started with it', async () => {
  const directory = folder.path;
  const broken = { name: 'eu-west', heapMb: 256, brokerConfig: { 'num.io.threads': 'none' } };
  await expect(localUp({ regions: [regions[0]!, broken], directory })).rejects.toMatchObject({
    code: 'REGION_FAILED',
    message: expect.stringMatching(/eu-west.*num\.io\.threads/s),
  });
  const states = (await localStatus({ directory })).flatMap((region) =>
    region.brokers.map((broker) => broker.state),
  );
  expect(states.length).toBeGreaterThan(0);
  expect(states.every((state) => state === 'stopped')).toBe(true);
});

test('data of one Kafka version is not handed to another', async () => {
  const directory = folder.path;
  await localUp({ regions: [regions[0]!], directory });
  await localDown({ directory });
  await expect(
    localUp({ regions: [{ name: 'us-east', kafkaVersion: '3.9.2' }], directory }),
  ).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('has data of Kafka 4.3.1'),
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
