// The client against three real brokers: finding leaders and losing them, brokers that freeze, quotas,
// pipelining and large frames. Each test that breaks something proves that it was broken.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, type Connection, createTopics, logEndOffset, unwrap } from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { configOf, eventually } from './support.ts';

const regions = useRegions({ trio: { brokers: 3 } });
let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.connect(configOf(regions.trio), { requestTimeoutMs: 5000 });
});
afterAll(() => cluster?.close());

function batch(valueBytes: number, fill = 1): Buffer {
  return encodeBatch(
    [
      {
        offset: 0n,
        timestamp: BigInt(Date.now()),
        key: null,
        value: Buffer.alloc(valueBytes, fill),
        headers: [],
      },
    ],
    { compression: 'none' },
  );
}

async function newTopic(replicationFactor: number, configs: Record<string, string> = {}) {
  const name = uniqueTopic('cluster');
  unwrap((await createTopics(cluster, [{ name, partitionCount: 3, replicationFactor, configs }])).get(name)!);
  // A creation takes a moment to reach the leader; this asks the leader, and asks again.
  await logEndOffset(cluster, { topic: name, partition: 0 });
  const { leaderId, leaderEpoch, topicId } = await cluster.leaderOf(name, 0);
  return { name, leaderId, leaderEpoch, topicId };
}

/** Appends one batch to partition 0; resolves with its base offset. */
async function append(
  connection: Connection,
  topic: { name: string; topicId: string },
  records: Buffer,
): Promise<bigint> {
  const { responses } = await connection.send(apis.Produce, {
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ topicId: topic.topicId, partitionData: [{ index: 0, records }] }],
  });
  const partition = responses[0]!.partitionResponses[0]!;
  expect(partition.errorCode).toBe(0);
  return partition.baseOffset;
}

function fetchInput(topicId: string, fetchOffset: bigint, maxBytes: number, maxWaitMs = 500) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }];
  return { maxWaitMs, minBytes: 1, maxBytes, topics: [{ topicId, partitions }] };
}

describe('metadata', () => {
  it('names brokers, controller, cluster id, topic ids and leader epochs', async () => {
    const { name } = await newTopic(3);
    const metadata = await cluster.metadata({ topics: [name] });
    expect([...metadata.brokers.keys()].sort()).toEqual([1, 2, 3]);
    expect(metadata.clusterId).toBe(regions.trio.clusterId);
    expect([1, 2, 3]).toContain(metadata.controllerId);
    const topic = metadata.topics.get(name)!;
    expect(topic.topicId).toMatch(/^[\w-]{22}$/);
    expect(topic.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
    for (const partition of topic.partitions) {
      expect(partition.leaderEpoch).toBeGreaterThanOrEqual(0);
      expect(partition.replicas).toHaveLength(3);
    }
  });

  it('says at once that a topic is unknown when it is only described', async () => {
    const { topicErrors, topics } = await cluster.metadata({ topics: ['no-such-topic'] });
    expect([topicErrors.get('no-such-topic'), topics.has('no-such-topic')]).toEqual([3, false]);
  });
});

describe('one connection', () => {
  it('pipelines appends and answers them in order', async () => {
    const topic = await newTopic(1);
    const connection = await cluster.openConnection(topic.leaderId, { purpose: 'appending' });
    const sent = Array.from({ length: 200 }, (_, index) => append(connection, topic, batch(100, index)));
    expect(connection.statistics().inFlightCount + connection.statistics().waitingCount).toBe(200);
    expect(await Promise.all(sent)).toEqual(Array.from({ length: 200 }, (_, index) => BigInt(index)));
    connection.close();
    expect(await connection.closed).toBeNull();
  });

  it('reads large frames whole into pooled memory, and reuses it', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '20000000' });
    const connection = await cluster.openConnection(topic.leaderId, { purpose: 'reading' });
    const batches = [1, 2, 3].map((fill) => batch(6_000_000, fill));
    for (const records of batches) await append(connection, topic, records);
    const before = cluster.framePool.statistics();
    for (let round = 0; round < 3; round += 1) {
      const { body, frame } = await connection.sendForFrame(
        apis.Fetch,
        fetchInput(topic.topicId, 0n, 30_000_000),
      );
      const records = body.responses[0]!.partitions[0]!.records!;
      expect(records.buffer).toBe(frame.bytes.buffer);
      expect(records.length).toBe(batches.reduce((sum, { length }) => sum + length, 0));
      // Base offset and leader epoch are the broker's; from the magic byte on all is as it was sent.
      let position = 0;
      for (const sent of batches) {
        expect(records.subarray(position + 16, position + sent.length).equals(sent.subarray(16))).toBe(true);
        position += sent.length;
      }
      frame.release();
    }
    const after = cluster.framePool.statistics();
    expect(after.outstandingCount).toBe(0);
    expect(after.reusedCount - before.reusedCount).toBeGreaterThanOrEqual(2);
    connection.close();
  });

  it('gives answers of send memory of their own', async () => {
    const topic = await newTopic(1);
    const connection = await cluster.openConnection(topic.leaderId);
    await append(connection, topic, batch(1000, 7));
    const first = await connection.send(apis.Fetch, fetchInput(topic.topicId, 0n, 100_000));
    const records = first.responses[0]!.partitions[0]!.records!;
    const copy = Buffer.from(records);
    for (let round = 0; round < 20; round += 1)
      await connection.send(apis.Fetch, fetchInput(topic.topicId, 1n, 100_000, 1));
    expect(records.equals(copy)).toBe(true);
    connection.close();
  });

  it('refuses a frame above its maximum and closes', async () => {
    const topic = await newTopic(1);
    const connection = await cluster.openConnection(topic.leaderId, { frameBytesMax: 10_000 });
    await append(connection, topic, batch(50_000));
    await expect(connection.send(apis.Fetch, fetchInput(topic.topicId, 0n, 100_000))).rejects.toMatchObject({
      code: 'CONNECTION_CLOSED',
      cause: { code: 'FRAME_INVALID' },
    });
    expect(connection.isOpen).toBe(false);
  });

  it('honours a quota: after a throttled answer nothing is sent until the pause is over', async () => {
    const topic = await newTopic(1);
    const clientId = 'lockstep-throttled';
    await cluster.request(apis.AlterClientQuotas, {
      entries: [
        {
          entity: [{ entityType: 'client-id', entityName: clientId }],
          ops: [{ key: 'producer_byte_rate', value: 100_000, remove: false }],
        },
      ],
    });
    const limited = await Cluster.connect({ ...configOf(regions.trio), clientId });
    const connection = await limited.openConnection(topic.leaderId);
    await eventually('a throttled answer', async () => {
      await append(connection, topic, batch(200_000));
      return connection.statistics().throttleCount > 0;
    });
    const pauseMs = connection.throttledUntilMs - performance.now();
    expect(pauseMs).toBeGreaterThan(0);
    const startMs = performance.now();
    const { sentCount } = connection.statistics();
    const next = append(connection, topic, batch(10));
    expect(connection.statistics()).toMatchObject({ sentCount, waitingCount: 1 });
    await next;
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(pauseMs - 2);
    await expect(connection.send(apis.Metadata, { topics: [] })).resolves.toBeDefined();
    limited.close();
  });
});

