// Does the newest batch of the mirror stand in the source, too? Asked before every start, since the destination's
// log end says how far a log goes but not whose log it is.
import {
  isContinued,
  isFillerProducerId,
  isLaterLife,
  isLockstepProducerId,
  type MirrorLife,
  sequenceAt,
} from './identity.ts';
import type { DestinationView, TailVerdict } from './state.ts';

/** A batch's header facts that tell whether two batches hold the same records. */
export interface BatchFingerprint {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly isControl: boolean;
  readonly producerId: bigint;
  readonly partitionLeaderEpoch: number;
  /** The stored checksum with all that a mirror rewrites taken out. */
  readonly normalisedChecksum: number;
}

/** One of the mirror's own batches, and for which place it was written. */
export interface MirrorFingerprint extends BatchFingerprint {
  readonly producerEpoch: number;
  /** -1 where the batch carries none, as markers do. */
  readonly lastSequence: number;
}

/** The newest batches of a mirror. */
export interface MirrorTail {
  readonly newest: MirrorFingerprint;
  /** The newest data batch: `newest` itself, or one before the markers at the end; null when none was found. */
  readonly newestData: MirrorFingerprint | null;
  /** Where the markers at the end begin, as far as it is known that there is nothing else; null where it is not. */
  readonly holeStart: bigint | null;
  /** What stands before the first record of the newest batch's run. */
  readonly beforeRun: 'marker' | 'data' | 'unknown';
}

/** What the source's leader told about the place where the mirror ends; offsets are the mirror's. */
export interface SourceView {
  readonly logStart: bigint;
  readonly highWatermark: bigint;
  /** Records below are decided; a mirror never goes beyond. */
  readonly lastStableOffset: bigint;
  /** The leader's log end, which can be above the high watermark. */
  readonly logEnd: bigint;
  /** The batch that holds the last offset of the mirror's newest data, or the next after it; null when there is none. */
  readonly tail: BatchFingerprint | null;
  /**
   * The first record that a read_committed consumer finds behind the mirror's newest data and below its end, where the
   * mirror holds nothing but markers; null when there is none.
   */
  readonly visibleInHole: bigint | null;
}

/**
 * `'unsettled'`: the source can't say yet; `'compareRecords'`: the headers alone don't decide; `'compareEnds'`: others
 * wrote what this life of the mirror begins behind, so headers tell nothing, and what consumers see is compared.
 */
export type TailJudgement = TailVerdict | 'unsettled' | 'compareRecords' | 'compareEnds';

/** Judges by headers alone; `mirror` is null when the mirror's log holds no batch. */
export function judgeTail(
  view: Pick<DestinationView, 'logEnd'>,
  mirror: MirrorTail | null,
  source: SourceView,
  life: MirrorLife,
): TailJudgement {
  const data = mirror?.newestData ?? null;
  const isBegun = data !== null && isContinued(data.producerId, life);
  const isFormer = isLaterLife(life) && mirror !== null && !isBegun;
  // Before anything else: records that no mirror wrote mean that this log is not ours to continue.
  if (!isLaterLife(life) && data !== null && !isLockstepProducerId(data.producerId)) {
    return { kind: 'foreign', offset: data.baseOffset };
  }
  const misplaced = mirror === null || isFormer ? null : misplacement(mirror);
  if (misplaced !== null) return misplaced;
  if (source.logEnd < view.logEnd && isFormer) {
    const what = `it goes on behind the source’s end at ${source.logEnd}, as others wrote it before the direction turned`;
    return { kind: 'differs', offset: source.logEnd, what };
  }
  if (source.logEnd < view.logEnd) return { kind: 'sourceEndsBefore', sourceEnd: source.logEnd };
  if (source.logStart > view.logEnd) return { kind: 'sourceStartsAfter', sourceStart: source.logStart };
  // A new leader's high watermark can lag behind its log for a moment. And where a transaction is open, nobody can say
  // yet what stands there.
  if (source.highWatermark < view.logEnd || source.lastStableOffset < view.logEnd) return 'unsettled';
  if (source.visibleInHole !== null) {
    const what = 'the source has a record where the mirror holds a marker';
    return { kind: 'differs', offset: source.visibleInHole, what };
  }
  if (isFormer) return 'compareEnds';
  if (data === null || data.lastOffset < source.logStart) {
    return { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: source.logStart };
  }
  const original = source.tail;
  if (original === null) return 'unsettled';
  if (original.baseOffset > data.lastOffset) {
    // Compaction has removed the source's copy of the last batch.
    return { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: source.logStart };
  }
  if (original.baseOffset !== data.baseOffset || original.lastOffset !== data.lastOffset) {
    return 'compareRecords';
  }
  if (original.normalisedChecksum === data.normalisedChecksum && original.sizeBytes === data.sizeBytes) {
    // Behind a hole the epoch of the newest data says nothing about the log's end.
    const lastFetchedEpoch = mirror?.newest === data ? original.partitionLeaderEpoch : -1;
    return { kind: 'agrees', lastFetchedEpoch, compared: true, sourceStart: source.logStart };
  }
  // Other bytes can still be the same records: compacted, merged or compressed again on one side.
  return 'compareRecords';
}

/** A batch that stands elsewhere than it was meant to: its records can still look right where records repeat. */
function misplacement({ newest, beforeRun }: MirrorTail): TailJudgement | null {
  if (newest.isControl) return null;
  const { baseOffset, lastOffset, lastSequence, producerEpoch } = newest;
  const isFirstRun = producerEpoch === 0 || isFillerProducerId(newest.producerId);
  const isInPlace = isFirstRun ? lastSequence === sequenceAt(lastOffset) : beforeRun !== 'data';
  if (isInPlace) return null;
  const what = `its last sequence is ${lastSequence} in epoch ${producerEpoch}, so it was written for another offset than ${lastOffset}: something else writes to the mirror`;
  return { kind: 'differs', offset: baseOffset, what };
}
