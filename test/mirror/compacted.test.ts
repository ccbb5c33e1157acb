// Compacted topics, cleaned by Kafka's own cleaner: what it took is a gap at the source and a hole, or copies, at the
// mirror. The cleaner runs while the mirror copies, and on the mirror itself. With them the topics that applications
// keep for themselves: changelogs and repartition topics as Kafka Streams makes them, and one like `_schemas`.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { BatchView } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { alterTopic } from '../support/alter-topic.ts';
import type { JavaRecord } from '../support/java-clients.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { batchesOf } from '../verify/kafka-copy.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const folder = useTemporaryFolder();
const quickCleaning = { 'log.cleaner.backoff.ms': '100' };
const regions = useRegions({
  'us-east': { brokerConfig: quickCleaning },
  'eu-west': { brokerConfig: quickCleaning },
});
const oracle = useOracle();
const compact = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.ms': '100' };
/** Tombstones and markers go at once, not after a day. */
const forgetful = { ...compact, 'delete.retention.ms': '1' };
const deadlineMs = 60_000;

const link = (topics: readonly string[], options: { extra?: string; isCompacted?: boolean } = {}) => ({
  oracle,
  folder: folder.path,
  source: regions['us-east'],
  destination: regions['eu-west'],
  topics,
  ...options,
});
const mirror = (topics: readonly string[], extra = ''): Promise<RunningAgent> =>
  startAgent(link(topics, { extra }));
const workload = () => oracle.workload(regions['us-east']);

async function topicOf(prefix: string, configs: Readonly<Record<string, string>>, partitions = 1) {
  const name = uniqueTopic(prefix);
  await oracle.createTopics(regions['us-east'], [{ name, partitions, configs }]);
  return name;
}

type KeyAndValue = readonly [key: string, value: string | null];

/** One batch each, of a producer of its own: the cleaner keeps a producer's last batch, emptied. */
async function write(topic: string, codec: string, batches: readonly (readonly KeyAndValue[])[]) {
  const producer = uniqueTopic('producer');
  const java = workload();
  const properties = { 'compression.type': codec, 'linger.ms': '1000' }; // else a first record goes alone
  await java.producer(producer, { transactionalId: null, properties });
  for (const batch of batches)
    await java.produce({
      producer,
      records: batch.map(([key, value]) => ({ topic, partition: 0, key, value })),
      flushEvery: batch.length,
    });
  await java.close(producer);
}

const keys = (from: number, to: number, text: string | null, step = 1): KeyAndValue[] =>
  Array.from({ length: (to - from) / step }, (_, index) => [`key ${from + index * step}`, text]);

/** Whole batches, every other record of one, and the last batch of their producer are overwritten, or deleted. */
async function writeToBeCleaned(topic: string, codec: string): Promise<void> {
  await write(topic, codec, [
    keys(0, 10, 'stays'),
    keys(10, 20, 'goes'),
    keys(20, 40, 'every other goes'),
    keys(40, 50, 'stays, too'),
    keys(50, 60, 'deleted'),
    keys(60, 70, 'goes, and leaves its producer’s last batch'),
  ]);
  await write(topic, codec, [
    keys(10, 20, `${codec} again`),
    keys(20, 40, `${codec} again`, 2),
    keys(50, 60, null),
    keys(60, 70, `${codec} again`),
  ]);
}

/**
 * Writes until the cleaner is done: each key is there once, and no tombstone where it forgets them. A segment is
 * cleaned once the next one has begun, and that begins with a write after segment.ms.
 */
async function clean(topics: readonly string[], options: { keepsTombstones: boolean }): Promise<void> {
  const producer = uniqueTopic('tick');
  await workload().producer(producer, { transactionalId: null });
  let tick = 0;
  const isClean = async (topic: string) => {
    const { records } = await oracle.read({
      region: regions['us-east'],
      topic,
      isolation: 'read_uncommitted',
    });
    const known = new Set(records.map(({ key }) => String(key)));
    return (
      known.size === records.length &&
      (options.keepsTombstones || records.every(({ value }) => value !== null))
    );
  };
  await waitFor(
    async () => {
      tick += 1;
      await workload().produce({
        producer,
        records: topics.map((topic) => ({ topic, partition: 0, key: `tick ${tick}`, value: 'tock' })),
      });
      return (await Promise.all(topics.map(isClean))).every(Boolean);
    },
    { deadlineMs, pollMs: 150, describe: () => `the cleaner to be done with ${topics} after ${tick} looks` },
  );
  await workload().close(producer);
}

