// The shell around one partition's machine: carries out its actions, and brings it what happens.
// It decides nothing about the log; it only knows where to ask and keeps the figures that people look at.
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { isLaterLife, type MirrorLife } from '../partition/identity.ts';
import { isStopped, PartitionMachine } from '../partition/machine.ts';
import type { ReturnQuestion, ReturnVerdict } from '../partition/returning.ts';
import type {
  FillerAppend,
  LeftLog,
  LogEnds,
  MarkerRun,
  PartitionAction,
  PartitionEvent,
  PartitionPolicy,
  PauseKind,
  PendingAppend,
} from '../partition/state.ts';
import { BehindClock } from './behind-clock.ts';
import type { LedLog } from './broker-questions.ts';
import type { PartitionReader } from './broker-readers.ts';
import type { TakeoverWitness } from './compare-takeover.ts';
import type { AppendOutcome, DestinationWriter } from './destination-writer.ts';
import { type FetchPosition, fetchKey } from './fetch-session.ts';
import type { HoleOutcome, HoleWriter } from './hole-writer.ts';
import type { LeasedBatch } from './leased-batch.ts';
import type { DestinationInspector } from './log-inspector.ts';
import { type ErrorKind, type MirrorObserver, noCounts, type PartitionCounters } from './observer.ts';
import type { ReadLimit } from './read-limit.ts';
import { refusalOf } from './refusal.ts';
import type { AskedReturn } from './return-questions.ts';
import { type ShownState, waitingState } from './shown-state.ts';
import type { FetchTarget, SourceEnds } from './source-reader.ts';
import type { TailComparer } from './tail-comparer.ts';
import { WriteLedger } from './write-ledger.ts';

/** What a partition needs of its link. */
export interface PartitionServices {
  /** The source's log and its leader by the newest metadata; null while there is none. */
  sourceLog(partition: TopicPartition): LedLog | null;
  destinationLog(partition: TopicPartition): LedLog | null;
  /** As whom is written in this life of a mirror. */
  lifeOf(incarnation: number): MirrorLife;
  reader(broker: number): PartitionReader;
  writer(broker: number): DestinationWriter;
  holeWriter(broker: number): HoleWriter;
  /** Resolves when nobody may read the topic while its start is filled; answered from memory once that is so. */
  guardStart(partition: TopicPartition): Promise<void>;
  /** Appends one filler batch. */
  appendFiller(log: LedLog, filler: FillerAppend, onOutcome: (outcome: AppendOutcome) => void): void;
  /** Cuts the mirror's start off (DeleteRecords); resolves with the new log start. */
  cutStart(log: LedLog, beforeOffset: bigint): Promise<bigint>;
  readonly policy: PartitionPolicy;
  readonly inspector: DestinationInspector;
  readonly comparer: TailComparer;
  /** Names whoever holds a partition up at the source; null where nobody asks for that. Offsets are the source's. */
  readonly openTransactions: {
    note(partition: TopicPartition, ends: SourceEnds): void;
    forget(partition: TopicPartition): void;
    reason(partition: TopicPartition, ends: SourceEnds): string;
    /** When the transaction began, by its coordinator; null where nobody told. */
    startedAtMs(partition: TopicPartition): number | null;
    /** Whose transaction it is; null where nobody told. */
    holder(partition: TopicPartition): Holder | null;
  } | null;
  /** Tells records that come back to the destination; null: nobody does. */
  readonly returning: {
    readonly ownTag: bigint;
    /** Whether a topic's name may have grown by a lap. */
    isGrown(topic: string): boolean;
    ask(asked: AskedReturn): Promise<ReturnVerdict>;
  } | null;
  readonly observer?: MirrorObserver;
  readonly limit: ReadLimit;
  refreshMetadata(side: 'source' | 'destination', topic: string): void;
  /** How long to pause, in ms. */
  pauseMs(kind: PauseKind, attempt: number): number;
  nowMs(): number;
  /** A clock that never goes back. */
  monotonicMs(): number;
}

/** Who holds a last stable offset, as far as the source tells. */
export interface Holder {
  readonly producerId: bigint;
  readonly transactionalId: string | null;
}

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

