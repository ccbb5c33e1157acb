// One worker of a simulated world: the production machine, and around it what partition-runner.ts and
// log-inspector.ts do with sockets, done with agenda entries. The judgements are production code, too (identity.ts,
// tail.ts); what is modelled is only when each question is answered, and whether.
import type { MirrorLife, ProducerEntry } from '../partition/identity.ts';
import { isStopped, PartitionMachine } from '../partition/machine.ts';
import type {
  DestinationView,
  FillerAppend,
  LeftLog,
  LogEnds,
  MarkerRun,
  PartitionAction,
  PartitionEvent,
  PartitionPolicy,
  PauseKind,
  PendingAppend,
  TailVerdict,
} from '../partition/state.ts';
import { judgeTail, type MirrorFingerprint, type MirrorTail, type SourceView } from '../partition/tail.ts';
import { viewOf } from '../partition/view.ts';
import type { LogBatch } from './broker-log.ts';
import { type Destination, isAborted, type MirrorContent, type OnAnswer } from './destination.ts';
import type { Mutation } from './mutation.ts';
import type { SeededRandom } from './random.ts';
import { fetchedBatch, Holdings, mergedNeighbours, type SimBatch } from './sim-batch.ts';
import { noRecord, type SourceBatch } from './source-log.ts';
import type { World } from './world.ts';

type Event = PartitionEvent<SimBatch>;
type Action = PartitionAction<SimBatch>;

/** What a request takes to its broker, in ticks; one that is slow takes up to `slowTicksMax`. */
const travelTicksMax = 4;
/** No request of a worker that runs is under way for longer than this and what is below: what `settle` is made for. */
export const slowTicksMax = 14;
const leaveTicksMax = 1;
const splitTicksMax = 2;
export const settleTicks = leaveTicksMax + slowTicksMax + splitTicksMax + 1;
const replicasTicks = 2;
const notAuthorizedTicks = 10;
const retryTicksMax = 6;
/** As link-mirror.ts spreads claims. */
const claimSpread = 2;
const fetchBatchesMax = 4;
const queueStepsMax = 6;
const idleFetchTicks = 4;
const metadataTicks = 150;
/** What is unknown for so long is settled: as short as can be right, where write-ledger.ts waits for a minute. */
const doubtTicks = settleTicks;
/** Before a later life of the mirror begins. */
const comparedOffsets = 64;
const anotherLeader = 'the mirror has another leader: looking again';
/** Half of a settling pause: a look at the log end is worth so long, in ticks. */
const lookTicksMax = settleTicks / 2;
/** DeleteRecords above the high watermark, and other refusals that come from reading. */
const clusterSeen = 'the broker refused';

interface Facts {
  readonly view: DestinationView;
  readonly tail: MirrorTail | null;
}

interface Asked {
  readonly offset: number;
  readonly lastFetchedEpoch: number;
  readonly leaderEpoch: number;
}

export class SimWorker {
  readonly name: string;
  /** In which it got the partition. */
  readonly generation: number;
  readonly machine: PartitionMachine<SimBatch>;
  readonly holdings = new Holdings();
  isAlive = true;
  /** Set while frozen: the tick at which it wakes. */
  frozenUntil = -1;
  /** Known leader epochs. */
  #sourceEpoch: number;
  #destinationEpoch: number;
  #destinationLeader: number;
  #fetching: { readonly round: number; lastFetchedEpoch: number } | null = null;
  #isFetchUnderWay = false;
  #comparedEpoch: number | null = null;
  #mustCompare = false;
  /** The destination's leader epoch when the newest batch was compared. */
  #viewedEpoch: number | null = null;
  /** When the log end was asked for last. */
  /** What was read behind the marker whose answer is being delivered. */
  #readBehind: LogEnds | null = null;
  #lookedAt = 0;
  /** When the log was read that the newest generation follows from. */
  #startedAt = 0;
  /** The round in which markers were sent last. */
  #markersRound = -1;
  /** How the former worker left the log. */
  #leftBefore: LeftLog | null = null;
  /** Writes without an outcome, and until when one whose outcome is unknown may still be carried out. */
  #openWrites = 0;
  #doubtUntil = -1;
  /** In which it was started: it may be over by now. */
  readonly life: MirrorLife;
  readonly #destination: Destination;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #mutation: Mutation;

