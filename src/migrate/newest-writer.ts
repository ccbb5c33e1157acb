// Who wrote the newest batch of a partition, as far as its producer id tells.
import type { Cluster, TopicPartition } from '../client/index.ts';
import { closingEpoch, isLockstepProducerId } from '../mirror/index.ts';
import { logsOf, type ReadLogs } from './seen-records.ts';

/** `closed`: the marker that ends a life of a mirror; `nobody`: nothing was ever written. */
export type Writer = 'lockstep' | 'closed' | 'others' | 'nobody';

export async function newestWriter(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
  signal?: AbortSignal,
): Promise<Writer> {
  const logs = logsOf(cluster);
  try {
    return await writerIn(logs.of(topic, partition), signal);
  } finally {
    logs.close();
  }
}

export async function writerIn({ uncommitted }: ReadLogs, signal?: AbortSignal): Promise<Writer> {
  const { logStartOffset, highWatermark } = await uncommitted.offsets(signal);
  if (highWatermark === 0n) return 'nobody';
  // What was there is gone: who wrote it is not to be seen.
  if (highWatermark === logStartOffset) return 'others';
  const fetched = await uncommitted.fetch(highWatermark - 1n, signal);
  try {
    const last = fetched.batches.at(-1)?.view;
    if (last === undefined || last.magic !== 2 || !isLockstepProducerId(last.producerId)) return 'others';
    return last.producerEpoch === closingEpoch ? 'closed' : 'lockstep';
  } finally {
    fetched.release();
  }
}
