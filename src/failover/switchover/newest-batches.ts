// The newest batches of many partitions, a request for each broker: on a quiet pair of regions both sides hold the same
// ones, which shows without reading a record.
import type { Cluster, TopicPartition } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { type Ask, askBatchHeaders, type TailHeader } from '../../mirror/index.ts';

/** A partition, and the end of its log. */
export interface EndedLog extends TopicPartition {
  readonly end: bigint;
}

/** In the order of the partitions; null where a log is empty, or did not tell. */
export async function newestBatches(
  cluster: Cluster,
  partitions: readonly EndedLog[],
): Promise<(TailHeader | null)[]> {
  const logs = await Promise.all(
    partitions.map(async ({ topic, partition, end }) => {
      const { topicId, leaderEpoch, leaderId } = await cluster.leaderOf(topic, partition);
      return { topic, topicId, partition, leaderEpoch, leader: leaderId, end };
    }),
  );
  const held = logs.filter(({ end }) => end > 0n);
  const answers = new Map<object, TailHeader | null | LockstepError>();
  await Promise.all(
    [...Map.groupBy(held, ({ leader }) => leader)].map(async ([broker, some]) => {
      const ask: Ask = (api, input) => cluster.request(api, input, { to: broker });
      for (const [log, answer] of await askBatchHeaders(ask, some, ({ end }) => end - 1n))
        answers.set(log, answer);
    }),
  );
  return logs.map((log) => {
    const answer = answers.get(log);
    return answer === undefined || answer instanceof LockstepError ? null : answer;
  });
}

/** Whether they hold the same records at the same offsets; false says only that it takes a closer look. */
export function isSameNewest(source: TailHeader | null, mirror: TailHeader | null, shift: bigint): boolean {
  if (source === null || mirror === null || source.recordCount === 0 || source.isControl) return false;
  return (
    source.baseOffset - shift === mirror.baseOffset &&
    source.lastOffset - shift === mirror.lastOffset &&
    source.recordCount === mirror.recordCount &&
    source.sizeBytes === mirror.sizeBytes &&
    source.normalisedChecksum === mirror.normalisedChecksum &&
    !mirror.isControl
  );
}
