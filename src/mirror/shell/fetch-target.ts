// One partition that wants to be read, as a reader of its broker sees it.
import type { FetchPosition } from './fetch-session.ts';
import type { LeasedBatch } from './leased-batch.ts';

/** Where the source's log stands, as an answer told it. */
export interface SourceEnds {
  readonly highWatermark: bigint;
  /** Records below are decided: a read_committed reader sees up to here. */
  readonly lastStableOffset: bigint;
  readonly logStart: bigint;
  /** No partition of the whole answer had records: this one had room. A full answer leaves others empty. */
  readonly isAnswerEmpty: boolean;
}

/**
 * One partition that wants to be read. Every answer comes with the position that was asked for: an answer can take
 * long, and the partition may have started again elsewhere meanwhile.
 */
export interface FetchTarget {
  /** Source offset - offset at the mirror. Batches are handed over in the mirror's offsets, positions in the source's. */
  readonly shift: bigint;
  /** From where to read next, at the source; null while it wants nothing. */
  position(): FetchPosition | null;
  /** Wants nothing only because it has enough for the moment. */
  readonly isFull: boolean;
  /** It is at the end of its log, or was a moment ago: what is written there now is not to wait for others' backlogs. */
  readonly isLive: boolean;
  /** How large tiny batches may become together, in bytes. Default 0: each stays alone. */
  readonly mergedBytesMax?: number;
  onFetched(asked: FetchPosition, batches: LeasedBatch[], ends: SourceEnds): void;
  onFetchError(asked: FetchPosition, errorCode: number): void;
  onDiverging(asked: FetchPosition, diverging: { epoch: number; endOffset: bigint }): void;
  /** The partition's part of the answer makes no sense. */
  onUnreadable(asked: FetchPosition, reason: string): void;
  /** The connection or the answer as a whole failed; the reader tries again by itself. */
  onReaderTrouble(reason: string): void;
}

/** A target and what was asked for it in the request that is under way. */
export interface Asked {
  readonly target: FetchTarget;
  readonly position: FetchPosition;
}
