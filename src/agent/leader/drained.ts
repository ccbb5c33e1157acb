// Whether a mirror has everything that its source has, and whether the source is still written to.
import { type Cluster, listOffsets, logEndOffsets, type TopicPartition, unwrap } from '../../client/index.ts';
import type { MirrorRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { formatCount } from '../../units.ts';

/** One partition on both sides; source offsets are the mirror's (shift taken off). */
export interface Ends {
  readonly partition: number;
  /** By how much the source's own offsets are higher. */
  readonly shift: bigint;
  readonly sourceHighWatermark: bigint;
  readonly sourceLastStable: bigint;
  readonly mirrorLogEnd: bigint;
  readonly mirrorHighWatermark: bigint;
}

export interface DrainLook {
  readonly atMs: number;
  readonly ends: readonly Ends[];
  /** The source topic as it is now, and as the mirror knows it. */
  readonly source: SourceTopic;
  readonly mirrored: SourceTopic;
}

export interface SourceTopic {
  readonly topicId: string;
  readonly partitionCount: number;
}

/** Whether the source's topic is the one that was mirrored: its offsets say nothing otherwise. */
export function isSameSource({ source, mirrored }: DrainLook): boolean {
  return source.topicId === mirrored.topicId;
}

/** Producers count as stopped when the source's ends have stood still for so long, ms. */
export const quietMs = 1_000;
const questionTimeoutMs = 5_000;

/** @throws LockstepError when a leader of either side does not answer. */
export async function lookAtEnds(
  mirror: MirrorRecord,
  clusters: {
    source: Cluster;
    destination: Cluster;
    shiftOf: (partition: number) => bigint;
    nowMs: () => number;
  },
): Promise<DrainLook> {
  const { source, destination, shiftOf, nowMs } = clusters;
  const partitions = Array.from({ length: mirror.partitionCount }, (_, partition) => partition);
  const at = (topic: string): TopicPartition[] => partitions.map((partition) => ({ topic, partition }));
  const latest = (topic: string) => at(topic).map((partition) => ({ ...partition, at: 'latest' as const }));
  const options = { timeoutMs: questionTimeoutMs };
  const [highWatermarks, lastStable, logEnds, mirrored] = await Promise.all([
    listOffsets(source, latest(mirror.sourceTopic), options),
    listOffsets(source, latest(mirror.sourceTopic), { ...options, isolationLevel: 'read_committed' }),
    logEndOffsets(destination, at(mirror.mirrorTopic), options),
    listOffsets(destination, latest(mirror.mirrorTopic), options),
  ]);
  const ends = partitions.map((partition) => ({
    partition,
    shift: shiftOf(partition),
    sourceHighWatermark: unwrap(highWatermarks[partition]!.outcome).offset - shiftOf(partition),
    sourceLastStable: unwrap(lastStable[partition]!.outcome).offset - shiftOf(partition),
    mirrorLogEnd: unwrap(logEnds[partition]!.outcome).logEndOffset,
    mirrorHighWatermark: unwrap(mirrored[partition]!.outcome).offset,
  }));
  // Only of a source that answers: this question has no time-out of its own.
  const { topics } = await source.metadata({ topics: [mirror.sourceTopic] });
  const topic = topics.get(mirror.sourceTopic);
  return {
    atMs: nowMs(),
    ends,
    source: { topicId: topic?.topicId ?? '', partitionCount: topic?.partitions.length ?? 0 },
    mirrored: { topicId: mirror.sourceTopicId, partitionCount: mirror.partitionCount },
  };
}

/**
 * A look in the place of our own first one: whoever asked for the promotion has watched the source before, and saw it
 * stand still. Where it has moved on since, that counts as written. Null: nobody has.
 */
export function stoodStill({ promotion }: MirrorRecord, now: DrainLook): DrainLook | null {
  const stood = promotion?.stoodStill;
  if (stood === undefined || stood.length !== now.ends.length) return null;
  // By how much the mirror's offsets are lower is in the look already.
  const ends = now.ends.map((each, index) => ({
    ...each,
    sourceHighWatermark: BigInt(stood[index]!) - each.shift,
  }));
  return { ...now, atMs: now.atMs - quietMs, ends };
}

/** Null when the mirror is drained; else what is waited for. `before`: a look at least `quietMs` older, or null. */
export function notDrained(look: DrainLook, before: DrainLook | null): string | null {
  const { source, mirrored } = look;
  if (!isSameSource(look)) return 'the source topic was created again and is another one now';
  if (source.partitionCount > mirrored.partitionCount)
    return `the source has ${source.partitionCount} partitions and the mirror ${mirrored.partitionCount} until now`;
  const lag = look.ends.reduce((sum, each) => sum + positive(each.sourceLastStable - each.mirrorLogEnd), 0n);
  const open = look.ends.filter((each) => each.sourceLastStable < each.sourceHighWatermark);
  const unreplicated = look.ends.filter((each) => each.mirrorHighWatermark < each.mirrorLogEnd);
  if (before === null || look.atMs - before.atMs < quietMs || before.ends.length !== look.ends.length)
    return 'looking whether writes have stopped';
  const written = look.ends.reduce(
    (sum, each, index) => sum + positive(each.sourceHighWatermark - before.ends[index]!.sourceHighWatermark),
    0n,
  );
  if (written > 0n) {
    const seconds = (look.atMs - before.atMs) / 1_000;
    return `writes go on: ${formatCount(written)} offsets in ${seconds.toFixed(1)} s; stop the producers`;
  }
  if (open.length > 0) return `a transaction is open at the source on partition ${names(open)}`;
  if (lag > 0n) return `the mirror lags by ${formatCount(lag)} offsets`;
  if (unreplicated.length > 0) return `replicas of the mirror are behind on partition ${names(unreplicated)}`;
  return null;
}

function positive(value: bigint): bigint {
  return value > 0n ? value : 0n;
}

function names(ends: readonly Ends[]): string {
  const shown = ends.slice(0, 5).map(({ partition }) => partition);
  return ends.length > shown.length
    ? `${shown.join(', ')} and ${ends.length - shown.length} more`
    : shown.join(', ');
}

/** For errors that are none of ours. */
export function messageOf(error: unknown): string {
  if (error instanceof LockstepError) return error.message;
  throw error;
}
