// What can't or must not be copied ends in a named state with the offset, after everything before it is in; and
// what was there before is not touched.
import { describe, expect, it } from 'vitest';
import {
  addPartitionsToTransaction,
  Cluster,
  createPartitions,
  deleteRecords,
  deleteTopics,
  describeConfigs,
  endTransaction,
  incrementalAlterConfigs,
  initTransactions,
  unwrap,
} from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { createTopic, endOffsets } from '../support/kafka-tools.ts';
import { platformaticConsume, platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

async function produce(region: Region, topic: string, count: number, partition = 0): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({
    partition,
    value: Buffer.from(`${topic} ${index}`),
  }));
  await platformaticProduce({ bootstrap: region.bootstrap, topic, messages });
}

function mirror(topic: string, extra = ''): Promise<RunningAgent> {
  const { 'us-east': source, 'eu-west': destination } = regions;
  return startAgent({ folder: folder.path, source, destination, topics: [topic], extra });
}

async function client(region: Region): Promise<Cluster> {
  const [host, port] = region.bootstrap[0]!.split(':');
  return Cluster.connect({ name: region.name, bootstrap: [{ host: host!, port: Number(port) }] });
}

async function endOf(region: Region, topic: string, partition = 0): Promise<bigint | undefined> {
  return (await endOffsets(region, topic)).get(partition);
}

describe('logs that can’t be copied yet', () => {
  it('stops before the first batch of a transaction', async () => {
    const topic = uniqueTopic('transactions');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 5);
    const cluster = await client(regions['us-east']);
    try {
      const transactionalId = uniqueTopic('writer');
      const identity = await initTransactions(cluster, transactionalId);
      await addPartitionsToTransaction(cluster, transactionalId, identity, [{ topic, partition: 0 }]);
      const { topicId } = await cluster.leaderOf(topic, 0);
      const record = {
        offset: 0n,
        timestamp: 1n,
        key: null,
        value: Buffer.from('in a transaction'),
        headers: [],
      };
      const records = encodeBatch([record], {
        compression: 'none',
        producerId: identity.producerId,
        producerEpoch: identity.producerEpoch,
        baseSequence: 0,
        isTransactional: true,
      });
      const topicData = [{ name: topic, topicId, partitionData: [{ index: 0, records }] }];
      const answer = await cluster.request(
        apis.Produce,
        { transactionalId, acks: -1, timeoutMs: 5_000, topicData },
        { to: { leaderOf: { topic, partition: 0 } } },
      );
      expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
      await endTransaction(cluster, transactionalId, identity, 'commit');
    } finally {
      cluster.close();
    }
    await using agent = await mirror(topic);
    expect(await agent.reaches(topic, 'TransactionAhead')).toMatchObject({ mirrorEnd: 5n, isStopped: true });
    expect(await endOf(regions['eu-west'], topic)).toBe(5n);
  });

  it('does not start a log that begins above 0', async () => {
    const topic = uniqueTopic('starts-above');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 10);
    const cluster = await client(regions['us-east']);
    try {
      const [deleted] = await deleteRecords(cluster, [{ topic, partition: 0, beforeOffset: 4n }]);
      unwrap(deleted!.outcome);
    } finally {
      cluster.close();
    }
    await using agent = await mirror(topic);
    expect((await agent.reaches(topic, 'SourceStartAhead')).reason).toContain('the source starts at 4');
    expect(await endOf(regions['eu-west'], topic)).toBe(0n);
  });

  it('stops at LogAppendTime', async () => {
    const topic = uniqueTopic('append-time');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 3);
    const cluster = await client(regions['us-east']);
    try {
      const changes = [{ name: 'message.timestamp.type', value: 'LogAppendTime', operation: 'set' as const }];
      await incrementalAlterConfigs(cluster, [{ resource: { type: 'topic', name: topic }, changes }]);
    } finally {
      cluster.close();
    }
    await produce(regions['us-east'], topic, 3);
    await using agent = await mirror(topic);
    expect(await agent.reaches(topic, 'LogAppendTime')).toMatchObject({ mirrorEnd: 3n });
  });

  it('is Blocked at a batch that the destination refuses, with size and offset', async () => {
    const topic = uniqueTopic('too-large');
    await createTopic(regions['us-east'], topic);
    await createTopic(regions['eu-west'], topic, { configs: { 'max.message.bytes': '20000' } });
    await produce(regions['us-east'], topic, 4);
    await platformaticProduce({
      bootstrap: regions['us-east'].bootstrap,
      topic,
      messages: [{ partition: 0, value: Buffer.alloc(50_000) }],
    });
    await using agent = await mirror(topic);
    const blocked = await agent.reaches(topic, 'Blocked');
    expect(blocked).toMatchObject({ mirrorEnd: 4n });
    expect(blocked.reason).toMatch(/refuses the batch of 50\d\d\d bytes at offset 4: MESSAGE_TOO_LARGE/);
  });
});

