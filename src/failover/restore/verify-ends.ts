// The ends of what was restored, compared with the new primary's.
import { describeTopics, unwrap } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { earlier, later } from '../../offsets.ts';
import { Slots } from '../../slots.ts';
import { clusterLogs, Span } from '../../verify/index.ts';
import type { RestoreGround } from './ground.ts';
import { reading } from './reading.ts';

/** How many offsets at the end of each restored log are compared with the new primary's. */
const comparedOffsets = 10_000n;
const comparedAtOnceMax = 4;

/**
 * Compares the ends of what was restored.
 * @returns how many records were compared.
 * @throws LockstepError KAFKA_ERROR naming the first partition that differs.
 */
export async function verifyEnds(
  { home, lost }: RestoreGround,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<bigint> {
  const [homeLogs, lostLogs] = [clusterLogs(home.cluster), clusterLogs(lost.cluster)];
  const described = await describeTopics(home.cluster, topics);
  const slots = new Slots(comparedAtOnceMax);
  try {
    const partitions = topics.flatMap((topic) =>
      unwrap(described.get(topic)!).partitions.map((_, partition) => ({ topic, partition })),
    );
    const compared = partitions.map(({ topic, partition }) =>
      slots.use(async () => {
        signal.throwIfAborted();
        const source = homeLogs.partitionLog(topic, partition);
        const destination = lostLogs.partitionLog(topic, partition);
        const [from, to] = [await source.offsets(signal), await destination.offsets(signal)];
        const end = earlier(to.highWatermark, from.lastStableOffset);
        const start = [end - comparedOffsets, from.logStartOffset, to.logStartOffset].reduce(later);
        const span = new Span({ start, end: later(start, end) }, { source, destination, signal });
        await reading(`${topic}-${partition}`, () => span.run());
        if (span.difference === null) return span.compared.records;
        throw new LockstepError(
          'KAFKA_ERROR',
          `${topic}-${partition} differs between ${home.name} and ${lost.name} at offset ${span.difference.offset} (${span.difference.kind}); see lockstep verify`,
        );
      }),
    );
    return (await Promise.all(compared)).reduce((sum, records) => sum + records, 0n);
  } finally {
    homeLogs.close();
    lostLogs.close();
  }
}
