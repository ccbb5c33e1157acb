// Offsets of partitions, asked of their leaders.
//
// ListOffsets "latest" answers a client with the high watermark (or the last stable offset), not the log end:
// with a follower down it said 10 where the leader had 30. Who needs the log end, and a mirror does before each
// append that it is not sure of, asks OffsetForLeaderEpoch for the current leader epoch: only the leader
// answers that, and it answers with its log end.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { unwrap } from './outcome.ts';
import { groupByTopic, type PartitionOutcome, perLeader, type TopicPartition } from './per-leader.ts';

/** `latest`: the high watermark, or the last stable offset with read_committed. A bigint: the first offset whose timestamp is that or later, ms. */
export type OffsetSpec = 'earliest' | 'latest' | 'maxTimestamp' | bigint;

/** Kafka's ListOffsetsRequest constants. */
const timestamps = { latest: -1n, earliest: -2n, maxTimestamp: -3n } as const;
/** max timestamp came with version 7 (KIP-734, Kafka 3.0). */
const maxTimestampSinceVersion = 7;
const consumerReplicaId = -1;

export interface OffsetQuery extends TopicPartition {
  readonly at: OffsetSpec;
}

export interface ListedOffset {
  /** -1 when no record matches. */
  readonly offset: bigint;
  /** Of that record, ms; -1 where Kafka does not tell. */
  readonly timestamp: bigint;
  /** -1 where unknown. */
  readonly leaderEpoch: number;
}

export interface ListOffsetsOptions {
  /** Default read_uncommitted. */
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed';
  readonly timeoutMs?: number;
}

/** One outcome per query, in their order. A partition may be asked about once per call. */
export function listOffsets<Query extends OffsetQuery>(
  cluster: Cluster,
  queries: readonly Query[],
  options: ListOffsetsOptions = {},
): Promise<PartitionOutcome<Query, ListedOffset>[]> {
  const wantsMaxTimestamp = queries.some(({ at }) => at === 'maxTimestamp');
  return perLeader(
    cluster,
    queries,
    perLeaderOptions('listing offsets of', options),
    async (connection, led, timeoutMs) => {
      const topics = Array.from(
        groupByTopic(led.map((entry) => ({ ...entry.item, entry }))),
        ([name, items]) => ({
          name,
          partitions: items.map(({ partition, at, entry }) => ({
            partitionIndex: partition,
            currentLeaderEpoch: entry.leaderEpoch,
            timestamp: typeof at === 'bigint' ? at : timestamps[at],
          })),
        }),
      );
      const answer = await connection.send(
        apis.ListOffsets,
        {
          replicaId: consumerReplicaId,
          isolationLevel: options.isolationLevel === 'read_committed' ? 1 : 0,
          topics,
          // What is left of a deadline is no whole number, and the field is one.
          timeoutMs: Math.ceil(timeoutMs),
        },
        { timeoutMs, ...(wantsMaxTimestamp ? { versionMin: maxTimestampSinceVersion } : {}) },
      );
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode, offset, timestamp, leaderEpoch }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode,
          value: { offset, timestamp, leaderEpoch },
        })),
      );
    },
  );
}

export interface LogEnd {
  /** The offset that the next record gets. */
  readonly logEndOffset: bigint;
  /** Who said so, and in which leader epoch: the answer stands for that epoch only. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** The log end of partitions, read on their leaders for the current leader epoch. */
export function logEndOffsets<Item extends TopicPartition>(
  cluster: Cluster,
  items: readonly Item[],
  options: { timeoutMs?: number } = {},
): Promise<PartitionOutcome<Item, LogEnd>[]> {
  return perLeader(
    cluster,
    items,
    perLeaderOptions('reading the log end of', options),
    async (connection, led, timeoutMs) => {
      const epochs = new Map(
        led.map(({ item, leaderId, leaderEpoch }) => [
          `${item.topic}-${item.partition}`,
          { leaderId, leaderEpoch },
        ]),
      );
      const topics = Array.from(
        groupByTopic(led.map((entry) => ({ ...entry.item, entry }))),
        ([topic, items]) => ({
          topic,
          partitions: items.map(({ partition, entry }) => ({
            partition,
            currentLeaderEpoch: entry.leaderEpoch,
            leaderEpoch: entry.leaderEpoch,
          })),
        }),
      );
      const answer = await connection.send(
        apis.OffsetForLeaderEpoch,
        { replicaId: consumerReplicaId, topics },
        { timeoutMs },
      );
      return answer.topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, errorCode, endOffset, leaderEpoch }) => {
          const asked = epochs.get(`${topic}-${partition}`);
          // The leader knows its own epoch's end. Another epoch, or none, means that we asked in between.
          const isAnswer = asked !== undefined && leaderEpoch === asked.leaderEpoch && endOffset >= 0n;
          return {
            topic,
            partition,
            errorCode: errorCode === 0 && !isAnswer ? unknownLeaderEpoch : errorCode,
            value: { logEndOffset: endOffset, leaderId: asked?.leaderId ?? -1, leaderEpoch },
          };
        }),
      );
    },
  );
}

/** UNKNOWN_LEADER_EPOCH: retriable, and the metadata is looked up again. */
const unknownLeaderEpoch = 75;

/** The log end of one partition. @throws LockstepError KAFKA_ERROR, NOT_AUTHORIZED, CLUSTER_UNREACHABLE ... */
export async function logEndOffset(
  cluster: Cluster,
  item: TopicPartition,
  options: { timeoutMs?: number } = {},
): Promise<LogEnd> {
  return unwrap((await logEndOffsets(cluster, [item], options))[0]!.outcome);
}

export interface EpochEndQuery extends TopicPartition {
  /** The epoch whose end is asked for. */
  readonly leaderEpoch: number;
}

/** Where leader epochs ended (KIP-101, KIP-320): the largest epoch not above the asked one, and its end offset. */
export function offsetsForLeaderEpoch<Query extends EpochEndQuery>(
  cluster: Cluster,
  queries: readonly Query[],
  options: { timeoutMs?: number } = {},
): Promise<PartitionOutcome<Query, { leaderEpoch: number; endOffset: bigint }>[]> {
  return perLeader(
    cluster,
    queries,
    perLeaderOptions('reading the epoch end of', options),
    async (connection, led, timeoutMs) => {
      const topics = Array.from(
        groupByTopic(led.map((entry) => ({ ...entry.item, entry }))),
        ([topic, items]) => ({
          topic,
          partitions: items.map(({ partition, leaderEpoch, entry }) => ({
            partition,
            currentLeaderEpoch: entry.leaderEpoch,
            leaderEpoch,
          })),
        }),
      );
      const answer = await connection.send(
        apis.OffsetForLeaderEpoch,
        { replicaId: consumerReplicaId, topics },
        { timeoutMs },
      );
      return answer.topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, errorCode, endOffset, leaderEpoch }) => ({
          topic,
          partition,
          errorCode,
          value: { leaderEpoch, endOffset },
        })),
      );
    },
  );
}

function perLeaderOptions(what: string, options: { timeoutMs?: number }) {
  return {
    what,
    operation: 'Describe',
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  } as const;
}
