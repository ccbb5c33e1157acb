// Ways in which a mirror could go wrong without a word, each found by reading the code against Kafka's sources and
// seen on real brokers before it was mended.
import { describe, expect, it } from 'vitest';
import { Cluster, incrementalAlterConfigs } from '../../src/client/index.ts';
import { askBatch } from '../../src/mirror/shell/batch-questions.ts';
import { BatchView } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { createTopic, endOffsets } from '../support/kafka-tools.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({
  'us-east': { brokerConfig: { 'log.cleaner.backoff.ms': '200' } },
  'eu-west': {},
});

function mirror(topic: string): Promise<RunningAgent> {
  const { 'us-east': source, 'eu-west': destination } = regions;
  return startAgent({ folder: folder.path, source, destination, topics: [topic] });
}

async function withClient<T>(region: Region, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const [host, port] = region.bootstrap[0]!.split(':');
  const cluster = await Cluster.connect({
    name: region.name,
    bootstrap: [{ host: host!, port: Number(port) }],
  });
  try {
    return await use(cluster);
  } finally {
    cluster.close();
  }
}

function setTopic(region: Region, topic: string, name: string, value: string): Promise<unknown> {
  const changes = [{ name, value, operation: 'set' as const }];
  return withClient(region, (cluster) =>
    incrementalAlterConfigs(cluster, [{ resource: { type: 'topic', name: topic }, changes }]),
  );
}

describe('many partitions looked at in one request', () => {
  it('leaves foreign data alone in each of them, also where the newest batch is large', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('foreign-large');
    const partitions = 4;
    const messages = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      value: Buffer.alloc(20_000, 1),
    }));
    for (const region of [source, destination]) await createTopic(region, topic, { partitions });
    await platformaticProduce({ bootstrap: destination.bootstrap, topic, messages });
    for (let i = 0; i < 3; i++) await platformaticProduce({ bootstrap: source.bootstrap, topic, messages });
    await using agent = await mirror(topic);
    for (let partition = 0; partition < partitions; partition++)
      await agent.reaches(topic, 'ForeignData', partition);
    expect([...(await endOffsets(destination, topic)).values()]).toEqual([1n, 1n, 1n, 1n]);
  });
});

describe('settings changed while copying', () => {
  it('stops at the first batch to which the destination gave its own timestamps', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('append-time-later');
    await createTopic(source, topic);
    const messages = [{ partition: 0, value: Buffer.from('a record'), timestamp: 1_000_000_000_000n }];
    await platformaticProduce({ bootstrap: source.bootstrap, topic, messages });
    await using agent = await mirror(topic);
    await agent.mirrorsUpTo(topic, 1n);
    await setTopic(destination, topic, 'message.timestamp.type', 'LogAppendTime');
    for (let i = 0; i < 3; i++) await platformaticProduce({ bootstrap: source.bootstrap, topic, messages });
    const stopped = await agent.reaches(topic, 'Diverged');
    expect(stopped.reason).toContain('message.timestamp.type');
    expect((await endOffsets(destination, topic)).get(0)).toBe(2n);
  });
});

