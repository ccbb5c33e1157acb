// Small batches that are put together while a mirror catches up: what they may become, and what brokers refuse.
import { expect, it } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import {
  BatchView,
  type Compression,
  encodeBatch,
  type RecordView,
  readRecords,
} from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { append, batchesOf } from '../verify/kafka-copy.ts';
import { startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();

const link = (topics: readonly string[]) => ({
  oracle,
  folder: folder.path,
  source: regions['us-east'],
  destination: regions['eu-west'],
  topics,
});

/** A topic with a batch for each record. */
async function topicOf(
  prefix: string,
  records: readonly Omit<RecordView, 'offset'>[],
  { compression, configs = {} }: { compression: Compression; configs?: Record<string, string> },
): Promise<string> {
  const name = uniqueTopic(prefix);
  await oracle.createTopics(regions['us-east'], [{ name, partitions: 1, configs }]);
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  const batches = records.map((record, index) =>
    encodeBatch([{ ...record, offset: BigInt(index) }], { compression }),
  );
  await append(cluster, name, batches).finally(() => cluster.close());
  return name;
}

async function batchesIn(region: Region, topic: string): Promise<BatchView[]> {
  const cluster = await Cluster.connect(configOf(region));
  const batches = await batchesOf(cluster, topic).finally(() => cluster.close());
  return batches.map((bytes) => new BatchView(bytes, 0));
}

function plainBytes(view: BatchView): number {
  return Array.from(readRecords(view)).reduce((bytes, { value }) => bytes + (value?.length ?? 0), 0);
}

it('does not make batches that are huge when they are read of many that compress well', async () => {
  const count = 120;
  const topics: string[] = [];
  for (const compression of ['lz4', 'zstd', 'snappy'] as const) {
    const records = Array.from({ length: count }, (_, index) => ({
      timestamp: index % 3 === 0 ? -1n : 1_700_000_000_000n - BigInt(index) * 1_000_000_000n,
      key: Buffer.from(`${index}`),
      value: Buffer.alloc(200_000, `${index % 7}`),
      headers: [{ key: Buffer.from('h'), value: null }],
    }));
    topics.push(await topicOf(`squeezed-${compression}`, records, { compression }));
  }
  await using agent = await startAgent(link(topics));
  for (const topic of topics) await agent.mirrorsUpTo(topic, BigInt(count));
  expect(await expectIdentical(link(topics))).toBe(count * topics.length);
  for (const topic of topics) {
    const copied = await batchesIn(regions['eu-west'], topic);
    expect(Math.max(...copied.map(plainBytes))).toBeLessThanOrEqual(2_000_000);
  }
});

it('takes back what a topic refuses as too large, and goes on behind it in smaller batches', async () => {
  const configs = { 'max.message.bytes': '20000' };
  const random = (bytes: number) =>
    Buffer.from(Array.from({ length: bytes }, () => Math.floor(Math.random() * 256)));
  const records = Array.from({ length: 1_500 }, (_, index) => ({
    timestamp: 1_763_700_000_000n + BigInt(index),
    key: null,
    value: random(300),
    headers: [],
  }));
  const topics = [
    await topicOf('refused', records, { compression: 'none', configs }),
    await topicOf('refused-lz4', records, { compression: 'lz4', configs }),
  ];
  await using agent = await startAgent(link(topics));
  for (const topic of topics) {
    await agent.mirrorsUpTo(topic, BigInt(records.length));
    const { appendRefused = 0 } = agent.partition(topic)?.errorCounts ?? {};
    expect(appendRefused).toBeGreaterThan(0);
    expect(appendRefused).toBeLessThan(5);
  }
  expect(await expectIdentical(link(topics))).toBe(records.length * topics.length);
});
