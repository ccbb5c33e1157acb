// What the new primary lacks below its start is kept, too: retention, deleted records, or a region that was itself restored
// from where the logs parted.
import { describe, expect, test } from 'vitest';
import { Cluster, deleteRecords, deleteTopics, listTopics, unwrap } from '../../src/client/index.ts';
import { restoreSteps } from '../../src/failover/restore/index.ts';
import { olderName, quarantineName } from '../../src/failover/restore/quarantine.ts';
import type { Step } from '../../src/failover/types.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { expectDone, runRestore, SplitRegions } from './split-regions.ts';

const oracle = useOracle();
const startedAtMs = Date.UTC(2026, 10, 21, 18, 40);

const texts = (text: string, count = 20): string[] => Array.from({ length: count }, (_, i) => `${text} ${i}`);

async function write(region: Region, topic: string, text: string, partition = 0): Promise<void> {
  await oracle.workload(region).produce({
    producer: `writer ${region.name}`,
    records: texts(text).map((value) => ({ topic, partition, key: value, value })),
  });
}

async function values(region: Region, topic: string, partition = 0): Promise<string[]> {
  const { records } = await oracle.read({ region, topic, partition, isolation: 'read_committed' });
  return records.map(({ value }) => value!.toString());
}

async function deleteTopic(region: Region, topic: string): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
    await expect.poll(async () => (await listTopics(cluster)).has(topic)).toBe(false);
  } finally {
    cluster.close();
  }
}

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

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

  test('what the new primary deletes before and while tails are saved is saved before the topic is deleted', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    const [topic, same] = [uniqueTopic('old'), uniqueTopic('same')];
    await oracle.createTopics(us, [
      { name: topic, partitions: 2 },
      { name: same, partitions: 1 },
    ]);
    await using split = await SplitRegions.start({ us, eu, topics: [topic, same] });
    for (const [name, partition] of [
      [topic, 0],
      [topic, 1],
      [same, 0],
    ] as const)
      await write(us, name, 'before', partition);
    await split.mirrored(topic, [20, 20]);
    await split.mirrored(same, [20]);
    await split.failOver([topic, same]);
    // Partition 0 would continue; it is deleted with the other.
    await write(us, topic, 'split', 1);
    await startAt(eu, topic, 15n);
    await startAt(eu, same, 15n);
    const steps = restoreSteps.map(
      (step): Step => ({
        ...step,
        run: async (context, move) => {
          if (step.name === 'deleteTopics') await startAt(eu, topic, 18n);
          return step.run(context, move);
        },
      }),
    );
    const run = await runRestore(split, { confirmed: [topic], startedAtMs, steps });
    expectDone(run);
    const told = run.lines.join('\n');
    expect(told).toMatch(
      /saveTails: 20 records saved, .*; older history that eu-west does not have: 15 records, .*, saved too/,
    );
    expect(told).toContain('verifyTails: 20 records found, and 15 of older history, each as it was');
    expect(told).toContain(`${topic}-0: the log of eu-west starts at 18 by now`);
    const tail = quarantineName(topic, startedAtMs);
    expect(await values(us, olderName(tail))).toEqual(texts('before', 18));
    expect(await values(us, olderName(tail), 1)).toEqual([]);
    expect(await values(us, tail, 1)).toEqual(texts('split'));
    expect(await values(us, topic)).toEqual(texts('before').slice(18));
    // What did not part is not deleted, and keeps what only it has.
    expect(await values(us, same)).toEqual(texts('before'));
  });
});

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

  test('a region that was restored from where the logs parted is failed over to: the other one had the only copy', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    const topic = uniqueTopic('parted');
    await oracle.createTopics(us, [{ name: topic, partitions: 1 }]);
    await using split = await SplitRegions.start({ us, eu, topics: [topic] });
    await write(us, topic, 'before');
    await split.mirrored(topic, [20]);
    await split.failOver([topic]);
    await write(us, topic, 'split at us');
    await write(eu, topic, 'at eu');
    expectDone(await runRestore(split, { confirmed: [topic], history: 'from-divergence', startedAtMs }));
    expect(await values(us, topic)).toEqual(texts('at eu'));

    await split.failBack([topic]);
    await write(eu, topic, 'split at eu');
    await write(us, topic, 'at us');
    const run = await runRestore(split, { id: 'restore-2', to: 'eu-west', confirmed: [topic], startedAtMs });
    expectDone(run);
    expect(await values(eu, topic)).toEqual([...texts('at eu'), ...texts('at us')]);
    const tail = quarantineName(topic, startedAtMs);
    expect(await values(eu, olderName(tail))).toEqual(texts('before'));
    expect(await values(eu, tail)).toEqual(texts('split at eu'));
  });
});

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

  test('nothing is deleted where the new primary loses the topic meanwhile', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    const topic = uniqueTopic('gone');
    await oracle.createTopics(us, [{ name: topic, partitions: 1 }]);
    await using split = await SplitRegions.start({ us, eu, topics: [topic] });
    await write(us, topic, 'before');
    await split.mirrored(topic, [20]);
    await split.failOver([topic]);
    await write(us, topic, 'split');
    const steps = restoreSteps.map(
      (step): Step => ({
        ...step,
        run: async (context, move) => {
          if (step.name === 'deleteTopics') {
            await deleteTopic(eu, topic);
            await oracle.createTopics(eu, [{ name: topic, partitions: 1 }]);
          }
          return step.run(context, move);
        },
      }),
    );
    const run = await runRestore(split, { confirmed: [topic], startedAtMs, steps });
    expect(run.end.kind).toBe('failed');
    expect(run.lines.join('\n')).toContain('is not the one any more that was looked at');
    expect(await values(us, topic)).toHaveLength(40);
    const cluster = await Cluster.connect(configOf(us));
    expect((await listTopics(cluster)).has(topic)).toBe(true);
    cluster.close();
  });
});
