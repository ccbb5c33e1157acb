// The states of one mirrored partition, what can happen to it, and what it asks its surroundings to do.
// All plain data: the transitions stand in machine.ts, the picture in docs/states.md.
import type { WriterIdentity } from './identity.ts';
import type { ObstacleKind, SourceBatch } from './plan.ts';

/** What was read from the destination's leader, with leader and epoch the same before and after. */
export interface DestinationView {
  readonly leaderEpoch: number;
  readonly logStart: bigint;
  readonly logEnd: bigint;
  readonly highWatermark: bigint;
  /** Header facts of the newest batch; null when the log holds none. */
  readonly tail: TailBatch | null;
  /** The identity of the append at `logEnd`. */
  readonly identity: WriterIdentity;
}

export interface TailBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly producerId: bigint;
}

/** How the newest batch of the mirror relates to the source. */
export type TailVerdict =
  /** Both logs agree, or the mirror holds nothing to compare. `lastFetchedEpoch` is -1 when unknown. */
  | { readonly kind: 'agrees'; readonly lastFetchedEpoch: number; readonly compared: boolean }
  | { readonly kind: 'differs'; readonly offset: bigint; readonly what: string }
  | { readonly kind: 'foreign'; readonly offset: bigint }
  | { readonly kind: 'sourceEndsBefore'; readonly sourceEnd: bigint }
  | { readonly kind: 'sourceStartsAfter'; readonly sourceStart: bigint };

/** A batch of the source on its way: the header that the machine judges, and a handle for the shell. */
export interface FetchedBatch extends SourceBatch {
  /** Gives the memory behind the batch back; called exactly once for each batch that was handed in. */
  release(): void;
}

export interface PendingAppend<B extends FetchedBatch> {
  readonly batch: B;
  readonly identity: WriterIdentity;
  /** The offset at which the batch has to land: its own base offset at the source. */
  readonly offset: bigint;
}

/** States that only a person (or another run) can end, each with what was found. docs/states.md explains them. */
export type StopKind =
  | ObstacleKind
  | 'Diverged'
  | 'ForeignData'
  | 'SourceStartAhead'
  | 'SourceRecreated'
  | 'DestinationRecreated'
  | 'Blocked'
  | 'Fenced'
  | 'Stopped';

export type PartitionState<B extends FetchedBatch = FetchedBatch> =
  /** Nothing has been asked yet. */
  | { readonly name: 'Idle' }
  /** The destination's log end is being read. */
  | { readonly name: 'ReadingDestination' }
  /** The log end was read; an old request of a former worker may still be under way, so it is read again. */
  | {
      readonly name: 'Settling';
      readonly seen: DestinationView;
      readonly looks: number;
      readonly reason: string | null;
    }
  /** The destination's followers lack a part of the log; taking over now could lose it. */
  | { readonly name: 'WaitingForReplicas'; readonly seen: DestinationView }
  | { readonly name: 'ComparingTail'; readonly view: DestinationView }
  | { readonly name: 'Mirroring'; readonly flow: Flow<B> }
  /** Something failed; all is dropped and starts from the destination's log again after a pause. */
  | { readonly name: 'Recovering'; readonly reason: string; readonly attempt: number }
  /** A right is missing; asked again at a slow pace. */
  | { readonly name: 'NotAuthorized'; readonly reason: string; readonly attempt: number }
  /** A clean stop waits for the append that is under way. */
  | { readonly name: 'Stopping'; readonly flow: Flow<B> }
  | { readonly name: StopKind; readonly offset: bigint | null; readonly reason: string };

/** The moving parts of a partition that copies. */
export interface Flow<B extends FetchedBatch> {
  identity: WriterIdentity;
  /** Everything below is acknowledged by every in-sync replica of the destination. */
  mirrorEnd: bigint;
  /** Where the next fetched batch has to start. */
  fetchOffset: bigint;
  readonly queue: B[];
  queuedBytes: number;
  inFlight: PendingAppend<B> | null;
  /** What stops the partition once the queue is empty. */
  obstacle: { kind: StopKind; offset: bigint; reason: string } | null;
}

/** What happens to a partition. Answers carry the `round` of the question; stale ones are ignored. */
export type PartitionEvent<B extends FetchedBatch = FetchedBatch> =
  | { readonly type: 'begin' }
  | { readonly type: 'timer'; readonly round: number }
  | { readonly type: 'destinationRead'; readonly round: number; readonly view: DestinationView }
  | { readonly type: 'tailCompared'; readonly round: number; readonly verdict: TailVerdict }
  /** Reading a log failed in a way that trying again may mend. */
  | {
      readonly type: 'readFailed';
      readonly round: number;
      readonly reason: string;
      readonly notAuthorized: boolean;
    }
  | { readonly type: 'fetched'; readonly round: number; readonly batches: readonly B[] }
  | {
      readonly type: 'fetchRefused';
      readonly round: number;
      readonly errorCode: number;
      readonly reason: string;
    }
  /** The source said with DivergingEpoch that its log was truncated below what was fetched. */
  | {
      readonly type: 'sourceDiverged';
      readonly round: number;
      readonly endOffset: bigint;
      readonly epoch: number;
    }
  | {
      readonly type: 'appended';
      readonly round: number;
      readonly baseOffset: bigint;
      /** The broker put its own clock into the records. */
      readonly isRestamped?: boolean;
    }
  | {
      readonly type: 'appendRefused';
      readonly round: number;
      readonly errorCode: number;
      readonly reason: string;
    }
  /** The connection broke or the answer did not come: the batch may be in the log, now or later. */
  | { readonly type: 'appendUnknown'; readonly round: number; readonly reason: string }
  /** Memory is short, and the append under way takes long: what waits behind it is fetched again later. */
  | { readonly type: 'shed'; readonly round: number }
  | { readonly type: 'topicRecreated'; readonly side: 'source' | 'destination'; readonly reason: string }
  | { readonly type: 'stop' };

/** What a partition asks its surroundings to do. */
export type PartitionAction<B extends FetchedBatch = FetchedBatch> =
  | { readonly type: 'readDestination'; readonly round: number }
  | { readonly type: 'compareTail'; readonly round: number; readonly view: DestinationView }
  | {
      readonly type: 'startFetching';
      readonly round: number;
      readonly offset: bigint;
      readonly lastFetchedEpoch: number;
    }
  | { readonly type: 'stopFetching' }
  | { readonly type: 'append'; readonly round: number; readonly append: PendingAppend<B> }
  /** Send `timer` after a pause; the kind decides how long, the attempt how far the backoff has grown. */
  | { readonly type: 'pause'; readonly round: number; readonly kind: PauseKind; readonly attempt: number }
  | { readonly type: 'refreshMetadata'; readonly side: 'source' | 'destination' };

export type PauseKind = 'retry' | 'settle' | 'replicas' | 'notAuthorized';
