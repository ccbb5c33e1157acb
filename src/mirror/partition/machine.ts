// The life of one mirrored partition as a machine without I/O: an event goes in, actions come out.
//
// The problem: an append whose answer is lost may have happened, may happen later, or never. A blind resend
// can put a batch in twice and move every later offset by one, for good. The answer: there is a single way
// back from every doubt. Drop what is in memory, read the destination's log end, let old requests settle,
// compare the newest batch with the source, and go on at the next sequence. The log is the only truth; nothing
// that was in memory is believed. Identity and content of every append follow from the log alone, so that the
// broker recognises an old request for the same place as the same (identity.ts).
//
//   Idle ─► ReadingDestination ─► Settling ─► ComparingTail ─► Mirroring ─► Stopping ─► Stopped
//              ▲    ▲   │                          │              │  │
//              │    └─ WaitingForReplicas          │              │  └─► Diverged, Blocked, HoleAhead, ...
//              └────────── Recovering ◄────────────┴──────────────┘
import { identityAfter } from './identity.ts';
import { judgeBatch } from './plan.ts';
import { reactionToAppendError, reactionToFetchError } from './reactions.ts';
import type {
  DestinationView,
  FetchedBatch,
  Flow,
  PartitionAction,
  PartitionEvent,
  PartitionState,
  StopKind,
  TailVerdict,
} from './state.ts';

type EventOf<B extends FetchedBatch, T extends PartitionEvent<B>['type']> = Extract<
  PartitionEvent<B>,
  { type: T }
>;

/** One partition's machine. `handle` is the only way in; it never throws for events that come late. */
export class PartitionMachine<B extends FetchedBatch = FetchedBatch> {
  state: PartitionState<B> = { name: 'Idle' };
  /** Grows whenever everything asked so far becomes void. Answers that carry an older round are ignored. */
  round = 0;
  /** Failures since the last acknowledged append or successful look at both logs. */
  attempt = 0;
  /** How often the destination had lost offsets that were acknowledged (for status and metrics). */
  acknowledgedLostCount = 0;
  /** The mirror's end as last known; survives recovery so that a step back is noticed. */
  mirrorEnd: bigint | null = null;

  #actions: PartitionAction<B>[] = [];

  /** Takes one event; answers with what is to be done now, in order. */
  handle(event: PartitionEvent<B>): readonly PartitionAction<B>[] {
    this.#actions = [];
    this.#dispatch(event);
    return this.#actions;
  }

  /** The moving parts while copying, or null in any other state. */
  get flow(): Flow<B> | null {
    return this.state.name === 'Mirroring' || this.state.name === 'Stopping' ? this.state.flow : null;
  }