  constructor(
    name: string,
    world: World,
    options: { policy: PartitionPolicy; random: SeededRandom; mutation: Mutation; generation: number },
  ) {
    this.name = name;
    this.generation = options.generation;
    this.machine = new PartitionMachine<SimBatch>(options.policy);
    this.#world = world;
    this.#random = options.random;
    this.#mutation = options.mutation;
    this.#sourceEpoch = world.source.leaderEpoch;
    this.life = world.regions.life;
    this.#destination = world.destination;
    this.#destinationEpoch = world.destination.log.leaderEpoch;
    this.#destinationLeader = world.destination.leader;
  }

  get isStopped(): boolean {
    return isStopped(this.machine.state);
  }

  get isFrozen(): boolean {
    return this.frozenUntil > this.#world.agenda.now;
  }

  /** How it has left the log, where nothing of it is under way any more. */
  get left(): LeftLog | null {
    const isQuiet = this.#openWrites === 0 && this.#world.agenda.now >= this.#doubtUntil;
    return isQuiet ? this.machine.left : null;
  }

  begin(left: LeftLog | null): void {
    this.#leftBefore = left;
    this.deliver({ type: 'begin' });
    this.#refreshRegularly();
  }

  /** One that is gone hears nothing; a frozen one hears it when it wakes. */
  deliver(event: Event): void {
    if (!this.isAlive) {
      if (event.type === 'fetched') for (const batch of event.batches) batch.release();
      return;
    }
    if (this.isFrozen) return this.#whenAwake(() => this.deliver(event));
    const heard = this.#mutation.event === undefined ? event : this.#mutation.event(event, this);
    if (heard === null) return;
    const { machine } = this;
    const isStale = 'round' in heard && heard.round !== machine.round;
    const actions = machine.handle(heard);
    if (!isStale) this.#world.countStep();
    this.#world.traceWorker(this, heard, isStale);
    for (const action of actions) this.#carryOut(action);
    this.#fetch();
  }

