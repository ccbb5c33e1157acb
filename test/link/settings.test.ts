// Topics that change while they are mirrored, and mirrors that the link did not create, on brokers without an authorizer.
import { describe, expect, test } from 'vitest';
import { linkCluster } from '../../src/agent/link-clusters.ts';
import {
  createPartitions,
  createTopics,
  deleteRecords,
  incrementalAlterConfigs,
  unwrap,
} from '../../src/client/index.ts';
import type { TopicSettings } from '../../src/link/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { useClusters } from '../client/support.ts';
import { type RunningAgent, startAgent } from '../mirror/running-agent.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { sendBatch } from '../support/send-batch.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ source: { kafkaVersion: '3.9.2' }, destination: {} });
const clusters = useClusters(regions);

async function create(
  side: keyof typeof clusters,
  topic: string,
  configs: Record<string, string> = {},
): Promise<void> {
  unwrap((await createTopics(clusters[side], [{ name: topic, partitionCount: 1, configs }])).get(topic)!);
}

async function alter(
  side: keyof typeof clusters,
  topic: string,
  configs: Record<string, string>,
): Promise<void> {
  const changes = Object.entries(configs).map(
    ([name, value]) => ({ operation: 'set', name, value }) as const,
  );
  const resource = { type: 'topic', name: topic } as const;
  unwrap((await incrementalAlterConfigs(clusters[side], [{ resource, changes }]))[0]!.outcome);
}

async function produce(topic: string, count: number, valueBytes = 10, partition = 0): Promise<void> {
  const records = encodeBatch(
    Array.from({ length: count }, (_, i) => ({
      offset: BigInt(i),
      timestamp: BigInt(Date.now()),
      key: Buffer.from(`key ${i}`),
      value: Buffer.alloc(valueBytes, i + 1),
      headers: [],
    })),
  );
  await sendBatch(clusters.source, topic, records, { partition });
}

async function cutAt(topic: string, partition: number, beforeOffset: bigint): Promise<void> {
  unwrap((await deleteRecords(clusters.source, [{ topic, partition, beforeOffset }]))[0]!.outcome);
}

const mirrorSettings = async (topic: string): Promise<TopicSettings> =>
  (await linkCluster(clusters.destination).topicSettings([topic])).get(topic) as TopicSettings;
const mirrorRange = async (topic: string, partition: number) =>
  (await linkCluster(clusters.destination).logRanges(topic, partition + 1)).get(partition);
const agentFor = (topic: string, extra?: string): Promise<RunningAgent> =>
  startAgent({ ...regions, folder: folder.path, topics: [topic], ...(extra !== undefined && { extra }) });

describe('a record larger than the mirror takes', () => {
  test('is copied as soon as the mirror has followed the source, without a new agent', async () => {
    const topic = uniqueTopic('grows');
    await create('source', topic);
    await produce(topic, 3);
    await using agent = await agentFor(topic);
    await agent.mirrorsUpTo(topic, 3n);
    await alter('source', topic, { 'max.message.bytes': '5000000', 'retention.ms': '123456789' });
    await produce(topic, 1, 3_000_000);
    await agent.mirrorsUpTo(topic, 4n);
    const settings = await mirrorSettings(topic);
    expect(settings.get('max.message.bytes')?.value).toBe('5000000');
    expect(settings.get('retention.ms')?.value).toBe('123456789');
    expect(agent.notices.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/max.message.bytes 1048588 -> 5000000, .*as at the source$/),
    );
  });

  test('stays Blocked on a mirror that the link did not create, until a person raises the limit', async () => {
    const topic = uniqueTopic('foreign');
    await create('source', topic, { 'max.message.bytes': '5000000' });
    await create('destination', topic);
    await produce(topic, 1, 3_000_000);
    await using agent = await agentFor(topic);
    await agent.reaches(topic, 'Blocked');
    expect(agent.notices.map(({ text }) => text)).toContainEqual(
      expect.stringContaining(`--entity-name ${topic} --add-config max.message.bytes=[5000000]`),
    );
    expect((await mirrorSettings(topic)).get('max.message.bytes')?.value).toBe('1048588');
    await alter('destination', topic, { 'max.message.bytes': '5000000' });
    await agent.mirrorsUpTo(topic, 1n);
  });
});

describe('without an authorizer', () => {
  test('a start is filled and cut, and it is said that everybody could read it', async () => {
    const topic = uniqueTopic('open');
    await create('source', topic);
    await produce(topic, 50);
    await cutAt(topic, 0, 40n);
    await alter('source', topic, { 'cleanup.policy': 'compact' });
    await using agent = await agentFor(topic);
    await agent.mirrorsUpTo(topic, 50n);
    expect(agent.notices.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^Unprotected: topic open/),
    );
    await waitFor(async () => (await mirrorSettings(topic)).get('cleanup.policy')?.value === 'compact', {
      deadlineMs: 20_000,
      describe: 'the policy of the source',
    });
    expect(await mirrorRange(topic, 0)).toEqual({ start: 40n, end: 50n });
  });

  test('a source from which everything was deleted is continued where it ends', async () => {
    const topic = uniqueTopic('emptied');
    await create('source', topic);
    await produce(topic, 50);
    await cutAt(topic, 0, 50n);
    await using agent = await agentFor(topic);
    await agent.reaches(topic, 'Mirroring');
    expect(await mirrorRange(topic, 0)).toEqual({ start: 50n, end: 50n });
    await produce(topic, 3);
    await agent.mirrorsUpTo(topic, 53n);
  });

  test('a partition that is added with a high start to a mirrored topic is filled, too', async () => {
    const topic = uniqueTopic('wider');
    await create('source', topic);
    await produce(topic, 5);
    {
      await using agent = await agentFor(topic);
      await agent.mirrorsUpTo(topic, 5n);
    }
    unwrap((await createPartitions(clusters.source, [{ topic, partitionCount: 2 }])).get(topic)!);
    await produce(topic, 30, 10, 1);
    await cutAt(topic, 1, 20n);
    await using agent = await agentFor(topic);
    await agent.mirrorsUpTo(topic, 30n, 1);
    expect(await mirrorRange(topic, 1)).toEqual({ start: 20n, end: 30n });
    expect(await mirrorRange(topic, 0)).toEqual({ start: 0n, end: 5n });
  });

  test('a compacted mirror that the link did not create is left alone; the ways out are named', async () => {
    const topic = uniqueTopic('theirs');
    await create('source', topic);
    await produce(topic, 5);
    await cutAt(topic, 0, 3n);
    await create('destination', topic, { 'cleanup.policy': 'compact' });
    await using agent = await agentFor(topic);
    await waitFor(() => agent.partition(topic)?.lastError?.includes('start: shifted'), {
      deadlineMs: 20_000,
      describe: () => `the ways out; it says ${agent.partition(topic)?.lastError}`,
    });
    expect(await mirrorRange(topic, 0)).toEqual({ start: 0n, end: 0n });
    expect((await mirrorSettings(topic)).get('cleanup.policy')?.value).toBe('compact');
  });

  test('beyond fillOffsetsMax nothing is filled', async () => {
    const topic = uniqueTopic('far');
    await create('source', topic);
    await produce(topic, 50);
    await cutAt(topic, 0, 40n);
    await using agent = await agentFor(topic, '    fillOffsetsMax: 39\n');
    await agent.reaches(topic, 'StartTooFar');
    expect(await mirrorRange(topic, 0)).toEqual({ start: 0n, end: 0n });
  });
});