  #dispatch(event: PartitionEvent<B>): void {
    if (event.type === 'begin') return this.#begin();
    if (event.type === 'stop') return this.#stop();
    if (event.type === 'topicRecreated') return this.#topicRecreated(event.side, event.reason);
    if (event.round !== this.round) {
      if (event.type === 'fetched') for (const batch of event.batches) batch.release();
      return;
    }
    switch (event.type) {
      case 'timer':
        return this.#timer();
      case 'destinationRead':
        return this.#destinationRead(event.view);
      case 'tailCompared':
        return this.#tailCompared(event.verdict);
      case 'readFailed':
        return event.notAuthorized ? this.#lacksRight(event.reason) : this.#recover(event.reason);
      case 'fetched':
        return this.#fetched(event.batches);
      case 'fetchRefused':
        return this.#fetchRefused(event);
      case 'sourceDiverged':
        return this.#sourceDiverged(event);
      case 'appended':
        return this.#appended(event);
      case 'appendRefused':
        return this.#appendRefused(event);
      case 'appendUnknown':
        return this.#stopOrRecover(event.reason);
      case 'shed':
        return this.#shed();
    }
  }

  // ── Starting, and starting again ────────────────────────────────────────────────────────────────────

  #begin(): void {
    if (this.state.name !== 'Idle')
      throw new Error(`begin: a partition in state ${this.state.name} has begun already`);
    this.#readDestination();
  }

  #readDestination(): void {
    this.state = { name: 'ReadingDestination' };
    this.#act({ type: 'readDestination', round: this.round });
  }

  #timer(): void {
    const { state } = this;
    switch (state.name) {
      case 'Settling':
        // Read once more and compare with `seen`: an old request may have landed meanwhile.
        return this.#act({ type: 'readDestination', round: this.round });
      case 'WaitingForReplicas':
        return this.#act({ type: 'readDestination', round: this.round });
      case 'Recovering':
      case 'NotAuthorized':
        return this.#readDestination();
      default:
        return;
    }
  }

  #destinationRead(view: DestinationView): void {
    const { state } = this;
    const isReplicated = view.highWatermark === view.logEnd;
    const seen = state.name === 'Settling' || state.name === 'WaitingForReplicas' ? state.seen : null;
    // While somebody else appends the high watermark lags, too, but waiting for replicas would be the wrong story.
    const hasMoved = view.highWatermark < 0n || (seen !== null && seen.logEnd !== view.logEnd);
    if (!isReplicated && !hasMoved) {
      // What followers lack can vanish with the leader, and our next batch would land lower than meant.
      this.state = { name: 'WaitingForReplicas', seen: view };
      return this.#pause('replicas', 1);
    }
    const settled =
      isReplicated &&
      state.name === 'Settling' &&
      state.seen.logEnd === view.logEnd &&
      state.seen.leaderEpoch === view.leaderEpoch;
    if (!settled) {
      const looks = state.name === 'Settling' ? state.looks + 1 : 1;
      this.state = {
        name: 'Settling',
        seen: view,
        looks,
        reason: looks > quietLooksMax ? keepsMoving : null,
      };
      return this.#pause('settle', 1);
    }
    this.#noticeStepBack(view);
    this.state = { name: 'ComparingTail', view };
    this.#act({ type: 'compareTail', round: this.round, view });
  }

  /** Acknowledged offsets that are gone (an unclean election, disks lost) do no harm, but never pass in silence. */
  #noticeStepBack(view: DestinationView): void {
    if (this.mirrorEnd !== null && view.logEnd < this.mirrorEnd) this.acknowledgedLostCount += 1;
  }

  #tailCompared(verdict: TailVerdict): void {
    if (this.state.name !== 'ComparingTail') return;
    const { view } = this.state;
    switch (verdict.kind) {
      case 'agrees': {
        const flow: Flow<B> = {
          identity: view.identity,
          mirrorEnd: view.logEnd,
          fetchOffset: view.logEnd,
          queue: [],
          queuedBytes: 0,
          inFlight: null,
          obstacle: null,
        };
        this.mirrorEnd = view.logEnd;
        this.state = { name: 'Mirroring', flow };
        return this.#act({
          type: 'startFetching',
          round: this.round,
          offset: view.logEnd,
          lastFetchedEpoch: verdict.lastFetchedEpoch,
        });
      }
      case 'differs':
        return this.#end(
          'Diverged',
          verdict.offset,
          `the newest batch differs from the source’s: ${verdict.what}`,
        );
      case 'foreign':
        return this.#end('ForeignData', verdict.offset, 'the destination holds records that no mirror wrote');
      case 'sourceEndsBefore':
        return this.#end(
          'Diverged',
          verdict.sourceEnd,
          `the source ends at ${verdict.sourceEnd}, the mirror at ${view.logEnd}: the source was truncated or is another log`,
        );
      case 'sourceStartsAfter':
        return this.#end(
          'SourceStartAhead',
          view.logEnd,
          `the source starts at ${verdict.sourceStart}; the offsets from ${view.logEnd} on are gone there`,
        );
    }
  }

  #recover(reason: string): void {
    this.#drop();
    this.attempt += 1;
    this.state = { name: 'Recovering', reason, attempt: this.attempt };
    this.#act({ type: 'refreshMetadata', side: 'destination' });
    this.#pause('retry', this.attempt);
  }

  #lacksRight(reason: string): void {
    // A stop that was asked for must not turn into a start ten seconds later.
    if (this.state.name === 'Stopping') return this.#stopOrRecover(reason);
    this.#drop();
    this.attempt += 1;
    this.state = { name: 'NotAuthorized', reason, attempt: this.attempt };
    this.#pause('notAuthorized', this.attempt);
  }

  // ── Copying ─────────────────────────────────────────────────────────────────────────────────────────

  #fetched(batches: readonly B[]): void {
    const { state } = this;
    if (state.name !== 'Mirroring' || state.flow.obstacle !== null) {
      for (const batch of batches) batch.release();
      return;
    }
    const { flow } = state;
    for (const batch of batches) {
      const verdict = flow.obstacle ?? judgeBatch(batch, flow.fetchOffset);
      if (verdict === null) {
        flow.queue.push(batch);
        flow.queuedBytes += batch.sizeBytes;
        flow.fetchOffset = batch.lastOffset + 1n;
        continue;
      }
      batch.release();
      if (verdict !== 'behind' && flow.obstacle === null) {
        flow.obstacle = verdict;
        this.#act({ type: 'stopFetching' });
      }
    }
    this.#advance(flow);
  }

  /** Sends the next append when none is under way; ends at the obstacle when all before it is in. */
  #advance(flow: Flow<B>): void {
    if (flow.inFlight !== null) return;
    const batch = flow.queue.shift();
    if (batch === undefined) {
      if (flow.obstacle) this.#end(flow.obstacle.kind, flow.obstacle.offset, flow.obstacle.reason);
      return;
    }
    flow.queuedBytes -= batch.sizeBytes;
    flow.inFlight = { batch, identity: flow.identity, offset: flow.mirrorEnd };
    this.#act({ type: 'append', round: this.round, append: flow.inFlight });
  }

  /** Keeps what is under way and forgets what waits behind it, to be read again from there. */
  #shed(): void {
    const { state } = this;
    if (state.name !== 'Mirroring' || state.flow.inFlight === null || state.flow.queue.length === 0) return;
    const { flow } = state;
    const { batch } = state.flow.inFlight;
    for (const waiting of flow.queue.splice(0)) waiting.release();
    flow.queuedBytes = 0;
    flow.obstacle = null;
    flow.fetchOffset = batch.lastOffset + 1n;
    this.#act({
      type: 'startFetching',
      round: this.round,
      offset: flow.fetchOffset,
      lastFetchedEpoch: batch.partitionLeaderEpoch,
    });
  }

  #appended({ baseOffset, isRestamped = false }: EventOf<B, 'appended'>): void {
    const { flow, state } = this;
    if (flow === null || flow.inFlight === null) return;
    const { batch, identity, offset } = flow.inFlight;
    if (baseOffset !== offset) {
      const reason = `a batch meant for offset ${offset} landed at ${baseOffset}: something else writes to the mirror`;
      return this.#end('Diverged', offset, reason);
    }
    if (isRestamped) {
      const reason = `the destination gave the batch at offset ${offset} its own timestamps: message.timestamp.type of the mirror topic is not CreateTime any more`;
      return this.#end('Diverged', offset, reason);
    }
    flow.inFlight = null;
    flow.mirrorEnd = batch.lastOffset + 1n;
    this.mirrorEnd = flow.mirrorEnd;
    this.attempt = 0;
    batch.release();
    if (state.name === 'Stopping') return this.#end('Stopped', flow.mirrorEnd, 'stopped as asked');
    if (state.name !== 'Mirroring') return;
    flow.identity = identityAfter(identity, batch.recordCount);
    this.#advance(flow);
  }

  #appendRefused({ errorCode, reason }: EventOf<B, 'appendRefused'>): void {
    const { flow } = this;
    const at = flow?.inFlight ?? null;
    if (flow === null || at === null) return;
    switch (reactionToAppendError(errorCode)) {
      case 'recover':
        return this.#stopOrRecover(reason);
      case 'fenced':
        return this.#end(
          'Fenced',
          at.offset,
          `the mirror was promoted or taken over with a higher epoch (${reason})`,
        );
      case 'blocked':
        return this.#end(
          'Blocked',
          at.offset,
          `the destination refuses the batch of ${at.batch.sizeBytes} bytes at offset ${at.offset}: ${reason}`,
        );
      case 'notAuthorized':
        return this.#lacksRight(`appending: ${reason}`);
      case 'recreated':
        // The id may be new because the topic is, or unknown to a broker that starts: metadata decides.
        return this.#stopOrRecover(reason);
    }
  }

  #fetchRefused({ errorCode, reason }: EventOf<B, 'fetchRefused'>): void {
    switch (reactionToFetchError(errorCode)) {
      case 'retry':
        return this.#act({ type: 'refreshMetadata', side: 'source' });
      case 'notAuthorized':
        return this.#lacksRight(`fetching: ${reason}`);
      case 'recreated':
        this.#act({ type: 'refreshMetadata', side: 'source' });
        return this.#stopOrRecover(reason);
      case 'recover':
        return this.#stopOrRecover(reason);
    }
  }

  #sourceDiverged({ endOffset, epoch }: EventOf<B, 'sourceDiverged'>): void {
    const { flow } = this;
    if (flow === null) return;
    const reason = `the source’s log was truncated: its leader epoch ${epoch} ends at ${endOffset}, below ${flow.fetchOffset}`;
    const sentEnd = flow.inFlight === null ? flow.mirrorEnd : flow.inFlight.batch.lastOffset + 1n;
    if (endOffset >= sentEnd) return this.#stopOrRecover(reason);
    this.#end('Diverged', endOffset, reason);
  }

  // ── Ending ──────────────────────────────────────────────────────────────────────────────────────────

  #stop(): void {
    const { state } = this;
    if (isStopped(state)) return;
    if (state.name !== 'Mirroring' || state.flow.inFlight === null) {
      return this.#end('Stopped', this.mirrorEnd, 'stopped as asked');
    }
    this.#act({ type: 'stopFetching' });
    for (const batch of state.flow.queue.splice(0)) batch.release();
    state.flow.queuedBytes = 0;
    this.state = { name: 'Stopping', flow: state.flow };
  }

  #stopOrRecover(reason: string): void {
    if (this.state.name === 'Stopping')
      return this.#end('Stopped', this.mirrorEnd, `stopped; the last append: ${reason}`);
    this.#recover(reason);
  }

  #topicRecreated(side: 'source' | 'destination', reason: string): void {
    if (isStopped(this.state)) return;
    this.#end(side === 'source' ? 'SourceRecreated' : 'DestinationRecreated', this.mirrorEnd, reason);
  }

  #end(name: StopKind, offset: bigint | null, reason: string): void {
    this.#drop();
    this.state = { name, offset, reason };
  }

  /** Makes every question asked so far void and gives all memory back. */
  #drop(): void {
    const { flow } = this;
    this.round += 1;
    this.#act({ type: 'stopFetching' });
    if (flow === null) return;
    for (const batch of flow.queue.splice(0)) batch.release();
    flow.queuedBytes = 0;
    flow.inFlight?.batch.release();
    flow.inFlight = null;
  }

  #pause(kind: Extract<PartitionAction, { type: 'pause' }>['kind'], attempt: number): void {
    this.#act({ type: 'pause', round: this.round, kind, attempt });
  }

  #act(action: PartitionAction<B>): void {
    this.#actions.push(action);
  }
}

/** After this many looks at a log end that moves, somebody should know why nothing is copied here. */
const quietLooksMax = 2;
const keepsMoving =
  'the log end keeps moving: another agent copies this partition, or something else writes to it';

const moving = new Set<PartitionState['name']>([
  'Idle',
  'ReadingDestination',
  'Settling',
  'WaitingForReplicas',
  'ComparingTail',
  'Mirroring',
  'Recovering',
  'NotAuthorized',
  'Stopping',
]);

/** Whether the partition rests in a state that only a person, or another run, can end. */
export function isStopped<B extends FetchedBatch>(
  state: PartitionState<B>,
): state is Extract<PartitionState<B>, { reason: string; offset: bigint | null }> {
  return !moving.has(state.name);
}
