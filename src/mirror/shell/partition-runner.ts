// The shell around one partition's machine: carries out its actions, and brings it what happens.
// It decides nothing about the log; it only knows where to ask and keeps the figures that people look at.
//
//   reader ─► PartitionReading ──┐                       ┌─► PartitionAppends, PartitionHoles, PartitionStartFill ─► writers
//                                ├─► machine ─► actions ─┤
//   answers, outcomes, timers ───┘                       └─► partition-questions.ts ─► both logs
import { isLaterLife, type MirrorLife } from '../partition/identity.ts';
import { isStopped, PartitionMachine } from '../partition/machine.ts';
import type { PartitionAction, PartitionEvent, PauseKind } from '../partition/state.ts';
import { DestinationWait } from './destination-wait.ts';
import type { LeasedBatch } from './leased-batch.ts';
import { noCounts } from './observer.ts';
import { PartitionAppends } from './partition-appends.ts';
import { PartitionHoles } from './partition-holes.ts';
import { type LogSide, PartitionLogs } from './partition-logs.ts';
import { PartitionNotes } from './partition-notes.ts';
import type { PartitionParts } from './partition-parts.ts';
import { askReturn, compareTail, readDestination } from './partition-questions.ts';
import { PartitionReading } from './partition-reading.ts';
import { PartitionReport } from './partition-report.ts';
import type { PartitionServices } from './partition-services.ts';
import type { LeftPartition, PartitionStart, TopicPartition } from './partition-start.ts';
import { PartitionStartFill } from './partition-start-fill.ts';
import type { PartitionStatus } from './partition-status.ts';
import { SourceProof } from './source-proof.ts';
import { WriteLedger } from './write-ledger.ts';

export class PartitionRunner {
  readonly topic: string;
  readonly placement: PartitionStart;
  readonly #parts: PartitionParts;
  readonly #machine: PartitionMachine<LeasedBatch>;
  readonly #reading: PartitionReading;
  readonly #appends: PartitionAppends;
  readonly #holes: PartitionHoles;
  readonly #startFill: PartitionStartFill;
  readonly #report: PartitionReport;
  #pauseTimer: NodeJS.Timeout | undefined;
  #whenStopped: (() => void)[] = [];
  /** How the worker before this one left the mirror; used with the first look. */
  #leftBefore: LeftPartition | null = null;

  constructor(identity: TopicPartition, services: PartitionServices, start: PartitionStart = {}) {
    const { topic } = identity;
    const partition = { topic, partition: identity.partition };
    this.topic = topic;
    this.placement = start;
    const life = services.lifeOf(start.incarnation ?? 0);
    this.#machine = newMachine(topic, services, { start, life });
    const nowMs = () => services.nowMs();
    this.#parts = {
      partition,
      start,
      shift: start.shift ?? 0n,
      life,
      services,
      machine: this.#machine,
      counters: services.observer?.countersOf(partition) ?? noCounts(),
      logs: new PartitionLogs({
        partition,
        services,
        onRecreated: (side, reason) => this.topicRecreated(side, reason),
      }),
      notes: new PartitionNotes(nowMs),
      proof: new SourceProof(),
      wait: new DestinationWait(this.#machine, nowMs),
      writes: new WriteLedger(() => services.monotonicMs()),
      deliver: (event) => this.#deliver(event),
    };
    this.#reading = new PartitionReading(this.#parts);
    this.#appends = new PartitionAppends(this.#parts, this.#reading);
    this.#holes = new PartitionHoles(this.#parts, this.#reading);
    this.#startFill = new PartitionStartFill(this.#parts, () => this.#notifyStopped());
    this.#report = new PartitionReport(this.#parts, this.#reading);
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
    const { logs, writes } = this.#parts;
    const topicId = logs.mirrorTopicId;
    return left === null || topicId === null || !writes.isQuiet ? null : { ...left, topicId };
  }

  topicRecreated(side: LogSide, reason: string): void {
    this.#deliver({ type: 'topicRecreated', side, reason });
  }

  /** Metadata may have moved the source's leader: read there from now on. Nothing is done where it has not. */
  followLeaders(): void {
    // Looking is enough to notice that a topic is another one now.
    this.#parts.logs.of('destination');
    this.#reading.followLeader();
  }

  /** Whether nothing has happened since the newest look at its status but answers without news. */
  get isQuiet(): boolean {
    return this.#parts.notes.isQuiet;
  }

  /** See `PartitionReport.status`: the same object while the partition is idle. */
  status(): PartitionStatus {
    return this.#report.status();
  }

  /**
   * Gives back what waits behind an append that takes long. A few bytes keep a whole frame, so that one destination
   * broker that hangs would soon hold all the memory, and with it the partitions of every other broker.
   */
  shedIfStuck(): void {
    if (this.#parts.wait.isStuck) this.#deliver({ type: 'shed', round: this.#machine.round });
  }

  #deliver(event: PartitionEvent<LeasedBatch>): void {
    const { notes } = this.#parts;
    notes.isQuiet = false;
    const actions = this.#machine.handle(event);
    const { state } = this.#machine;
    notes.noteState(state);
    for (const action of actions) this.#perform(action);
    if (isStopped(state)) this.#notifyStopped();
  }

  #perform(action: PartitionAction<LeasedBatch>): void {
    switch (action.type) {
      case 'readDestination':
        void readDestination(this.#parts, action.round, () => this.#takeLeft());
        return;
      case 'compareTail':
        void compareTail(this.#parts, action.round);
        return;
      case 'startFetching':
        return this.#reading.start(action);
      case 'stopFetching':
        return this.#reading.stop();
      case 'append':
        return this.#appends.append(action.round, action.append);
      case 'writeMarkers':
        return this.#holes.write(action.round, action.markers);
      case 'readLogEnd':
        void this.#holes.readLogEnd(action.round);
        return;
      case 'askReturn': {
        const { question, round } = action;
        void askReturn(this.#parts, round, {
          question,
          sourceEnd: this.#reading.news.ends?.highWatermark ?? 0n,
        });
        return;
      }
      case 'appendFiller':
        void this.#startFill.append(action.round, action.filler);
        return;
      case 'cutStart':
        void this.#startFill.cut(action.round, action.beforeOffset);
        return;
      case 'pause':
        return this.#pause(action);
      case 'refreshMetadata':
        return this.#parts.services.refreshMetadata(action.side, this.topic);
    }
  }

  #pause({ round, kind, attempt }: { round: number; kind: PauseKind; attempt: number }): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(
      () => this.#deliver({ type: 'timer', round }),
      this.#parts.services.pauseMs(kind, attempt),
    );
  }

  #takeLeft(): LeftPartition | null {
    const left = this.#leftBefore;
    this.#leftBefore = null;
    return left;
  }

  #notifyStopped(): void {
    if (!isStopped(this.#machine.state) || this.#startFill.isChanging) return;
    const { services, partition } = this.#parts;
    services.openTransactions?.forget(partition);
    clearTimeout(this.#pauseTimer);
    for (const resolve of this.#whenStopped.splice(0)) resolve();
  }
}

/** What comes back is a loop, unless the roles say otherwise or the direction has turned back. */
function newMachine(
  topic: string,
  { policy, returning }: PartitionServices,
  { start, life }: { start: PartitionStart; life: MirrorLife },
): PartitionMachine<LeasedBatch> {
  const isTurnedBack = isLaterLife(life) && start.witness === undefined;
  const loops = start.mayReturn === true || isTurnedBack ? null : returning;
  return new PartitionMachine<LeasedBatch>(policy, loops?.ownTag ?? null, loops?.isGrown(topic) ?? false);
}
