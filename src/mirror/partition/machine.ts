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
//              ▲    ▲   │                      │  │            │  │  ▲
//              │    │   └─ WaitingForReplicas  │  └─► FillingStart ─► CuttingStart ─► ReadingDestination
//              │    │                          │               │  │  └─ a hole is filled on the way (hole.ts)
//              └────┴────── Recovering ◄───────┴───────────────┘  ├─► Diverged, Blocked, SourceTruncated, ...
//                                                                 └─► LoopDetected ─► ReadingDestination
//
// Settling is left out once where the former worker told that nothing of it is under way, and the log is as it said.
import { later } from '../../offsets.ts';
import {
  enterHole,
  type FillingHole,
  type HoleDecision,
  holeAnswered,
  holeLogEndRead,
  holeNotSent,
  holeTimer,
} from './hole.ts';
import { identityOf, markersOf, positionAfter, positionBehindHole } from './identity.ts';
import { isHeldBy, mergeableCount, mergedBytesLess, mergedBytesMax, planBatch, type Step } from './plan.ts';
import { reactionToAppendError, reactionToFetchError } from './reactions.ts';
import { Returning, type ReturnQuestion, type ReturnVerdict } from './returning.ts';
import { fillEstimate, holeEstimate, nextFiller } from './start-fill.ts';
import {
  type DestinationView,
  defaultPolicy,
  type FetchedBatch,
  type Flow,
  type LeftLog,
  type PartitionAction,
  type PartitionEvent,
  type PartitionPolicy,
  type PartitionState,
  type StopKind,
  type TailVerdict,
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
  /** Offsets that retention at the source took before they were mirrored; a hole stands in their place. */
  sourceLostCount = 0n;
  /** Offsets that became holes. */
  holeOffsetsCount = 0n;
  /** The mirror's end as last known; survives recovery so that a step back is noticed. */
  mirrorEnd: bigint | null = null;
  /** Set by a stop that leaves nothing under way: who follows may go on from there without settling. */
  left: LeftLog | null = null;

  /** Small batches are put together up to so many bytes; less when a broker refuses that as too large, 0: not at all. */
  mergedBytesMax: number = mergedBytesMax;

  readonly #policy: PartitionPolicy;
  #actions: PartitionAction<B>[] = [];
  /** The source's leader epoch of what stands right before `end`, where this worker copied it. */
  #copied: { end: bigint; epoch: number } | null = null;
  /** Where this worker has cut fillers off: nothing was lost if the source's start moves on before the first record. */
  #cutAt: bigint | null = null;
  /** Losses below are counted in `sourceLostCount`; each start meets them again until their hole is done. */
  #lossCountedTo = 0n;
  /** Something landed elsewhere than it was meant to; whether the mirror was closed meanwhile is being read. */
  #doubt: { offset: bigint; reason: string; looks: number } | null = null;
  /** Compressed ones are, too, until some can't be read for that. */
  #mayRecompress = true;
  /** Batches in front of this offset go alone: one of them could not be read when they were put together. */
  #aloneBelow = 0n;
  /** Null: what comes back is welcome, as in a restore. */
  readonly #returning: Returning | null;
  /** The destination's leader epoch of the look that copying began with. */
  #viewedEpoch = -1;

  /**
   * @param ownTag of the cluster that is written to: batches that come back to it are not copied. Default: they are.
   * @param isGrown as `Returning` has it
   */
  constructor(policy: PartitionPolicy = defaultPolicy, ownTag: bigint | null = null, isGrown = false) {
    this.#policy = policy;
    this.#returning = ownTag === null ? null : new Returning(ownTag, isGrown);
  }

  /** Takes one event; answers with what is to be done now, in order. */
  handle(event: PartitionEvent<B>): readonly PartitionAction<B>[] {
    this.#actions = [];
    this.#dispatch(event);
    return this.#actions;
  }

  /** Whether `prepare` would put something together. */
  get hasToPrepare(): boolean {
    const { state } = this;
    return state.name === 'Mirroring' && state.flow.inFlight !== null && this.#mergeCount(state.flow) > 1;
  }

  /**
   * Puts together what goes next, while the append under way is answered: for whoever has sent that and has a moment. The
   * queue holds the same records afterwards.
   */
  prepare(): void {
    const { flow } = this;
    if (flow === null || !this.hasToPrepare) return;
    const count = this.#mergeCount(flow);
    const batches = flow.queue
      .slice(0, count)
      .map((step) => (step as Extract<Step<B>, { kind: 'data' }>).batch);
    const merged = this.#merged(batches);
    if (merged === null) return;
    const within = batches.filter((batch) => batch.lastOffset <= merged.lastOffset);
    flow.queue.splice(0, within.length, { kind: 'data', batch: merged });
    flow.queuedBytes += merged.sizeBytes;
    for (const batch of within) {
      flow.queuedBytes -= batch.sizeBytes;
      batch.release();
    }
  }

  /** The moving parts while copying, or null in any other state. */
  get flow(): Flow<B> | null {
    return this.state.name === 'Mirroring' || this.state.name === 'Stopping' ? this.state.flow : null;
  }

  #dispatch(event: PartitionEvent<B>): void {
    if (event.type === 'begin') return this.#begin();
    if (event.type === 'stop') return this.#stop();
    if (event.type === 'topicRecreated') return this.#topicRecreated(event.side, event.reason);
    if (event.type === 'sourceChanged') return this.#sourceChanged(event.reason);
    if (event.round !== this.round) {
      if (event.type === 'fetched') for (const batch of event.batches) batch.release();
      return;
    }
    switch (event.type) {
      case 'timer':
        return this.#timer();
      case 'destinationRead':
        return this.#destinationRead(event.view, event.left ?? null);
      case 'tailCompared':
        return this.#tailCompared(event.verdict);
      case 'readFailed':
        if (this.state.name === 'LoopDetected') return this.#loopAgain(this.state.reason);
        return event.notAuthorized ? this.#lacksRight(event.reason) : this.#stopOrRecover(event.reason);
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
      case 'markersUnknown':
        return this.#stopOrRecover(event.reason);
      case 'markersAnswered':
        return this.#withHole('writing', (hole) => holeAnswered(hole, event.errorCode, event.reason));
      case 'markersNotSent':
        return this.#withHole('writing', holeNotSent);
      case 'logEndRead':
        return this.#withHole(null, (hole, flow) => holeLogEndRead(hole, flow.mirrorEnd, event.ends));
      case 'startCut':
        return this.#startCut(event.logStart);
      case 'returnAnswered':
        return this.#returnAnswered(event.verdict);
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
      case 'LoopDetected':
        return this.#act({ type: 'askReturn', round: this.round, question: state.question });
      case 'Mirroring':
      case 'Stopping':
        return this.#withHole(null, holeTimer);
      default:
        return;
    }
  }

  #destinationRead(view: DestinationView, left: LeftLog | null): void {
    const { state } = this;
    if (view.isClosed) {
      const reason = 'a marker with the closing epoch stands in the mirror: it was promoted';
      return this.#end('Fenced', view.logEnd, reason);
    }
    if (this.#doubt !== null) {
      // The log has grown while it was read, so that the closing may be among what came.
      this.#doubt.looks += 1;
      if (view.highWatermark < 0n && this.#doubt.looks < doubtLooksMax) return this.#readDestination();
      return this.#end('Diverged', this.#doubt.offset, this.#doubt.reason);
    }
    const isReplicated = view.highWatermark === view.logEnd;
    const seen = state.name === 'Settling' || state.name === 'WaitingForReplicas' ? state.seen : null;
    // While somebody else appends the high watermark lags, too, but waiting for replicas would be the wrong story.
    const hasMoved = view.highWatermark < 0n || (seen !== null && seen.logEnd !== view.logEnd);
    if (!isReplicated && !hasMoved) {
      // What followers lack can vanish with the leader, and our next batch would land lower than meant.
      this.state = { name: 'WaitingForReplicas', seen: view };
      return this.#pause('replicas', 1);
    }
    const before = state.name === 'Settling' ? state.seen : left;
    const settled = isReplicated && before?.logEnd === view.logEnd && before.leaderEpoch === view.leaderEpoch;
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
    this.mirrorEnd = view.logEnd;
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
      case 'agrees':
        if (view.tail?.isFiller) return this.#fillersFound(view, verdict.sourceStart);
        return this.#mirror(view, { lastFetchedEpoch: this.#epochBefore(view.logEnd, verdict) });
      case 'differs':
        return this.#end(
          'Diverged',
          verdict.offset,
          `the newest batch differs from the source’s: ${verdict.what}`,
        );
      case 'foreign':
        return this.#end(
          'ForeignData',
          verdict.offset,
          'the destination holds records that no mirror wrote; what MirrorMaker 2 has copied is taken over by lockstep migrate FILE',
        );
      case 'sourceEndsBefore':
        return this.#end(
          'SourceTruncated',
          verdict.sourceEnd,
          `the source ends at ${verdict.sourceEnd}, the mirror at ${view.logEnd}: the source was truncated or is another log`,
        );
      case 'sourceStartsAfter':
        return this.#sourceStartsAfter(view, verdict.sourceStart);
    }
  }

  #epochBefore(end: bigint, verdict: { readonly lastFetchedEpoch: number }): number {
    if (verdict.lastFetchedEpoch >= 0) return verdict.lastFetchedEpoch;
    return this.#copied?.end === end ? this.#copied.epoch : -1;
  }

  #mirror(view: DestinationView, from: { lastFetchedEpoch: number; lostUntil?: bigint }): void {
    const end = from.lostUntil ?? view.logEnd;
    const flow: Flow<B> = {
      position: view.position,
      generation: view.generation,
      isClaimed: false,
      mirrorEnd: view.logEnd,
      plannedEnd: end,
      fetchOffset: end,
      queue: end > view.logEnd ? [{ kind: 'hole', end }] : [],
      queuedBytes: 0,
      inFlight: null,
      hole: null,
      obstacle: null,
      returning: null,
    };
    this.mirrorEnd = view.logEnd;
    this.#viewedEpoch = view.leaderEpoch;
    this.state = { name: 'Mirroring', flow };
    this.#act({
      type: 'startFetching',
      round: this.round,
      offset: end,
      lastFetchedEpoch: from.lastFetchedEpoch,
    });
    this.#advance(flow);
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

  /** What was compared may stand there no more: compare again before anything is appended. */
  #sourceChanged(reason: string): void {
    if (this.state.name === 'Mirroring' || this.state.name === 'ComparingTail') this.#recover(reason);
  }

  // ── A source that starts above the mirror's end ─────────────────────────────────────────────────────

  #sourceStartsAfter(view: DestinationView, sourceStart: bigint): void {
    const missing = sourceStart - view.logEnd;
    const { fillOffsetsMax, retentionOvertook } = this.#policy;
    // A mirror that has no records left was overtaken, too, unless it has only just been filled.
    const isOvertaken = view.logEnd > 0n && !view.tail?.isFiller && view.logEnd !== this.#cutAt;
    if (isOvertaken && retentionOvertook === 'stop') {
      const reason = `retention at the source took ${missing} offsets from ${view.logEnd} on before they were mirrored; it starts at ${sourceStart} now`;
      return this.#end('RetentionOvertook', view.logEnd, reason);
    }
    if (isOvertaken) this.#countLoss(view.logEnd, sourceStart);
    if (isOvertaken && view.logStart < view.logEnd) {
      return this.#mirror(view, { lastFetchedEpoch: -1, lostUntil: sourceStart });
    }
    if (missing > fillOffsetsMax) {
      const reason = `the mirror is to start at ${sourceStart}: to fill ${missing} offsets would take about ${fillEstimate(missing)}, and at most ${fillOffsetsMax} are filled`;
      return this.#end('StartTooFar', view.logEnd, reason);
    }
    this.#fill(view.position.producerId, view.logEnd, sourceStart);
  }

  #countLoss(from: bigint, to: bigint): void {
    this.sourceLostCount += later(to - later(from, this.#lossCountedTo), 0n);
    this.#lossCountedTo = later(to, this.#lossCountedTo);
  }

  #fill(producerId: bigint, offset: bigint, target: bigint): void {
    const filler = nextFiller(producerId, offset, target);
    const reason = `${offset} of ${target} offsets below the mirror’s start are filled; about ${fillEstimate(target - offset)} more`;
    this.mirrorEnd = offset;
    this.state = { name: 'FillingStart', target, producerId, filler, reason };
    this.#act({ type: 'appendFiller', round: this.round, filler });
  }

  #fillerAppended(
    { filler, target, producerId }: Extract<PartitionState<B>, { name: 'FillingStart' }>,
    baseOffset: bigint,
  ): void {
    if (baseOffset !== filler.offset) {
      const reason = `a filler meant for offset ${filler.offset} landed at ${baseOffset}: something else writes to the mirror`;
      return this.#end('Diverged', filler.offset, reason);
    }
    this.attempt = 0;
    const end = filler.offset + BigInt(filler.count);
    if (end < target) this.#fill(producerId, end, target);
    else this.#cutStart(target);
  }

  /** Data never follows fillers that could still be read. */
  #fillersFound(view: DestinationView, sourceStart: bigint): void {
    if (view.logEnd <= sourceStart) return this.#cutStart(view.logEnd);
    // Not known by their headers, but by the right to READ that is withheld until all partitions are filled.
    this.#recover('the mirror may not be read yet: other partitions of the topic are still filled');
  }

  #cutStart(target: bigint): void {
    this.mirrorEnd = target;
    this.state = { name: 'CuttingStart', target };
    this.#act({ type: 'cutStart', round: this.round, beforeOffset: target });
  }

  #startCut(logStart: bigint): void {
    if (this.state.name !== 'CuttingStart') return;
    const { target } = this.state;
    if (logStart < target)
      return this.#recover(`the mirror was to start at ${target}, and starts at ${logStart}`);
    this.#cutAt = target;
    this.round += 1;
    this.#readDestination();
  }

  // ── Copying ─────────────────────────────────────────────────────────────────────────────────────────

  #fetched(batches: readonly B[]): void {
    const { state } = this;
    if (state.name !== 'Mirroring' || state.flow.obstacle !== null || state.flow.returning !== null) {
      for (const batch of batches) batch.release();
      return;
    }
    const { flow } = state;
    for (const [index, batch] of batches.entries()) {
      const question = this.#questionOf(flow, batch);
      if (question !== null) {
        for (const unplanned of batches.slice(index)) unplanned.release();
        this.#askReturn(flow, question);
        break;
      }
      try {
        this.#plan(flow, batch);
      } catch (error) {
        for (const unplanned of batches.slice(index)) unplanned.release();
        return this.#recover(unreadable(batch, error));
      }
    }
    this.#advance(flow);
  }

  /** Queues the steps of one batch, which belongs to them afterwards or is given back. Throws before it takes it. */
  #plan(flow: Flow<B>, batch: B): void {
    const verdict =
      flow.obstacle ?? planBatch(batch, flow.plannedEnd, this.#policy.compactionGaps, this.mergedBytesMax);
    if (verdict === 'behind' || 'kind' in verdict) {
      batch.release();
      if (verdict === 'behind' || flow.obstacle !== null) return;
      flow.obstacle = verdict;
      return this.#act({ type: 'stopFetching' });
    }
    for (const step of verdict.steps) {
      if (step.kind === 'hole' && flow.queue.at(-1)?.kind === 'hole') flow.queue.pop();
      flow.queue.push(step);
      if (step.kind === 'data') flow.queuedBytes += step.batch.sizeBytes;
    }
    flow.plannedEnd = verdict.plannedEnd;
    flow.fetchOffset = batch.lastOffset + 1n;
    if (!isHeldBy(verdict.steps, batch)) batch.release();
  }

  /** Does the next step when none is under way; ends at the obstacle when all before it is in. */
  #advance(flow: Flow<B>): void {
    if (flow.inFlight !== null || flow.hole !== null) return;
    const step = flow.queue[0];
    if (step === undefined) {
      if (flow.obstacle) this.#end(flow.obstacle.kind, flow.obstacle.offset, flow.obstacle.reason);
      else if (flow.returning?.verdict?.kind === 'returns')
        this.#loopFound(flow.returning.question, flow.returning.verdict.reason);
      return;
    }
    switch (step.kind) {
      case 'hole':
        return this.#enterHole(flow, step.end);
      case 'copies':
        return this.#appendCopies(flow, step);
      case 'data':
        return this.#appendData(flow);
    }
  }

  #appendData(flow: Flow<B>): void {
    const batches = flow.queue
      .slice(0, this.#mergeCount(flow))
      .map((step) => (step as Extract<Step<B>, { kind: 'data' }>).batch);
    const [first, ...next] = batches as [B, ...B[]];
    const merged = next.length > 0 ? this.#merged(batches) : null;
    const end = merged?.lastOffset ?? first.lastOffset;
    const taken = batches.filter(({ lastOffset }) => lastOffset <= end);
    flow.queue.splice(0, taken.length);
    for (const { sizeBytes } of taken) flow.queuedBytes -= sizeBytes;
    if (merged === null) return this.#append(flow, first, first.isMerged === true);
    for (const batch of taken) batch.release();
    this.#append(flow, merged, true);
  }

  /** The first batches as one; null where they go alone. */
  #merged(batches: readonly B[]): B | null {
    const [first, ...next] = batches as [B, ...B[]];
    let merged: B | null = null;
    try {
      merged = first.mergeWith(next);
    } catch {
      // One of them can't be read. What is in front of it is copied, and the destination tells which it is.
      this.#aloneBelow = batches.at(-1)!.lastOffset + 1n;
    }
    // They take too much when they are read: to look at them all costs more than it gives.
    if (merged === null && first.codec !== 0) this.#mayRecompress = false;
    return merged;
  }

  #mergeCount({ queue }: Flow<B>): number {
    const [first] = queue;
    if (first?.kind !== 'data' || first.batch.baseOffset < this.#aloneBelow) return 1;
    const mayMerge = this.#mayRecompress || first.batch.codec === 0;
    return mayMerge ? mergeableCount(queue, this.mergedBytesMax) : 1;
  }

  /** A gap as copies of the record behind it: part by part, since it can be long. */
  #appendCopies(flow: Flow<B>, { end, of }: Extract<Step<B>, { kind: 'copies' }>): void {
    const missing = end - flow.mirrorEnd;
    const fitting = Math.max(1, Math.floor((copiesBytesMax * Math.max(of.recordCount, 1)) / of.sizeBytes));
    const countMax = this.mergedBytesMax > 0 ? Math.min(copiesCountMax, fitting) : 1;
    let copies: B;
    try {
      copies = of.copiesOfFirst(flow.mirrorEnd, missing > BigInt(countMax) ? countMax : Number(missing));
    } catch (error) {
      return this.#recover(unreadable(of, error));
    }
    if (flow.mirrorEnd + BigInt(copies.recordCount) === end) flow.queue.shift();
    this.#append(flow, copies, copies.recordCount > 1);
  }

  #append(flow: Flow<B>, batch: B, isMerged: boolean): void {
    const identity = identityOf(flow.position);
    flow.inFlight = { batch, identity, offset: flow.mirrorEnd, isMerged };
    this.#act({ type: 'append', round: this.round, append: flow.inFlight });
  }

  /** Keeps what is under way and forgets what waits behind it, to be read again from there. */
  #shed(): void {
    const { state } = this;
    if (state.name !== 'Mirroring' || state.flow.queue.length === 0) return;
    const { flow } = state;
    const underWay = flow.inFlight?.batch ?? null;
    const end = underWay === null ? flow.hole?.end : underWay.lastOffset + 1n;
    if (end === undefined) return;
    giveBack(flow);
    flow.obstacle = null;
    flow.returning = null;
    flow.plannedEnd = end;
    flow.fetchOffset = end;
    this.#act({
      type: 'startFetching',
      round: this.round,
      offset: end,
      lastFetchedEpoch: underWay?.partitionLeaderEpoch ?? -1,
    });
  }

  #appended({ baseOffset, isRestamped = false }: EventOf<B, 'appended'>): void {
    const { flow, state } = this;
    if (state.name === 'FillingStart') return this.#fillerAppended(state, baseOffset);
    if (flow === null || flow.inFlight === null) return;
    const { batch, identity, offset } = flow.inFlight;
    if (baseOffset !== offset) {
      const reason = `a batch meant for offset ${offset} landed at ${baseOffset}: something else writes to the mirror`;
      return this.#suspect(offset, reason);
    }
    if (isRestamped) {
      const reason = `the destination gave the batch at offset ${offset} its own timestamps: message.timestamp.type of the mirror topic is not CreateTime any more`;
      return this.#end('Diverged', offset, reason);
    }
    flow.inFlight = null;
    this.#moveTo(flow, offset + BigInt(batch.recordCount));
    flow.position = positionAfter(identity, batch.recordCount);
    this.#copied = { end: flow.mirrorEnd, epoch: batch.partitionLeaderEpoch };
    batch.release();
    if (state.name === 'Stopping') return this.#leave(flow);
    this.#advance(flow);
  }

  #moveTo(flow: Flow<B>, mirrorEnd: bigint): void {
    flow.mirrorEnd = mirrorEnd;
    this.mirrorEnd = mirrorEnd;
    this.attempt = 0;
  }

  #appendRefused({ errorCode, reason }: EventOf<B, 'appendRefused'>): void {
    const { flow, state } = this;
    const inFlight = flow?.inFlight ?? null;
    const offset = state.name === 'FillingStart' ? state.filler.offset : inFlight?.offset;
    if (offset === undefined) return;
    switch (reactionToAppendError(errorCode)) {
      case 'recover':
      case 'recreated':
        // The id may be new because the topic is, or unknown to a broker that starts: metadata decides.
        return this.#stopOrRecover(reason);
      case 'fenced':
        // A late request of this place, or the mirror was closed: the log tells which.
        return this.#stopOrRecover(`another worker has gone on behind offset ${offset} (${reason})`);
      case 'blocked': {
        if (inFlight?.isMerged) {
          // Each batch fits, or the source would not hold it.
          this.mergedBytesMax = inFlight.batch.sizeBytes > mergedBytesLess ? mergedBytesLess : 0;
          return this.#stopOrRecover(`batches were put together and refused: ${reason}`);
        }
        const what = inFlight === null ? 'a filler' : `the batch of ${inFlight.batch.sizeBytes} bytes`;
        return this.#end('Blocked', offset, `the destination refuses ${what} at offset ${offset}: ${reason}`);
      }
      case 'notAuthorized':
        return this.#lacksRight(`appending: ${reason}`);
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
    const sentEnd =
      flow.inFlight !== null ? flow.inFlight.batch.lastOffset + 1n : (flow.hole?.end ?? flow.mirrorEnd);
    if (endOffset >= sentEnd) return this.#stopOrRecover(reason);
    this.#end('SourceTruncated', endOffset, reason);
  }

  // ── Records that come back ──────────────────────────────────────────────────────────────────────────

  #questionOf(flow: Flow<B>, batch: B): ReturnQuestion | null {
    if (this.#returning === null || batch.lastOffset < flow.plannedEnd) return null;
    return this.#returning.questionOf(batch);
  }

  /** What is planned goes on; nothing is read before the answer. */
  #askReturn(flow: Flow<B>, question: ReturnQuestion): void {
    flow.returning = { question, verdict: null };
    this.#act({ type: 'stopFetching' });
    this.#act({ type: 'askReturn', round: this.round, question });
  }

  #returnAnswered(verdict: ReturnVerdict): void {
    const { state } = this;
    if (state.name === 'LoopDetected') {
      if (verdict.kind === 'returns') return this.#loopAgain(verdict.reason);
      this.#returning?.pass(state.question, verdict.until);
      return this.#readDestination();
    }
    const { flow } = this;
    if (state.name !== 'Mirroring' || flow === null || flow.returning === null) return;
    if (verdict.kind === 'returns') {
      flow.returning.verdict = verdict;
      return this.#advance(flow);
    }
    this.#returning?.pass(flow.returning.question, verdict.until);
    flow.returning = null;
    this.#act({ type: 'startFetching', round: this.round, offset: flow.fetchOffset, lastFetchedEpoch: -1 });
  }

  #loopFound(question: ReturnQuestion, reason: string): void {
    this.#drop();
    this.state = { name: 'LoopDetected', reason, question, attempt: 1 };
    this.#pause('loop', 1);
  }

  /** Not copying, so that there is nothing to begin anew: the same is asked again after a while. */
  #loopAgain(reason: string): void {
    if (this.state.name !== 'LoopDetected') return;
    const attempt = this.state.attempt + 1;
    this.state = { ...this.state, reason, attempt };
    this.#pause('loop', attempt);
  }

  // ── Holes ───────────────────────────────────────────────────────────────────────────────────────────

  #enterHole(flow: Flow<B>, end: bigint): void {
    const offsets = end - flow.mirrorEnd;
    const offsetsMax = this.#policy.fillOffsetsMax / holeShare;
    if (offsets > offsetsMax) {
      const reason = `${offsets} offsets up to ${end} hold nothing for consumers at the source: markers would take about ${holeEstimate(offsets)}, and at most ${offsetsMax} are written (a tenth of fillOffsetsMax)`;
      return this.#end('HoleTooLong', flow.mirrorEnd, reason);
    }
    flow.queue.shift();
    const { mirrorEnd, isClaimed } = flow;
    this.#decide(flow, enterHole({ mirrorEnd, isClaimed, end }));
  }

  /** Lets the hole decide about an event; `phase`: only in this one. */
  #withHole(
    phase: FillingHole['phase'] | null,
    decide: (hole: FillingHole, flow: Flow<B>) => HoleDecision,
  ): void {
    const { flow } = this;
    if (flow === null || flow.hole === null || (phase !== null && flow.hole.phase !== phase)) return;
    const decision = decide(flow.hole, flow);
    if (this.state.name === 'Stopping') this.#leaveHole(flow, flow.hole, decision);
    else this.#decide(flow, decision);
  }

  /** A stop waits until the markers under way are answered and counted, no longer: answers alone prove little. */
  #leaveHole(flow: Flow<B>, { sentCount }: FillingHole, decision: HoleDecision): void {
    switch (decision.next) {
      case 'readLogEnd':
        return this.#decide(flow, decision);
      case 'write':
      case 'done': {
        const areAllIn = decision.mirrorEnd === flow.mirrorEnd + BigInt(sentCount);
        this.#markersFound(flow, decision.mirrorEnd);
        if (areAllIn) return this.#leave(flow);
      }
    }
    this.#end('Stopped', flow.mirrorEnd, 'stopped as asked');
  }

  #decide(flow: Flow<B>, decision: HoleDecision): void {
    switch (decision.next) {
      case 'pause':
        flow.hole = decision.hole;
        return this.#pause(decision.kind, 1);
      case 'readLogEnd':
        flow.hole = decision.hole;
        return this.#act({ type: 'readLogEnd', round: this.round });
      case 'write': {
        this.#markersFound(flow, decision.mirrorEnd);
        flow.hole = decision.hole;
        const { generation, mirrorEnd: offset, position } = flow;
        const markers = { ...markersOf(position), generation, offset, count: decision.hole.sentCount };
        return this.#act({ type: 'writeMarkers', round: this.round, markers });
      }
      case 'done':
        this.#markersFound(flow, decision.mirrorEnd);
        flow.hole = null;
        return this.#advance(flow);
      case 'recover':
        return this.#recover(decision.reason);
      case 'notAuthorized':
        return this.#lacksRight(decision.reason);
      case 'diverged':
        return this.#suspect(flow.mirrorEnd, decision.reason);
    }
  }

  #markersFound(flow: Flow<B>, mirrorEnd: bigint): void {
    if (mirrorEnd === flow.mirrorEnd) return;
    this.holeOffsetsCount += mirrorEnd - flow.mirrorEnd;
    flow.position = positionBehindHole(flow.position);
    flow.isClaimed = true;
    this.#moveTo(flow, mirrorEnd);
  }

  // ── Ending ──────────────────────────────────────────────────────────────────────────────────────────

  #stop(): void {
    const { state } = this;
    if (isStopped(state) || state.name === 'Stopping') return;
    if (this.#doubt !== null) return this.#end('Diverged', this.#doubt.offset, this.#doubt.reason);
    const flow = state.name === 'Mirroring' ? state.flow : null;
    if (flow === null) return this.#end('Stopped', this.mirrorEnd, 'stopped as asked');
    const areMarkersSent = flow.hole?.phase === 'writing' || flow.hole?.phase === 'checking';
    if (flow.inFlight === null && !areMarkersSent) return this.#leave(flow);
    this.#act({ type: 'stopFetching' });
    giveBack(flow);
    this.state = { name: 'Stopping', flow };
  }

  /** Stops where all that was ever sent is answered, and stands in the log. */
  #leave({ mirrorEnd }: Flow<B>): void {
    this.left = { logEnd: mirrorEnd, leaderEpoch: this.#viewedEpoch };
    this.#end('Stopped', mirrorEnd, 'stopped as asked');
  }

  /**
   * Nothing is written any more. Behind a promotion others write rightly, and a person must not be told to delete their
   * topic: so the log is read once more before this is called Diverged.
   */
  #suspect(offset: bigint, reason: string): void {
    if (this.state.name === 'Stopping') return this.#end('Diverged', offset, reason);
    this.#doubt = { offset, reason, looks: 0 };
    this.#drop();
    this.#readDestination();
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
    giveBack(flow);
    flow.inFlight?.batch.release();
    flow.inFlight = null;
    flow.hole = null;
  }

  #pause(kind: Extract<PartitionAction, { type: 'pause' }>['kind'], attempt: number): void {
    this.#act({ type: 'pause', round: this.round, kind, attempt });
  }

  #act(action: PartitionAction<B>): void {
    this.#actions.push(action);
  }
}

function unreadable({ baseOffset }: FetchedBatch, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `the source batch at offset ${baseOffset} can’t be read: ${reason}`;
}

/** What waits in the queue, not what is under way. */
function giveBack<B extends FetchedBatch>(flow: Flow<B>): void {
  for (const step of flow.queue.splice(0)) if (step.kind === 'data') step.batch.release();
  flow.queuedBytes = 0;
}

/** Copies in one batch, and what they take together at most, in bytes. */
const copiesCountMax = 10_000;
const copiesBytesMax = 512 * 1024;

/** A marker takes about a hundred times the room of a filler's offset, and thirty times as long. */
const holeShare = 10n;

/** So many looks at a log that grows while it is read tell whether it was closed. */
const doubtLooksMax = 3;

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
  'FillingStart',
  'CuttingStart',
  'Mirroring',
  'LoopDetected',
  'Recovering',
  'NotAuthorized',
  'Stopping',
]);

/** Whether the partition rests in a state that only a person, or another run, can end. */
export function isStopped<B extends FetchedBatch>(
  state: PartitionState<B>,
): state is Extract<PartitionState<B>, { name: StopKind }> {
  return !moving.has(state.name);
}
