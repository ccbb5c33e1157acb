// The states of one mirrored partition, what can happen to it, and what it asks its surroundings to do.
// All plain data: the transitions stand in machine.ts, the picture in docs/states.md. All offsets are the mirror's;
// where a mirror is shifted, the shell translates at the source's edge.
import type { FillingHole } from './hole.ts';
import type { RunPosition, WriterIdentity } from './identity.ts';
import type { FetchedBatch, GapFilling, Step } from './plan.ts';
import type { ReturnQuestion, ReturnVerdict } from './returning.ts';

export type { FetchedBatch } from './plan.ts';

/** The ends of a log as its leader tells them. */
export interface LogEnds {
  readonly leaderEpoch: number;
  readonly logEnd: bigint;
  readonly highWatermark: bigint;
}

/**
 * A mirror that a worker left with nothing of it under way: every append and marker it ever sent was answered, or is as
 * old as settling asks for.
 */
export interface LeftLog {
  /** Of the look by which that worker began. */
  readonly leaderEpoch: number;
  readonly logEnd: bigint;
}

/** What was read from the destination's leader, with leader and epoch the same before and after. */
export interface DestinationView extends LogEnds {
  readonly logStart: bigint;
  /** Header facts of the newest batch; null when the log holds none. */
  readonly tail: TailBatch | null;
  /** What the identity of the next append follows from. */
  readonly position: RunPosition;
  /** The coordinator epoch for markers, above all that were seen. */
  readonly generation: number;
  /** A closing marker has ended the mirror's life. */
  readonly isClosed: boolean;
}

export interface TailBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly producerId: bigint;
  readonly isControl: boolean;
  /** Stands for offsets below the source's start. */
  readonly isFiller: boolean;
}

/** How the newest batch of the mirror relates to the source. */
export type TailVerdict =
  /** Both logs agree, or the mirror holds nothing to compare. `lastFetchedEpoch` is -1 when unknown. */
  | {
      readonly kind: 'agrees';
      readonly lastFetchedEpoch: number;
      readonly compared: boolean;
      readonly sourceStart: bigint;
    }
  | { readonly kind: 'differs'; readonly offset: bigint; readonly what: string }
  | { readonly kind: 'foreign'; readonly offset: bigint }
  | { readonly kind: 'sourceEndsBefore'; readonly sourceEnd: bigint }
  | { readonly kind: 'sourceStartsAfter'; readonly sourceStart: bigint };

/** What the user decided about logs that can't simply be continued; lockstep.yaml has the same names on a link. */
export interface PartitionPolicy {
  /** What gaps by compaction become. */
  readonly compactionGaps: GapFilling;
  /** How many offsets below the source's start are filled at most; a tenth of it is how long a hole may be. */
  readonly fillOffsetsMax: bigint;
  /** When retention at the source overtakes the mirror: stop, or go on behind a hole. */
  readonly retentionOvertook: 'stop' | 'jump';
}

export const defaultPolicy: PartitionPolicy = {
  compactionGaps: 'markers',
  fillOffsetsMax: 1_000_000_000n,
  retentionOvertook: 'stop',
};

export interface PendingAppend<B> {
  readonly batch: B;
  readonly identity: WriterIdentity;
  /** The offset at which the batch has to land. */
  readonly offset: bigint;
  /** Holds more than the source has in one batch: smaller ones are tried when it is refused. */
  readonly isMerged: boolean;
}

/** Markers for `count` offsets from `offset`, the log end. */
export interface MarkerRun {
  readonly producerId: bigint;
  readonly epoch: number;
  /** The coordinator epoch. */
  readonly generation: number;
  readonly offset: bigint;
  readonly count: number;
}

/** A batch of empty records for offsets that the source does not have any more. */
export interface FillerAppend {
  readonly identity: WriterIdentity;
  readonly offset: bigint;
  readonly count: number;
}

/** What this version can't copy. docs/states.md has a row for each. */
export type ObstacleKind = 'OldRecordFormat';

