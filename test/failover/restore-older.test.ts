// What the new primary lacks below its start is kept, too: retention, deleted records, or a region that was itself restored
// from where the logs parted.
import { expect } from 'vitest';
import { Cluster, deleteRecords, listTopics, unwrap } from '../../src/client/index.ts';
import { olderName, quarantineName } from '../../src/failover/restore/quarantine.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic } from '../support/region-fixtures.ts';
import {
  deleteAt,
  numbered,
  startedAtMs,
  stepsWith,
  usePartedRegions,
  withRegions,
} from './parted-regions.ts';
import { expectDone, runRestore, SplitRegions } from './split-regions.ts';

const { oracle, write, values, part } = usePartedRegions();

/** Deletes the first records of a partition, as retention does. */
async function startAt(region: Region, topic: string, beforeOffset: bigint): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    const [deleted] = await deleteRecords(cluster, [{ topic, partition: 0, beforeOffset }]);
    unwrap(deleted!.outcome);
  } finally {
    cluster.close();
  }
}

withRegions(
  'what the new primary deletes before and while tails are saved is saved before the topic is deleted',
  async (us, eu) => {
    const [topic, same] = [uniqueTopic('old'), uniqueTopic('same')];
    await oracle.createTopics(us, [
      { name: topic, partitions: 2 },
      { name: same, partitions: 1 },
    ]);
    await using split = await SplitRegions.start({ us, eu, topics: [topic, same] });
    await write(us, topic, 'before', [0, 1]);
    await write(us, same, 'before');
    await split.mirrored(topic, [20, 20]);
    await split.mirrored(same, [20]);
    await split.failOver([topic, same]);
    // Partition 0 would continue; it is deleted with the other.
    await write(us, topic, 'split', [1]);
    await startAt(eu, topic, 15n);
    await startAt(eu, same, 15n);
    const steps = stepsWith('deleteTopics', () => startAt(eu, topic, 18n));
    const run = await runRestore(split, { confirmed: [topic], startedAtMs, steps });
    expectDone(run);
    const told = run.lines.join('\n');
    expect(told).toMatch(
      /saveTails: 20 records saved, .*; older history that eu-west does not have: 15 records, .*, saved too/,
    );
    expect(told).toContain('verifyTails: 20 records found, and 15 of older history, each as it was');
    expect(told).toContain(`${topic}-0: the log of eu-west starts at 18 by now`);
    const tail = quarantineName(topic, startedAtMs);
    expect(await values(us, olderName(tail))).toEqual(numbered('before', 18));
    expect(await values(us, olderName(tail), 1)).toEqual([]);
    expect(await values(us, tail, 1)).toEqual(numbered('split'));
    expect(await values(us, topic)).toEqual(numbered('before').slice(18));
    // What did not part is not deleted, and keeps what only it has.
    expect(await values(us, same)).toEqual(numbered('before'));
  },
);

withRegions(
  'a region that was restored from where the logs parted is failed over to: the other one had the only copy',
  async (us, eu) => {
    const topic = uniqueTopic('parted');
    await using split = await part({ us, eu, topics: [topic] });
    await write(us, topic, 'split at us');
    await write(eu, topic, 'at eu');
    expectDone(await runRestore(split, { confirmed: [topic], history: 'from-divergence', startedAtMs }));
    expect(await values(us, topic)).toEqual(numbered('at eu'));

    await split.failBack([topic]);
    await write(eu, topic, 'split at eu');
    await write(us, topic, 'at us');
    const run = await runRestore(split, { id: 'restore-2', to: 'eu-west', confirmed: [topic], startedAtMs });
    expectDone(run);
    expect(await values(eu, topic)).toEqual([...numbered('at eu'), ...numbered('at us')]);
    const tail = quarantineName(topic, startedAtMs);
    expect(await values(eu, olderName(tail))).toEqual(numbered('before'));
    expect(await values(eu, tail)).toEqual(numbered('split at eu'));
  },
);

withRegions('nothing is deleted where the new primary loses the topic meanwhile', async (us, eu) => {
  const topic = uniqueTopic('gone');
  await using split = await part({ us, eu, topics: [topic] });
  await write(us, topic, 'split');
  const steps = stepsWith('deleteTopics', async () => {
    await deleteAt(eu, [topic]);
    await oracle.createTopics(eu, [{ name: topic, partitions: 1 }]);
  });
  const run = await runRestore(split, { confirmed: [topic], startedAtMs, steps });
  expect(run.end.kind).toBe('failed');
  expect(run.lines.join('\n')).toContain('is not the one any more that was looked at');
  expect(await values(us, topic)).toHaveLength(40);
  const cluster = await Cluster.connect(configOf(us));
  expect((await listTopics(cluster)).has(topic)).toBe(true);
  cluster.close();
});
