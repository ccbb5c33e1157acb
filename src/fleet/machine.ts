// A member of the group as a machine without I/O: an event and the time go in, actions come out.
//
//   Stopped ─► Connecting ─► Joining ─► Syncing ─► Stable ─► Leaving ─► Stopped
//                ▲  ▲  │        ▲ │        │ ▲        │
//                │  │  │        │ └────────┼─┼────────┤  REBALANCE_IN_PROGRESS, items freed, work changed:
//                │  │  ▼        └──────────┴─┘◄───────┘  join again; what it holds goes on meanwhile
//                │  Waiting                           │
//                └────────── connection lost, coordinator moved
//
// Heartbeats go on in all of these phases, on a connection of their own, for JoinGroup and SyncGroup block theirs.
// The answer to a heartbeat is the only proof that the group still counts this member in. When none that was sent
// within the session timeout has been answered, everything is given up: the group may have given it to others.
import { type BackoffOptions, backoffMs, type Random, requestBackoff } from '../client/index.ts';
import { Holdings } from './holdings.ts';
import { mayPassByItself, reactionTo } from './reactions.ts';
import { Refusals } from './refusals.ts';
import { Session, type SessionTimeouts } from './session.ts';
import type { MemberAction, MemberEvent, NextStep, Phase } from './state.ts';

/** For refusals that people have to mend. */
const refusedBackoff: BackoffOptions = { initialMs: 1_000, maxMs: 10_000 };
/** Changes of the work that come in one go make one round. */
const gatherMs = 100;

export interface MachineOptions extends SessionTimeouts {
  /** Name of the cluster, for messages. */
  readonly cluster: string;
  readonly groupId: string;
  readonly heartbeatIntervalMs: number;
  readonly balanceIntervalMs: number;
  readonly random: Random;
}

type EventOf<T extends MemberEvent['type']> = Extract<MemberEvent, { type: T }>;

