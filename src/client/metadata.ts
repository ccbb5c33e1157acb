// What a cluster says of itself: brokers, topics, leaders. Pure: a response goes in, a new picture comes out.
//
// Brokers learn of changes one after another, so an answer may be older than what we know. The leader epoch
// decides: for the same topic id a newer epoch wins and an older one never replaces it (KIP-320). Another
// topic id is another topic, whatever its epochs (KIP-516).
import { isDeepStrictEqual } from 'node:util';
import { type MetadataResponse, zeroUuid } from '../protocol/index.ts';

export interface BrokerNode {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface PartitionMetadata {
  readonly partition: number;
  /** -1 while there is none. */
  readonly leaderId: number;
  /** -1 where the broker does not say. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
  /** Kafka's error number for this partition, 0 for none. */
  readonly errorCode: number;
}

export interface TopicMetadata {
  readonly name: string;
  /** The zero id where the brokers don't know topic ids (before Kafka 2.8). */
  readonly topicId: string;
  readonly isInternal: boolean;
  /** In the order of their numbers. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface ClusterMetadata {
  readonly clusterId: string | null;
  /** A broker that takes controller requests (under KRaft any broker does); null when unknown. */
  readonly controllerId: number | null;
  readonly brokers: ReadonlyMap<number, BrokerNode>;
  readonly topics: ReadonlyMap<string, TopicMetadata>;
  /** Topics that were asked for and can't be described: Kafka's error number by name. */
  readonly topicErrors: ReadonlyMap<string, number>;
}

/** A topic that lives under its name with another id: deleted and created again. */
export interface TopicIdChange {
  readonly topic: string;
  readonly from: string;
  readonly to: string;
}

export const emptyMetadata: ClusterMetadata = {
  clusterId: null,
  controllerId: null,
  brokers: new Map(),
  topics: new Map(),
  topicErrors: new Map(),
};

/** Errors that say the topic is not there (any more). */
const unknownTopicErrors: ReadonlySet<number> = new Set([3, 100]);

/**
 * The picture after one more answer. With `all`, topics that the answer does not name are gone. What says the same as before
 * stays the same object, down to the whole picture: whoever is given that has nothing to follow.
 */
export function mergeMetadata(
  known: ClusterMetadata,
  answer: MetadataResponse,
  all: boolean,
): { metadata: ClusterMetadata; topicIdChanges: TopicIdChange[] } {
  const topics = all ? new Map<string, TopicMetadata>() : new Map(known.topics);
  const topicErrors = all ? new Map<string, number>() : new Map(known.topicErrors);
  const topicIdChanges: TopicIdChange[] = [];
  for (const entry of answer.topics) {
    const name = entry.name;
    if (name === null) continue;
    const before = known.topics.get(name);
    if (entry.errorCode !== 0) {
      topicErrors.set(name, entry.errorCode);
      if (unknownTopicErrors.has(entry.errorCode)) topics.delete(name);
      else if (before !== undefined) topics.set(name, before);
      continue;
    }
    topicErrors.delete(name);
    const topic = mergeTopic(name, entry, before);
    if (before !== undefined && isOtherTopic(before.topicId, topic.topicId))
      topicIdChanges.push({ topic: name, from: before.topicId, to: topic.topicId });
    topics.set(name, topic);
  }
  const brokers = new Map<number, BrokerNode>();
  for (const { nodeId, host, port, rack } of answer.brokers)
    brokers.set(nodeId, { id: nodeId, host, port, rack });
  const controllerId = answer.controllerId >= 0 ? answer.controllerId : null;
  const clusterId = answer.clusterId ?? known.clusterId;
  const isSame =
    clusterId === known.clusterId &&
    controllerId === known.controllerId &&
    isDeepStrictEqual(brokers, known.brokers) &&
    haveSameValues(topics, known.topics) &&
    haveSameValues(topicErrors, known.topicErrors);
  const metadata = isSame ? known : { clusterId, controllerId, brokers, topics, topicErrors };
  return { metadata, topicIdChanges };
}

function haveSameValues<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  return a.size === b.size && a.entries().every(([name, value]) => b.has(name) && b.get(name) === value);
}

type TopicEntry = MetadataResponse['topics'][number];

function mergeTopic(name: string, entry: TopicEntry, before: TopicMetadata | undefined): TopicMetadata {
  const sameTopic = before !== undefined && !isOtherTopic(before.topicId, entry.topicId);
  const partitions = entry.partitions.map((partition) => {
    const now: PartitionMetadata = {
      partition: partition.partitionIndex,
      leaderId: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
      offlineReplicas: partition.offlineReplicas,
      errorCode: partition.errorCode,
    };
    const old = sameTopic ? partitionOf(before, now.partition) : undefined;
    if (old === undefined) return now;
    const isOutdated = now.leaderEpoch >= 0 && old.leaderEpoch > now.leaderEpoch;
    return isOutdated || isSamePartition(now, old) ? old : now;
  });
  partitions.sort((a, b) => a.partition - b.partition);
  const isSame =
    before?.topicId === entry.topicId &&
    before.isInternal === entry.isInternal &&
    before.partitions.length === partitions.length &&
    partitions.every((partition, index) => partition === before.partitions[index]);
  return isSame ? before : { name, topicId: entry.topicId, isInternal: entry.isInternal, partitions };
}

function isSamePartition(a: PartitionMetadata, b: PartitionMetadata): boolean {
  return (
    a.leaderId === b.leaderId &&
    a.leaderEpoch === b.leaderEpoch &&
    a.errorCode === b.errorCode &&
    haveSameNumbers(a.replicas, b.replicas) &&
    haveSameNumbers(a.isr, b.isr) &&
    haveSameNumbers(a.offlineReplicas, b.offlineReplicas)
  );
}

function haveSameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, index) => number === b[index]);
}

/** The picture after a broker told of a new leader in a Produce or Fetch answer (KIP-951). */
export function mergeLeader(
  known: ClusterMetadata,
  topicName: string,
  partition: number,
  leader: { leaderId: number; leaderEpoch: number },
): ClusterMetadata {
  const topic = known.topics.get(topicName);
  const old = topic === undefined ? undefined : partitionOf(topic, partition);
  if (topic === undefined || old === undefined || leader.leaderEpoch <= old.leaderEpoch) return known;
  const partitions = topic.partitions.map((entry) =>
    entry === old ? { ...old, ...leader, errorCode: 0 } : entry,
  );
  return { ...known, topics: new Map(known.topics).set(topicName, { ...topic, partitions }) };
}

export function partitionOf(topic: TopicMetadata, partition: number): PartitionMetadata | undefined {
  const atIndex = topic.partitions[partition];
  return atIndex?.partition === partition
    ? atIndex
    : topic.partitions.find((entry) => entry.partition === partition);
}

function isOtherTopic(before: string, now: string): boolean {
  return before !== now && before !== zeroUuid && now !== zeroUuid;
}
