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
   * broker accepts from a client. Each has memory of its own; this batch stays held.
   * @throws when the records can't be read.
   */
  reshape(from: bigint): readonly this[];
  /**
   * This batch and its neighbours, of the same codec, as one with memory of its own; the originals stay held. Compressed
   * ones that would be too large when they are read are left out, with all behind them. Null where nothing is left.
   * @throws when the records can’t be read, or the first is too large alone.
   */
  mergeWith(next: readonly this[]): this | null;
  /** Up to `count` copies of the first record, at least one, at `from` and the following offsets, with memory of their own. */
  copiesOfFirst(from: bigint, count: number): this;
  /**
   * The records from `from` on, with copies of each in the gap before it, as one batch with memory of its own; `from` may
   * lie before this batch. Null where no record is left, or they would take more than `bytesMax` in bytes.
   * @throws when the records can't be read.
   */
  withoutGaps(from: bigint, bytesMax: number): this | null;
}

/** One thing to do at the mirror's end. */
export type Step<B> =
  | { readonly kind: 'data'; readonly batch: B }
  /** Offsets up to `end` that hold nothing for consumers: one marker each. */
  | { readonly kind: 'hole'; readonly end: bigint }
  /** A gap by compaction up to `end`, to be filled with copies of the first record of `of`, which the next step holds. */
  | { readonly kind: 'copies'; readonly end: bigint; readonly of: B };

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
  /** Offsets below are planned. Lower than the batch's end only where a gap waits for the record behind it. */
  readonly plannedEnd: bigint;
}

/** What a gap that compaction left becomes. */
export type GapFilling = 'markers' | 'copies';

/** `'behind'`: the mirror has it already. */
export type BatchVerdict<B> = Plan<B> | Obstacle | 'behind';

/**
 * Plans the next source batch of a partition that is planned up to `from`. The steps own the batch afterwards, or what
 * was made of it; when no step has it, the caller gives it back (`isHeldBy`).
 * @param filledBytesMax what a batch may take whose gaps are filled with copies, in bytes; 0: gaps are filled one by one.
 * The order of the checks matters: fields of old formats are not where v2 has them.
 * @throws what `reshape` throws.
 */
export function planBatch<B extends FetchedBatch>(
  batch: B,
  from: bigint,
  gaps: GapFilling,
  filledBytesMax = 0,
): BatchVerdict<B> {
  if (batch.magic !== 2) {
    const reason = `the batch has record format v${batch.magic}; only v2 is copied`;
    return { kind: 'OldRecordFormat', offset: from, reason };
  }
  if (batch.lastOffset < from) return 'behind';
  const steps: Step<B>[] = [];
  let end = from;
  const gap = (to: bigint, next: B | null): void => {
    if (to <= end) return;
    if (gaps === 'markers') addHole(steps, to);
    else if (next !== null) steps.push({ kind: 'copies', end: to, of: next });
    else return;
    end = to;
  };
  if (batch.isControl || batch.isAborted) {
    // A gap before it holds no record that could be copied behind it.
    if (gaps === 'copies' && batch.baseOffset > end) addHole(steps, batch.baseOffset);
    else gap(batch.baseOffset, null);
    addHole(steps, batch.lastOffset + 1n);
    return { steps, plannedEnd: batch.lastOffset + 1n };
  }
  const isGappy = batch.baseOffset > from || hasGaps(batch);
  if (gaps === 'copies' && isGappy && filledBytesMax > 0) {
    const whole = batch.withoutGaps(from, filledBytesMax);
    // A long gap in front is filled part by part.
    const own =
      whole ?? (batch.baseOffset > from ? batch.withoutGaps(batch.baseOffset, filledBytesMax) : null);
    if (own !== null) {
      gap(own.baseOffset, own);
      steps.push({ kind: 'data', batch: own });
      return { steps, plannedEnd: own.lastOffset + 1n };
    }
  }
  for (const piece of isCopiedAsIs(batch, from) ? [batch] : batch.reshape(from)) {
    gap(piece.baseOffset, piece);
    steps.push({ kind: 'data', batch: piece });
    end = piece.lastOffset + 1n;
  }
  gap(batch.lastOffset + 1n, null);
  return { steps, plannedEnd: end };
}

/** Whether one of the steps holds this very batch. */
export function isHeldBy<B>(steps: readonly Step<B>[], batch: B): boolean {
  return steps.some((step) => step.kind === 'data' && step.batch === batch);
}

function isCopiedAsIs(batch: SourceBatch, from: bigint): boolean {
  return batch.baseOffset >= from && batch.timestampType === 'CreateTime' && !hasGaps(batch);
}

function hasGaps({ recordCount, baseOffset, lastOffset }: SourceBatch): boolean {
  return BigInt(recordCount) !== lastOffset - baseOffset + 1n;
}

function addHole<B>(steps: Step<B>[], end: bigint): void {
  if (steps.at(-1)?.kind === 'hole') steps.pop();
  steps.push({ kind: 'hole', end });
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
