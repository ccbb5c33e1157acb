// What becomes of one source batch: an ordered list of steps that put exactly the same offsets into the mirror, or a
// named reason why that can't be done. A wrong copy is never an option.
//
//   source   │ data 0-4 │   gap   │ data 8-9 │ marker 10 │ aborted 11-13 │ marker 14 │ data 15 │
//   steps    │ data     │ hole 3  │ data     │ hole 5                                │ data    │
//
// A gap is proven by the batch behind it: it came first in an answer that was asked from the gap's first offset, or
// behind its neighbour in one answer. An empty answer proves nothing.
import type { ObstacleKind } from './state.ts';

/** The header fields of a batch that decide; `LeasedBatch` of the shell has them all. */
export interface SourceBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly magic: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  /** Data of a transaction that was aborted. */
  readonly isAborted: boolean;
  /** As the attributes have it; 0: not compressed. */
  readonly codec: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly partitionLeaderEpoch: number;
  /** -1: written by no idempotent producer. */
  readonly producerId: bigint;
}

/** A batch of the source on its way: the header that the machine judges, and a handle for the shell. */
export interface FetchedBatch extends SourceBatch {
  /** It was put together of several batches of the source, as `mergeWith` does; default: it was not. */
  readonly isMerged?: boolean;
  /** Gives the memory behind the batch back; called exactly once for each batch that was handed in or made. */
  release(): void;
  /**
   * The records from `from` on as batches without gaps and with timestamps of type CreateTime, which is all that a
   * broker accepts from a client: those of the first `runsMax` stretches, and fewer batches only where nothing is left.
   * Each has memory of its own; this batch stays held.
   * @throws when the records can't be read.
   */
  reshape(from: bigint, runsMax: number): readonly this[];
  /**
   * This batch and its neighbours, of the same codec, as one with memory of its own; the originals stay held. Compressed
   * ones that would be too large when they are read are left out, with all behind them. Null where nothing is left.
   * @throws when the records can’t be read, or the first is too large alone.
   */
  mergeWith(next: readonly this[]): this | null;
  /**
   * The records of this batch and its neighbours, of the same codec, from `from` on, with copies of each in the gap before
   * it: one batch with memory of its own, which begins at `from`, also where that lies before this batch. It takes at most
   * `bytesMax` in bytes, and less where memory is short, so that it may end anywhere; one record is in it in any case. Null
   * where no record is left.
   * @throws when the records can't be read.
   */
  withoutGaps(from: bigint, next: readonly this[], bytesMax: number): this | null;
}

/** One thing to do at the mirror's end. */
export type Step<B> =
  /** There may be gaps in it, and with copies in gaps before it: filling-gaps.ts fills them when its turn comes. */
  | { readonly kind: 'data'; readonly batch: B }
  /** Offsets up to `end` that hold nothing for consumers: one marker each. */
  | { readonly kind: 'hole'; readonly end: bigint };

/** Where the mirror has to stop, and why. */
export interface Obstacle {
  readonly kind: ObstacleKind;
  /** The first offset that can't be copied. */
  readonly offset: bigint;
  /** One clause for people. */
  readonly reason: string;
}

export interface Plan<B> {
  readonly steps: readonly Step<B>[];
  /** Offsets below are planned. */
  readonly plannedEnd: bigint;
}

/** What a gap that compaction left becomes. */
export type GapFilling = 'markers' | 'copies';

/** `'behind'`: the mirror has it already. */
export type BatchVerdict<B> = Plan<B> | Obstacle | 'behind';

/**
 * Plans the next source batch of a partition that is planned up to `from`. The steps own the batch afterwards, or what
 * was made of it; when no step has it, the caller gives it back (`isHeldBy`).
 * The order of the checks matters: fields of old formats are not where v2 has them.
 * @throws what `reshape` throws.
 */
export function planBatch<B extends FetchedBatch>(batch: B, from: bigint, gaps: GapFilling): BatchVerdict<B> {
  if (batch.magic !== 2) {
    const reason = `the batch has record format v${batch.magic}; only v2 is copied`;
    return { kind: 'OldRecordFormat', offset: from, reason };
  }
  if (batch.lastOffset < from) return 'behind';
  const plannedEnd = batch.lastOffset + 1n;
  // A gap before it holds no record that could be copied behind it.
  if (batch.isControl || batch.isAborted) return { steps: [{ kind: 'hole', end: plannedEnd }], plannedEnd };
  if (gaps === 'copies') {
    // What the cleaner emptied is a part of the gap before the next record.
    return { steps: batch.recordCount === 0 ? [] : [{ kind: 'data', batch }], plannedEnd };
  }
  const isWhole = batch.baseOffset >= from && (isAppendable(batch) || hasGaps(batch));
  const before: Step<B>[] = batch.baseOffset > from ? [{ kind: 'hole', end: batch.baseOffset }] : [];
  // Of one with gaps steps for its stretches are made when its turn comes: there may be thousands.
  if (isWhole && batch.recordCount > 0) return { steps: [...before, { kind: 'data', batch }], plannedEnd };
  return { steps: stretchesOf(batch, from), plannedEnd };
}

