// Each admin call against real brokers of both ages, read back by other means where there are some: Kafka's
// own tools, kcat, @platformatic/kafka.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addPartitionsToTransaction,
  allocateProducerId,
  Cluster,
  commitGroupOffsets,
  createPartitions,
  createTopics,
  deleteGroups,
  deleteRecords,
  deleteTopicById,
  deleteTopics,
  describeAcls,
  describeCluster,
  describeConfigs,
  describeGroups,
  describeProducers,
  describeTopicById,
  describeTopics,
  endTransaction,
  fetchGroupOffsets,
  incrementalAlterConfigs,
  initTransactions,
  listGroups,
  listOffsets,
  listTopics,
  logEndOffset,
  logEndOffsets,
  offsetsForLeaderEpoch,
  unwrap,
  writeTransactionMarkers,
} from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { platformaticConsume } from '../support/platformatic.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { configOf, eventually } from './support.ts';

const regions = useRegions({ new: {}, old: { kafkaVersion: '3.9.2' } });

describe.each(['new', 'old'] as const)('a %s broker', (name) => {
  let cluster: Cluster;
  const region = () => regions[name];
  beforeAll(async () => {
    cluster = await Cluster.connect(configOf(region()));
  });
  afterAll(() => cluster?.close());

  async function newTopic(configs: Record<string, string> = {}, partitionCount = 1): Promise<string> {
    const topic = uniqueTopic('admin');
    unwrap((await createTopics(cluster, [{ name: topic, partitionCount, configs }])).get(topic)!);
    await logEndOffset(cluster, { topic, partition: 0 });
    return topic;
  }
  async function fill(topic: string, count: number, partition = 0): Promise<void> {
    const records = Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: `v${index}` }));
    await kcatProduce({ bootstrap: region().bootstrap, topic, partition, records });
  }

  describe('topics', () => {
    it('are created with settings and replicas, described, listed, grown and deleted', async () => {
      const topic = uniqueTopic('admin');
      const configs = { 'retention.ms': '12345', 'cleanup.policy': 'compact' };
      const created = unwrap(
        (await createTopics(cluster, [{ name: topic, assignments: [[1], [1]], configs }])).get(topic)!,
      );
      expect(created).toMatchObject({ partitionCount: 2, replicationFactor: 1 });
      await logEndOffset(cluster, { topic, partition: 1 });

      const described = unwrap((await describeTopics(cluster, [topic])).get(topic)!);
      expect(described).toMatchObject({ name: topic, topicId: created.topicId, isInternal: false });
      expect(described.partitions.map(({ replicas, isr, leaderId }) => [replicas, isr, leaderId])).toEqual([
        [[1], [1], 1],
        [[1], [1], 1],
      ]);
      expect((await listTopics(cluster)).get(topic)?.topicId).toBe(created.topicId);
      expect((await describeTopicById(cluster, created.topicId))?.name).toBe(topic);

      unwrap(
        (await createPartitions(cluster, [{ topic, partitionCount: 3, assignments: [[1]] }])).get(topic)!,
      );
      await logEndOffset(cluster, { topic, partition: 2 });
      const shrunk = (await createPartitions(cluster, [{ topic, partitionCount: 2 }])).get(topic)!;
      expect(shrunk).toMatchObject({
        ok: false,
        error: { code: 'KAFKA_ERROR', detail: { kafkaError: 'INVALID_PARTITIONS', number: 37 } },
      });

      unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
      await eventually(
        'the end of the topic',
        async () => (await describeTopicById(cluster, created.topicId)) === null,
      );
      expect((await deleteTopics(cluster, [topic])).get(topic)).toMatchObject({
        error: { detail: { number: 3 } },
      });
    });

    it('are refused one by one, with a reason', async () => {
      const there = await newTopic();
      const results = await createTopics(cluster, [
        { name: there, partitionCount: 1 },
        { name: 'not/allowed', partitionCount: 1 },
        { name: uniqueTopic('too-many'), partitionCount: 1, replicationFactor: 3 },
        { name: uniqueTopic('odd'), partitionCount: 1, configs: { 'retention.ms': 'soon' } },
      ]);
      expect([...results.values()].map((result) => (result.ok ? 0 : result.error.detail.number))).toEqual([
        36, 17, 38, 40,
      ]);
      expect(results.get(there)).toMatchObject({
        error: {
          message: expect.stringMatching(
            /^cluster \w+: creating topic .* was refused with TOPIC_ALREADY_EXISTS \(36\): /,
          ),
        },
      });
    });

    it('are only validated when asked so', async () => {
      const topic = uniqueTopic('admin');
      expect(
        (await createTopics(cluster, [{ name: topic, partitionCount: 1 }], { validateOnly: true })).get(topic)
          ?.ok,
      ).toBe(true);
      expect((await describeTopics(cluster, [topic])).get(topic)?.ok).toBe(false);
    });

    it('are told apart by id when created again under their name', async () => {
      const topic = await newTopic();
      const changes: string[] = [];
      const watcher = await Cluster.connect(configOf(region()), {
        onTopicIdChange: ({ topic: changed }) => changes.push(changed),
      });
      const first = (await watcher.leaderOf(topic, 0)).topicId;
      await deleteTopicById(cluster, first);
      await eventually(
        'the end of the topic',
        async () => !(await describeTopics(cluster, [topic])).get(topic)!.ok,
      );
      await createTopics(cluster, [{ name: topic, partitionCount: 1 }]);
      await eventually(
        'a new topic id',
        async () =>
          (await watcher.metadata({ topics: [topic] })).topics.get(topic)?.topicId !== first &&
          watcher.knownMetadata.topics.has(topic),
      );
      await expect(deleteTopicById(cluster, first)).rejects.toMatchObject({
        detail: { kafkaError: 'UNKNOWN_TOPIC_ID' },
      });
      expect((await describeTopics(cluster, [topic])).get(topic)?.ok).toBe(true);
      watcher.close();
    });
  });

  describe('settings', () => {
    it('of topics are described with their source and synonyms, and changed one by one', async () => {
      const topic = await newTopic({ 'retention.ms': '1000' });
      const resource = { type: 'topic', name: topic } as const;
      const read = async () =>
        unwrap((await describeConfigs(cluster, [resource], { includeSynonyms: true }))[0]!.outcome);
      const before = await read();
      expect(before.get('retention.ms')).toMatchObject({
        value: '1000',
        source: 'DYNAMIC_TOPIC_CONFIG',
        isSensitive: false,
      });
      expect(before.get('retention.ms')!.synonyms[0]).toEqual({
        name: 'retention.ms',
        value: '1000',
        source: 'DYNAMIC_TOPIC_CONFIG',
      });
      expect(before.get('max.message.bytes')!.source).toBe('DEFAULT_CONFIG');

      const changed = await incrementalAlterConfigs(cluster, [
        {
          resource,
          changes: [
            { operation: 'delete', name: 'retention.ms' },
            { operation: 'set', name: 'max.message.bytes', value: '2000000' },
            { operation: 'append', name: 'cleanup.policy', value: 'compact' },
          ],
        },
      ]);
      unwrap(changed[0]!.outcome);
      const after = await eventually('the new settings', async () => {
        const configs = await read();
        return configs.get('max.message.bytes')!.value === '2000000' ? configs : null;
      });
      expect(after.get('retention.ms')!.source).toBe('DEFAULT_CONFIG');
      expect(after.get('cleanup.policy')!.value).toBe('delete,compact');

      const [refused] = await incrementalAlterConfigs(cluster, [
        { resource, changes: [{ operation: 'set', name: 'no.such.setting', value: '1' }] },
      ]);
      expect(refused!.outcome).toMatchObject({
        ok: false,
        error: { detail: { kafkaError: 'INVALID_CONFIG' } },
      });
    });

    it('of brokers are asked of that broker, next to a topic that is not there', async () => {
      const results = await describeConfigs(
        cluster,
        [
          { type: 'broker', name: '1' },
          { type: 'topic', name: 'no-such-topic' },
        ],
        { names: ['node.id', 'log.dirs', 'retention.ms'] },
      );
      expect(unwrap(results[0]!.outcome).get('node.id')).toMatchObject({
        value: '1',
        source: 'STATIC_BROKER_CONFIG',
        isReadOnly: true,
      });
      expect(results[1]!.outcome).toMatchObject({ ok: false, error: { detail: { number: 3 } } });
    });
  });

  describe('offsets', () => {
    it('are listed by kind and by timestamp, and the log end is read on the leader', async () => {
      const topic = await newTopic({}, 2);
      await fill(topic, 5);
      const records = await kcatConsume({ bootstrap: region().bootstrap, topic, partition: 0 });
      const at = async (spec: 'earliest' | 'latest' | 'maxTimestamp' | bigint) =>
        unwrap((await listOffsets(cluster, [{ topic, partition: 0, at: spec }]))[0]!.outcome);
      expect((await at('earliest')).offset).toBe(0n);
      expect((await at('latest')).offset).toBe(5n);
      const newest = Math.max(...records.map(({ timestampMs }) => timestampMs));
      expect((await at('maxTimestamp')).timestamp).toBe(BigInt(newest));
      expect((await at(BigInt(newest))).offset).toBe(
        BigInt(records.find(({ timestampMs }) => timestampMs === newest)!.offset),
      );
      expect((await at(BigInt(newest) + 1n)).offset).toBe(-1n);

      const ends = await logEndOffsets(
        cluster,
        [
          { topic, partition: 0 },
          { topic, partition: 1 },
          { topic, partition: 7 },
        ],
        { timeoutMs: 1000 },
      );
      expect(
        ends.map(({ outcome }) => (outcome.ok ? outcome.value.logEndOffset : outcome.error.detail.number)),
      ).toEqual([5n, 0n, 3]);
      const [end] = await offsetsForLeaderEpoch(cluster, [{ topic, partition: 0, leaderEpoch: 0 }]);
      expect(unwrap(end!.outcome)).toEqual({ leaderEpoch: 0, endOffset: 5n });
    });
  });

  describe('records', () => {
    it('are deleted up to an offset; refused where only compaction is on', async () => {
      const topic = await newTopic();
      await fill(topic, 10);
      const [deleted] = await deleteRecords(cluster, [{ topic, partition: 0, beforeOffset: 4n }]);
      expect(unwrap(deleted!.outcome)).toEqual({ lowWatermark: 4n });
      const left = await kcatConsume({ bootstrap: region().bootstrap, topic, partition: 0 });
      expect(left.map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8, 9]);
      const [beyond] = await deleteRecords(cluster, [{ topic, partition: 0, beforeOffset: 400n }]);
      expect(beyond!.outcome).toMatchObject({
        ok: false,
        error: { detail: { kafkaError: 'OFFSET_OUT_OF_RANGE' } },
      });

      const compacted = await newTopic({ 'cleanup.policy': 'compact' });
      await fill(compacted, 2);
      const [refused] = await deleteRecords(cluster, [{ topic: compacted, partition: 0, beforeOffset: 1n }]);
      expect(refused!.outcome).toMatchObject({
        ok: false,
        error: { detail: { kafkaError: 'POLICY_VIOLATION', number: 44 } },
      });
    });
  });

  describe('groups', () => {
    it('are listed and described, and their offsets read, committed and deleted', async () => {
      const topic = await newTopic();
      await fill(topic, 6);
      const groupId = uniqueTopic('group');
      const committed = await commitGroupOffsets(cluster, groupId, [
        { topic, partition: 0, offset: 3n, metadata: 'note' },
      ]);
      expect(committed).toEqual([{ topic, partition: 0, outcome: { ok: true, value: undefined } }]);
      expect(await fetchGroupOffsets(cluster, groupId)).toEqual([
        {
          topic,
          partition: 0,
          outcome: { ok: true, value: { offset: 3n, leaderEpoch: -1, metadata: 'note' } },
        },
      ]);
      const some = await fetchGroupOffsets(cluster, groupId, {
        partitions: [{ topic, partition: 0 }],
        requireStable: true,
      });
      expect(some).toHaveLength(1);
      expect((await listGroups(cluster)).get(groupId)).toMatchObject({ groupId, state: 'Empty' });
      expect(unwrap((await describeGroups(cluster, [groupId])).get(groupId)!)).toMatchObject({
        state: 'Empty',
        members: [],
      });

      unwrap((await deleteGroups(cluster, [groupId])).get(groupId)!);
      expect((await deleteGroups(cluster, [groupId])).get(groupId)).toMatchObject({
        error: { detail: { number: 69 } },
      });
      expect(unwrap((await describeGroups(cluster, [groupId])).get(groupId)!).state).toBe('Dead');
      expect(await fetchGroupOffsets(cluster, groupId)).toEqual([]);
    });

    it('of an independent consumer are seen with their member while it lives', async () => {
      const topic = await newTopic();
      await fill(topic, 3);
      const watching = eventually('a group with a member', async () => {
        const ids = [...(await listGroups(cluster)).keys()].filter((groupId) => groupId.startsWith('test-'));
        const groups = [...(await describeGroups(cluster, ids)).values()].map(unwrap);
        return (
          groups.find(({ members }) =>
            members.some(({ clientId }) => clientId.startsWith('test-consumer')),
          ) ?? null
        );
      });
      const read = platformaticConsume({
        bootstrap: region().bootstrap,
        topic,
        count: 4,
        deadlineMs: 20_000,
      });
      const group = await watching;
      expect(group).toMatchObject({ type: 'classic', protocolType: 'consumer' });
      expect(group.members).toHaveLength(1);
      const busy = await deleteGroups(cluster, [group.groupId]);
      expect(busy.get(group.groupId)).toMatchObject({ error: { detail: { kafkaError: 'NON_EMPTY_GROUP' } } });
      await fill(topic, 1);
      expect(await read).toHaveLength(4);
    });
  });

  describe('producers and transactions', () => {
    it('an idempotent batch shows in the producer state', async () => {
      const topic = await newTopic();
      const { producerId, producerEpoch } = await allocateProducerId(cluster);
      expect(producerEpoch).toBe(0);
      await appendIdempotent(topic, producerId, producerEpoch);
      const [described] = await describeProducers(cluster, [{ topic, partition: 0 }]);
      const { producers, leaderId, leaderEpoch } = unwrap(described!.outcome);
      expect([leaderId, leaderEpoch]).toEqual([1, 0]);
      expect(producers).toMatchObject([
        {
          producerId,
          producerEpoch,
          lastSequence: 2,
          coordinatorEpoch: -1,
          currentTransactionStartOffset: -1n,
        },
      ]);
    });

    it('an empty transaction writes one marker', async () => {
      const topic = await newTopic();
      const transactionalId = uniqueTopic('txn');
      const producer = await initTransactions(cluster, transactionalId);
      await addPartitionsToTransaction(cluster, transactionalId, producer, [{ topic, partition: 0 }]);
      await endTransaction(cluster, transactionalId, producer, 'commit');
      await eventually(
        'the marker',
        async () => (await logEndOffset(cluster, { topic, partition: 0 })).logEndOffset === 1n,
      );
      await expect(
        addPartitionsToTransaction(cluster, transactionalId, producer, [
          { topic: 'no-such-topic', partition: 0 },
        ]),
      ).rejects.toMatchObject({ code: 'KAFKA_ERROR', detail: { number: 3 } });
      const again = await initTransactions(cluster, transactionalId);
      expect(again.producerId).toBe(producer.producerId);
      expect(again.producerEpoch).toBeGreaterThan(producer.producerEpoch);
      await expect(endTransaction(cluster, transactionalId, producer, 'abort')).rejects.toMatchObject({
        code: 'KAFKA_ERROR',
      });
    });

    it('markers written to a leader each take one offset that no consumer sees', async () => {
      const topic = await newTopic();
      const producerId = 2n ** 62n + 5n;
      await appendIdempotent(topic, producerId, 0);
      const connection = await cluster.openConnection(1, { purpose: 'markers' });
      const marker = {
        producerId,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        outcome: 'commit',
        partitions: [{ topic, partition: 0 }],
      } as const;
      const results = await writeTransactionMarkers(connection, [marker, marker]);
      // Two markers, one answer: they have the same producer id.
      expect(results).toEqual([{ producerId, topic, partition: 0, errorCode: 0 }]);
      expect((await logEndOffset(cluster, { topic, partition: 0 })).logEndOffset).toBe(5n);
      expect(await kcatConsume({ bootstrap: region().bootstrap, topic, partition: 0 })).toHaveLength(3);
      const [refused] = await writeTransactionMarkers(connection, [{ ...marker, coordinatorEpoch: -1 }]);
      expect(refused!.errorCode).toBe(52);
      connection.close();
    });

    async function appendIdempotent(topic: string, producerId: bigint, producerEpoch: number): Promise<void> {
      const timestamp = BigInt(Date.now());
      const records = encodeBatch(
        [0n, 1n, 2n].map((offset) => ({
          offset,
          timestamp,
          key: null,
          value: Buffer.from('x'),
          headers: [],
        })),
        { compression: 'none', producerId, producerEpoch, baseSequence: 0 },
      );
      const { topicId } = await cluster.leaderOf(topic, 0);
      const answer = await cluster.request(
        apis.Produce,
        (version) => ({
          acks: -1,
          timeoutMs: 10_000,
          topicData: [
            { ...(version >= 13 ? { topicId } : { name: topic }), partitionData: [{ index: 0, records }] },
          ],
        }),
        { to: { leaderOf: { topic, partition: 0 } }, retry: false },
      );
      expect(answer.responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0n });
    }
  });

  describe('the cluster', () => {
    it('describes itself, its features and our rights', async () => {
      const description = await describeCluster(cluster);
      expect(description).toMatchObject({
        clusterId: region().clusterId,
        controllerId: 1,
        brokers: [{ id: 1 }],
      });
      expect(description.authorizedOperations).toContain('ALTER_CONFIGS');
      expect(description.features.map(({ name: feature }) => feature)).toContain('metadata.version');
      expect(description.apiVersions.get(0)!.max).toBe(name === 'new' ? 13 : 11);
    });

    it('without an authorizer says so when asked for ACLs', async () => {
      await expect(describeAcls(cluster)).rejects.toMatchObject({
        detail: { kafkaError: 'SECURITY_DISABLED', number: 54 },
      });
    });
  });
});