/** The figures and the state of one partition, for people and metrics. */
export interface PartitionStatus extends TopicPartition {
  /** A state's name; docs/states.md explains each. */
  readonly state: ShownState['name'];
  /** Why, where the state needs a reason. */
  readonly reason: string | null;
  /** The offset that a stopped partition stopped at; null in other states, and where there is none. */
  readonly stoppedAt: bigint | null;
  /** Since when, ms since the epoch. */
  readonly sinceMs: number;
  /** Whether a person (or another run) has to act. */
  readonly isStopped: boolean;
  /** It waits for the limit of its link (`bytesPerSecondMax`); absent while it does not. */
  readonly isHeldBack?: true;
  /** Was not at the end of its log for seconds: those that are come before it. Absent where it is live, or does not copy. */
  readonly isCatchingUp?: true;
  /** Offsets below are at the destination; null while unknown. */
  readonly mirrorEnd: bigint | null;
  /** The source's last stable offset; null while unknown. */
  readonly sourceEnd: bigint | null;
  /** Records not mirrored yet; null while unknown. */
  readonly lagRecords: bigint | null;
  /** Since when the source has had what the mirror lacks, in ms; 0 when it lacks nothing, null while unknown. */
  readonly behindMs: number | null;
  /** When the source last answered a fetch of this partition; null before the first answer. */
  readonly lastFetchAtMs: number | null;
  /** Since when at least a transaction is open at the source and holds the partition up; null while none does. */
  readonly openTransactionSinceMs: number | null;
  /** What stands at the source behind `sourceEnd`, in transactions that are open; absent while none is. */
  readonly undecided?: { readonly highWatermark: bigint; readonly holder: Holder | null };
  readonly recordsMirrored: number;
  readonly bytesMirrored: number;
  readonly batchesMirrored: number;
  readonly errorCounts: Readonly<Record<ErrorKind, number>>;
  readonly lastError: string | null;
  readonly lastErrorAtMs: number | null;
  /** How often the destination had lost offsets that were acknowledged. */
  readonly acknowledgedLostCount: number;
  /** Source offset - offset at the mirror; 0 unless the mirror is shifted. `sourceEnd` is the source's own. */
  readonly shift: bigint;
  /** Offsets that hold nothing for consumers at the source, filled with markers by this worker. */
  readonly holeOffsetsCount: bigint;
  /** Offsets that retention at the source took before they were mirrored, jumped over as the link's policy says. */
  readonly sourceLostCount: bigint;
}

type Quiet<T> = Omit<T, 'lastFetchAtMs'> & { lastFetchAtMs: number | null };

/** A queue longer than this (in bytes) is enough for now; more is not fetched. */
const queuedBytesMax = 2 * 1024 * 1024;
/** An append that takes longer than this (in ms) is not worth keeping memory for what comes after it. */
const stuckMs = 1_000;
/** After this long (in ms) without a fetch the source's end is not known any more. */
const deafMs = 5_000;
/** Who was at the end of its log within so long (in ms) is live: it is read first where the link has a limit. */
const liveMs = 5_000;
/** A look at the log end is worth this long, in ms: a few round trips, and less than a person notices. */
const lookMsMax = 500;
/** Where the destination is far away or slow, its own round trips count. */
const lookRoundTripsMax = 3;
/** What is waited for at the source has a name of its own after this long, in ms. */
const waitingShownMs = 2_000;
/** CORRUPT_MESSAGE, the code under which the machine hears of records that can't be read. */
const corruptMessage = 2;