interface Gaps {
  /** Offsets between two batches. */
  readonly between: number;
  /** Offsets inside of batches, compressed or not. */
  readonly inside: number;
  /** Batches without a record. */
  readonly emptied: number;
}

/** What the headers of all batches say. */
async function gapsOf(region: Region, topic: string): Promise<Gaps> {
  const cluster = await Cluster.connect(configOf(region));
  const gaps = { between: 0, inside: 0, emptied: 0 };
  try {
    let next: bigint | null = null;
    for (const bytes of await batchesOf(cluster, topic)) {
      const { baseOffset, lastOffsetDelta, recordCount } = new BatchView(bytes, 0);
      gaps.between += Number(baseOffset - (next ?? baseOffset));
      gaps.inside += recordCount === 0 ? 0 : lastOffsetDelta + 1 - recordCount;
      gaps.emptied += recordCount === 0 ? 1 : 0;
      next = baseOffset + BigInt(lastOffsetDelta) + 1n;
    }
  } finally {
    cluster.close();
  }
  return gaps;
}

async function read(region: keyof typeof regions, topic: string): Promise<readonly JavaRecord[]> {
  return (await oracle.read({ region: regions[region], topic, isolation: 'read_committed' })).records;
}

/** What a table of the topic would hold. */
function stateOf(records: readonly JavaRecord[]): Map<string, string> {
  const state = new Map<string, string>();
  for (const { key, value } of records) {
    if (value === null) state.delete(String(key));
    else state.set(String(key), String(value));
  }
  return state;
}

it('mirrors gaps between batches and inside, emptied batches and tombstones, under every kind of codec', async () => {
  const codecs = ['none', 'gzip', 'zstd'] as const;
  const kept = await Promise.all(codecs.map((codec) => topicOf(`kept-${codec}`, compact)));
  const forgotten = await topicOf('forgotten', forgetful);
  for (const [index, codec] of codecs.entries()) await writeToBeCleaned(kept[index]!, codec);
  await writeToBeCleaned(forgotten, 'lz4');
  await clean(kept, { keepsTombstones: true });
  await clean([forgotten], { keepsTombstones: false });
  const topics = [...kept, forgotten];
  for (const topic of topics) {
    const gaps = await gapsOf(regions['us-east'], topic);
    expect(gaps.between).toBeGreaterThanOrEqual(10);
    expect(gaps.inside).toBeGreaterThanOrEqual(10);
    expect(gaps.emptied).toBeGreaterThanOrEqual(1);
  }
  const tombstones = async (topic: string) =>
    (await read('eu-west', topic)).filter(({ value }) => value === null).length;

  await using agent = await mirror(topics);
  for (const topic of topics) await agent.reaches(topic, 'Mirroring');
  await write(forgotten, 'snappy', [keys(100, 110, 'while it runs')]);
  const count = await expectIdentical(link(topics));
  expect(count).toBeGreaterThanOrEqual(3 * 70 + 60 + 10);
  expect(await Promise.all(kept.map(tombstones))).toEqual([10, 10, 10]);
  expect(await tombstones(forgotten)).toBe(0);
  for (const topic of topics) {
    expect(await oracle.ends(regions['eu-west'], topic)).toEqual(
      await oracle.ends(regions['us-east'], topic),
    );
  }
});

it('mirrors a transactional topic that was cleaned', async () => {
  const topic = await topicOf('cleaned-transactions', forgetful);
  const java = workload();
  const transaction = (name: string, batch: readonly KeyAndValue[], end: 'commit' | 'abort' | 'open') =>
    java.transaction({
      producer: `${topic} ${name}`,
      records: batch.map(([key, value]) => ({ topic, partition: 0, key, value })),
      end,
    });
  const writeAll = async (round: number): Promise<void> => {
    await transaction('a', keys(0, 10, `a ${round}`), 'open');
    await transaction('b', keys(0, 20, `aborted ${round}`), 'abort');
    await transaction('b', keys(5, 25, `b ${round}`), 'commit');
    await transaction('a', keys(20, 30, `a later ${round}`, 2), 'commit');
    await transaction('c', keys(28, 34, `c ${round}`), 'commit');
    await transaction('c', keys(30, 32, null), 'commit');
  };
  for (const round of [0, 1, 2]) await writeAll(round);
  await clean([topic], { keepsTombstones: false });
  const gaps = await gapsOf(regions['us-east'], topic);
  expect(gaps.between).toBeGreaterThanOrEqual(10);
  expect(gaps.inside).toBeGreaterThan(0);
  await using agent = await mirror([topic]);
  await agent.reaches(topic, 'Mirroring');
  await expectIdentical(link([topic]));
  for (const round of [3, 4]) await writeAll(round);
  await expectIdentical(link([topic], { isCompacted: true }));
  expect(stateOf(await read('eu-west', topic))).toEqual(stateOf(await read('us-east', topic)));
  expect(stateOf(await read('eu-west', topic)).get('key 9')).toBe('b 4');
});

