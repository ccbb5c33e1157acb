// Batches as an answer has them become leased ones, tiny neighbours as one.
//
// A producer that does not linger sends a batch for each record. To carry each of them through a machine costs more than
// to copy it, so they are put together right here, where nothing but their headers has been looked at. What is left of
// them is a batch like any other, with memory of its own; the frame goes back at once.
import { LockstepError } from '../../errors.ts';
import { attributeBits, type BatchView, type MarkedBatch, mergeRun } from '../../records/index.ts';
import { isLockstepProducerId } from '../partition/identity.ts';
import { type BatchFacts, type FrameLease, LeasedBatch, MergedMemory } from './leased-batch.ts';

export interface LeaseOptions {
  /** The offset that was asked for, at the source: a batch that reaches below is cut by whoever knows why. */
  readonly from: bigint;
  /** Source offset - offset at the mirror. */
  readonly shift: bigint;
  /** How large tiny batches may become together, in bytes; 0: each stays alone. */
  readonly mergedBytesMax: number;
}

/** Larger ones (in bytes) may wait for others, and go together when they do (plan.ts). */
const tinyBytesMax = 2 * 1024;
/** Fewer are not worth it: the first of them can go while the others wait. */
const tinyCountMin = 4;

/** The tiny batches that fetched records begin with, put together, and where the rest begins. */
export function leaseRuns(
  records: Buffer,
  lease: FrameLease,
  { from, shift, mergedBytesMax }: LeaseOptions,
): { leased: LeasedBatch[]; end: number; nextOffset: bigint } {
  const leased: LeasedBatch[] = [];
  let end = 0;
  let nextOffset = from;
  const bounds = { batchBytesMax: tinyBytesMax, runBytesMax: mergedBytesMax, batchCountMin: tinyCountMin };
  for (;;) {
    const memory = new MergedMemory();
    const run = mergeRun(records, end, { ...bounds, from: nextOffset, memory: memory.take });
    if (run === null) return { leased, end, nextOffset };
    leased.push(LeasedBatch.ofMerged(run.batch, lease, shift, memory.frame));
    ({ end, nextOffset } = run);
  }
}

/** One lease for each batch, the caller's to give back. */
export function leaseBatches(
  batches: readonly MarkedBatch[],
  lease: FrameLease,
  { from, shift, mergedBytesMax }: LeaseOptions,
): LeasedBatch[] {
  const leased: LeasedBatch[] = [];
  let group: BatchView[] = [];
  let groupBytes = 0;
  let next = from;
  let epoch = -1;
  const single = (view: BatchView, facts: BatchFacts): void => {
    leased.push(new LeasedBatch(view, lease, { ...facts, shift }));
  };
  const endGroup = (): void => {
    const merged = group.length < tinyCountMin ? null : mergedOf(group, lease, shift);
    if (merged !== null) leased.push(merged);
    else for (const view of group) single(view, {});
    group = [];
    groupBytes = 0;
  };
  for (const { view, isAborted } of batches) {
    const { sizeBytes } = view;
    if (isAborted || sizeBytes > tinyBytesMax || !isPlain(view) || isLockstepProducerId(view.producerId)) {
      endGroup();
      single(view, { isAborted });
      continue;
    }
    const { baseOffset, partitionLeaderEpoch } = view;
    const fits = groupBytes + sizeBytes <= mergedBytesMax;
    if (baseOffset !== next || partitionLeaderEpoch !== epoch || !fits) endGroup();
    if (baseOffset < from || sizeBytes > mergedBytesMax) {
      endGroup();
      single(view, {});
      continue;
    }
    group.push(view);
    groupBytes += sizeBytes;
    next = baseOffset + BigInt(view.recordCount);
    epoch = partitionLeaderEpoch;
  }
  endGroup();
  return leased;
}

const notPlain = attributeBits.compression | attributeBits.control | attributeBits.logAppendTime;

/** Whether it could be appended as it lies there. */
function isPlain(view: BatchView): boolean {
  return view.magic === 2 && (view.attributes & notPlain) === 0 && view.recordCount > 0 && !view.hasGaps;
}

/** null where one of them can't be read: which one, the destination tells. */
function mergedOf(group: readonly BatchView[], lease: FrameLease, shift: bigint): LeasedBatch | null {
  try {
    return LeasedBatch.merged(group, lease, shift);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    return null;
  }
}
