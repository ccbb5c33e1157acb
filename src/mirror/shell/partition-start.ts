// Which partition is mirrored, where its offsets lie, in which life of the mirror, and how a worker leaves it to the next.
import type { LeftLog } from '../partition/state.ts';
import type { TakeoverWitness } from './compare-takeover.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Where a mirror's offsets lie. */
export interface PartitionPlacement {
  /** Source offset - offset at the mirror. Default 0. */
  readonly shift?: bigint;
  /** The source's first offset that is mirrored, even if it holds earlier ones. Default 0: all of them. */
  readonly startOffset?: bigint;
}

/** Where a mirror's offsets lie, and in which of its lives it is copied. */
export interface PartitionStart extends PartitionPlacement {
  /** Default 0: the first life. Grows each time that the direction turns back. */
  readonly incarnation?: number;
  /**
   * The source's records may have been the destination's own: it is primary for them now, as the roles of the link's
   * group say. Default false: what comes back is a loop. A later life may always, unless it began as another tool's copy.
   */
  readonly mayReturn?: boolean;
  /** What both logs held alike when the mirror was taken over; default: it was not, or there was nothing. */
  readonly witness?: TakeoverWitness | null;
}

/** How a worker left a mirror partition: with nothing of it under way. */
export interface LeftPartition extends LeftLog {
  /** Of the mirror. */
  readonly topicId: string;
}