describe('a broker that freezes', () => {
  it('times requests out, fails the connection, and works again when it goes on', async () => {
    const topic = await newTopic(1);
    const broker = regions.trio.brokers.find(({ id }) => id === topic.leaderId)!;
    const connection = await cluster.openConnection(topic.leaderId);
    await append(connection, topic, batch(10));
    broker.pause();
    try {
      const late = Promise.allSettled([
        connection.send(apis.Metadata, { topics: [] }, { timeoutMs: 500 }),
        connection.send(apis.Metadata, { topics: [] }, { timeoutMs: 5000 }),
      ]);
      expect(await late).toMatchObject([
        { reason: { code: 'REQUEST_TIMED_OUT', detail: { sent: true, timeoutMs: 500 } } },
        { reason: { code: 'CONNECTION_CLOSED', cause: { code: 'REQUEST_TIMED_OUT' } } },
      ]);
      expect(await connection.closed).toMatchObject({ code: 'REQUEST_TIMED_OUT' });
      const opening = cluster.openConnection(topic.leaderId, { requestTimeoutMs: 500 });
      await expect(opening).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
      // Other brokers still answer.
      await expect(cluster.metadata({ topics: [topic.name] })).resolves.toBeDefined();
    } finally {
      broker.resume();
    }
    const again = await eventually('the broker', () => cluster.openConnection(topic.leaderId));
    again.close();
  });
});

describe('a leader that dies', () => {
  it('is replaced by the one that the metadata names, in a newer epoch, without an error for the caller', async () => {
    const topic = await newTopic(3);
    const connection = await cluster.openConnection(topic.leaderId);
    await append(connection, topic, batch(10));
    const broker = regions.trio.brokers.find(({ id }) => id === topic.leaderId)!;
    await broker.kill();
    try {
      expect((await connection.closed)?.code).toBe('CONNECTION_CLOSED');
      const end = await logEndOffset(cluster, { topic: topic.name, partition: 0 });
      expect(end.logEndOffset).toBe(1n);
      expect(end.leaderId).not.toBe(topic.leaderId);
      expect(end.leaderEpoch).toBeGreaterThan(topic.leaderEpoch);
      const answer = await cluster.request(
        apis.ListOffsets,
        {
          replicaId: -1,
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
        },
        { to: { leaderOf: { topic: topic.name, partition: 0 } } },
      );
      expect(answer.topics[0]!.partitions[0]!).toMatchObject({ errorCode: 0, offset: 1n });
      await expect(
        cluster.request(apis.Metadata, { topics: [] }, { to: 'controller' }),
      ).resolves.toBeDefined();
    } finally {
      await broker.start();
    }
    await eventually(
      'all three brokers',
      async () => (await cluster.metadata({ topics: [] })).brokers.size === 3,
    );
  });
});

describe('close', () => {
  it('ends requests, connections and pauses', async () => {
    const own = await Cluster.connect(configOf(regions.trio));
    const connection = await own.openConnection(1);
    const open = connection.send(apis.Fetch, { maxWaitMs: 20_000, minBytes: 1, maxBytes: 100, topics: [] });
    const failed = expect(open).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    own.close();
    await failed;
    expect(connection.isOpen).toBe(false);
    await expect(own.metadata()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(own.openConnection(1)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });
});
