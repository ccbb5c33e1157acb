// The topic in which links remember, on real brokers of two versions: several agents, restarts, compaction's rules.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Cluster,
  createTopics,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
  unwrap,
} from '../../src/client/index.ts';
import { StateTopic, stateTopic } from '../../src/link/index.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const regions = useRegions({ newest: {}, oldest: { kafkaVersion: '3.9.2' } });
const anything = () => true;

describe.each(['newest', 'oldest'] as const)('on the %s broker', (name) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.connect(configOf(regions[name]));
  });
  afterAll(() => cluster.close());

  test('reading does not create the topic, the first value does: compacted, one partition', async () => {
    const state = new StateTopic(cluster);
    expect([...(await state.readAll(''))]).toEqual([]);
    expect((await cluster.metadata()).topics.has(stateTopic)).toBe(false);
    await state.put('a/1', 'one');
    const { topics } = await cluster.metadata({ topics: [stateTopic] });
    expect(topics.get(stateTopic)?.partitions).toHaveLength(1);
    const [described] = await describeConfigs(cluster, [{ type: 'topic', name: stateTopic }]);
    expect(unwrap(described!.outcome).get('cleanup.policy')?.value).toBe('compact');
  });

  test('the last value of a key holds, for everybody, in any order of reading', async () => {
    const [early, late] = [new StateTopic(cluster), new StateTopic(cluster)];
    await early.readAll('');
    await early.put('b/1', 'one');
    await early.put('b/2', 'two');
    await early.put('b/1', 'uno');
    await early.put('c/1', 'other');
    expect([...(await late.readAll('b/'))].sort()).toEqual([
      ['b/1', 'uno'],
      ['b/2', 'two'],
    ]);
    await late.put('b/2', null);
    expect([...(await early.readAll('b/'))]).toEqual([['b/1', 'uno']]);
    expect([...(await new StateTopic(cluster).readAll('b/'))]).toEqual([['b/1', 'uno']]);
  });

  test('of several agents that put at the same time all get the first one, and so does who comes later', async () => {
    const agents = Array.from({ length: 8 }, () => new StateTopic(cluster));
    const answers = await Promise.all(
      agents.map((agent, i) => agent.putIfAbsent('d', `agent ${i}`, anything)),
    );
    expect(new Set(answers).size).toBe(1);
    const [held] = answers;
    await waitFor(async () => (await new StateTopic(cluster).readAll('d')).get('d') === held, {
      deadlineMs: 10_000,
      describe: `the last value to be ${held}, too`,
    });
    expect(await new StateTopic(cluster).putIfAbsent('d', 'late', anything)).toBe(held);
  });

  test('one that came second and died is overruled, and the last value mended', async () => {
    const state = new StateTopic(cluster);
    await state.put('i', 'first');
    await state.put('i', 'second');
    expect(await new StateTopic(cluster).putIfAbsent('i', 'third', anything)).toBe('first');
    expect((await new StateTopic(cluster).readAll('i')).get('i')).toBe('first');
  });

  test('what is not valid any more is replaced', async () => {
    const state = new StateTopic(cluster);
    await state.put('e', 'former mirror');
    const isNew = (value: string) => value.startsWith('new');
    expect(await state.putIfAbsent('e', 'new mirror', isNew)).toBe('new mirror');
    expect(await new StateTopic(cluster).putIfAbsent('e', 'new other', isNew)).toBe('new mirror');
  });

  test('many values come in several fetches', async () => {
    const state = new StateTopic(cluster);
    const value = 'x'.repeat(300_000);
    for (let i = 0; i < 8; i += 1) await state.put(`f/${i}`, `${value}${i}`);
    const read = await new StateTopic(cluster).readAll('f/');
    expect(Array.from({ length: 8 }, (_, i) => read.get(`f/${i}`)?.at(-1))).toEqual([...'01234567']);
  });

  test('a topic that deletes what is old is refused, with the command', async () => {
    const change = { operation: 'set', name: 'cleanup.policy', value: 'delete' } as const;
    const [altered] = await incrementalAlterConfigs(cluster, [
      { resource: { type: 'topic', name: stateTopic }, changes: [change] },
    ]);
    unwrap(altered!.outcome);
    await waitFor(
      () =>
        new StateTopic(cluster).put('g', 'x').then(
          () => false,
          (error: Error) => error.message.includes('--add-config cleanup.policy=compact'),
        ),
      { deadlineMs: 10_000, describe: 'the policy to be refused' },
    );
  });

  test('a topic that was deleted and created again has none of the former state', async () => {
    const state = new StateTopic(cluster);
    expect((await state.readAll('d')).size).toBe(1);
    unwrap((await deleteTopics(cluster, [stateTopic])).get(stateTopic)!);
    await waitFor(
      async () =>
        (
          await createTopics(cluster, [
            { name: stateTopic, partitionCount: 1, configs: { 'cleanup.policy': 'compact' } },
          ])
        ).get(stateTopic)!.ok,
      {
        deadlineMs: 10_000,
        describe: 'the topic to be created again',
      },
    );
    await waitFor(async () => (await state.readAll('')).size === 0, {
      deadlineMs: 10_000,
      describe: 'no state',
    });
    await state.put('h', 'anew');
    expect([...(await state.readAll(''))]).toEqual([['h', 'anew']]);
  });
});
