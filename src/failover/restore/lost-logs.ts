// Where the logs of a region that came back stand.
import {
  type Cluster,
  type ListedOffset,
  listOffsets,
  logEndOffsets,
  type TopicPartition,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { earlier } from '../../offsets.ts';
import type { LostLog } from './parting.ts';

/** How long replicas of a region that came back may take, ms. */
const inSyncMsMax = 30_000;

export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Where the lost logs stand, once all of each is on every in-sync replica: what is not can't be read, and so not saved.
 * @throws LockstepError KAFKA_ERROR, retriable, naming a partition whose replicas lack records.
 */
export async function lostLogs(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, LostLog>> {
  const logs = new Map<string, LostLog>();
  await cluster.retry(
    async () => {
      const open = partitions.filter((partition) => !logs.has(keyOf(partition)));
      if (open.length === 0) return;
      // In this order: the high watermark may have caught up with the end by then, never run ahead of it unseen.
      const starts = await offsetsOf(cluster, open, 'earliest', 'read_uncommitted');
      const ends = await logEndOffsets(cluster, open);
      const stable = await offsetsOf(cluster, open, 'latest', 'read_committed');
      const watermarks = await offsetsOf(cluster, open, 'latest', 'read_uncommitted');
      for (const [index, at] of open.entries()) {
        const logEnd = unwrap(ends[index]!.outcome).logEndOffset;
        if (watermarks[index]!.offset < logEnd) continue;
        const logStart = starts[index]!.offset;
        const lastStableOffset = earlier(stable[index]!.offset, logEnd);
        logs.set(keyOf(at), { ...{ partition: at.partition, logStart, logEnd }, lastStableOffset });
      }
      const missing = open.find((partition) => !logs.has(keyOf(partition)));
      if (missing === undefined) return;
      throw new LockstepError(
        'KAFKA_ERROR',
        `cluster ${cluster.name}: the end of ${missing.topic}-${missing.partition} is not on its in-sync replicas yet, and can't be read before; start the brokers that are missing, and try again`,
        { retriable: true },
      );
    },
    { timeoutMs: inSyncMsMax },
  );
  return logs;
}

export async function offsetsOf(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: 'earliest' | 'latest',
  isolationLevel: 'read_uncommitted' | 'read_committed',
): Promise<ListedOffset[]> {
  const queries = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
  return (await listOffsets(cluster, queries, { isolationLevel })).map(({ outcome }) => unwrap(outcome));
}
