// Topics of the kinds that a mirror treats differently, written by Kafka's own Java producer: twice, so that one part
// is there before the mirror starts and one arrives while it runs.
import type { LinkSide } from '../mirror/running-agent.ts';
import type { JavaRecordToWrite, JavaWorkload } from '../support/java-workload.ts';
import type { Oracle } from '../support/read-committed-oracle.ts';
import { waitFor } from '../support/wait-for.ts';

export interface TopicKind {
  readonly configs: Readonly<Record<string, string>>;
  /** Writes one part of the topic; `round` is 0, then 1. */
  write(to: KindTarget, round: number): Promise<void>;
}

export interface KindTarget {
  readonly region: LinkSide;
  readonly topic: string;
  readonly oracle: Oracle;
  readonly workload: JavaWorkload;
}

/** What brokers need for the compacted kind: cleaning within a moment. */
export const quickCleaning = { 'log.cleaner.backoff.ms': '100' };

export const partitionCount = 2;
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** Every codec; null and empty keys and values, headers, timestamps out of order. */
export const plain: TopicKind = {
  configs: { 'retention.ms': '-1' },
  write: async ({ topic, workload }, round) => {
    for (const codec of codecs) {
      const producer = `${topic} ${codec} ${round}`;
      await workload.producer(producer, { transactionalId: null, properties: plainProducer(codec) });
      await workload.produce({ producer, records: shapes(topic, codec), flushEvery: 7 });
      await workload.close(producer);
    }
  },
};

/** Kafka 2.8 under KRaft knows no producer ids, so idempotence, the Java producer's default, is off. */
function plainProducer(codec: string): Record<string, string> {
  return { 'compression.type': codec, 'enable.idempotence': 'false' };
}

function shapes(topic: string, text: string): JavaRecordToWrite[] {
  return Array.from({ length: 40 }, (_, index) => ({
    topic,
    partition: index % partitionCount,
    ...(index % 5 !== 0 && { key: index % 7 === 0 ? '' : `key ${index % 11}` }),
    ...(index % 6 !== 0 && { value: index % 9 === 0 ? '' : `${text} `.repeat(index) }),
    ...(index % 3 === 0 && { headers: [['trace', `${index}`]] as const }),
    timestamp: 1_700_000_000_000 + ((index * 7) % 40) * 60_000,
  }));
}

/** Committed and aborted, interleaved from two producers, over both partitions, with plain records in between. */
export const transactional: TopicKind = {
  configs: {},
  write: async ({ topic, workload }, round) => {
    const to = (text: string, count: number): JavaRecordToWrite[] =>
      Array.from({ length: count }, (_, index) => ({
        topic,
        partition: index % partitionCount,
        key: `${text} ${round}`,
        value: `${text} ${index}`,
      }));
    const [a, b, idle] = [`${topic} a`, `${topic} b`, `${topic} plain`];
    await workload.transaction({ producer: a, records: to('a', 5), end: 'open' });
    await workload.transaction({ producer: b, records: to('b', 8), end: 'abort', flushEvery: 3 });
    await workload.produce({ producer: idle, records: to('plain', 4) });
    await workload.transaction({ producer: b, records: to('b again', 6), end: 'commit' });
    await workload.transaction({ producer: a, records: to('a goes on', 5), end: 'commit', flushEvery: 2 });
    await workload.transaction({ producer: a, records: to('a gives up', 3), end: 'abort' });
    await workload.produce({ producer: idle, records: to('plain again', 4) });
  },
};

/**
 * Keys written again and again and deleted, compressed and not, and cleaned until every key is there once: then the
 * cleaner is done for good on both sides. A source that is cleaned after it was copied differs from a right mirror.
 */
export const compacted: TopicKind = {
  configs: {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'segment.ms': '100',
  },
  write: async (to, round) => {
    const { topic, workload } = to;
    for (const codec of ['none', 'lz4'] as const) {
      const producer = `${topic} ${codec} ${round}`;
      await workload.producer(producer, { transactionalId: null, properties: plainProducer(codec) });
      const records = Array.from({ length: 60 }, (_, index) => ({
        topic,
        partition: index % partitionCount,
        key: round === 0 ? `key ${(index * 7) % 13}` : `key ${codec} ${index}`,
        value: index % 10 === 0 ? null : `${codec} ${round} ${index}`,
      }));
      await workload.produce({ producer, records, flushEvery: 10 });
      await workload.close(producer);
    }
    if (round === 0) await cleanWhole(to);
  },
};

async function cleanWhole({ region, topic, oracle, workload }: KindTarget): Promise<void> {
  const producer = `${topic} tick`;
  await workload.producer(producer, { transactionalId: null, properties: plainProducer('none') });
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  let tick = 0;
  await waitFor(
    async () => {
      // A segment is cleaned once the next one has begun, and that begins with a write after segment.ms.
      tick += 1;
      const records = partitions.map((partition) => ({
        topic,
        partition,
        key: `tick ${tick}`,
        value: 'tock',
      }));
      await workload.produce({ producer, records });
      const logs = await Promise.all(
        partitions.map((partition) =>
          oracle.read({ region, topic, partition, isolation: 'read_uncommitted' }),
        ),
      );
      return logs.every(
        (log) => new Set(log.records.map(({ key }) => String(key))).size === log.records.length,
      );
    },
    {
      deadlineMs: 30_000,
      pollMs: 150,
      describe: `the cleaner of ${region.name} to leave each key of ${topic} once`,
    },
  );
  await workload.close(producer);
}