it('stays the same state while the cleaner runs on both sides, and agents come and go', async () => {
  const topic = await topicOf('cleaned-on-the-way', { ...compact, 'delete.retention.ms': '60000' });
  let isWriting = true;
  let written = 0;
  const writing = (async () => {
    for (let round = 0; isWriting; round++) {
      const codec = round % 2 ? 'lz4' : 'none';
      const batch = (offset: number) =>
        Array.from({ length: 40 }, (_, index): KeyAndValue => {
          const key = `key ${(offset * 7 + index * index) % 50}`;
          return [key, index % 9 === 0 ? null : `round ${round}, ${offset}`];
        });
      await write(topic, codec, [batch(round), batch(round + 1), batch(round + 2)]);
      written += 120;
      // Fast enough to be cleaned all the time, and no more than a cleaner keeps up with.
      await pause(50);
    }
  })();
  let holes = 0n;
  let mirrored = 0;
  try {
    for (let life = 0; life < 3; life++) {
      await using agent = await mirror([topic]);
      const status = () => agent.partition(topic);
      await waitFor(
        () => (status()?.recordsMirrored ?? 0) > 150 && (life === 0 || status()!.holeOffsetsCount > 0n),
        {
          deadlineMs,
          describe: () =>
            `life ${life} to copy records and gaps; it is ${status()?.state} at ${status()?.mirrorEnd}`,
        },
      );
      holes += status()!.holeOffsetsCount;
      mirrored += status()!.recordsMirrored;
      await agent.stop();
      // The cleaner takes what this agent has not read yet.
      const end = BigInt((await oracle.ends(regions['eu-west'], topic))[0]!.highWatermark);
      await waitFor(async () => isGapBehind(topic, end), {
        deadlineMs,
        pollMs: 150,
        describe: `the source to be cleaned behind ${end}`,
      });
    }
  } finally {
    isWriting = false;
    await writing;
  }
  await using agent = await mirror([topic]);
  await expectIdentical(link([topic], { isCompacted: true }));
  expect(holes).toBeGreaterThan(0n);
  const state = stateOf(await read('us-east', topic));
  expect(stateOf(await read('eu-west', topic))).toEqual(state);

  // Of what was copied the mirror's own cleaner takes its part, behind the agent's back, and the agent goes on.
  await waitFor(
    async () => {
      await write(topic, 'none', [[['tick', 'tock']]]);
      const copied = mirrored + (agent.partition(topic)?.recordsMirrored ?? 0);
      return (await read('eu-west', topic)).length < copied;
    },
    {
      deadlineMs,
      pollMs: 150,
      describe: () => `the cleaner to run at the mirror; ${mirrored} of ${written}`,
    },
  );
  await agent.stop();
  await using next = await mirror([topic]);
  await write(topic, 'gzip', [keys(0, 20, 'at last')]);
  await next.reaches(topic, 'Mirroring');
  await expectIdentical(link([topic], { isCompacted: true }));
  expect(stateOf(await read('eu-west', topic))).toEqual(stateOf(await read('us-east', topic)));
});

async function isGapBehind(topic: string, end: bigint): Promise<boolean> {
  const { records } = await oracle.read({
    region: regions['us-east'],
    topic,
    isolation: 'read_uncommitted',
    from: Number(end),
  });
  return records.some(({ offset }, index) => offset !== Number(end) + index);
}

