// Where mirrors begin that are not to hold all of the source's past, whatever dies while that is decided.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, createPartitions, unwrap } from '../../src/client/index.ts';
import { LockstepError } from '../../src/errors.ts';
import type { StateStore } from '../../src/link/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { expectVerified, startLink } from './running-link.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ source: {}, destination: { kafkaVersion: '3.9.2' } });
const oracle = useOracle();

const firstMs = Date.UTC(2026, 0, 1);
/** One record a second, in batches of ten. */
async function produce(topic: string, count: number, partition = 0, from = 0): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({
    ...{ topic, partition, key: `k${i % 7}`, value: `v${from + i}` },
    timestamp: firstMs + (from + i) * 1_000,
  }));
  await oracle.workload(regions.source).produce({ producer: 'plain', records, flushEvery: 10 });
}
const linkFor = (topic: string, extra: string) => ({
  ...{ ...regions, folder: folder.path, topics: [topic], extra },
});
const mirrorEnds = async (topic: string) => (await oracle.ends(regions.destination, topic))[0]!;
const source = {} as { cluster: Cluster };
beforeAll(async () => {
  source.cluster = await Cluster.connect(configOf(regions.source));
});
afterAll(() => source.cluster.close());

test.each([
  ['latest', 50, 0],
  ['2026-01-01T00:00:34.500Z', 35, 15],
  ['2027-01-01T00:00:00Z', 50, 0],
])('startAt %s begins at %i, and stays so whatever the link says later', async (startAt, start, older) => {
  const topic = uniqueTopic('starts');
  const extra = `    startAt: ${JSON.stringify(startAt)}\n`;
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 2 }]);
  await produce(topic, 50);
  {
    await using link = await startLink(linkFor(topic, extra));
    await link.mirrorsUpTo(topic, 50n);
    await link.mirrorsUpTo(topic, 0n, 1);
    expect(await mirrorEnds(topic)).toMatchObject({ start });
  }
  await produce(topic, 10, 1);
  await produce(topic, 10, 0, 50);
  await using link = await startLink(linkFor(topic, '    startAt: earliest\n'));
  await link.mirrorsUpTo(topic, 60n);
  // Empty when it was decided about, so it has begun at 0.
  await link.mirrorsUpTo(topic, 10n, 1);
  const compared = await oracle.expectSame({ ...regions, topic, startAtLater: true });
  expect(compared.records).toBe(older + 10 + 10);
  expect(await expectVerified(linkFor(topic, extra))).toContain(
    `offsets 0..${start - 1} lie before the start of the mirror, which was told to begin at ${start}`,
  );
});

test('a transaction that is open at that moment is mirrored as a whole', async () => {
  const topic = uniqueTopic('open');
  const workload = oracle.workload(regions.source);
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 1 }]);
  const transaction = { producer: `t-${topic}`, records: [{ topic, partition: 0, value: 'whole' }] };
  await produce(topic, 5);
  await workload.transaction({ ...transaction, end: 'open' });
  await using link = await startLink(linkFor(topic, '    startAt: latest\n'));
  await link.mirrorsUpTo(topic, 5n);
  await workload.transaction({ ...transaction, end: 'commit' });
  await link.mirrorsUpTo(topic, 8n);
  const compared = await oracle.expectSame({ ...regions, topic, startAtLater: true });
  expect(compared.records).toBe(2);
});

test('shifted, the mirror begins at 0', async () => {
  const topic = uniqueTopic('shifted');
  const extra = '    startAt: latest\n    start: shifted\n';
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 1 }]);
  await produce(topic, 50);
  await using link = await startLink(linkFor(topic, extra));
  await link.mirrorsUpTo(topic, 0n);
  await produce(topic, 10, 0, 50);
  await link.mirrorsUpTo(topic, 10n);
  expect(link.partition(topic)?.shift).toBe(50n);
  expect(await expectVerified(linkFor(topic, extra))).toContain('SHIFTED(50)');
});

test('an agent that dies between creating the mirror and remembering leaves nothing to chance', async () => {
  const topic = uniqueTopic('dies');
  const extra = '    startAt: latest\n';
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 1 }]);
  await produce(topic, 10);
  const dead = (store: StateStore): StateStore => ({
    refresh: () => store.refresh(),
    first: (key, isValid) => store.first(key, isValid),
    last: (key) => store.last(key),
    putIfAbsent: async () => {
      throw new LockstepError('KAFKA_ERROR', 'killed here');
    },
  });
  {
    await using dying = await startLink({ ...linkFor(topic, extra), storeOf: dead });
    expect(dying.topic(topic)).toMatchObject({ state: 'Preparing', reason: 'killed here' });
    expect(dying.partition(topic)).toBeUndefined();
  }
  expect(await mirrorEnds(topic)).toMatchObject({ highWatermark: 0 });
  await produce(topic, 10, 0, 10);
  // Who does not keep the link decides nothing; nor does it begin at 0.
  const other = { isKeeper: () => false };
  await using waiting = await startLink({ ...linkFor(topic, extra), share: other });
  expect(waiting.topic(topic)).toMatchObject({
    state: 'Preparing',
    reason: expect.stringContaining('to decide where the mirror begins'),
  });
  {
    await using keeper = await startLink({ ...linkFor(topic, extra), share: { owns: () => false } });
    await keeper.reaches(topic, 'Mirrored');
    expect(keeper.partition(topic)).toBeUndefined();
  }
  await produce(topic, 10, 0, 20);
  await waiting.runner.reconcile();
  await waiting.mirrorsUpTo(topic, 30n);
  expect(await mirrorEnds(topic)).toMatchObject({ start: 20 });
  await expectVerified(linkFor(topic, extra));
});

test('a partition that is added later is mirrored from its start', async () => {
  const topic = uniqueTopic('wider');
  const extra = '    startAt: latest\n';
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 1 }]);
  await produce(topic, 10);
  await using link = await startLink(linkFor(topic, extra));
  await link.mirrorsUpTo(topic, 10n);
  unwrap((await createPartitions(source.cluster, [{ topic, partitionCount: 2 }])).get(topic)!);
  await produce(topic, 7, 1);
  await link.runner.reconcile();
  await link.mirrorsUpTo(topic, 7n, 1);
});