  #whenAwake(run: () => void): void {
    const { agenda } = this.#world;
    agenda.add(this.frozenUntil - agenda.now + this.#random.integer(0, 2), () => {
      // It may be frozen again.
      if (this.isFrozen) this.#whenAwake(run);
      else run();
    });
  }

  /** A pause of at least one tick, or of the most that is allowed. */
  #ticks(max: number): number {
    return this.#world.isPrompt ? 1 : this.#random.integer(1, max);
  }

  #later(ticks: number, run: () => void): void {
    this.#world.agenda.add(ticks, run);
  }

  #carryOut(action: Action): void {
    const change = this.#mutation.action;
    if (change === undefined) return this.#perform(action);
    const { actions, events = [] } = change(action, this);
    for (const changed of actions) this.#perform(changed);
    for (const event of events) this.deliver(event);
  }

  #perform(action: Action): void {
    switch (action.type) {
      case 'readDestination':
        return this.#readFacts(action.round, ({ view }) => {
          this.#startedAt = this.#world.agenda.now;
          const left = this.#leftBefore;
          this.#leftBefore = null;
          this.deliver({ type: 'destinationRead', round: action.round, view, left });
          if (left !== null && this.machine.state.name === 'ComparingTail')
            this.#world.note('began without settling');
        });
      case 'compareTail':
        return this.#compareTail(action.round);
      case 'startFetching':
        this.#fetching = { round: action.round, lastFetchedEpoch: action.lastFetchedEpoch };
        return;
      case 'stopFetching':
        this.#fetching = null;
        return;
      case 'append':
        return this.#append(action.round, action.append);
      case 'appendFiller':
        return this.#appendFiller(action.round, action.filler);
      case 'writeMarkers':
        return this.#writeMarkers(action.round, action.markers);
      case 'readLogEnd':
        return this.#readLogEnd(action.round);
      case 'cutStart':
        return this.#cutStart(action.round, action.beforeOffset);
      case 'pause': {
        const { round } = action;
        return this.#later(this.#pauseTicks(action.kind, action.attempt), () =>
          this.deliver({ type: 'timer', round }),
        );
      }
      case 'refreshMetadata':
        return this.#refresh(action.side);
    }
  }

  #pauseTicks(kind: PauseKind, attempt: number): number {
    switch (kind) {
      case 'settle':
        return settleTicks;
      case 'claim':
        return settleTicks + Math.floor(claimSpread * settleTicks * this.#random.next());
      case 'replicas':
        return replicasTicks;
      case 'notAuthorized':
      case 'loop':
        return notAuthorizedTicks;
      case 'retry':
        return this.#ticks(Math.min(retryTicksMax, 2 ** attempt));
    }
  }

  #refresh(side: 'source' | 'destination'): void {
    this.#later(this.#ticks(3), () => {
      const { source } = this.#world;
      const destination = this.#destination;
      if (side === 'source') this.#sourceEpoch = source.leaderEpoch;
      else {
        this.#destinationEpoch = destination.log.leaderEpoch;
        this.#destinationLeader = destination.leader;
      }
    });
  }

  #refreshRegularly(): void {
    this.#later(metadataTicks, () => {
      if (!this.isAlive || this.isStopped) return;
      for (const side of ['source', 'destination'] as const) this.#refresh(side);
      this.#refreshRegularly();
    });
  }

  // ── Reading the destination ─────────────────────────────────────────────────────────────────────────

  /** Asks the destination's leader; `answer` runs there. */
  #ask(round: number, leaderEpoch: number, answer: () => void): void {
    const fails = this.#world.takesReadFailure();
    this.#later(this.#ticks(2), () => {
      if (!this.isAlive) return;
      if (this.isFrozen) return this.#whenAwake(() => this.#ask(round, leaderEpoch, answer));
      if (fails) return this.#readFailed(round, 'the connection broke');
      if (leaderEpoch !== this.#destination.log.leaderEpoch)
        return this.#readFailed(round, 'FENCED_LEADER_EPOCH');
      answer();
    });
  }

  #readFailed(round: number, reason: string): void {
    this.#refresh('source');
    this.deliver({ type: 'readFailed', round, reason, notAuthorized: false });
  }

  #logEnd(): number {
    const { log } = this.#destination;
    return this.#mutation.shell?.logEndIsHighWatermark ? log.highWatermark : log.end;
  }

  /** As DestinationInspector does: the end, then all else, then the end again. */
  #readFacts(round: number, done: (facts: Facts) => void): void {
    const leaderEpoch = this.#destinationEpoch;
    this.#ask(round, leaderEpoch, () => {
      const before = this.#logEnd();
      this.#ask(round, leaderEpoch, () => {
        const { log } = this.#destination;
        const { highWatermark, start } = log;
        const entries = log.producers.allFacts();
        const tail = before > start && highWatermark === before ? this.#tailAt(before) : null;
        this.#ask(round, leaderEpoch, () => {
          const end = this.#logEnd();
          done(
            this.#factsOf({ end, start, entries, tail, highWatermark: before === end ? highWatermark : -1 }),
          );
        });
      });
    });
  }

  #factsOf(read: {
    end: number;
    start: number;
    entries: readonly ProducerEntry[];
    tail: MirrorTail | null;
    highWatermark: number;
  }): Facts {
    const { clockMs } = this.#world;
    const { tail, entries } = read;
    const view = viewOf(
      {
        leaderEpoch: this.#destinationEpoch,
        logStart: BigInt(read.start),
        logEnd: BigInt(read.end),
        highWatermark: BigInt(read.highWatermark),
        tail,
        entries,
      },
      { ...this.life, nowMs: clockMs(), random: this.#random.next() },
    );
    if (!this.#mutation.shell?.keepsGeneration) return { view, tail };
    const generation = Math.max(0, ...entries.map(({ coordinatorEpoch }) => coordinatorEpoch));
    return { view: { ...view, generation }, tail };
  }

  #tailAt(end: number): MirrorTail | null {
    const { log } = this.#destination;
    const batch = log.batchAt(end - 1);
    if (batch === null) return null;
    const newest = fingerprintOf(batch);
    let data: LogBatch<MirrorContent> | null = batch;
    while (data !== null && data.kind === 'marker') data = log.batchAt(data.baseOffset - 1);
    return {
      newest,
      newestData: data === null ? null : data === batch ? newest : fingerprintOf(data),
      // Where the hole begins is asked of the model itself, below.
      holeStart: null,
      beforeRun: this.#beforeRun(newest),
    };
  }

  #beforeRun(newest: MirrorFingerprint): MirrorTail['beforeRun'] {
    const { log } = this.#destination;
    if (newest.isControl || newest.producerEpoch <= 0 || newest.lastSequence < 0) return 'unknown';
    const offset = Number(newest.lastOffset) - newest.lastSequence - 1;
    const before = log.batchAt(offset);
    return before === null ? 'unknown' : before.kind;
  }

  #readLogEnd(round: number): void {
    if (this.#readBehind !== null) {
      const ends = this.#readBehind;
      this.#readBehind = null;
      return this.#later(0, () => this.deliver({ type: 'logEndRead', round, ends }));
    }
    this.#lookedAt = this.#world.agenda.now;
    const leaderEpoch = this.#destinationEpoch;
    this.#ask(round, leaderEpoch, () => {
      const { highWatermark } = this.#destination.log;
      this.#ask(round, leaderEpoch, () => {
        const ends = { leaderEpoch, logEnd: BigInt(this.#logEnd()), highWatermark: BigInt(highWatermark) };
        this.deliver({ type: 'logEndRead', round, ends });
      });
    });
  }

  // ── Comparing with the source ───────────────────────────────────────────────────────────────────────

  #compareTail(round: number): void {
    this.#readFacts(round, (facts) => {
      const { logEnd, highWatermark, leaderEpoch } = facts.view;
      const before = this.machine.state;
      const isUnmoved =
        before.name === 'ComparingTail' &&
        before.view.logEnd === logEnd &&
        before.view.leaderEpoch === leaderEpoch;
      if (!isUnmoved || highWatermark !== logEnd)
        return this.#readFailed(round, 'the mirror moved while it was compared');
      this.#mustCompare = false;
      const sourceEpoch = this.#sourceEpoch;
      const data = facts.tail?.newestData ?? null;
      const offset = Number(data === null ? logEnd - 1n : data.lastOffset);
      const hole = facts.tail?.newest.isControl
        ? { from: data === null ? Number(facts.view.logStart) : offset + 1, to: Number(logEnd) }
        : null;
      this.#later(this.#ticks(2), () => {
        const { source } = this.#world;
        if (sourceEpoch !== source.leaderEpoch)
          return this.#readFailed(round, 'FENCED_LEADER_EPOCH at the source');
        const original = offset >= source.start && offset < source.end ? source.batchFrom(offset) : null;
        const verdict = this.#judge(facts, original, {
          logStart: BigInt(source.start),
          highWatermark: BigInt(source.end),
          lastStableOffset: BigInt(source.lastStableOffset),
          logEnd: BigInt(source.end),
          tail: original && sourceFingerprint(original),
          visibleInHole: hole === null ? null : this.#firstVisible(hole),
        });
        if (verdict === 'unreadable') return this.#readFailed(round, 'OFFSET_OUT_OF_RANGE at the mirror');
        if (verdict === 'unsettled') return this.#readFailed(round, 'the source can not say yet');
        this.#comparedEpoch = sourceEpoch;
        this.#viewedEpoch = leaderEpoch;
        const changed = this.#mutation.verdict?.(verdict) ?? verdict;
        this.deliver({ type: 'tailCompared', round, verdict: changed });
      });
    });
  }

  /** As askFirstVisible does. */
  #firstVisible({ from, to }: { from: number; to: number }): bigint | null {
    const { source } = this.#world;
    if (to > source.end) return null;
    const end = Math.min(to, source.lastStableOffset);
    for (let offset = from; offset < end; offset++) if (source.isVisible(offset)) return BigInt(offset);
    return null;
  }

  /** As TailComparer.compare does. */
  #judge(
    facts: Facts,
    original: SourceBatch | null,
    source: SourceView,
  ): TailVerdict | 'unsettled' | 'unreadable' {
    const judgement = judgeTail(facts.view, facts.tail, source, this.life);
    if (judgement === 'compareEnds') return this.#compareEnds(facts, source);
    const verdict =
      judgement === 'compareRecords' ? this.#compareRecords(facts, original!, source) : judgement;
    if (typeof verdict === 'string' || verdict.kind !== 'agrees' || verdict.compared) return verdict;
    return this.#holeBeforeRun(facts) ?? this.#earlierRecords(facts) ?? verdict;
  }

  /** As compare-ends.ts does. */
  #compareEnds({ view }: Facts, { logStart }: SourceView): TailVerdict {
    const { source } = this.#world;
    const { log } = this.#destination;
    for (
      let offset = Math.max(log.start, Number(view.logEnd) - comparedOffsets);
      offset < view.logEnd;
      offset++
    ) {
      const batch = log.batchAt(offset);
      const isSeen = batch?.kind === 'data' && !isAborted(batch.content);
      const found = isSeen ? batch.content.values[offset - batch.baseOffset] : noRecord;
      const wanted = source.isVisible(offset) ? source.written(offset) : noRecord;
      if (found !== wanted && !this.#mutation.shell?.trustsFormerPrimary)
        return { kind: 'differs', offset: BigInt(offset), what: 'value' };
    }
    return { kind: 'agrees', lastFetchedEpoch: -1, compared: true, sourceStart: logStart };
  }

  #compareRecords({ tail }: Facts, original: SourceBatch, source: SourceView): TailVerdict | 'unreadable' {
    const { newest, newestData } = tail!;
    const offset = newestData!.lastOffset;
    const copy = this.#destination.log.batchAt(Number(offset));
    // Retention has taken it meanwhile.
    if (copy === null) return 'unreadable';
    const wanted = original.values[Number(offset) - original.baseOffset] ?? noRecord;
    const found = copy.kind === 'data' ? copy.content.values[Number(offset) - copy.baseOffset] : noRecord;
    if (original.isControl) return { kind: 'differs', offset, what: 'only the mirror has a record there' };
    const sourceStart = source.logStart;
    if (wanted === noRecord) return { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart };
    if (wanted !== found) return { kind: 'differs', offset, what: 'value' };
    const lastFetchedEpoch = newest === newestData ? (source.tail?.partitionLeaderEpoch ?? -1) : -1;
    return { kind: 'agrees', lastFetchedEpoch, compared: true, sourceStart };
  }

  #holeBeforeRun({ tail }: Facts): TailVerdict | null {
    if (tail === null || tail.newest.isControl || tail.beforeRun !== 'marker') return null;
    const { log } = this.#destination;
    const to = Number(tail.newest.lastOffset) - tail.newest.lastSequence;
    let from = to;
    while (log.batchAt(from - 1)?.kind === 'marker') from -= 1;
    const visible = this.#firstVisible({ from, to });
    return visible === null ? null : { kind: 'differs', offset: visible, what: 'a record under a marker' };
  }

  #earlierRecords({ tail }: Facts): TailVerdict | null {
    const data = tail?.newestData ?? null;
    const copy = data === null ? null : this.#destination.log.batchAt(Number(data.lastOffset));
    if (copy === null || copy.kind !== 'data' || copy.content.isFiller) return null;
    const { source } = this.#world;
    for (const [index, value] of copy.content.values.entries()) {
      const offset = copy.baseOffset + index;
      const batch = offset < source.start ? null : source.batchFrom(offset);
      const original = batch?.values[offset - batch.baseOffset] ?? noRecord;
      if (original !== noRecord && original !== value)
        return { kind: 'differs', offset: BigInt(offset), what: 'value' };
    }
    return null;
  }

  // ── Reading the source ──────────────────────────────────────────────────────────────────────────────

  loseSourceConnection(): void {
    this.#mustCompare = true;
  }

  /** One fetch at a time, as SourceReader does. */
  #fetch(): void {
    const { flow } = this.machine;
    const fetching = this.#fetching;
    if (this.#isFetchUnderWay || fetching === null || flow === null || this.isFrozen) return;
    if (flow.queue.length > queueStepsMax) return;
    this.#isFetchUnderWay = true;
    const asked: Asked = {
      offset: Number(flow.fetchOffset),
      lastFetchedEpoch: fetching.lastFetchedEpoch,
      leaderEpoch: this.#sourceEpoch,
    };
    this.#later(this.#ticks(2), () => {
      const { source } = this.#world;
      const answer = source.fetch({ ...asked, batchCountMax: this.#random.integer(1, fetchBatchesMax) });
      const end = source.lastStableOffset;
      this.#later(this.#ticks(2), () => this.#onFetch(asked, answer, end));
    });
  }

  #onFetch(asked: Asked, answer: ReturnType<World['source']['fetch']>, end: number): void {
    if (!this.isAlive) return;
    if (this.isFrozen) return this.#whenAwake(() => this.#onFetch(asked, answer, end));
    const next = (ticks: number): void =>
      this.#later(ticks, () => {
        this.#isFetchUnderWay = false;
        if (this.isAlive && !this.isFrozen) this.#fetch();
        else if (this.isAlive) this.#whenAwake(() => this.#fetch());
      });
    const fetching = this.#fetching;
    if (fetching === null) return next(1);
    const isCurrent = this.#isCurrent(asked);
    if (answer.kind === 'refused') {
      next(3);
      this.#mustCompare = true;
      const { errorCode } = answer;
      if (isCurrent)
        this.deliver({ type: 'fetchRefused', round: fetching.round, errorCode, reason: `${errorCode}` });
      return;
    }
    if (answer.kind === 'diverging') {
      next(1);
      const { epoch, endOffset } = answer;
      if (isCurrent)
        this.deliver({ type: 'sourceDiverged', round: fetching.round, epoch, endOffset: BigInt(endOffset) });
      return;
    }
    const unproven = this.#whyCompareAgain(asked);
    if (unproven !== null) {
      next(1);
      return this.deliver({ type: 'sourceChanged', reason: unproven });
    }
    const isEmpty = answer.batches.length === 0 || this.#world.takesEmptyFetch();
    next(isEmpty ? idleFetchTicks : 0);
    if (!isCurrent) return;
    if (isEmpty) {
      if (this.#mutation.shell?.emptyFetchIsHole && end > asked.offset)
        this.#inventHole(asked, end, fetching.round);
      return;
    }
    fetching.lastFetchedEpoch = (answer.batches.at(-1) as SourceBatch).leaderEpoch;
    const single = answer.batches.map((batch) => fetchedBatch(this.#misread(batch), this.holdings));
    const batches = mergedNeighbours(single, {
      from: asked.offset,
      bytesMax: this.machine.mergedBytesMax,
      isTold: this.#mutation.shell?.hidesMerging !== true,
    });
    this.deliver({ type: 'fetched', round: fetching.round, batches });
  }

  #isCurrent(asked: Asked): boolean {
    if (this.#mutation.shell?.takesAnyFetch) return true;
    return (
      BigInt(asked.offset) === this.machine.flow?.fetchOffset &&
      asked.lastFetchedEpoch === this.#fetching?.lastFetchedEpoch
    );
  }

  #whyCompareAgain(asked: Asked): string | null {
    if (this.#mutation.shell?.trustsNewSource) return null;
    if (this.#mustCompare) return 'the connection to the source was made anew';
    return this.#comparedEpoch === null || this.#comparedEpoch === asked.leaderEpoch
      ? null
      : 'the source has another leader epoch';
  }

  #misread(batch: SourceBatch): SourceBatch {
    const { overlooksAborted, closesGaps } = this.#mutation.shell ?? {};
    if (overlooksAborted && batch.transaction?.outcome === 'aborted') return { ...batch, transaction: null };
    if (closesGaps && !batch.isControl) {
      const values = batch.values.filter((value) => value !== noRecord);
      if (values.length > 0) return { ...batch, values, lastOffset: batch.baseOffset + values.length - 1 };
    }
    return batch;
  }

  #inventHole(asked: Asked, end: number, round: number): void {
    const gap: SourceBatch = {
      baseOffset: asked.offset,
      lastOffset: end - 1,
      values: Array(end - asked.offset).fill(noRecord),
      isControl: true,
      transaction: null,
      leaderEpoch: asked.leaderEpoch,
      isCompressed: false,
      isLogAppendTime: false,
      hasDeleteHorizon: false,
    };
    this.deliver({ type: 'fetched', round, batches: [fetchedBatch(gap, this.holdings)] });
  }

  // ── Writing ─────────────────────────────────────────────────────────────────────────────────────────

  /**
   * A request leaves, travels, is carried out, and its answer travels back. A frozen worker's request that had not left
   * leaves when it wakes. `lost` hears of a connection that broke, at any moment before or after the request is done.
   */
  #send(request: {
    carryOut: (onAnswer: OnAnswer) => void;
    onAnswer: OnAnswer;
    canRepeat: boolean;
    /** Asked when it leaves; false: it does not. */
    mayLeave?: () => boolean;
  }): void {
    const { world, random } = { world: this.#world, random: this.#random };
    this.#openWrites += 1;
    let isOpen = true;
    const close = (isUnknown: boolean): void => {
      if (isOpen) this.#openWrites -= 1;
      isOpen = false;
      if (isUnknown) this.#doubtUntil = world.agenda.now + doubtTicks;
    };
    const fate = world.takeFate();
    const isSlow = fate === 'delayRequest' || fate === 'strandRequest';
    const isBroken = fate !== null && fate !== 'delayRequest' && fate !== 'duplicateRequest';
    const hear: OnAnswer = (answer) => {
      close(answer === null);
      request.onAnswer(answer);
    };
    const onAnswer: OnAnswer = (answer) => {
      if (!isBroken) this.#later(this.#ticks(2), () => hear(answer));
    };
    if (isBroken) this.#later(random.integer(1, 2 * travelTicksMax), () => hear(null));
    if (fate === 'loseRequest') return;
    const leave = (): void => {
      if (!this.isAlive) return;
      if (this.isFrozen) return this.#whenAwake(leave);
      if (request.mayLeave?.() === false) return close(false);
      const slow = isSlow ? world.slowTicks(random) : 0;
      this.#later(slow > 0 ? slow : this.#ticks(travelTicksMax), () => request.carryOut(onAnswer));
      if (fate === 'duplicateRequest' && request.canRepeat)
        this.#later(random.integer(1, travelTicksMax), () => request.carryOut(() => {}));
    };
    if (world.isPrompt) leave();
    else this.#later(random.integer(0, leaveTicksMax), leave);
  }

  #append(round: number, { batch, identity, offset }: PendingAppend<SimBatch>): void {
    if (this.#destinationEpoch !== this.#viewedEpoch)
      return this.deliver({ type: 'appendUnknown', round, reason: anotherLeader });
    const values = batch.records;
    const keepsHorizon = this.#mutation.shell?.keepsDeleteHorizon === true;
    const hasDeleteHorizon = keepsHorizon && batch.hasDeleteHorizon;
    const { sizeBytes, recordCount } = batch;
    this.#world.trace(
      () =>
        `${this.name} sends records for ${offset} (${recordCount}, epoch ${identity.epoch}, sequence ${identity.sequence})`,
    );
    this.#appendBatch(
      round,
      { identity, count: recordCount, sizeBytes, offset },
      { values, hasDeleteHorizon, isFiller: false },
    );
    this.#later(1, () => this.machine.prepare());
  }

  #appendFiller(round: number, { identity, count, offset }: FillerAppend): void {
    this.#world.trace(() => `${this.name} sends ${count} fillers`);
    this.#appendBatch(
      round,
      { identity, count, sizeBytes: 100, offset },
      { values: [], hasDeleteHorizon: false, isFiller: true },
    );
  }

  #appendBatch(
    round: number,
    facts: {
      identity: PendingAppend<SimBatch>['identity'];
      count: number;
      sizeBytes: number;
      offset: bigint;
    },
    content: MirrorContent,
  ): void {
    const destination = this.#destination;
    const { identity, count, sizeBytes } = facts;
    const batch = { ...identity, count, timestampMs: this.#world.recordTime(), content };
    const broker = this.#destinationLeader;
    this.#send({
      canRepeat: true,
      carryOut: (onAnswer) => {
        destination.append({ broker, sizeBytes, batch }, (answer) => {
          this.#world.trace(
            () => `  ${this.name}'s records: ${inWords(answer)}, log end ${destination.log.end}`,
          );
          onAnswer(answer);
        });
        this.#world.onAppend();
      },
      onAnswer: (answer) => {
        const isHeard = this.isAlive && !this.isFrozen && this.machine.round === round;
        this.deliver(appendEvent(round, answer));
        const landedAt = answer?.errorCode === 0 ? BigInt(answer.baseOffset) : facts.offset;
        if (isHeard && landedAt !== facts.offset && this.machine.round === round)
          this.#world.fail(`${this.name} goes on though a batch for ${facts.offset} landed at ${landedAt}`);
      },
    });
  }

  /** The log end as it is read right behind a marker; null where that proves nothing (marker-writer.ts of the shell). */
  #readBehindOf({ offset, count }: MarkerRun, answer: Parameters<OnAnswer>[0]): LogEnds | null {
    const { log } = this.#destination;
    // Every other one, so that the usual way is gone, too.
    const isAsked = count === 1 && offset % 2n === 0n && log.leaderEpoch === this.#viewedEpoch;
    if (!isAsked || answer === null) return null;
    const isTaken = this.#mutation.shell?.takesAnyMarkerAnswer === true || answer.errorCode === 0;
    const logEnd = BigInt(log.end);
    if (!isTaken || logEnd !== offset + 1n) return null;
    return { leaderEpoch: log.leaderEpoch, logEnd, highWatermark: logEnd };
  }

  #writeMarkers(round: number, markers: MarkerRun): void {
    if (this.#destinationEpoch !== this.#viewedEpoch)
      return this.deliver({ type: 'markersUnknown', round, reason: anotherLeader });
    const destination = this.#destination;
    const broker = this.#destinationLeader;
    const splitAfter =
      markers.count > 1 && this.#world.takesSplit() ? this.#random.integer(1, markers.count - 1) : 0;
    const { offset, count, epoch, generation } = markers;
    this.#world.trace(
      () => `${this.name} sends ${count} markers for ${offset} (epoch ${epoch}, generation ${generation})`,
    );
    const isFirst = this.#markersRound !== round;
    this.#markersRound = round;
    const by = { worker: this.name, startedAt: this.#startedAt, sentAt: this.#world.agenda.now, isFirst };
    const resends = this.#mutation.shell?.resendsMarkers === true;
    let readBehind: LogEnds | null = null;
    this.#send({
      canRepeat: false,
      mayLeave: () => {
        if (this.machine.round !== round) return false;
        if (this.#isLookFresh()) return true;
        this.deliver({ type: 'markersNotSent', round });
        return false;
      },
      carryOut: (onAnswer) => {
        destination.writeMarkers({ by, broker, markers, splitAfter }, (answer) => {
          this.#world.trace(
            () => `  ${this.name}'s markers: ${inWords(answer)}, log end ${destination.log.end}`,
          );
          readBehind = this.#readBehindOf(markers, answer);
          onAnswer(answer);
        });
        this.#world.onAppend();
      },
      onAnswer: (answer) => {
        if (resends && (answer === null || answer.errorCode === 7)) return this.#writeMarkers(round, markers);
        if (answer === null)
          return this.deliver({ type: 'markersUnknown', round, reason: 'the connection broke' });
        const { errorCode } = answer;
        this.#readBehind = readBehind;
        this.deliver({ type: 'markersAnswered', round, errorCode, reason: `error ${errorCode}` });
        this.#readBehind = null;
      },
    });
  }

  /** For planted bugs that do without a look. */
  pretendLook(): void {
    this.#lookedAt = this.#world.agenda.now;
  }

  #isLookFresh(): boolean {
    if (this.machine.flow?.isClaimed !== false) return true;
    return this.#world.agenda.now - this.#lookedAt < lookTicksMax;
  }

  #cutStart(round: number, beforeOffset: bigint): void {
    const destination = this.#destination;
    const broker = this.#destinationLeader;
    this.#send({
      canRepeat: true,
      carryOut: (onAnswer) => {
        const isLeader = broker === destination.leader;
        const start = isLeader ? destination.cut(Number(beforeOffset)) : null;
        onAnswer(start === null ? null : { errorCode: 0, baseOffset: start });
      },
      onAnswer: (answer) => {
        if (answer === null) return this.#readFailed(round, `${clusterSeen} the cut`);
        this.deliver({ type: 'startCut', round, logStart: BigInt(answer.baseOffset) });
      },
    });
  }
}

