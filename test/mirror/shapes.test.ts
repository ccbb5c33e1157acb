// Records of every shape and size, each topic compared by Kafka's own consumer and by `lockstep verify`.
import { expect, it } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { alterTopic } from '../support/alter-topic.ts';
import type { JavaRecordToWrite } from '../support/java-workload.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { append } from '../verify/kafka-copy.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const folder = useTemporaryFolder();
const brokerConfig = {
  'socket.request.max.bytes': String(64 * 1024 * 1024),
  // Records of 1970 are older than any other retention, which brokers look after half a minute after they began.
  'log.retention.ms': '-1',
};
const regions = useRegions({ 'us-east': { brokerConfig }, 'eu-west': { brokerConfig } });
const oracle = useOracle();
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

const link = (topics: readonly string[]) => ({
  oracle,
  folder: folder.path,
  source: regions['us-east'],
  destination: regions['eu-west'],
  topics,
});
const mirror = (topics: readonly string[]): Promise<RunningAgent> => startAgent(link(topics));
const workload = () => oracle.workload(regions['us-east']);

async function topicOf(
  prefix: string,
  options: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<string> {
  const name = uniqueTopic(prefix);
  await oracle.createTopics(regions['us-east'], [{ name, partitions: 1, ...options }]);
  return name;
}

/** Writes with a producer of its own, whose settings `properties` are. */
async function write(
  topic: string,
  records: readonly Omit<JavaRecordToWrite, 'topic'>[],
  { properties = {}, flushEvery }: { properties?: Record<string, string>; flushEvery?: number } = {},
): Promise<void> {
  const producer = uniqueTopic('producer');
  const java = workload();
  await java.producer(producer, { transactionalId: null, properties });
  await java.produce({
    producer,
    records: records.map((record) => ({ topic, ...record })),
    ...(flushEvery !== undefined && { flushEvery }),
  });
  await java.close(producer);
}

const numbered = (count: number, text = 'value'): { value: string }[] =>
  Array.from({ length: count }, (_, index) => ({ value: `${text} ${index}` }));

it('mirrors LogAppendTime, a timestamp type that was changed midway, and changed back, under every codec', async () => {
  const topic = await topicOf('append-time', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
  const setType = (type: string): Promise<void> =>
    alterTopic(regions['us-east'], topic, { 'message.timestamp.type': type });
  for (const codec of codecs)
    await write(topic, numbered(20, codec), { properties: { 'compression.type': codec }, flushEvery: 6 });
  await using agent = await mirror([topic]);
  await agent.mirrorsUpTo(topic, 100n);
  await setType('CreateTime');
  await write(topic, [{ value: 'old', timestamp: 1_000 }], { properties: { 'compression.type': 'gzip' } });
  await setType('LogAppendTime');
  await write(topic, [
    { value: 'overwritten', timestamp: 1_000 },
    { value: 'two', timestamp: 5 },
  ]);
  expect(await expectIdentical(link([topic]))).toBe(103);
  const { records } = await oracle.read({ region: regions['eu-west'], topic, isolation: 'read_committed' });
  expect(records.at(-3)?.timestamp).toBe(1_000);
  expect(records.at(-1)?.timestamp).toBeGreaterThan(1_700_000_000_000);
  expect(new Set(records.map(({ timestampType }) => timestampType))).toEqual(new Set(['CreateTime']));
});

it('mirrors timestamps far in the past and in the future, at zero, negative, and out of order', async () => {
  const configs = {
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.after.max.ms': '9223372036854775807',
    'retention.ms': '-1',
  };
  const topic = await topicOf('odd-times', { configs });
  const times = [
    4_102_444_800_000n,
    0n,
    1n,
    253_402_300_799_999n,
    1_000n,
    9_000_000_000_000_000n,
    1_700_000_000_000n,
  ];
  await write(
    topic,
    times.map((timestamp, index) => ({ value: `${index}`, timestamp })),
    { flushEvery: 3 },
  );
  await write(
    topic,
    times.toReversed().map((timestamp, index) => ({ value: `${index}`, timestamp })),
    { properties: { 'compression.type': 'zstd' } },
  );
  // Java's producer refuses negative ones; others write them, and brokers keep them.
  const negative = [-5_000n, -1n, -9_000_000_000n].map((timestamp, index) => ({
    offset: 14n + BigInt(index),
    timestamp,
    key: null,
    value: Buffer.from(`${timestamp}`),
    headers: [],
  }));
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  try {
    await append(cluster, topic, [encodeBatch(negative, { compression: 'gzip' })]);
  } finally {
    cluster.close();
  }
  await using agent = await mirror([topic]);
  await agent.reaches(topic, 'Mirroring');
  expect(await expectIdentical(link([topic]))).toBe(17);
});

it('mirrors an empty topic, one record, empty keys and values, and records with a thousand headers', async () => {
  const empty = await topicOf('empty', { partitions: 3 });
  const one = await topicOf('one');
  const shapes = await topicOf('shapes');
  await write(one, [{ value: 'one' }]);
  const headers = Array.from(
    { length: 1_000 },
    (_, index) => [`h${index % 7}`, index % 5 === 0 ? null : `${index}`] as const,
  );
  await write(shapes, [
    { key: '', value: '' },
    { key: null, value: null },
    { key: '', value: null },
    { key: null, value: '' },
    { value: 'many headers', headers },
    {
      value: 'empty headers',
      headers: [
        ['', ''],
        ['', null],
      ],
    },
  ]);
  await using agent = await mirror([empty, one, shapes]);
  await agent.mirrorsUpTo(shapes, 6n);
  await agent.mirrorsUpTo(one, 1n);
  for (const partition of [0, 1, 2]) await agent.mirrorsUpTo(empty, 0n, partition);
  expect(await expectIdentical(link([one, shapes]))).toBe(7);
  expect(await oracle.ends(regions['eu-west'], empty)).toEqual(await oracle.ends(regions['us-east'], empty));
});

it('mirrors a record of 10 MiB and huge batches', async () => {
  const bytes = String(12 * 1024 * 1024);
  const topic = await topicOf('huge', { configs: { 'max.message.bytes': bytes } });
  const properties = {
    'max.request.size': bytes,
    'batch.size': String(8 * 1024 * 1024),
    'buffer.memory': String(64 * 1024 * 1024),
    'linger.ms': '100',
  };
  await write(
    topic,
    [{ value: 'before' }, { value: Buffer.alloc(10 * 1024 * 1024, 'x') }, { value: 'behind' }],
    { properties, flushEvery: 1 },
  );
  await write(
    topic,
    Array.from({ length: 600 }, (_, index) => ({ value: Buffer.alloc(10_000, `${index}`) })),
    { properties },
  );
  await write(topic, numbered(20_000), { properties: { ...properties, 'compression.type': 'lz4' } });
  await using agent = await mirror([topic]);
  await agent.reaches(topic, 'Mirroring');
  expect(await expectIdentical(link([topic]))).toBe(20_603);
});

it('mirrors thousands of batches of one record, put together, and hundreds of partitions', async () => {
  const tiny = await topicOf('tiny');
  const wide = await topicOf('wide', { partitions: 300 });
  await write(tiny, numbered(4_000), { properties: { 'batch.size': '0', 'linger.ms': '0' } });
  await write(
    wide,
    Array.from({ length: 1_200 }, (_, index) => ({ partition: index % 300, value: `${index}` })),
  );
  await using agent = await mirror([tiny, wide]);
  await agent.reaches(tiny, 'Mirroring');
  expect(await expectIdentical(link([tiny, wide]))).toBe(5_200);
});

it('mirrors a topic that a broker compresses itself, and names of every kind at full length', async () => {
  const recompressed = await topicOf('recompressed', { configs: { 'compression.type': 'zstd' } });
  const base = uniqueTopic('a.b_c-d');
  const long = `${base}-`.padEnd(249, 'Az09-_');
  await oracle.createTopics(regions['us-east'], [{ name: long, partitions: 1 }]);
  for (const codec of codecs)
    await write(recompressed, numbered(10, codec), { properties: { 'compression.type': codec } });
  await write(long, numbered(5));
  await using agent = await mirror([recompressed, long]);
  await agent.mirrorsUpTo(long, 5n);
  expect(await expectIdentical(link([recompressed, long]))).toBe(55);
});
