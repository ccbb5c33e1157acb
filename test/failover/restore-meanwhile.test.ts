// What happens while a restore stands or runs: roles that turn, and clients that still write to what is deleted.
import { describe, expect, test } from 'vitest';
import { Cluster, listTopics } from '../../src/client/index.ts';
import { restoreSteps } from '../../src/failover/restore/index.ts';
import { quarantineName } from '../../src/failover/restore/quarantine.ts';
import { turnedRoles } from '../../src/failover/turned-roles.ts';
import type { Step } from '../../src/failover/types.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { expectDone, group, runRestore, SplitRegions } from './split-regions.ts';

const oracle = useOracle();
const startedAtMs = Date.UTC(2026, 10, 21, 18, 40);

async function write(region: Region, topic: string, text: string): Promise<void> {
  await oracle.workload(region).produce({
    producer: `writer ${region.name}`,
    records: Array.from({ length: 20 }, (_, i) => ({
      topic,
      partition: 0,
      key: `${i}`,
      value: `${text} ${i}`,
    })),
  });
}
async function values(region: Region, topic: string): Promise<(string | null)[]> {
  const read = { region, topic, partition: 0, isolation: 'read_committed' } as const;
  return (await oracle.read(read)).records.map(({ value }) => value?.toString() ?? null);
}

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
  test('a restore that stands since before roles turned deletes nothing', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    const topic = uniqueTopic('turned');
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
          if (step.name === 'deleteTopics') throw new Error('lost');
          return step.run(context, move);
        },
      }),
    );
    await runRestore(split, { confirmed: [topic], startedAtMs, steps });
    // As failover --to us-east sets them where eu-west is gone.
    const before = split.us.state.roles.get(group)!;
    const roles = turnedRoles(before, {
      ...{ kind: 'failover', from: 'eu-west', to: 'us-east', topics: null, awaitsRestore: [topic] },
      ...{ moveId: 'failover-2', by: 'test', atMs: Date.now() },
    });
    await split.us.done({ do: 'setRoles', roles, ifGeneration: before.generation });
    await split.eu.reaches('eu to learn', (state) => state.roles.get(group)?.generation === roles.generation);
    await write(us, topic, 'as primary again');
    const run = await runRestore(split);
    expect(run.end.kind).toBe('failed');
    expect(await values(us, topic)).toHaveLength(60);
  });
});

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
  test('what is written while other topics are deleted is not lost', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    const prefix = uniqueTopic('many');
    const topics = Array.from({ length: 24 }, (_, i) => `${prefix}.${String(i).padStart(2, '0')}`);
    const last = topics.at(-1)!;
    await oracle.createTopics(
      us,
      topics.map((name) => ({ name, partitions: 1 })),
    );
    await using split = await SplitRegions.start({ us, eu, topics });
    for (const topic of topics) await write(us, topic, 'before');
    for (const topic of topics) await split.mirrored(topic, [20]);
    await split.failOver(topics);
    for (const topic of topics) await write(us, topic, 'split');
    const cluster = await Cluster.connect(configOf(us));
    const ended = new AbortController();
    // Whether it was written behind the first deletion, and before the last topic's turn.
    let isMeanwhile = false;
    const watching = (async () => {
      while (!ended.signal.aborted) {
        if ((await listTopics(cluster)).has(topics[0]!)) continue;
        const late = { producer: 'late', records: [{ topic: last, partition: 0, value: 'late' }] };
        await oracle.workload(us).produce(late);
        isMeanwhile = (await listTopics(cluster)).has(topics.at(-2)!);
        return;
      }
    })();
    const run = await runRestore(split, { confirmed: topics, startedAtMs });
    ended.abort();
    await watching;
    cluster.close();
    expectDone(run);
    expect(isMeanwhile).toBe(true);
    expect(await values(us, quarantineName(last, startedAtMs))).toContain('late');
  });
});
