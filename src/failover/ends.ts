// Where both logs of each moved partition end, asked of all at once.
import { type Cluster, listOffsets, logEndOffsets, type TopicPartition, unwrap } from '../client/index.ts';
import type { MirrorRecord } from '../control/index.ts';

/** The ends of one log at its leader. */
export interface LogEnds {
  readonly logEnd: bigint;
  readonly highWatermark: bigint;
  readonly lastStable: bigint;
}

/** By `topic/partition`, named as in that cluster. */
export type EndsByPartition = ReadonlyMap<string, LogEnds>;

const questionTimeoutMs = 5_000;

/** @throws LockstepError of the first partition whose leader does not answer. */
export async function endsOf(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<EndsByPartition> {
  const latest = partitions.map((at) => ({ ...at, at: 'latest' as const }));
  const options = { timeoutMs: questionTimeoutMs };
  const [logEnds, highWatermarks, lastStable] = await Promise.all([
    logEndOffsets(cluster, partitions, options),
    listOffsets(cluster, latest, options),
    listOffsets(cluster, latest, { ...options, isolationLevel: 'read_committed' }),
  ]);
  return new Map(
    partitions.map(({ topic, partition }, index) => [
      `${topic}/${partition}`,
      {
        logEnd: unwrap(logEnds[index]!.outcome).logEndOffset,
        highWatermark: unwrap(highWatermarks[index]!.outcome).offset,
        lastStable: unwrap(lastStable[index]!.outcome).offset,
      },
    ]),
  );
}

/** Every partition of the mirrors, named as at the source or as at the destination. */
export function partitionsOf(
  mirrors: readonly MirrorRecord[],
  side: 'sourceTopic' | 'mirrorTopic',
): TopicPartition[] {
  return mirrors.flatMap((mirror) =>
    Array.from({ length: mirror.partitionCount }, (_none, partition) => ({ topic: mirror[side], partition })),
  );
}

/** Partitions whose log has grown between two looks. */
export function grown(before: EndsByPartition, now: EndsByPartition): Map<string, bigint> {
  const grew = new Map<string, bigint>();
  for (const [name, { logEnd }] of now) {
    const former = before.get(name);
    if (former !== undefined && logEnd !== former.logEnd) grew.set(name, logEnd - former.logEnd);
  }
  return grew;
}