describe('a compacted source', () => {
  it('goes on when compaction has taken the record at which the mirror ends', async () => {
    const { 'us-east': source } = regions;
    const topic = uniqueTopic('compacted-tail');
    const configs = {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
      'segment.ms': '500',
      'min.compaction.lag.ms': '0',
    };
    await createTopic(source, topic, { configs });
    const write = (...keys: string[]): Promise<unknown> =>
      platformaticProduce({
        bootstrap: source.bootstrap,
        topic,
        messages: keys.map((key) => ({
          partition: 0,
          key: Buffer.from(key),
          value: Buffer.from(`of ${key}`),
        })),
      });
    await write('a', 'b', 'c');
    {
      await using agent = await mirror(topic);
      await agent.mirrorsUpTo(topic, 3n);
    }
    await write('c');
    await withClient(source, async (cluster) => {
      await waitFor(
        async () => {
          // Each write rolls the segment when it is old enough; only closed segments are compacted.
          await write(`${Date.now()}`);
          const { topicId, leaderEpoch, leaderId } = await cluster.leaderOf(topic, 0);
          const first = await askBatch(
            (api, input) => cluster.request(api, input, { to: leaderId }),
            { topic, topicId, partition: 0, leaderEpoch },
            0n,
          );
          return first !== null && new BatchView(first, 0).recordCount === 2;
        },
        { deadlineMs: 60_000, pollMs: 600, describe: 'the cleaner to take offset 2' },
      );
    });
    await using agent = await mirror(topic);
    await agent.reaches(topic, 'Mirroring');
    await waitFor(() => (agent.partition(topic)?.mirrorEnd ?? 0n) >= 4n, {
      deadlineMs: 20_000,
      describe: () => `the mirror to go on; it is ${agent.partition(topic)?.state}`,
    });
  });
});

describe('a clean stop', () => {
  it('ends soon although a cluster is down', async () => {
    const { 'us-east': source } = regions;
    const topic = uniqueTopic('stop-while-down');
    await createTopic(source, topic);
    const agent = await mirror(topic);
    await agent.reaches(topic, 'Mirroring');
    const broker = source.brokers[0]!;
    await broker.kill();
    try {
      await waitFor(() => agent.status()?.links[0]?.partitions[0]?.lastError !== null, {
        deadlineMs: 10_000,
        describe: 'the agent to notice',
      });
      const startedMs = Date.now();
      await agent.stop();
      expect(Date.now() - startedMs).toBeLessThan(5_000);
    } finally {
      await broker.start();
    }
  }, 150_000);
});

describe('a destination of several brokers', () => {
  const three = useRegions({ 'ap-south': { brokers: 3 } });

  it('keeps copying to the others while one hangs', async () => {
    const source = regions['us-east'];
    const destination = three['ap-south'];
    const topic = uniqueTopic('one-hangs');
    const partitions = 6;
    for (const region of [source, destination]) await createTopic(region, topic, { partitions });
    const [hanging, led] = await withClient(destination, async (cluster) => {
      const { controllerId, topics } = await cluster.metadata({ topics: [topic] });
      const leaders = topics.get(topic)!.partitions.map((partition) => partition.leaderId);
      const id = leaders.find((leader) => leader !== controllerId)!;
      return [id, leaders.map((leader) => leader === id)] as const;
    });
    const broker = destination.brokers.find(({ id }) => id === hanging)!;
    const { path: into } = folder;
    await using agent = await startAgent({ folder: into, source, destination, topics: [topic] });
    for (let partition = 0; partition < partitions; partition++)
      await agent.reaches(topic, 'Mirroring', partition);
    // A little for the partitions of the broker that hangs, much for the others: each frame holds something of both.
    const messages = led.flatMap((isLed, partition) =>
      isLed
        ? [{ partition, value: Buffer.from('tiny') }]
        : [1, 2, 3].map(() => ({ partition, value: Buffer.alloc(250_000) })),
    );
    const mirrored = (): number =>
      led.reduce(
        (sum, isLed, partition) => sum + (isLed ? 0 : agent.partition(topic, partition)!.recordsMirrored),
        0,
      );
    broker.pause();
    try {
      const rounds = 25;
      for (let i = 0; i < rounds; i++)
        await platformaticProduce({ bootstrap: source.bootstrap, topic, messages });
      const wanted = rounds * 3 * led.filter((isLed) => !isLed).length;
      await waitFor(() => mirrored() === wanted, {
        deadlineMs: 12_000,
        describe: () => `${wanted} records at the brokers that are well; there are ${mirrored()}`,
      });
      expect(agent.partition(topic, led.indexOf(true))?.recordsMirrored).toBe(0);
    } finally {
      broker.resume();
    }
    await agent.mirrorsUpTo(topic, 25n, led.indexOf(true));
  }, 150_000);
});