it('fills gaps with copies of the record behind them where the link says so', async () => {
  const extra = '    compactionGaps: copies\n';
  const topics = [await topicOf('copies', compact), await topicOf('copies-zstd', compact)];
  await writeToBeCleaned(topics[0]!, 'none');
  await writeToBeCleaned(topics[1]!, 'zstd');
  await clean(topics, { keepsTombstones: true });
  // So that the mirror's cleaner leaves the copies alone until they have been looked at.
  for (const topic of topics)
    await alterTopic(regions['us-east'], topic, { 'min.compaction.lag.ms': '86400000' });
  await using agent = await mirror(topics, extra);
  for (const topic of topics) {
    const original = await read('us-east', topic);
    const { end } = await oracle.read({ region: regions['us-east'], topic, isolation: 'read_committed' });
    await agent.mirrorsUpTo(topic, BigInt(end));
    const copied = await read('eu-west', topic);
    expect(copied.map(({ offset }) => offset)).toEqual(Array.from({ length: end }, (_, offset) => offset));
    expect(copied.length).toBeGreaterThan(original.length + 20);
    // Each record where it was, and in each gap the record behind it.
    let behind = original.length - 1;
    for (const record of copied.toReversed()) {
      if (behind > 0 && original[behind - 1]!.offset >= record.offset) behind -= 1;
      expect(record).toEqual({ ...original[behind]!, offset: record.offset });
    }
    expect(stateOf(copied)).toEqual(stateOf(original));
    expect(agent.partition(topic)?.holeOffsetsCount).toBe(0n);
  }
  for (const topic of topics)
    await alterTopic(regions['eu-west'], topic, { 'min.compaction.lag.ms': '0', 'segment.ms': '100' });
  for (const topic of topics) {
    await waitFor(
      async () => {
        await write(topic, 'none', [[['tick', 'tock']]]);
        return (await read('eu-west', topic)).length <= (await read('us-east', topic)).length;
      },
      { deadlineMs, pollMs: 150, describe: `the mirror’s cleaner to take the copies of ${topic}` },
    );
    await agent.reaches(topic, 'Mirroring');
  }
  await expectIdentical(link(topics, { extra, isCompacted: true }));
  for (const topic of topics)
    expect(stateOf(await read('eu-west', topic))).toEqual(stateOf(await read('us-east', topic)));
});

it('mirrors changelogs, repartition topics and a topic of schemas', async () => {
  const changelog = await topicOf('app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog', {
    ...compact,
    'cleanup.policy': 'compact,delete',
    'retention.ms': '90000000',
    'message.timestamp.type': 'CreateTime',
  });
  const repartition = await topicOf('app-KSTREAM-KEY-SELECT-0000000007-repartition', {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'segment.bytes': '52428800',
  });
  const schemas = await topicOf('_schemas', compact);
  const java = workload();
  await writeToBeCleaned(changelog, 'lz4');
  const schema = (subject: number, version: number) =>
    `{"keytype":"SCHEMA","subject":"subject-${subject}","version":${version},"magic":1}`;
  const subjects = Array.from({ length: 12 }, (_, subject) => subject);
  for (const round of [0, 1])
    await write(
      schemas,
      'none',
      subjects.map((subject): KeyAndValue[] => [
        ['{"keytype":"NOOP","magic":0}', null],
        [schema(subject, 1), `{"subject":"subject-${subject}","id":${subject + 100 * round}}`],
        [schema(subject, 2), subject % 3 === 0 && round === 1 ? null : `{"deleted":${subject % 2 === 0}}`],
      ]),
    );
  await clean([changelog, schemas], { keepsTombstones: true });
  const passing = Array.from({ length: 40 }, (_, index) => ({
    topic: repartition,
    partition: 0,
    key: `key ${index % 5}`,
    value: `passing ${index}`,
  }));
  const passOn = (end: 'commit' | 'abort') =>
    java.transaction({ producer: `${repartition} task`, records: passing, end, flushEvery: 10 });
  await passOn('commit');
  // A Streams application deletes what it has processed.
  await oracle.deleteRecords(regions['us-east'], repartition, { 0: 25 });
  const topics = [changelog, repartition, schemas];
  await using agent = await mirror(topics);
  for (const topic of topics) await agent.reaches(topic, 'Mirroring');
  await passOn('abort');
  await passOn('commit');
  // What is deleted before it was mirrored is another story (RetentionOvertook).
  const written = (await oracle.ends(regions['us-east'], repartition))[0]!.highWatermark;
  await agent.mirrorsUpTo(repartition, BigInt(written));
  await oracle.deleteRecords(regions['us-east'], repartition, { 0: 60 });
  await write(changelog, 'lz4', [keys(200, 210, 'while it runs')]);
  await write(schemas, 'none', [[[schema(99, 1), '{"id":99}']]]);
  expect(await expectIdentical(link(topics))).toBeGreaterThan(140);
  expect((await oracle.ends(regions['eu-west'], repartition))[0]?.start).toBe(25);
});