/** States that only a person (or another run) can end, each with what was found. docs/states.md explains them. */
export type StopKind =
  | ObstacleKind
  | 'Diverged'
  | 'ForeignData'
  | 'SourceTruncated'
  | 'SourceRecreated'
  | 'DestinationRecreated'
  | 'RetentionOvertook'
  | 'StartTooFar'
  | 'HoleTooLong'
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
  /** The source starts above 0: the offsets below are filled, to be cut off afterwards. */
  | {
      readonly name: 'FillingStart';
      readonly target: bigint;
      readonly producerId: bigint;
      readonly filler: FillerAppend;
      readonly reason: string;
    }
  /** The filled offsets are being cut off (DeleteRecords). */
  | { readonly name: 'CuttingStart'; readonly target: bigint }
  | { readonly name: 'Mirroring'; readonly flow: Flow<B> }
  /** Something failed; all is dropped and starts from the destination's log again after a pause. */
  | { readonly name: 'Recovering'; readonly reason: string; readonly attempt: number }
  /** A right is missing; asked again at a slow pace. */
  | { readonly name: 'NotAuthorized'; readonly reason: string; readonly attempt: number }
  /** The next records come from the destination itself, or were there before: nothing of them is copied; asked again. */
  | {
      readonly name: 'LoopDetected';
      readonly reason: string;
      readonly question: ReturnQuestion;
      readonly attempt: number;
    }
  /** A clean stop waits for the append that is under way. */
  | { readonly name: 'Stopping'; readonly flow: Flow<B> }
  | { readonly name: StopKind; readonly offset: bigint | null; readonly reason: string };

/** The moving parts of a partition that copies. At most one of `inFlight` and `hole` is set. */
export interface Flow<B extends FetchedBatch> {
  position: RunPosition;
  readonly generation: number;
  /** Whether a marker of this generation stands: older workers' markers are refused from then on. */
  isClaimed: boolean;
  /** Everything below is acknowledged by every in-sync replica of the destination. */
  mirrorEnd: bigint;
  /** Offsets below have their steps. */
  plannedEnd: bigint;
  /** Where the next fetched batch has to start, at least. */
  fetchOffset: bigint;
  readonly queue: Step<B>[];
  queuedBytes: number;
  inFlight: PendingAppend<B> | null;
  hole: FillingHole | null;
  /** What stops the partition once the queue is empty. */
  obstacle: { kind: StopKind; offset: bigint; reason: string } | null;
  /** The next batch may be one that comes back: nothing more is planned before that is answered. */
  returning: { question: ReturnQuestion; verdict: ReturnVerdict | null } | null;
}

/** What happens to a partition. Answers carry the `round` of the question; stale ones are ignored. */
export type PartitionEvent<B extends FetchedBatch = FetchedBatch> =
  | { readonly type: 'begin' }
  | { readonly type: 'timer'; readonly round: number }
  | {
      readonly type: 'destinationRead';
      readonly round: number;
      readonly view: DestinationView;
      /** How the worker right before this one left this very log; given with the first look only. */
      readonly left?: LeftLog | null;
    }
  | { readonly type: 'tailCompared'; readonly round: number; readonly verdict: TailVerdict }
  /** Reading a log, or cutting it, failed in a way that trying again may mend. */
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
  /** The source has another leader epoch, or its connection is a new one: what stood there may have changed. */
  | { readonly type: 'sourceChanged'; readonly reason: string }
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
  /** The broker answered for all markers of a request; 0 does not prove that they were written. */
  | {
      readonly type: 'markersAnswered';
      readonly round: number;
      readonly errorCode: number;
      readonly reason: string;
    }
  /** The log end that was read had become too old: it is read again. */
  | { readonly type: 'markersNotSent'; readonly round: number }
  | { readonly type: 'markersUnknown'; readonly round: number; readonly reason: string }
  | { readonly type: 'logEndRead'; readonly round: number; readonly ends: LogEnds }
  | { readonly type: 'startCut'; readonly round: number; readonly logStart: bigint }
  | { readonly type: 'returnAnswered'; readonly round: number; readonly verdict: ReturnVerdict }
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
  | { readonly type: 'writeMarkers'; readonly round: number; readonly markers: MarkerRun }
  | { readonly type: 'readLogEnd'; readonly round: number }
  | { readonly type: 'askReturn'; readonly round: number; readonly question: ReturnQuestion }
  | { readonly type: 'appendFiller'; readonly round: number; readonly filler: FillerAppend }
  | { readonly type: 'cutStart'; readonly round: number; readonly beforeOffset: bigint }
  /** Send `timer` after a pause; the kind decides how long, the attempt how far the backoff has grown. */
  | { readonly type: 'pause'; readonly round: number; readonly kind: PauseKind; readonly attempt: number }
  | { readonly type: 'refreshMetadata'; readonly side: 'source' | 'destination' };

export type PauseKind = 'retry' | 'settle' | 'claim' | 'replicas' | 'notAuthorized' | 'loop';
