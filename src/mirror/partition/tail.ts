// Does the newest batch of the mirror stand in the source, too? Asked before every start, since the destination's
// log end says how far a log goes but not whose log it is.
import { isLockstepProducerId, sequenceAt } from './identity.ts';
import type { DestinationView, TailVerdict } from './state.ts';

/** A batch's header facts that tell whether two batches hold the same records. */
export interface BatchFingerprint {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly producerId: bigint;
  readonly partitionLeaderEpoch: number;
  /** The stored checksum with all that a mirror rewrites taken out. */
  readonly normalisedChecksum: number;
}

/** The mirror's own newest batch, and for which place it was written. */
export interface MirrorFingerprint extends BatchFingerprint {
  readonly producerEpoch: number;
  /** -1 where the batch carries none. */
  readonly lastSequence: number;
}

/** What the source's leader told about the place where the mirror ends. */
export interface SourceView {
  readonly logStart: bigint;
  readonly highWatermark: bigint;
  /** The leader's log end, which can be above the high watermark. */
  readonly logEnd: bigint;
  /** The batch that holds the mirror's last offset, or the next after it; null when there is none to read. */
  readonly tail: BatchFingerprint | null;
}

/** `'unsettled'`: the source can't say yet; `'compareRecords'`: the headers alone don't decide. */
export type TailJudgement = TailVerdict | 'unsettled' | 'compareRecords';

/** Judges by headers alone; `mirrorTail` is null when the mirror's log holds no batch. */
export function judgeTail(
  view: Pick<DestinationView, 'logEnd'>,
  mirrorTail: MirrorFingerprint | null,
  source: SourceView,
): TailJudgement {
  // Before anything else: records that no mirror wrote mean that this log is not ours to continue.
  if (mirrorTail !== null && !isLockstepProducerId(mirrorTail.producerId)) {
    return { kind: 'foreign', offset: mirrorTail.baseOffset };
  }
  // A batch that stands elsewhere than it was meant to: its records can still look right where records repeat.
  if (mirrorTail !== null && mirrorTail.lastSequence !== sequenceAt(mirrorTail.lastOffset)) {
    const what = `its last sequence is ${mirrorTail.lastSequence}, so it was written for another offset than ${mirrorTail.lastOffset}: something else writes to the mirror`;
    return { kind: 'differs', offset: mirrorTail.baseOffset, what };
  }
  if (source.logEnd < view.logEnd) return { kind: 'sourceEndsBefore', sourceEnd: source.logEnd };
  if (source.logStart > view.logEnd) return { kind: 'sourceStartsAfter', sourceStart: source.logStart };
  // A new leader's high watermark can lag behind its log for a moment.
  if (source.highWatermark < view.logEnd) return 'unsettled';
  const lastOffset = view.logEnd - 1n;
  if (mirrorTail === null || lastOffset < source.logStart) {
    return { kind: 'agrees', lastFetchedEpoch: -1, compared: false };
  }
  const original = source.tail;
  if (original === null) return 'unsettled';
  if (original.baseOffset > lastOffset) {
    // Compaction has removed the source's copy of the last batch.
    return { kind: 'agrees', lastFetchedEpoch: -1, compared: false };
  }
  if (original.baseOffset !== mirrorTail.baseOffset || original.lastOffset !== mirrorTail.lastOffset) {
    return 'compareRecords';
  }
  if (
    original.normalisedChecksum === mirrorTail.normalisedChecksum &&
    original.sizeBytes === mirrorTail.sizeBytes
  ) {
    return { kind: 'agrees', lastFetchedEpoch: original.partitionLeaderEpoch, compared: true };
  }
  // Other bytes can still be the same records: compacted or compressed again on one side.
  return 'compareRecords';
}
