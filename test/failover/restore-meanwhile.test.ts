// What happens while a restore stands or runs: roles that turn, and clients that still write to what is deleted.
import { expect } from 'vitest';
import { Cluster, listTopics } from '../../src/client/index.ts';
import { quarantineName } from '../../src/failover/restore/quarantine.ts';
import { turnedRoles } from '../../src/failover/turned-roles.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic } from '../support/region-fixtures.ts';
import { startedAtMs, stepsWith, usePartedRegions, withRegions } from './parted-regions.ts';
import { expectDone, group, runRestore } from './split-regions.ts';

const { oracle, write, values, part } = usePartedRegions();

withRegions('a restore that stands since before roles turned deletes nothing', async (us, eu) => {
  const topic = uniqueTopic('turned');
  await using split = await part({ us, eu, topics: [topic] });
  await write(us, topic, 'split');
  const steps = stepsWith('deleteTopics', () => Promise.reject(new Error('lost')));
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

withRegions('what is written while other topics are deleted is not lost', async (us, eu) => {
  const prefix = uniqueTopic('many');
  const topics = Array.from({ length: 24 }, (_, i) => `${prefix}.${String(i).padStart(2, '0')}`);
  const last = topics.at(-1)!;
  await using split = await part({ us, eu, topics });
  await write(us, topics, 'split');
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