/**
 * So many stretches of a batch are made at once: a megabyte that is compressed well can hold a million, each of which takes
 * half a kilobyte of heap beside its bytes. Each keeps its partition busy for a round trip or two.
 */
export const stretchesMax = 256;

/**
 * The neighbouring records of a batch from `from` on, as batches that brokers take, and holes between and behind them.
 * Where there are more, the last step is the batch itself, for the rest.
 * @throws what `reshape` throws.
 */
export function stretchesOf<B extends FetchedBatch>(batch: B, from: bigint): Step<B>[] {
  const steps: Step<B>[] = [];
  let end = from;
  const pieces = batch.reshape(from, stretchesMax);
  for (const piece of pieces) {
    if (piece.baseOffset > end) steps.push({ kind: 'hole', end: piece.baseOffset });
    steps.push({ kind: 'data', batch: piece });
    end = piece.lastOffset + 1n;
  }
  if (batch.lastOffset < end) return steps;
  if (pieces.length >= stretchesMax) steps.push({ kind: 'data', batch });
  else steps.push({ kind: 'hole', end: batch.lastOffset + 1n });
  return steps;
}

/** Whether one of the steps holds this very batch. */
export function isHeldBy<B>(steps: readonly Step<B>[], batch: B): boolean {
  return steps.some((step) => step.kind === 'data' && step.batch === batch);
}

/** Whether a broker takes it as it lies there, at its own offset. */
function isAppendable(batch: SourceBatch): boolean {
  return batch.timestampType === 'CreateTime' && !hasGaps(batch);
}

function hasGaps({ recordCount, baseOffset, lastOffset }: SourceBatch): boolean {
  return BigInt(recordCount) !== lastOffset - baseOffset + 1n;
}

/** A batch larger than this (in bytes) is worth a place of its own. */
const mergeableBytesMax = 32 * 1024;
/** What merged batches hold at most, in bytes, together: brokers take a batch of 1 MB unless they are told otherwise. */
export const mergedBytesMax = 512 * 1024;
/**
 * The same of compressed ones, whose records don't grow by their new places when they are compressed again: a replicated
 * append takes 6 ms, and 23 ms for each megabyte, and the next one waits for it.
 */
export const compressedBytesMax = 960 * 1024;
/** The next thing to try where a broker has refused more. */
export const mergedBytesLess = 64 * 1024;
/** Compressed ones have to be read for it: worth it only where so many wait, as they do while a partition catches up. */
const compressedCountMin = 4;
/** Compressing anew with gzip takes longer than what is gained: 50 ms for half a megabyte, where lz4 and zstd take 7. */
const gzip = 1;

/**
 * How many steps from the first one on go into one batch: neighbours that are small and have one codec, as they queue
 * up when a partition lags. 1: the first goes alone.
 */
export function mergeableCount<B extends SourceBatch & { readonly isMerged?: boolean }>(
  steps: readonly Step<B>[],
  bytesMax: number = mergedBytesMax,
  compressedMax: number = compressedBytesMax,
): number {
  const [first] = steps;
  if (first?.kind !== 'data') return 1;
  const { codec } = first.batch;
  if (codec === gzip) return 1;
  const limit = codec !== 0 && bytesMax === mergedBytesMax ? compressedMax : bytesMax;
  let count = 0;
  let bytes = 0;
  for (const step of steps) {
    if (step.kind !== 'data' || step.batch.codec !== codec || step.batch.sizeBytes > mergeableBytesMax) break;
    // To read and compress them again would be the same work once more.
    if (codec !== 0 && step.batch.isMerged) break;
    bytes += step.batch.sizeBytes;
    if (bytes > limit) break;
    count += 1;
  }
  return codec === 0 || count >= compressedCountMin ? Math.max(count, 1) : 1;
}

/** How many of the steps hold batches that follow each other from `from` on as they lie there. */
export function gaplessCount<B extends SourceBatch>(steps: readonly Step<B>[], from: bigint): number {
  let next = from;
  for (const [index, step] of steps.entries()) {
    if (step.kind !== 'data' || step.batch.baseOffset !== next || !isAppendable(step.batch)) return index;
    next = step.batch.lastOffset + 1n;
  }
  return steps.length;
}

/**
 * How many batches the steps begin with that go together when their gaps are filled: the first, and neighbours of its
 * codec that are small.
 */
export function fillableCount<B extends SourceBatch>(steps: readonly Step<B>[], bytesMax: number): number {
  const [first] = steps;
  if (first?.kind !== 'data') return 0;
  let bytes = first.batch.sizeBytes;
  let count = 1;
  for (const step of steps.slice(1)) {
    if (step.kind !== 'data' || step.batch.codec !== first.batch.codec) break;
    bytes += step.batch.sizeBytes;
    if (step.batch.sizeBytes > mergeableBytesMax || bytes > bytesMax) break;
    count += 1;
  }
  return count;
}
