// Cutting the start of a log off (DeleteRecords, KIP-107). What is below the offset is gone for consumers at
// once. Refused with POLICY_VIOLATION (44) where cleanup.policy has no `delete`.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { groupByTopic, type PartitionOutcome, perLeader, type TopicPartition } from './per-leader.ts';

export interface RecordsToDelete extends TopicPartition {
  /** The new log start offset; -1 for the high watermark. */
  readonly beforeOffset: bigint;
}

/** The share of our own time-out that a leader may spend waiting for its followers to cut too. */
const followersShare = 0.7;

/** One outcome per partition, in their order. */
export function deleteRecords<Item extends RecordsToDelete>(
  cluster: Cluster,
  items: readonly Item[],
  options: { timeoutMs?: number } = {},
): Promise<PartitionOutcome<Item, { lowWatermark: bigint }>[]> {
  const perLeaderOptions = { what: 'deleting records of', operation: 'Delete', ...options } as const;
  return perLeader(cluster, items, perLeaderOptions, async (connection, led, timeoutMs) => {
    const topics = Array.from(groupByTopic(led.map(({ item }) => item)), ([name, group]) => ({
      name,
      partitions: group.map(({ partition, beforeOffset }) => ({
        partitionIndex: partition,
        offset: beforeOffset,
      })),
    }));
    const input = { topics, timeoutMs: Math.ceil(timeoutMs * followersShare) };
    const answer = await connection.send(apis.DeleteRecords, input, { timeoutMs });
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, lowWatermark }) => ({
        topic: name,
        partition: partitionIndex,
        errorCode,
        value: { lowWatermark },
      })),
    );
  });
}