export class MemberMachine {
  phase: Phase = { name: 'Stopped' };
  memberId = '';
  /** Of the newest join, for heartbeats; -1 outside of the group. */
  generation = -1;
  /** Of the sharing out by which items are held; -1 when there is none. */
  heldGeneration = -1;
  isLeader = false;
  memberCount: number | null = null;
  lossCount = 0;
  lastError: string | null = null;
  readonly holdings = new Holdings();
  readonly #options: MachineOptions;
  readonly #session: Session;
  readonly #refusals: Refusals;
  #actions: MemberAction[] = [];
  #nowMs = 0;
  /** Of the newest join. */
  #leaderId = '';
  /**
   * Of the generation by which items are held; null when there is none. Numbers begin again when the coordinator forgets
   * the group; together with the leader's member id, which is never given twice, they do not.
   */
  #heldId: string | null = null;
  /** Grows with every join: answers to older ones are void. */
  #attempt = 0;
  /** Grows with every pair of connections: what older ones tell is void. */
  #connection = 0;
  #failureCount = 0;
  /** A round of sharing out is wanted from then on; Infinity: none. */
  #roundAtMs = Number.POSITIVE_INFINITY;
  #beatAtMs = 0;
  #isBeating = false;
  #isStopping = false;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#session = new Session(options);
    this.#refusals = new Refusals(options);
  }

  /** When the newest request that was answered well had been sent; null before the first. */
  get contactMs(): number | null {
    return this.#session.contactMs;
  }

  /** Takes one event; answers with what is to be done now, in order. */
  handle(event: MemberEvent, nowMs: number): readonly MemberAction[] {
    this.#actions = [];
    this.#nowMs = nowMs;
    if (event.type === 'beaten') this.#isBeating = false;
    if (event.type === 'beaten' && this.#isOurs(event)) this.#noteContact(event);
    this.#checkSession();
    this.#dispatch(event);
    this.#goOn();
    return this.#actions;
  }

  /** When a `wake` is due; Infinity: only events matter. */
  get wakeAtMs(): number {
    const { phase } = this;
    if (phase.name === 'Stopped') return Number.POSITIVE_INFINITY;
    const session = this.generation < 0 ? Number.POSITIVE_INFINITY : this.#session.endMs;
    const beat = this.#mayBeat && !this.#isBeating ? this.#beatAtMs : Number.POSITIVE_INFINITY;
    const round = phase.name === 'Stable' ? this.#roundAtMs : Number.POSITIVE_INFINITY;
    const wait = phase.name === 'Waiting' ? phase.untilMs : Number.POSITIVE_INFINITY;
    return Math.min(session, beat, round, wait);
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  #dispatch(event: MemberEvent): void {
    if ('attempt' in event && event.attempt !== this.#attempt) return;
    if ('connection' in event && event.connection !== this.#connection) return;
    switch (event.type) {
      case 'start':
        return this.#connect('join');
      case 'stop':
        return this.#stop();
      case 'wake':
        return;
      case 'workChanged':
        return this.#wantRound(gatherMs);
      case 'connected':
        return this.#connected();
      case 'failed':
        return this.#failed(event);
      case 'joined':
        return this.#joined(event);
      case 'joinRefused':
        if (reactionTo(event.errorCode) !== 'takeMemberId')
          return this.#refused('JoinGroup', event.errorCode);
        this.memberId = event.memberId;
        return this.#join();
      case 'synced':
        return this.#synced(event.keys);
      case 'syncRefused':
        return this.#refused('SyncGroup', event.errorCode);
      case 'syncUnreadable':
        this.#lose(event.reason);
        return this.#wait('joinOnSame', refusedBackoff);
      case 'beaten':
        return this.#isOurs(event) ? this.#beaten(event.errorCode) : undefined;
      case 'released':
        return this.#released(event.keys);
      case 'left':
        return this.#stopped();
    }
  }

  /** What the time brings about, and what waits for the right phase. */
  #goOn(): void {
    const { phase } = this;
    if (this.#isStopping && this.holdings.releasing.size === 0) this.#leave();
    else if (phase.name === 'Waiting' && this.#nowMs >= phase.untilMs) {
      if (phase.next === 'joinOnSame') this.#join();
      else this.#connect(phase.next);
    } else if (phase.name === 'Stable' && this.#nowMs >= this.#roundAtMs) this.#join();
    if (this.#mayBeat && !this.#isBeating && this.#nowMs >= this.#beatAtMs) this.#beat();
  }

  // ── The session ─────────────────────────────────────────────────────────────────────────────────────

  get #mayBeat(): boolean {
    const { name } = this.phase;
    return this.generation >= 0 && (name === 'Joining' || name === 'Syncing' || name === 'Stable');
  }

  #isOurs(event: EventOf<'beaten'>): boolean {
    return event.memberId === this.memberId && event.generation === this.generation;
  }

  #noteContact(event: EventOf<'beaten'>): void {
    const reaction = reactionTo(event.errorCode);
    if (reaction !== 'ok' && reaction !== 'join') return;
    this.#session.beaten(event.sentAtMs, reaction === 'join');
    this.#failureCount = 0;
    this.lastError = null;
    this.#refusals.passed();
  }

  #checkSession(): void {
    if (this.generation < 0 || this.phase.name === 'Leaving' || this.#nowMs < this.#session.endMs) return;
    const cause = this.lastError === null ? '' : ` (${this.lastError})`;
    this.#lose(`${this.#session.silence(this.#nowMs)}${cause}`);
    if (this.phase.name === 'Waiting' || this.phase.name === 'Connecting')
      this.phase = { ...this.phase, next: 'join' };
    else this.#connect('join');
  }

  #beat(): void {
    this.#isBeating = true;
    this.#beatAtMs = this.#nowMs + this.#options.heartbeatIntervalMs;
    this.#actions.push({ type: 'beat', memberId: this.memberId, generation: this.generation });
  }

  #beaten(errorCode: number): void {
    const { name } = this.phase;
    switch (reactionTo(errorCode)) {
      case 'ok':
      case 'wait':
        return;
      case 'join':
        return name === 'Stable' ? this.#join() : undefined;
      case 'lost':
        // The join that is under way may have made the next generation already.
        return name === 'Joining' ? undefined : this.#refused('Heartbeat', errorCode);
      case 'unknown':
      case 'find':
        return this.#refused('Heartbeat', errorCode);
      default:
        // The session ends if this stays so.
        this.lastError = this.#refusals.text('Heartbeat', errorCode);
        this.#tellRefusal(this.lastError);
    }
  }

  /** What it holds may belong to others: everything stops. The member id stays; the group may still know it. */
  #lose(reason: string): void {
    this.generation = -1;
    this.heldGeneration = -1;
    this.#heldId = null;
    this.memberCount = null;
    this.lastError = reason;
    this.lossCount += 1;
    this.#lead(false);
    const keys = this.holdings.giveUp();
    const { groupId } = this.#options;
    const text = `lost its place in group ${groupId}: ${reason}. It stops its ${keys.length} partitions and joins again.`;
    this.#actions.push({ type: 'notice', level: 'warning', text });
    if (keys.length > 0) this.#actions.push({ type: 'revoke', keys, reason, generationId: null });
  }

  // ── Connecting, joining, sharing out ────────────────────────────────────────────────────────────────

  #connect(next: NextStep): void {
    this.#attempt += 1;
    this.#connection += 1;
    this.#isBeating = false;
    this.phase = { name: 'Connecting', next };
    this.#actions.push({ type: 'connect', connection: this.#connection });
  }

  #connected(): void {
    if (this.phase.name !== 'Connecting') return;
    this.#beatAtMs = this.#nowMs;
    if (this.phase.next === 'join' || this.generation < 0) this.#join();
    else this.phase = { name: 'Stable' };
  }

  #failed(event: EventOf<'failed'>): void {
    const { name } = this.phase;
    if (name === 'Leaving') return this.#stopped();
    this.lastError = event.error.message;
    const next = name === 'Stable' || (name === 'Connecting' && this.phase.next === 'beat') ? 'beat' : 'join';
    if (event.error.retriable) return this.#wait(next, requestBackoff);
    this.#tellRefusal(event.error.message);
    this.#actions.push({ type: 'hopeless', error: event.error });
    this.#wait(next, refusedBackoff);
  }

  #wait(next: NextStep | 'joinOnSame', backoff: BackoffOptions): void {
    const pauseMs = backoffMs(this.#failureCount, backoff, this.#options.random);
    this.#failureCount += 1;
    this.#attempt += 1;
    if (next !== 'joinOnSame') this.#connection += 1;
    this.phase = { name: 'Waiting', untilMs: this.#nowMs + pauseMs, next };
  }

  #join(): void {
    this.#attempt += 1;
    this.#roundAtMs = Number.POSITIVE_INFINITY;
    this.phase = { name: 'Joining' };
    this.#actions.push({ type: 'join', attempt: this.#attempt, memberId: this.memberId });
  }

  #joined(event: EventOf<'joined'>): void {
    this.#session.joined(this.#nowMs, this.generation < 0);
    const { memberId, generation, protocolName, attempt } = event;
    this.memberId = memberId;
    this.generation = generation;
    this.#leaderId = event.leaderId;
    this.#beatAtMs = this.#nowMs + this.#options.heartbeatIntervalMs;
    this.phase = { name: 'Syncing', sentAtMs: this.#nowMs };
    const isLeader = event.leaderId === memberId;
    this.memberCount = isLeader ? event.members.length : null;
    this.#lead(isLeader);
    const members = isLeader ? event.members : null;
    this.#actions.push({ type: 'sync', attempt, memberId, generation, protocolName, members });
  }

  #synced(keys: readonly string[]): void {
    if (this.phase.name !== 'Syncing') return;
    this.#session.synced(this.phase.sentAtMs);
    this.phase = { name: 'Stable' };
    const follows = this.generation === this.heldGeneration + 1 ? this.#heldId : null;
    this.heldGeneration = this.generation;
    this.#heldId = `${this.generation}/${this.#leaderId}`;
    this.#failureCount = 0;
    this.lastError = null;
    this.#refusals.passed();
    if (this.#isStopping) return;
    const { added, revoked } = this.holdings.share(keys);
    if (revoked.length > 0) {
      const reason = 'the group has shared them out anew';
      // Whoever missed a generation does not know who had them in it.
      const generationId = follows === null ? null : this.#heldId;
      this.#actions.push({ type: 'revoke', keys: revoked, reason, generationId });
    }
    this.#tellAssigned(added, follows);
    if (this.isLeader) this.#wantRound(this.#options.balanceIntervalMs);
  }

  #released(keys: readonly string[]): void {
    const { added, freedCount } = this.holdings.released(keys);
    if (added.length > 0) this.#tellAssigned(added, null);
    if (freedCount > 0) this.#roundAtMs = this.#nowMs;
  }

  #refused(what: string, errorCode: number): void {
    const text = this.#refusals.text(what, errorCode);
    switch (reactionTo(errorCode)) {
      case 'join':
        return this.#join();
      case 'unknown':
      case 'lost':
        if (this.generation >= 0) this.#lose(text);
        if (reactionTo(errorCode) === 'unknown') this.memberId = '';
        if (what !== 'Heartbeat') return this.#wait('joinOnSame', requestBackoff);
        // JoinGroup or SyncGroup may be under way on their connection: only a new one is free.
        return this.phase.name === 'Stable' ? this.#join() : this.#connect('join');
      case 'find':
        this.lastError = text;
        return this.#wait(this.phase.name === 'Stable' ? 'beat' : 'join', requestBackoff);
      case 'wait':
        this.lastError = text;
        return this.#wait('joinOnSame', requestBackoff);
      default:
        this.lastError = text;
        this.#tellRefusal(text);
        if (!mayPassByItself(errorCode))
          this.#actions.push({ type: 'hopeless', error: this.#refusals.error(errorCode, text) });
        return this.#wait('joinOnSame', refusedBackoff);
    }
  }

  // ── Leaving ─────────────────────────────────────────────────────────────────────────────────────────

  #stop(): void {
    if (this.#isStopping || this.phase.name === 'Stopped') return;
    this.#isStopping = true;
    const keys = this.holdings.giveUp();
    const reason = 'this agent stops';
    if (keys.length > 0) this.#actions.push({ type: 'revoke', keys, reason, generationId: this.#heldId });
  }

  #leave(): void {
    const { name } = this.phase;
    if (name === 'Leaving' || name === 'Stopped') return;
    this.#lead(false);
    this.#attempt += 1;
    const isConnected = name === 'Joining' || name === 'Syncing' || name === 'Stable';
    if (!isConnected || this.memberId === '') return this.#stopped();
    this.phase = { name: 'Leaving' };
    this.#actions.push({ type: 'leave', memberId: this.memberId });
  }

  #stopped(): void {
    this.phase = { name: 'Stopped' };
    this.#isStopping = false;
    this.memberId = '';
    this.generation = -1;
    this.heldGeneration = -1;
    this.#heldId = null;
    this.#session.forget();
    this.#actions.push({ type: 'close' });
  }

  // ── Telling ─────────────────────────────────────────────────────────────────────────────────────────

  #wantRound(delayMs: number): void {
    if (this.isLeader) this.#roundAtMs = Math.min(this.#roundAtMs, this.#nowMs + delayMs);
  }

  #tellAssigned(added: readonly string[], follows: string | null): void {
    const all = [...this.holdings.active];
    this.#actions.push({ type: 'assigned', added, all, generation: this.heldGeneration, follows });
  }

  #lead(isLeader: boolean): void {
    if (isLeader === this.isLeader) return;
    this.isLeader = isLeader;
    this.#actions.push({ type: 'leader', isLeader });
  }

  #tellRefusal(refusal: string): void {
    const text = this.#refusals.news(refusal);
    if (text !== null) this.#actions.push({ type: 'notice', level: 'warning', text });
  }
}