export class PartitionRunner implements FetchTarget {
  readonly topic: string;
  readonly partition: number;
  readonly #services: PartitionServices;
  /** Source offset - offset at the mirror. */
  readonly shift: bigint;
  readonly placement: PartitionStart;
  readonly #life: MirrorLife;
  readonly #machine: PartitionMachine<LeasedBatch>;
  #fetching: { round: number; offset: bigint; lastFetchedEpoch: number } | null = null;
  #reader: { key: string; broker: number; reader: PartitionReader } | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** What `position` gave last, and gives again while it is so: thousands of idle partitions are asked with every fetch. */
  #position: FetchPosition | null = null;
  /** Set while a fetch error keeps this partition from being read. */
  #holdTimer: NodeJS.Timeout | undefined;
  /** When the destination's log end was asked for, by the monotonic clock. */
  #lookedAtMs = 0;
  /** How long the newest look took, in ms. */
  #lookMs = 0;
  /** When the newest append was handed over, or its place was looked at. */
  #appendedAtMs = 0;
  /** Fetch errors in a row. */
  #fetchErrorCount = 0;
  #ends: SourceEnds | null = null;
  /** When an answer had all there was, by the monotonic clock. */
  #atEndMs = Number.NEGATIVE_INFINITY;
  /** Since when the source's last stable offset is what it is, ms since the epoch. */
  #stableSinceMs = 0;
  /** Since when the source has answered with nothing below its end; null when it has not. */
  #silence: { sinceMs: number; to: bigint } | null = null;
  /** The source's leader epoch under which the newest batch was compared. */
  #comparedEpoch: number | null = null;
  /** The destination's leader epoch at that time. */
  #viewedEpoch: number | null = null;
  /** The source was away, or refused a fetch, since the newest batch was compared. */
  #mustCompare = false;
  /** Why the reader hears nothing from the source; null while it does. */
  #readerTrouble: string | null = null;
  #stateName = 'Idle';
  #sinceMs: number;
  readonly #behind = new BehindClock();
  /** When the newest answer with news of this partition came, or a later one that is known of. */
  #fetchedAtMs: number | null = null;
  /** Since when the source's last stable offset stands below its high watermark; null while it does not. */
  #undecidedSinceMs: number | null = null;
  readonly #counters: PartitionCounters;
  #lastError: { message: string; atMs: number } | null = null;
  #whenStopped: (() => void)[] = [];
  /** What the reader was told of last. */
  #attachedTo: LedLog | null = null;
  /** The newest status, while nothing in it but the time of the newest answer can be another one now. */
  #quietStatus: Quiet<PartitionStatus> | null = null;
  /** How the worker before this one left the mirror; used with the first look. */
  #leftBefore: LeftPartition | null = null;
  readonly #writes: WriteLedger;
  /** The log end as it was read right behind the markers whose answer is being delivered. */
  #readBehind: LogEnds | null = null;
  /** A filler or a cut that is not answered yet. */
  #isStartChanging = false;
  /** The ids under which both topics were met first; another id under the same name is another topic. */
  readonly #topicIds: { source: string | null; destination: string | null } = {
    source: null,
    destination: null,
  };

  constructor(identity: TopicPartition, services: PartitionServices, placement: PartitionStart = {}) {
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.placement = placement;
    this.shift = placement.shift ?? 0n;
    this.#life = services.lifeOf(placement.incarnation ?? 0);
    this.#services = services;
    this.#counters = services.observer?.countersOf(identity) ?? noCounts();
    const isTurnedBack = isLaterLife(this.#life) && placement.witness === undefined;
    const returning = placement.mayReturn === true || isTurnedBack ? null : services.returning;
    this.#machine = new PartitionMachine<LeasedBatch>(
      services.policy,
      returning?.ownTag ?? null,
      returning?.isGrown(this.topic) ?? false,
    );
    this.#sinceMs = services.nowMs();
    this.#writes = new WriteLedger(() => services.monotonicMs());
  }

  /** `left`: how the worker left the mirror that is known to be the last one before this. */
  begin(left: LeftPartition | null = null): void {
    this.#leftBefore = left;
    this.#deliver({ type: 'begin' });
  }

  /** Clean stop: resolves when no append is under way any more. */
  stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#whenStopped.push(resolve));
    this.#deliver({ type: 'stop' });
    this.#notifyStopped();
    return stopped;
  }

  /** How this worker has left the mirror; null while it has not, or where something of it may still be under way. */
  get left(): LeftPartition | null {
    const { left } = this.#machine;
    const topicId = this.#topicIds.destination;
    return left === null || topicId === null || !this.#writes.isQuiet ? null : { ...left, topicId };
  }

  topicRecreated(side: 'source' | 'destination', reason: string): void {
    this.#deliver({ type: 'topicRecreated', side, reason });
  }

  /** Metadata may have moved the source's leader: read there from now on. `moved`: nothing is done where it has not. */
  followLeaders(which: 'all' | 'moved' = 'all'): void {
    // Looking is enough to notice that a topic is another one now.
    this.#log('destination');
    const log = this.#log('source');
    const isMoved = log !== null && log !== this.#attachedTo;
    if (this.#fetching !== null && log !== null && (isMoved || which === 'all')) this.#attachReader();
  }

  /**
   * The same object as before, while nothing but `lastFetchAtMs` has changed: of thousands of partitions most are idle, and
   * all are asked every second.
   */
  status(): PartitionStatus {
    const known = this.#quietStatus;
    if (known !== null && this.#services.limit.heldBack === null && this.#services.sourceLog(this) !== null) {
      known.lastFetchAtMs = this.#lastFetchAtMs();
      return known;
    }
    const status = this.#statusNow();
    this.#quietStatus = this.#isQuiet(status) ? status : null;
    return status;
  }

  /** Whether all of it stays true until something happens. */
  #isQuiet({ state, reason, lagRecords, undecided }: PartitionStatus): boolean {
    const { flow } = this.#machine;
    return (
      state === 'Mirroring' &&
      reason === null &&
      lagRecords === 0n &&
      undecided === undefined &&
      this.#silence === null &&
      this.#undecidedSinceMs === null &&
      flow?.inFlight == null &&
      flow?.hole == null &&
      this.#services.limit.heldBack === null
    );
  }

  #statusNow(): PartitionStatus {
    const { state } = this.#machine;
    const shown = this.#shown();
    const now = this.#services.nowMs();
    const mirrorEnd = this.#machine.mirrorEnd;
    // What was heard last is no news while nothing is read: unknown, never zero.
    const sourceEnd = this.#isDeaf() ? null : (this.#ends?.lastStableOffset ?? null);
    const lagRecords =
      mirrorEnd === null || sourceEnd === null ? null : later(sourceEnd - this.shift - mirrorEnd, 0n);
    return {
      topic: this.topic,
      partition: this.partition,
      state: shown.name,
      reason: shown.reason,
      sinceMs: this.#sinceMs,
      isStopped: isStopped(state),
      ...(shown.reason !== null && shown.reason === this.#limited() && { isHeldBack: true }),
      ...(state.name === 'Mirroring' && lagRecords !== 0n && !this.isLive && { isCatchingUp: true }),
      stoppedAt: isStopped(state) ? state.offset : null,
      mirrorEnd,
      sourceEnd,
      lagRecords,
      behindMs: lagRecords === null ? null : this.#behindMs(lagRecords, now),
      lastFetchAtMs: this.#lastFetchAtMs(),
      openTransactionSinceMs: this.#openTransactionSinceMs(),
      ...this.#undecided(sourceEnd),
      recordsMirrored: this.#counters.records,
      bytesMirrored: this.#counters.bytes,
      batchesMirrored: this.#counters.batches,
      errorCounts: this.#counters.errors,
      lastError: this.#lastError?.message ?? null,
      lastErrorAtMs: this.#lastError?.atMs ?? null,
      acknowledgedLostCount: this.#machine.acknowledgedLostCount,
      shift: this.shift,
      holeOffsetsCount: this.#machine.holeOffsetsCount,
      sourceLostCount: this.#machine.sourceLostCount,
    };
  }

  #behindMs(lagRecords: bigint, nowMs: number): number {
    const end = this.#mirrorEndAtSource();
    return lagRecords === 0n || end === null ? 0 : this.#behind.behindMs(end, nowMs);
  }

  #mirrorEndAtSource(): bigint | null {
    const mirrorEnd = this.#machine.mirrorEnd;
    return mirrorEnd === null ? null : mirrorEnd + this.shift;
  }

  /** A partition without news has no part in the answers of a fetch session, and is answered all the same. */
  #lastFetchAtMs(): number | null {
    const isAsked = this.#fetching !== null && this.#holdTimer === undefined && this.#readerTrouble === null;
    const { key, reader } = this.#reader ?? {};
    const answeredAtMs = isAsked && key !== undefined ? (reader?.answeredAtMs(key) ?? null) : null;
    if (answeredAtMs === null || this.#fetchedAtMs === null) return this.#fetchedAtMs;
    // Kept: another reader that takes over has not answered yet.
    this.#fetchedAtMs = Math.max(answeredAtMs, this.#fetchedAtMs);
    return this.#fetchedAtMs;
  }

  #openTransactionSinceMs(): number | null {
    if (this.#ends === null || this.#undecidedSinceMs === null || this.#isDeaf()) return null;
    return this.#services.openTransactions?.startedAtMs(this) ?? this.#undecidedSinceMs;
  }

  #undecided(sourceEnd: bigint | null): Pick<PartitionStatus, 'undecided'> {
    const highWatermark = this.#ends?.highWatermark ?? 0n;
    if (sourceEnd === null || highWatermark <= sourceEnd) return {};
    return { undecided: { highWatermark, holder: this.#services.openTransactions?.holder(this) ?? null } };
  }

  /** Whether the source's end has not been asked for lately: nobody leads it, an append is waited for, or the link's limit. */
  #isDeaf(): boolean {
    if (this.#services.sourceLog(this) === null || this.#isStuck(deafMs)) return true;
    if (this.#services.limit.heldBack === null) return false;
    return this.#services.nowMs() - (this.#lastFetchAtMs() ?? 0) > deafMs;
  }

  #shown(): ShownState {
    const { state } = this.#machine;
    if (state.name !== 'Mirroring')
      return { name: state.name, reason: 'reason' in state ? state.reason : null };
    const { hole, mirrorEnd } = state.flow;
    const remark = this.#remark();
    if (remark !== null) return { name: 'Mirroring', reason: remark };
    const facts = { hole, mirrorEnd, transaction: this.#waitsForTransaction(), silence: this.#silenceNow() };
    return waitingState(facts) ?? { name: 'Mirroring', reason: null };
  }

  /** What keeps a partition from copying and lies outside of its logs. */
  #remark(): string | null {
    if (this.#readerTrouble !== null) return `reading: ${this.#readerTrouble}`;
    if (this.#services.sourceLog(this) === null) return 'the partition has no leader at the source';
    if (this.#isStuck(deafMs)) return 'the destination takes long to answer the append under way';
    return this.#limited();
  }

  /** Why it waits for the link's limit; null while it does not. */
  #limited(): string | null {
    return this.#ends === null || this.#isAtEnd() ? null : this.#services.limit.heldBack;
  }

  /** What is not decided yet is not copied, and no lag shows it: a transaction that hangs has to be named. */
  #waitsForTransaction(): string | null {
    const mirrorEnd = this.#machine.mirrorEnd;
    if (this.#ends === null || mirrorEnd === null) return null;
    const { highWatermark, lastStableOffset } = this.#ends;
    if (lastStableOffset >= highWatermark || mirrorEnd + this.shift < lastStableOffset) return null;
    if (this.#services.nowMs() - this.#stableSinceMs < waitingShownMs) return null;
    // A partition without news has no part in fetch answers, so who looks is who keeps the questions going.
    this.#services.openTransactions?.note(this, this.#ends);
    const reason = this.#services.openTransactions?.reason(this, this.#ends);
    if (reason !== undefined) return reason;
    return `${highWatermark - lastStableOffset} offsets from ${lastStableOffset} on wait for a transaction that is open at the source`;
  }

  #silenceNow(): { from: bigint; to: bigint } | null {
    const silence = this.#silence;
    if (silence === null || this.#services.nowMs() - silence.sinceMs < waitingShownMs) return null;
    const from = this.#machine.flow?.plannedEnd;
    return from === undefined ? null : { from: from + this.shift, to: silence.to };
  }

  // ── What the reader brings ──────────────────────────────────────────────────────────────────────────

  position(): FetchPosition | null {
    const fetching = this.#fetching;
    const flow = this.#machine.flow;
    if (fetching === null || flow === null || this.isFull) return null;
    if (this.#isStuck() || this.#holdTimer !== undefined) return null;
    const log = this.#log('source');
    if (log === null || log.leader !== this.#reader?.broker) return null;
    const { topic, topicId, partition, leaderEpoch } = log;
    const { lastFetchedEpoch } = fetching;
    const offset = flow.fetchOffset + this.shift;
    const asked = this.#position;
    const isSame =
      asked?.offset === offset &&
      asked.topicId === topicId &&
      asked.leaderEpoch === leaderEpoch &&
      asked.lastFetchedEpoch === lastFetchedEpoch;
    if (isSame) return asked;
    this.#position = { topic, topicId, partition, offset, leaderEpoch, lastFetchedEpoch };
    return this.#position;
  }

  get isFull(): boolean {
    const { flow } = this.#machine;
    return flow !== null && flow.queuedBytes > queuedBytesMax;
  }

  get mergedBytesMax(): number {
    return this.#machine.mergedBytesMax;
  }

  get isLive(): boolean {
    return this.#isAtEnd() || this.#services.monotonicMs() - this.#atEndMs < liveMs;
  }

  /** Whether everything that the source is known to have was fetched. */
  #isAtEnd(): boolean {
    const { flow } = this.#machine;
    if (flow === null || this.#ends === null) return false;
    return flow.fetchOffset + this.shift >= this.#ends.lastStableOffset;
  }

  /**
   * Gives back what waits behind an append that takes long. A few bytes keep a whole frame, so that one destination
   * broker that hangs would soon hold all the memory, and with it the partitions of every other broker.
   */
  shedIfStuck(): void {
    if (this.#isStuck()) this.#deliver({ type: 'shed', round: this.#machine.round });
  }

  /** While this holds nothing more is fetched for this partition. */
  #isStuck(limitMs = stuckMs): boolean {
    const flow = this.#machine.flow;
    const isWaiting = flow?.inFlight != null || (flow?.hole != null && flow.hole.phase !== 'claiming');
    if (!isWaiting) return false;
    return this.#services.nowMs() - this.#appendedAtMs > limitMs;
  }

  onFetched(asked: FetchPosition, batches: LeasedBatch[], ends: SourceEnds): void {
    const nowMs = this.#services.nowMs();
    this.#quietStatus = null;
    if (ends.lastStableOffset !== this.#ends?.lastStableOffset) {
      this.#stableSinceMs = nowMs;
      this.#undecidedSinceMs = null;
    }
    if (ends.lastStableOffset >= ends.highWatermark) this.#undecidedSinceMs = null;
    else this.#undecidedSinceMs ??= nowMs;
    this.#fetchedAtMs = nowMs;
    this.#ends = ends;
    this.#behind.note({ sourceEnd: ends.lastStableOffset, mirrorEnd: this.#mirrorEndAtSource(), nowMs });
    this.#services.openTransactions?.note(this, ends);
    this.#readerTrouble = null;
    this.#fetchErrorCount = 0;
    const fetching = this.#fetching;
    const unproven = this.#whyCompareAgain(asked);
    if (fetching === null || unproven !== null || !this.#isCurrent(asked)) {
      for (const batch of batches) batch.release();
      if (fetching !== null && unproven !== null) this.#deliver({ type: 'sourceChanged', reason: unproven });
      return;
    }
    const last = batches.at(-1);
    if (last !== undefined) {
      this.#silence = null;
      fetching.lastFetchedEpoch = last.partitionLeaderEpoch;
      this.#deliver({ type: 'fetched', round: fetching.round, batches });
    } else if (!ends.isAnswerEmpty) {
      this.#silence = null;
    } else if (ends.lastStableOffset > asked.offset) {
      this.#silence ??= { sinceMs: this.#services.nowMs(), to: ends.lastStableOffset };
    }
    if (this.#isAtEnd()) this.#atEndMs = this.#services.monotonicMs();
  }

  /**
   * A source that was away, or has another leader, can hold another log than the one that was compared, and longer
   * than the mirror already. Nothing that it sends is appended before the newest batch was compared again.
   */
  #whyCompareAgain(asked: FetchPosition): string | null {
    if (this.#mustCompare) return 'the source was away or refused a fetch: comparing again';
    const compared = this.#comparedEpoch;
    if (compared === null || compared === asked.leaderEpoch) return null;
    return `the source’s leader epoch was ${compared} and is ${asked.leaderEpoch}: comparing again`;
  }

  onFetchError(asked: FetchPosition, errorCode: number): void {
    // A topic that is unknown for a moment may be another one afterwards; before Kafka 2.8 no id tells.
    this.#mustCompare = true;
    this.#counters.errors.fetchRefused += 1;
    const { topic } = asked;
    this.#fetchFailed(asked, errorCode, refusalOf(errorCode, { operation: 'Read', topic, side: 'source' }));
  }

  onUnreadable(asked: FetchPosition, reason: string): void {
    this.#counters.errors.fetchUnreadable += 1;
    this.#fetchFailed(asked, corruptMessage, reason);
  }

  onDiverging(asked: FetchPosition, { epoch, endOffset }: { epoch: number; endOffset: bigint }): void {
    const round = this.#fetching?.round;
    if (round === undefined || !this.#isCurrent(asked)) return;
    this.#deliver({ type: 'sourceDiverged', round, epoch, endOffset: endOffset - this.shift });
  }

  /** Whether an answer belongs to where this partition reads now: it may have started again while it was awaited. */
  #isCurrent(asked: FetchPosition): boolean {
    return (
      asked.offset - this.shift === this.#machine.flow?.fetchOffset &&
      asked.lastFetchedEpoch === this.#fetching?.lastFetchedEpoch
    );
  }

  #fetchFailed(asked: FetchPosition, errorCode: number, reason: string): void {
    this.#noteError(`fetching: ${reason}`);
    const round = this.#fetching?.round;
    if (round === undefined || !this.#isCurrent(asked)) return;
    // A broker answers errors at once: without a pause the reader would ask as fast as it can.
    this.#fetchErrorCount += 1;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(
      () => {
        this.#holdTimer = undefined;
        this.#wakeReader();
      },
      this.#services.pauseMs('retry', this.#fetchErrorCount),
    );
    this.#deliver({ type: 'fetchRefused', round, errorCode, reason });
  }

  onReaderTrouble(reason: string): void {
    this.#quietStatus = null;
    // The first answer afterwards tells where each source log ends, whether it has grown or not.
    this.#ends = null;
    this.#mustCompare = true;
    // When it answered last stays known: answers without news were some, too.
    this.#fetchedAtMs = this.#lastFetchAtMs();
    this.#readerTrouble = reason;
    this.#counters.errors.sourceUnreachable += 1;
    this.#noteError(reason);
  }

  // ── What the machine asks for ───────────────────────────────────────────────────────────────────────

  #deliver(event: PartitionEvent<LeasedBatch>): void {
    this.#quietStatus = null;
    const actions = this.#machine.handle(event);
    const { state } = this.#machine;
    if (state.name !== this.#stateName) {
      this.#stateName = state.name;
      this.#sinceMs = this.#services.nowMs();
      if ('reason' in state && state.reason !== null) this.#noteError(state.reason);
    }
    for (const action of actions) this.#perform(action);
    if (isStopped(state)) this.#notifyStopped();
  }

  #perform(action: PartitionAction<LeasedBatch>): void {
    switch (action.type) {
      case 'readDestination':
        void this.#readDestination(action.round);
        return;
      case 'compareTail':
        void this.#compareTail(action.round);
        return;
      case 'startFetching':
        this.#fetching = { ...action };
        this.#silence = null;
        return this.#attachReader();
      case 'stopFetching':
        this.#fetching = null;
        clearTimeout(this.#holdTimer);
        this.#holdTimer = undefined;
        return this.#detachReader();
      case 'append':
        return this.#append(action.round, action.append);
      case 'writeMarkers':
        return this.#writeMarkers(action.round, action.markers);
      case 'readLogEnd':
        void this.#readLogEnd(action.round);
        return;
      case 'askReturn':
        void this.#askReturn(action.round, action.question);
        return;
      case 'appendFiller':
        void this.#appendFiller(action.round, action.filler);
        return;
      case 'cutStart':
        void this.#cutStart(action.round, action.beforeOffset);
        return;
      case 'pause':
        if (this.#timer !== null) clearTimeout(this.#timer);
        this.#timer = setTimeout(
          () => this.#deliver({ type: 'timer', round: action.round }),
          this.#services.pauseMs(action.kind, action.attempt),
        );
        return;
      case 'refreshMetadata':
        return this.#services.refreshMetadata(action.side, this.topic);
    }
  }

  async #readDestination(round: number): Promise<void> {
    await this.#asking(round, async () => {
      const log = this.#ledLog('destination');
      const { view } = await this.#services.inspector.read({ ...log, life: this.#life });
      const left = this.#leftBefore;
      this.#leftBefore = null;
      this.#deliver({
        ...{ type: 'destinationRead', round, view },
        left: left?.topicId === log.topicId ? left : null,
      });
    });
  }

  async #compareTail(round: number): Promise<void> {
    await this.#asking(round, async () => {
      const source = this.#ledLog('source');
      const destination = this.#ledLog('destination');
      // Read again rather than kept: what is compared has to be the log as it stands now.
      const facts = await this.#services.inspector.read({ ...destination, life: this.#life });
      const { logEnd, highWatermark, leaderEpoch } = facts.view;
      const before = this.#machine.state;
      const isUnmoved =
        before.name === 'ComparingTail' &&
        before.view.logEnd === logEnd &&
        before.view.leaderEpoch === leaderEpoch;
      // Above the high watermark the newest batch can't be read, and a log without one agrees with every source.
      if (!isUnmoved || highWatermark !== logEnd) {
        throw new LockstepError('KAFKA_ERROR', 'the mirror moved while its newest batch was compared', {
          retriable: true,
        });
      }
      this.#mustCompare = false;
      const verdict = await this.#services.comparer.compare(
        {
          ...{ source, destination, shift: this.shift, life: this.#life },
          startOffset: this.placement.startOffset ?? 0n,
          witness: this.placement.witness,
        },
        facts,
      );
      this.#comparedEpoch = source.leaderEpoch;
      this.#viewedEpoch = destination.leaderEpoch;
      this.#deliver({ type: 'tailCompared', round, verdict });
    });
  }

  async #readLogEnd(round: number): Promise<void> {
    const ends = this.#readBehind;
    this.#readBehind = null;
    if (ends !== null) {
      // Not within the event that asked for it.
      queueMicrotask(() => {
        this.#deliver({ type: 'logEndRead', round, ends });
        this.#wakeReader();
      });
      return;
    }
    this.#lookedAtMs = this.#services.monotonicMs();
    // Nothing is handed over yet, but an answer is waited for from now on.
    if (this.#machine.flow?.hole?.phase === 'looking') this.#appendedAtMs = this.#services.nowMs();
    await this.#asking(round, async () => {
      const ends = await this.#services.inspector.readEnds(this.#ledLog('destination'));
      this.#lookMs = this.#services.monotonicMs() - this.#lookedAtMs;
      this.#deliver({ type: 'logEndRead', round, ends });
      // A hole that took long wanted nothing, and no append may follow it.
      this.#wakeReader();
    });
  }

  /** Whatever the source's end was before it is asked: what is appended there from now on is another question. */
  async #askReturn(round: number, question: ReturnQuestion): Promise<void> {
    const sourceEnd = this.#ends?.highWatermark ?? 0n;
    await this.#asking(round, async () => {
      const { shift } = this;
      const log = this.#ledLog('source');
      const ownId = this.#life.producerId;
      const verdict = await this.#services.returning!.ask({ question, log, shift, sourceEnd, ownId });
      this.#deliver({ type: 'returnAnswered', round, verdict });
    });
  }

  async #cutStart(round: number, beforeOffset: bigint): Promise<void> {
    await this.#asking(round, async () => {
      await this.#services.guardStart(this);
      if (this.#machine.round !== round) return;
      const log = this.#ledLog('destination');
      this.#isStartChanging = true;
      const logStart = await this.#services.cutStart(log, beforeOffset).finally(() => this.#startChanged());
      this.#deliver({ type: 'startCut', round, logStart });
    });
  }

  #startChanged(): void {
    this.#isStartChanging = false;
    this.#notifyStopped();
  }

  async #asking(round: number, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const notAuthorized = error instanceof LockstepError && error.code === 'NOT_AUTHORIZED';
      this.#counters.errors.questionFailed += 1;
      this.#services.refreshMetadata('source', this.topic);
      this.#deliver({ type: 'readFailed', round, reason, notAuthorized });
    }
  }

  /** A side's log and leader by the newest metadata; null while there is none, or when it is another topic now. */
  #log(side: 'source' | 'destination'): LedLog | null {
    const log = side === 'source' ? this.#services.sourceLog(this) : this.#services.destinationLog(this);
    if (log === null) return null;
    const known = this.#topicIds[side] ?? log.topicId;
    this.#topicIds[side] = known;
    if (log.topicId === known) return log;
    this.topicRecreated(side, `the topic was created again: its id was ${known} and is ${log.topicId}`);
    return null;
  }

  /**
   * The mirror's log, as long as it is led as it was when it was looked at; else why it has to be looked at again: a new
   * leader may lack what the former one had.
   */
  #viewedLog(): LedLog | string {
    const log = this.#log('destination');
    if (log === null) return noLeader('destination', this).message;
    if (log.leaderEpoch === this.#viewedEpoch) return log;
    return `the mirror’s leader epoch was ${this.#viewedEpoch} and is ${log.leaderEpoch}: looking again`;
  }

  #ledLog(side: 'source' | 'destination'): LedLog {
    const log = this.#log(side);
    if (log === null) throw noLeader(side, this);
    return log;
  }

  #append(round: number, { batch, identity }: PendingAppend<LeasedBatch>): void {
    this.#appendedAtMs = this.#services.nowMs();
    const onOutcome = this.#writes.note((outcome: AppendOutcome) => this.#onOutcome(round, batch, outcome));
    const log = this.#viewedLog();
    if (typeof log === 'string') return onOutcome({ kind: 'unknown', reason: log });
    this.#services.writer(log.leader).append({ ...log, batch, identity, isLive: this.isLive, onOutcome });
    // Behind whatever else is sent now.
    if (this.#machine.hasToPrepare) setImmediate(() => this.#machine.prepare());
  }

  #writeMarkers(round: number, markers: MarkerRun): void {
    this.#appendedAtMs = this.#services.nowMs();
    const log = this.#viewedLog();
    if (typeof log === 'string') return this.#deliver({ type: 'markersUnknown', round, reason: log });
    this.#services.holeWriter(log.leader).write({
      ...log,
      log,
      markers,
      isWanted: () => this.#machine.round === round,
      isFresh: () => this.#isLookFresh(),
      onOutcome: this.#writes.note((outcome) => this.#onHoleOutcome(round, outcome)),
    });
  }

  /** Somebody else may have written since an old look; who has claimed the partition is safe by its generation. */
  #isLookFresh(): boolean {
    if (this.#machine.flow?.isClaimed !== false) return true;
    return (
      this.#services.monotonicMs() - this.#lookedAtMs < Math.max(lookMsMax, lookRoundTripsMax * this.#lookMs)
    );
  }

  #onHoleOutcome(round: number, outcome: HoleOutcome): void {
    const { reason } = outcome;
    if (outcome.kind === 'notSent') return this.#deliver({ type: 'markersNotSent', round });
    if (outcome.kind === 'unknown') {
      this.#counters.errors.appendUnanswered += 1;
      return this.#deliver({ type: 'markersUnknown', round, reason });
    }
    if (outcome.errorCode !== 0) this.#counters.errors.appendRefused += 1;
    this.#readBehind = outcome.ends ?? null;
    this.#deliver({ type: 'markersAnswered', round, errorCode: outcome.errorCode, reason });
    this.#readBehind = null;
  }

  async #appendFiller(round: number, filler: FillerAppend): Promise<void> {
    await this.#asking(round, () => this.#services.guardStart(this));
    if (this.#machine.round !== round) return;
    const log = this.#log('destination');
    const onOutcome = this.#writes.note((outcome: AppendOutcome) => {
      this.#startChanged();
      if (outcome.kind !== 'appended') return this.#onNotAppended(round, outcome);
      this.#deliver({ type: 'appended', round, baseOffset: outcome.baseOffset });
    });
    this.#isStartChanging = true;
    if (log === null) return onOutcome({ kind: 'unknown', reason: noLeader('destination', this).message });
    this.#services.appendFiller(log, filler, onOutcome);
  }

  #onOutcome(round: number, batch: LeasedBatch, outcome: AppendOutcome): void {
    if (outcome.kind !== 'appended') return this.#onNotAppended(round, outcome);
    const { baseOffset, logAppendTimeMs } = outcome;
    const isRestamped = logAppendTimeMs !== -1n && logAppendTimeMs !== batch.maxTimestamp;
    const counters = this.#counters;
    counters.records += batch.recordCount;
    counters.bytes += batch.sizeBytes;
    counters.batches += 1;
    this.#deliver({ type: 'appended', round, baseOffset, isRestamped });
    this.#wakeReader();
  }

  #onNotAppended(round: number, outcome: Exclude<AppendOutcome, { kind: 'appended' }>): void {
    this.#counters.errors[outcome.kind === 'unknown' ? 'appendUnanswered' : 'appendRefused'] += 1;
    if (outcome.kind === 'unknown')
      return this.#deliver({ type: 'appendUnknown', round, reason: outcome.reason });
    const topic = this.#log('destination')?.topic ?? this.topic;
    const name = refusalOf(outcome.errorCode, { operation: 'Write', topic, side: 'destination' });
    const what =
      outcome.errorCode === corruptMessage
        ? `${name}: the batch has another checksum than its bytes; it was damaged at the source or on the way`
        : name;
    const reason = outcome.message === null ? what : `${what} (${outcome.message})`;
    this.#deliver({ type: 'appendRefused', round, errorCode: outcome.errorCode, reason });
  }

  #attachReader(): void {
    const log = this.#log('source');
    if (log === null) return this.#services.refreshMetadata('source', this.topic);
    const key = fetchKey(log);
    if (this.#reader?.broker === log.leader && this.#reader.key === key) {
      this.#attachedTo = log;
      return this.#wakeReader();
    }
    this.#detachReader();
    const reader = this.#services.reader(log.leader);
    this.#reader = { key, broker: log.leader, reader };
    this.#attachedTo = log;
    reader.add(key, this);
  }

  #wakeReader(): void {
    this.#reader?.reader.wake(this.#reader.key);
  }

  #detachReader(): void {
    this.#reader?.reader.remove(this.#reader.key);
    this.#reader = null;
    this.#attachedTo = null;
  }

  #noteError(message: string): void {
    this.#quietStatus = null;
    this.#lastError = { message, atMs: this.#services.nowMs() };
  }

  #notifyStopped(): void {
    if (!isStopped(this.#machine.state) || this.#isStartChanging) return;
    this.#services.openTransactions?.forget(this);
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const resolve of this.#whenStopped.splice(0)) resolve();
  }
}

function noLeader(side: 'source' | 'destination', { topic, partition }: TopicPartition): LockstepError {
  return new LockstepError('CLUSTER_UNREACHABLE', `${topic}-${partition} has no leader at the ${side}`, {
    retriable: true,
  });
}