describe('what is not ours', () => {
  it('does not touch a destination topic with foreign records', async () => {
    const topic = uniqueTopic('foreign');
    await createTopic(regions['us-east'], topic);
    await createTopic(regions['eu-west'], topic);
    await produce(regions['us-east'], topic, 9);
    await produce(regions['eu-west'], topic, 4);
    await using agent = await mirror(topic);
    await agent.reaches(topic, 'ForeignData');
    expect(await endOf(regions['eu-west'], topic)).toBe(4n);
  });

  it('refuses a destination topic that would rewrite batches', async () => {
    const topic = uniqueTopic('recompressed');
    await createTopic(regions['us-east'], topic);
    await createTopic(regions['eu-west'], topic, { configs: { 'compression.type': 'gzip' } });
    await using agent = await mirror(topic);
    const refused = await waitFor(
      () => agent.status()?.links[0]?.topics.find((entry) => entry.state === 'Refused'),
      {
        deadlineMs: 20_000,
        describe: 'the topic to be Refused',
      },
    );
    expect(refused.reason).toContain('compression.type=gzip');
    expect(agent.partition(topic)).toBeUndefined();
  });

  it('is Diverged once something else writes to the mirror', async () => {
    const topic = uniqueTopic('intruder');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 6);
    await using agent = await mirror(topic);
    await agent.mirrorsUpTo(topic, 6n);
    await produce(regions['eu-west'], topic, 1);
    await produce(regions['us-east'], topic, 1);
    const diverged = await agent.reaches(topic, 'Diverged');
    expect(diverged.reason).toContain('meant for offset 6 landed at 7');
    await produce(regions['us-east'], topic, 5);
    expect(await endOf(regions['eu-west'], topic)).toBe(8n);
  });

  it('sees at the next start that something else wrote to the mirror', async () => {
    const topic = uniqueTopic('intruder-while-away');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 6);
    const first = await mirror(topic);
    await first.mirrorsUpTo(topic, 6n);
    await first.stop();
    await produce(regions['eu-west'], topic, 1);
    await produce(regions['us-east'], topic, 3);
    await using second = await mirror(topic);
    await second.reaches(topic, 'ForeignData');
    expect(await endOf(regions['eu-west'], topic)).toBe(7n);
  });
});

describe('topics that change', () => {
  it('picks up new partitions while running', async () => {
    const topic = uniqueTopic('grows');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 2);
    await using agent = await mirror(topic);
    await agent.mirrorsUpTo(topic, 2n);
    const cluster = await client(regions['us-east']);
    try {
      unwrap((await createPartitions(cluster, [{ topic, partitionCount: 3 }])).get(topic)!);
    } finally {
      cluster.close();
    }
    await produce(regions['us-east'], topic, 7, 2);
    await agent.mirrorsUpTo(topic, 7n, 2);
    await agent.mirrorsUpTo(topic, 0n, 1);
    expect(await endOf(regions['eu-west'], topic, 2)).toBe(7n);
  });

  it.each(['source', 'destination'] as const)(
    'leaves a mirror alone when the %s topic is created again',
    async (side) => {
      const topic = uniqueTopic(`recreated-${side}`);
      const region = side === 'source' ? regions['us-east'] : regions['eu-west'];
      await createTopic(regions['us-east'], topic);
      await produce(regions['us-east'], topic, 3);
      await using agent = await mirror(topic);
      await agent.mirrorsUpTo(topic, 3n);
      const cluster = await client(region);
      try {
        unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
        await waitFor(async () => !(await cluster.metadata()).topics.has(topic), {
          deadlineMs: 10_000,
          describe: 'the topic to be gone',
        });
      } finally {
        cluster.close();
      }
      await createTopic(region, topic);
      await produce(regions['us-east'], topic, 8);
      await agent.reaches(topic, side === 'source' ? 'SourceRecreated' : 'DestinationRecreated');
      expect(await endOf(regions['eu-west'], topic)).toBe(side === 'source' ? 3n : 0n);
    },
  );

  it('creates the mirror with the source’s retention and what identity needs', async () => {
    const topic = uniqueTopic('settings');
    await createTopic(regions['us-east'], topic, {
      partitions: 2,
      configs: { 'retention.ms': '123456789', 'max.message.bytes': '2000000', 'compression.type': 'lz4' },
    });
    await using agent = await mirror(topic);
    await agent.mirrorsUpTo(topic, 0n, 1);
    const cluster = await client(regions['eu-west']);
    try {
      const [described] = await describeConfigs(cluster, [{ type: 'topic', name: topic }]);
      const settings = unwrap(described!.outcome);
      const read = (name: string): string | null | undefined => settings.get(name)?.value;
      expect(read('retention.ms')).toBe('123456789');
      expect(read('max.message.bytes')).toBe('2000000');
      expect(read('compression.type')).toBe('producer');
      expect(read('message.timestamp.after.max.ms')).toBe('9223372036854775807');
      expect(read('unclean.leader.election.enable')).toBe('false');
    } finally {
      cluster.close();
    }
    await produce(regions['us-east'], topic, 1);
    await agent.mirrorsUpTo(topic, 1n, 0);
    expect(
      await platformaticConsume({ bootstrap: regions['eu-west'].bootstrap, topic, count: 1 }),
    ).toHaveLength(1);
  });
});