function appendEvent(round: number, answer: Parameters<OnAnswer>[0]): Event {
  if (answer === null) return { type: 'appendUnknown', round, reason: 'the connection broke' };
  const { errorCode, baseOffset } = answer;
  if (errorCode === 0) return { type: 'appended', round, baseOffset: BigInt(baseOffset) };
  return { type: 'appendRefused', round, errorCode, reason: `error ${errorCode}` };
}

function inWords(answer: Parameters<OnAnswer>[0]): string {
  if (answer === null) return 'connection broken';
  if (answer.errorCode !== 0) return `error ${answer.errorCode}`;
  return answer.baseOffset < 0 ? 'no error' : `base offset ${answer.baseOffset}`;
}

function fingerprintOf(batch: LogBatch<MirrorContent>): MirrorFingerprint {
  const { baseOffset, count, producerId, epoch } = batch;
  const isControl = batch.kind === 'marker';
  return {
    baseOffset: BigInt(baseOffset),
    lastOffset: BigInt(baseOffset + count - 1),
    recordCount: count,
    sizeBytes: count,
    isControl,
    producerId,
    producerEpoch: epoch,
    lastSequence: isControl ? -1 : (batch.sequence + count - 1) % 2 ** 31,
    partitionLeaderEpoch: 0,
    normalisedChecksum: isControl ? 0 : checksumOf(batch.content.values),
  };
}

function sourceFingerprint(batch: SourceBatch): NonNullable<SourceView['tail']> {
  const records = batch.values.filter((value) => value !== noRecord);
  return {
    baseOffset: BigInt(batch.baseOffset),
    lastOffset: BigInt(batch.lastOffset),
    recordCount: records.length,
    sizeBytes: records.length,
    isControl: batch.isControl,
    producerId: -1n,
    partitionLeaderEpoch: batch.leaderEpoch,
    normalisedChecksum: checksumOf(records),
  };
}

function checksumOf(values: readonly number[]): number {
  let sum = 7;
  for (const value of values) sum = (Math.imul(sum, 31) + value) | 0;
  return sum;
}
