// Producer state of partitions (DescribeProducers, KIP-664): which producer ids wrote, their epoch and last
// sequence. Followers answer this too, without an error and out of date; so the leader is asked, and an answer
// says in which leader epoch it was given. Believe it only when the epoch is the same before and after.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { groupByTopic, type PartitionOutcome, perLeader, type TopicPartition } from './per-leader.ts';

export interface ProducerState {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** -1 when it wrote no data in this epoch. */
  readonly lastSequence: number;
  /** Of its newest batch, ms. */
  readonly lastTimestamp: bigint;
  /** -1 when no transaction marker was written for it. */
  readonly coordinatorEpoch: number;
  /** Where its open transaction starts; -1 when none is open. */
  readonly currentTransactionStartOffset: bigint;
}

export interface DescribedProducers {
  readonly producers: readonly ProducerState[];
  /** Who was asked, by the metadata that we had then. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** One outcome per partition, in their order. */
export function describeProducers<Item extends TopicPartition>(
  cluster: Cluster,
  items: readonly Item[],
  options: { timeoutMs?: number } = {},
): Promise<PartitionOutcome<Item, DescribedProducers>[]> {
  const perLeaderOptions = { what: 'describing producers of', operation: 'Read', ...options } as const;
  return perLeader(cluster, items, perLeaderOptions, async (connection, led, timeoutMs) => {
    const leaders = new Map(led.map((entry) => [`${entry.item.topic}-${entry.item.partition}`, entry]));
    const topics = Array.from(groupByTopic(led.map(({ item }) => item)), ([name, group]) => ({
      name,
      partitionIndexes: group.map(({ partition }) => partition),
    }));
    const answer = await connection.send(apis.DescribeProducers, { topics }, { timeoutMs });
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, errorMessage, activeProducers }) => ({
        topic: name,
        partition: partitionIndex,
        errorCode,
        errorMessage,
        value: {
          producers: activeProducers.map((producer) => ({
            producerId: producer.producerId,
            producerEpoch: producer.producerEpoch,
            lastSequence: producer.lastSequence,
            lastTimestamp: producer.lastTimestamp,
            coordinatorEpoch: producer.coordinatorEpoch,
            currentTransactionStartOffset: producer.currentTxnStartOffset,
          })),
          leaderId: leaders.get(`${name}-${partitionIndex}`)?.leaderId ?? -1,
          leaderEpoch: leaders.get(`${name}-${partitionIndex}`)?.leaderEpoch ?? -1,
        },
      })),
    );
  });
}
