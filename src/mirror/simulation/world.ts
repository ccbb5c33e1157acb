// A simulated world: one source partition, one mirror, workers, and everything that goes wrong between them, from a
// script. Production code of the machine on a fake clock and network.
//
// 1. Until the script ends: its strokes fall, and every append is compared with the source at once.
// 2. Healing: no more faults. Frozen workers wake, transactions end, a few records are written. Workers go on until
//    they have copied all, or have stopped.
// 3. The verdict: is the mirror right? Then somebody has to reach its end. Is it wrong? Then nobody may go on, those
//    that live and one that starts now. And every batch was given back exactly once.
import { epochMax, linkProducerId } from '../partition/identity.ts';
import {
  defaultPolicy,
  type LeftLog,
  type PartitionEvent,
  type PartitionPolicy,
} from '../partition/state.ts';
import { Agenda } from './agenda.ts';
import type { Destination } from './destination.ts';
import type { Mutation } from './mutation.ts';
import { SeededRandom } from './random.ts';
import { Regions } from './regions.ts';
import type { Script, Stroke, StrokeKind } from './script.ts';
import type { SimBatch } from './sim-batch.ts';
import { SimWorker } from './sim-worker.ts';
import { SourceLog } from './source-log.ts';
import { settleTicks, slowTicksMax } from './ticks.ts';
import type { Truth } from './truth.ts';

export type FailureKind = 'wrong' | 'undetected' | 'stuck' | 'unexplained' | 'memory' | 'crashed';

export interface Failure {
  readonly kind: FailureKind;
  readonly what: string;
}

export interface Outcome {
  readonly failure: Failure | null;
  /** Events that changed state. */
  readonly steps: number;
  /** How often each stroke had an effect. */
  readonly fired: Readonly<Partial<Record<StrokeKind, number>>>;
  /** What the destination saw, and how the run ended. */
  readonly seen: Readonly<Record<string, number>>;
  /** What happened, where it was asked for. */
  readonly history: readonly string[];
}

type Fate = 'loseRequest' | 'loseAnswer' | 'delayRequest' | 'duplicateRequest' | 'strandRequest';

class Stop extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.what);
    this.failure = failure;
  }
}

const producerId = linkProducerId({ sourceClusterId: 'simulated', linkName: 'us-to-eu' });
const generationZeroMs = Date.UTC(2020, 0, 1);
/** So long is a tick, when the pause to settle is a second. */
const tickMs = 1_000 / settleTicks;
const workersMax = 3;
/** Old records are older than this, in ticks, and no others are. */
const expirationTicks = 100_000;
const healTicks = 1_200;
/** One look can find a worker between two things, and an answer can still be on its way. */
const restingLooksEnough = 5;
const fatesMax = 3;
/** A turn that was not possible by then is given up. */
const turnTicksMax = 250;
const atSourceKinds: ReadonlySet<StrokeKind> = new Set([
  'produce',
  'beginTransaction',
  'produceInTransaction',
  'emptyTransaction',
]);
/** What is told late is told when another worker is about to copy, or does. */
const lateTicks = 30;
/** Among several workers requests can be slower than any pause. */
const verySlowTicksMax = 80;
/** Two runs before the end of a rotation. */
const rotationEpoch = epochMax - 2;

export class World {
  readonly agenda = new Agenda();
  readonly source = new SourceLog();
  readonly regions: Regions;
  readonly workers: SimWorker[] = [];
  readonly isPrompt: boolean;
  readonly #script: Script;
  readonly #mutation: Mutation;
  readonly #policy: PartitionPolicy;
  readonly #history: string[] | null;
  readonly #fired: Partial<Record<StrokeKind, number>> = {};
  readonly #seen: Record<string, number> = {};
  #steps = 0;
  #fates: Fate[] = [];
  #emptyFetches = 0;
  #readFailures = 0;
  #splits = 0;
  /** As the group's generation: each start is a new one. */
  #workerCount = 0;
  /** What the control topic says of how the log was left, and in which generation. */
  #word: { readonly generation: number; readonly left: LeftLog } | null = null;
  /** Producers have stopped, for the direction to turn. */
  #isTurning = false;
  readonly #turns: boolean;
  /** Workers are being stopped, and none starts. */
  #isOver = false;

  constructor(script: Script, options: { mutation?: Mutation; wantsHistory?: boolean } = {}) {
    const { seed, scenario } = script;
    this.#script = script;
    this.#mutation = options.mutation ?? {};
    this.#history = options.wantsHistory ? [] : null;
    this.isPrompt = script.isPrompt;
    this.#turns = (scenario.weights.turn ?? 0) + (scenario.weights.turnNow ?? 0) > 0;
    const random = new SeededRandom(seed ^ 0x5eed);
    const batchBytesMax = random.chance(0.3) && !scenario.copies ? 600 : 1_000_000;
    this.regions = new Regions({
      ...{ agenda: this.agenda, source: this.source, random, batchBytesMax, mutation: this.#mutation },
      allowsCopies: scenario.copies === true,
    });
    this.#policy = {
      compactionGaps: scenario.copies ? 'copies' : defaultPolicy.compactionGaps,
      fillOffsetsMax: scenario.fillOffsetsMax ?? defaultPolicy.fillOffsetsMax,
      retentionOvertook: scenario.retentionOvertook ?? defaultPolicy.retentionOvertook,
    };
  }

  /** The mirror, as the direction is now. */
  get destination(): Destination {
    return this.regions.mirror;
  }
  get truth(): Truth {
    return this.regions.truth;
  }

  run(): Outcome {
    let failure: Failure | null = null;
    try {
      this.#prepare();
      this.#startWorker();
      for (const stroke of this.#script.strokes) this.agenda.add(stroke.at, () => this.#strike(stroke));
      this.#runUntil(this.#script.ticks);
      failure = this.#verdict();
    } catch (error) {
      failure =
        error instanceof Stop
          ? error.failure
          : {
              kind: 'crashed',
              what: error instanceof Error ? (error.stack ?? error.message) : String(error),
            };
    }
    return {
      failure,
      steps: this.#steps,
      fired: this.#fired,
      seen: { ...this.#seen, ...this.regions.seen },
      history: this.#history ?? [],
    };
  }

  // ── What workers need ───────────────────────────────────────────────────────────────────────────────

  /** The workers’ clocks. */
  clockMs = (): number => generationZeroMs + this.agenda.now * tickMs;

  recordTime(): number {
    return this.agenda.now - (this.#script.scenario.hasOldRecords ? 2 * expirationTicks : 0);
  }

  takeFate(): Fate | null {
    return this.#fates.shift() ?? null;
  }

  takesEmptyFetch(): boolean {
    if (this.#emptyFetches === 0) return false;
    this.#emptyFetches -= 1;
    return true;
  }

  takesReadFailure(): boolean {
    if (this.#readFailures === 0) return false;
    this.#readFailures -= 1;
    return true;
  }

  takesSplit(): boolean {
    if (this.#splits === 0) return false;
    this.#splits -= 1;
    return true;
  }

  /** Where workers are only one at a time, what a worker before sent must be settled in the time that is made for it. */
  slowTicks(random: SeededRandom): number {
    return random.integer(1, this.#script.scenario.hasSeveralWorkers ? verySlowTicksMax : slowTicksMax);
  }

  countStep(): void {
    this.#steps += 1;
  }

  /** A worker has seen that something is wrong, and goes on. */
  fail(what: string): never {
    throw new Stop({ kind: 'undetected', what });
  }

  /** A request that writes was carried out. */
  onAppend(): void {
    this.#steps += 1;
    const { wrongAtPrimary } = this.regions;
    if (wrongAtPrimary !== null) throw new Stop({ kind: 'wrong', what: wrongAtPrimary });
    const wrong = this.truth.first;
    if (wrong === null) return;
    const isExpected = this.#mayBeWrong(wrong);
    if (!isExpected) throw new Stop({ kind: 'wrong', what: wrong.what });
  }

  /** What may go wrong, as long as it is noticed. */
  #mayBeWrong(wrong: NonNullable<Truth['first']>): boolean {
    const { hasSeveralWorkers, hasOldRecords } = this.#script.scenario;
    if (wrong.isFromLostSource) return true;
    // A log that lost acknowledged batches can have lost all that the guard knows.
    if (!hasSeveralWorkers) return this.#lostAcknowledged;
    // What the cleaner takes between two workers' reads makes their holes differ.
    return hasOldRecords || wrong.isInWindow || (this.#fired.compact ?? 0) > 0;
  }

  trace(line: () => string): void {
    this.#history?.push(`${String(this.agenda.now).padStart(5)}  ${line()}`);
  }

  traceWorker(worker: SimWorker, event: PartitionEvent<SimBatch>, isStale: boolean): void {
    if (this.#history === null) return;
    const { state, flow } = worker.machine;
    const where =
      flow === null
        ? ''
        : ` at ${flow.mirrorEnd}${flow.hole === null ? '' : `, hole to ${flow.hole.end} ${flow.hole.phase}`}`;
    const reason = 'reason' in state && state.reason ? ` (${state.reason})` : '';
    if (isStale) return;
    this.trace(() => `${worker.name} hears ${eventInWords(event)} → ${state.name}${where}${reason}`);
  }

  // ── The script ──────────────────────────────────────────────────────────────────────────────────────

  #prepare(): void {
    const { scenario, seed } = this.#script;
    const random = new SeededRandom(seed ^ 0xbe9);
    const { source, destination } = this;
    const plain = { isCompressed: false, isLogAppendTime: false, transaction: null };
    if (scenario.startsLate) {
      for (let i = random.integer(4, 12); i > 0; i--)
        source.append({ ...plain, count: random.integer(1, 4) });
      source.retain(random.integer(9, source.end));
      this.trace(() => `the source goes from ${source.start} to ${source.end}`);
    }
    if (scenario.startsNearRotation) {
      source.append({ ...plain, count: 3 });
      source.appendControl();
      const content = { values: [0, 1, 2], hasDeleteHorizon: false, isFiller: false };
      const identity = { producerId, epoch: rotationEpoch };
      destination.log.append({ ...identity, sequence: 0, count: 3, timestampMs: this.recordTime(), content });
      destination.log.writeMarker(
        { producerId, epoch: rotationEpoch + 1, coordinatorEpoch: 0 },
        this.agenda.now,
      );
      destination.replicateSoon();
    }
  }

  #startWorker(): void {
    this.#workerCount += 1;
    const name = `worker ${this.#workerCount}`;
    const random = new SeededRandom(this.#script.seed * 31 + this.#workerCount);
    const worker = new SimWorker(name, this, {
      ...{ policy: this.#policy, random, mutation: this.#mutation, generation: this.#workerCount },
    });
    this.workers.push(worker);
    this.trace(() => `${name} starts`);
    worker.begin(this.#takeWord());
  }

  /** Nobody can have begun between a worker of the generation right before and this one. */
  #takeWord(): LeftLog | null {
    const word = this.#word;
    if (word === null) return null;
    const isOfTheLast = word.generation === this.#workerCount - 1;
    return isOfTheLast || this.#mutation.shell?.believesOldWord ? word.left : null;
  }

  #runUntil(tick: number): void {
    while (this.agenda.runNext(tick)) {}
  }

  #live(): SimWorker[] {
    return this.workers.filter((worker) => worker.isAlive);
  }

  #strike(stroke: Stroke): void {
    if (this.#isTurning && atSourceKinds.has(stroke.kind)) return;
    if (!this.#effect(stroke)) return;
    const { kind } = stroke;
    if (this.#turns) this.regions.follow();
    this.#fired[kind] = (this.#fired[kind] ?? 0) + 1;
    this.#steps += 1;
    const { source, destination } = this;
    this.trace(
      () =>
        `* ${kind} (source ${source.start}-${source.end}, mirror ${destination.log.start}-${destination.log.end})`,
    );
  }

  /** Carries a stroke out; false when there is nothing that it could strike. */
  #effect(stroke: Stroke): boolean {
    return (
      this.#atSource(stroke) ??
      this.#atWorkers(stroke) ??
      this.#onTheWay(stroke) ??
      this.#atDestination(stroke) ??
      false
    );
  }

  #atSource({ kind, a, b }: Stroke): boolean | null {
    const { source } = this;
    // In stretches, so that several of them wait for each other.
    const shape = { isCompressed: (source.end >> 3) % 3 === 0, isLogAppendTime: b % 11 === 0 };
    switch (kind) {
      case 'produce':
        // Few different counts, so that batches are easily mistaken for each other by sequence alone.
        source.append({ ...shape, count: 1 + (a % 3 === 0 ? b % 4 : 0), transaction: null });
        return true;
      case 'beginTransaction': {
        if (source.open.length >= 2) return false;
        source.append({ ...shape, count: 1 + (a % 2), transaction: source.begin() });
        return true;
      }
      case 'produceInTransaction': {
        const transaction = source.open[a % Math.max(1, source.open.length)];
        if (transaction === undefined) return false;
        source.append({ ...shape, count: 1 + (a % 2), transaction });
        return true;
      }
      case 'endTransaction': {
        const transaction = source.open[a % Math.max(1, source.open.length)];
        if (transaction === undefined) return false;
        source.finish(transaction, b % 2 === 0 ? 'committed' : 'aborted');
        return true;
      }
      case 'emptyTransaction':
        for (let i = 0; i <= a % 3; i++) source.appendControl();
        return true;
      case 'compact': {
        const random = new SeededRandom(a ^ (b << 3));
        const decide = { takesRecord: () => random.chance(0.6), takesEmpty: () => random.chance(0.6) };
        // Near the mirror's end it matters most.
        const near = this.destination.log.end - 4 + (a % 12);
        source.compact(b % 2 === 0 ? near : a % (source.end + 1), decide, 1 + (b % 6));
        return true;
      }
      case 'retain': {
        const mirrorEnd = this.destination.log.end;
        const before = source.start;
        source.retain(b % 2 === 0 ? a % (source.end + 1) : mirrorEnd - 2 + (a % 8));
        return source.start > before;
      }
      case 'moveSourceLeader':
        source.changeLeader();
        return true;
      case 'truncateSource': {
        const end = this.destination.log.end;
        // Around the mirror's end, and never below where the source starts.
        source.truncate(Math.max(source.start, Math.min(source.end - 1, end - 3 + (a % 6))));
        return true;
      }
      case 'loseSourceConnection': {
        const worker = this.#victim(a);
        worker?.loseSourceConnection();
        return worker !== null;
      }
      case 'emptyFetch':
        this.#emptyFetches = Math.min(fatesMax, this.#emptyFetches + 1);
        return true;
      case 'failFetch': {
        const worker = this.#victim(a);
        if (worker === null) return false;
        worker.deliver({
          type: 'fetchRefused',
          round: worker.machine.round,
          errorCode: b % 2 === 0 ? 74 : 56,
          reason: 'simulated',
        });
        return true;
      }
      default:
        return null;
    }
  }

  /** A worker that is awake. */
  #victim(a: number): SimWorker | null {
    const awake = this.#live().filter((worker) => !worker.isFrozen);
    return awake[a % Math.max(1, awake.length)] ?? null;
  }

  #atWorkers({ kind, a, b }: Stroke): boolean | null {
    const { hasSeveralWorkers } = this.#script.scenario;
    switch (kind) {
      case 'crash': {
        const worker = hasSeveralWorkers
          ? this.#live()[a % Math.max(1, this.#live().length)]
          : this.#live()[0];
        if (worker === undefined) return false;
        worker.isAlive = false;
        if (this.#live().length === 0 || a % 3 === 0) this.#startWorker();
        return true;
      }
      case 'freeze': {
        const worker = this.#victim(a);
        if (worker === null) return false;
        // Now and then for longer than one life of the mirror, or two.
        const isLong = this.#turns && a % 4 === 0;
        worker.frozenUntil = this.agenda.now + 3 + (a % (isLong ? 900 : 100));
        if (this.#live().length < workersMax && this.#victim(0) === null) this.#startWorker();
        return true;
      }
      case 'startAnother': {
        if (this.#live().length >= workersMax) return false;
        this.#startWorker();
        return true;
      }
      case 'stopCleanly': {
        const worker = this.#victim(a);
        if (worker === null) return false;
        worker.deliver({ type: 'stop' });
        this.#restartWhenStopped(worker, { isLate: b % 4 === 0 });
        return true;
      }
      case 'shed': {
        const worker = this.#victim(a);
        if (worker === null) return false;
        worker.deliver({ type: 'shed', round: worker.machine.round });
        return true;
      }
      default:
        return null;
    }
  }

  /** `isLate`: it is frozen before it can tell how it left the log, and does so when another one has begun. */
  #restartWhenStopped(worker: SimWorker, how: { isLate: boolean }): void {
    this.agenda.add(3, () => {
      if (!worker.isAlive || this.#isOver) return;
      const { tellsTooEarly, tellsUnanswered } = this.#mutation.shell ?? {};
      const { mirrorEnd, state } = worker.machine;
      const isEarly = tellsTooEarly === true && state.name === 'Stopping';
      if (!worker.isStopped && !isEarly) return this.#restartWhenStopped(worker, how);
      const isWrong = isEarly || (tellsUnanswered && state.name === 'Stopped');
      const { leaderEpoch } = this.destination.log;
      const { turnCount } = this.regions;
      const left = isWrong ? { leaderEpoch, logEnd: mirrorEnd ?? 0n } : worker.left;
      const tell = (): void => {
        if (left !== null && this.regions.turnCount === turnCount)
          this.#word = { generation: worker.generation, left };
      };
      if (isEarly) worker.isAlive = false;
      else this.#retire(worker);
      if (how.isLate) this.agenda.add(lateTicks, tell);
      else tell();
      this.#startWorker();
    });
  }

  /** A worker that has stopped leaves; it must not hold anything any more. */
  #retire(worker: SimWorker): void {
    worker.isAlive = false;
    const { held, misuses } = worker.holdings;
    const [misuse] = misuses;
    if (misuse !== undefined) throw new Stop({ kind: 'memory', what: `${worker.name}: ${misuse}` });
    if (held !== 0)
      throw new Stop({
        kind: 'memory',
        what: `${worker.name} stopped and did not give ${held} batches back`,
      });
  }

  #onTheWay({ kind }: Stroke): boolean | null {
    switch (kind) {
      case 'loseRequest':
      case 'loseAnswer':
      case 'delayRequest':
      case 'duplicateRequest':
      case 'strandRequest':
        if (this.#fates.length >= fatesMax) return false;
        this.#fates.push(kind);
        return true;
      case 'splitMarkers':
        this.#splits = Math.min(fatesMax, this.#splits + 1);
        return true;
      case 'failRead':
        this.#readFailures = Math.min(fatesMax, this.#readFailures + 1);
        return true;
      default:
        return null;
    }
  }

  #atDestination({ kind, a, b }: Stroke): boolean | null {
    const { destination, agenda } = this;
    const { log } = destination;
    switch (kind) {
      case 'stallReplication':
        destination.stalledUntil = agenda.now + 2 + (a % (b % 2 === 0 ? 20 : 80));
        return true;
      case 'changeLeader':
        destination.changeLeader();
        return true;
      case 'leadThereAndBack':
        destination.changeLeader();
        destination.changeLeader();
        return true;
      case 'electUnclean':
        destination.electUnclean(log.end - (a % 6), { isSameLeader: b % 2 === 0 });
        return true;
      case 'restartBroker':
        destination.restart({ isClean: a % 2 === 0, expirationTicks });
        return true;
      case 'rollSegment':
        log.takeSnapshot();
        return true;
      case 'refuseForReplicas':
        destination.lacksReplicasUntil = agenda.now + 2 + (a % 20);
        return true;
      case 'expireProducers':
        return log.expire(agenda.now, expirationTicks) > 0;
      case 'promote':
        if (destination.closedAt !== null) destination.writeLive();
        else {
          // Those that had stopped before have nothing to say about it.
          for (const worker of this.#live()) if (worker.isStopped) this.#retire(worker);
          destination.close(this.regions.life);
          if (this.#live().length === 0) this.#startWorker();
        }
        return true;
      case 'turn':
        if (this.#isTurning) return false;
        this.#isTurning = true;
        for (const transaction of [...this.source.open])
          this.source.finish(transaction, b % 3 === 0 ? 'aborted' : 'committed');
        this.#turnSoon(agenda.now + turnTicksMax, a);
        return true;
      case 'turnNow':
        if (this.#isTurning || !this.regions.mayTurn({ isPlanned: false })) return false;
        this.#turn(a, { isRestored: b % 3 > 0 });
        return true;
      case 'retainMirror': {
        const before = log.start;
        // Whole batches; now and then all of them.
        const to =
          b % 4 === 0 ? log.highWatermark : (log.batchAt(a % (log.highWatermark + 1))?.baseOffset ?? 0);
        if (to <= log.highWatermark) log.cut(to);
        return log.start > before;
      }
      default:
        return null;
    }
  }

  /** As a planned promotion: producers have stopped, and the mirror catches up, or it is given up. */
  #turnSoon(deadline: number, a: number): void {
    const mayTurn = this.regions.mayTurn({ isPlanned: true });
    if (!mayTurn && this.agenda.now < deadline && !this.#isOver)
      return this.agenda.add(3, () => this.#turnSoon(deadline, a));
    this.#isTurning = false;
    if (mayTurn && !this.#isOver) this.#turn(a, { isRestored: false });
  }

  /** Workers of the former life hear of it now, or when they look, or wake. */
  #turn(a: number, how: { isRestored: boolean }): void {
    this.regions.turn(how);
    this.regions.follow();
    this.note('turned');
    this.#word = null;
    const { source, destination } = this;
    this.trace(() => `the direction turns (source ${source.end}, mirror ${destination.log.end})`);
    for (const worker of this.#live()) {
      if (worker.isStopped) this.#retire(worker);
      else if (!this.#script.scenario.hasSeveralWorkers) worker.isAlive = false;
      else if (a % 3 === 0) worker.deliver({ type: 'stop' });
    }
    this.#startWorker();
  }

  /** Of a life that is over. */
  #isFormer({ life }: SimWorker): boolean {
    return life.incarnation !== this.regions.life.incarnation;
  }

  // ── Healing and the verdict ─────────────────────────────────────────────────────────────────────────

  #heal(): void {
    this.#fates = [];
    this.#emptyFetches = 0;
    this.#readFailures = 0;
    this.#splits = 0;
    this.destination.stalledUntil = -1;
    this.destination.lacksReplicasUntil = -1;
    for (const worker of this.#live()) worker.frozenUntil = -1;
    const { source } = this;
    for (const transaction of [...source.open]) source.finish(transaction, 'committed');
    if (this.#turns) this.regions.follow();
    this.trace(() => `no more faults (source ${source.start}-${source.end})`);
    this.#runFor(healTicks);
    // A few records more, so that whatever is shifted meets an append.
    for (let i = 0; i < 3; i++)
      source.append({ count: 1 + i, isCompressed: false, isLogAppendTime: false, transaction: null });
    if (this.#turns) this.regions.follow();
    this.trace(() => `three batches more (source ${source.start}-${source.end})`);
    this.#runFor(healTicks);
  }

  /** Until all have rested for a while, at most so many ticks. */
  #runFor(ticks: number): void {
    const until = this.agenda.now + ticks;
    let nextLook = this.agenda.now;
    let restingLooks = 0;
    while (this.agenda.runNext(until)) {
      if (this.agenda.now < nextLook) continue;
      nextLook = this.agenda.now + 10;
      restingLooks = this.#isAtRest() ? restingLooks + 1 : 0;
      if (restingLooks === restingLooksEnough) return;
    }
  }

  #isAtRest(): boolean {
    return this.#live().every(
      (worker) =>
        (worker.isStopped && (worker.machine.state.name !== 'Stopped' || this.#isOver)) ||
        this.#isAtEnd(worker),
    );
  }

  #isAtEnd(worker: SimWorker): boolean {
    const { machine } = worker;
    return (
      !this.#isFormer(worker) &&
      machine.state.name === 'Mirroring' &&
      machine.mirrorEnd === BigInt(this.source.end) &&
      this.destination.log.end === this.source.end
    );
  }

  #verdict(): Failure | null {
    this.#heal();
    const late = this.#live().find((worker) => this.#isFormer(worker) && !worker.isStopped);
    if (late !== undefined) return { kind: 'stuck', what: `a former life goes on: ${this.#told(late)}` };
    const { truth, destination } = this;
    const { closedAt } = destination;
    const difference = truth.firstDifference(destination.log, closedAt ?? undefined);
    const failure =
      closedAt !== null
        ? this.#mustBeFenced()
        : difference === null
          ? this.#mustReachTheEnd()
          : this.#mustBeNoticed(difference);
    if (failure !== null) return failure;
    if (difference === null) this.note('right');
    else if ((this.#seen['wrong, hidden by compaction'] ?? 0) === 0) this.note('wrong and noticed');
    if (truth.first?.isInWindow) this.note('wrong in the known window');
    this.#isOver = true;
    for (const worker of this.#live()) worker.deliver({ type: 'stop' });
    this.#runFor(50);
    for (const worker of this.#live()) this.#retire(worker);
    return null;
  }

  /** The mirror was promoted. Nobody may go on, and nobody who finds nothing wrong may tell people to delete it. */
  #mustBeFenced(): Failure | null {
    const isFenced = ({ machine: { state } }: SimWorker): boolean =>
      state.name === 'Fenced' ||
      state.name === 'Stopped' ||
      (state.name === 'Diverged' && this.truth.first !== null);
    for (let isLater = false; ; isLater = true) {
      const other = this.#live().find((worker) => !isFenced(worker));
      if (other !== undefined)
        return { kind: other.isStopped ? 'unexplained' : 'stuck', what: this.#told(other) };
      if (isLater) return null;
      for (const worker of this.#live()) {
        this.note(`ended ${worker.machine.state.name}`);
        this.#retire(worker);
      }
      this.#startWorker();
      this.#runFor(healTicks);
    }
  }

  /** The mirror is right. Somebody has to end up with all of it, or in a state that the scenario explains. */
  #mustReachTheEnd(): Failure | null {
    if (this.#live().some((worker) => this.#isAtEnd(worker))) {
      const odd = this.#live().find((worker) => worker.isStopped && !this.#isExplained(worker));
      return odd === undefined ? null : { kind: 'unexplained', what: this.#told(odd) };
    }
    const unexplained = this.#live().find((worker) => !this.#isExplained(worker));
    if (unexplained !== undefined && !this.#script.scenario.hasSeveralWorkers)
      return { kind: unexplained.isStopped ? 'unexplained' : 'stuck', what: this.#told(unexplained) };
    if (this.#live().every((worker) => worker.machine.state.name !== 'Diverged')) {
      const [explained] = this.#live();
      if (explained !== undefined && this.#isExplained(explained)) {
        this.note(`ended ${explained.machine.state.name}`);
        return null;
      }
    }
    // All have stopped because there were several of them. One that starts now has to do it.
    for (const worker of this.#live()) {
      this.note(`ended ${worker.machine.state.name}`);
      worker.isAlive = false;
    }
    this.#startWorker();
    this.#runFor(healTicks);
    const [last] = this.#live();
    if (last === undefined || this.#isAtEnd(last) || this.#isExplained(last)) return null;
    return { kind: 'stuck', what: this.#told(last) };
  }

  /** The mirror is wrong. Nobody may go on, now or after a start. */
  #mustBeNoticed(difference: string): Failure | null {
    const wrong = this.truth.first;
    const isFromLostSource = this.source.truncationCount > 0;
    if (!isFromLostSource && (wrong === null || !this.#mayBeWrong(wrong)))
      return { kind: 'wrong', what: wrong?.what ?? difference };
    const believer = this.#live().find((worker) => !worker.isStopped);
    if (believer !== undefined && !this.#mayBeHidden())
      return { kind: 'undetected', what: `${difference}, and ${this.#told(believer)}` };
    for (const worker of this.#live()) {
      this.note(`ended ${worker.machine.state.name}`);
      if (worker.isStopped) this.#retire(worker);
      else worker.isAlive = false;
    }
    this.#startWorker();
    this.#runFor(healTicks);
    const later = this.#live().find((worker) => !worker.isStopped);
    if (later !== undefined && !this.#mayBeHidden())
      return { kind: 'undetected', what: `${difference}, and after a start ${this.#told(later)}` };
    return null;
  }

  /**
   * After several workers ran into the known window the cleaner can take the very records at the source that would show
   * it. Counted, not failed: docs/simulation.md.
   */
  #mayBeHidden(): boolean {
    const { scenario } = this.#script;
    const isSo = scenario.hasSeveralWorkers && (this.#fired.compact ?? 0) > 0;
    if (isSo) this.note('wrong, hidden by compaction');
    return isSo;
  }

  #isExplained(worker: SimWorker): boolean {
    const { scenario } = this.#script;
    if (this.#isFormer(worker)) return worker.isStopped;
    switch (worker.machine.state.name) {
      case 'Stopped':
        return true;
      case 'RetentionOvertook':
        return scenario.retentionOvertook === 'stop' && (this.#fired.retain ?? 0) > 0;
      case 'StartTooFar':
      case 'HoleTooLong':
        return scenario.fillOffsetsMax !== undefined;
      case 'SourceTruncated':
        // Or it saw a marker that stands twice, before the source had a hole there, too.
        return this.source.truncationCount > 0 || this.truth.first?.isInWindow === true;
      case 'Diverged':
        return scenario.hasSeveralWorkers || this.source.truncationCount > 0 || this.#lostAcknowledged;
      default:
        return false;
    }
  }

  get #lostAcknowledged(): boolean {
    return (this.#fired.electUnclean ?? 0) > 0;
  }

  #told(worker: SimWorker): string {
    const { state, flow } = worker.machine;
    const reason = 'reason' in state && state.reason ? `: ${state.reason}` : '';
    const at = flow === null ? '' : ` at ${flow.mirrorEnd}`;
    const { source, destination } = this;
    return `${worker.name} is ${state.name}${at}${reason} (source ${source.start}-${source.end}, mirror ${destination.log.start}-${destination.log.end})`;
  }

  note(what: string): void {
    this.#seen[what] = (this.#seen[what] ?? 0) + 1;
  }
}

function eventInWords(event: PartitionEvent<SimBatch>): string {
  switch (event.type) {
    case 'destinationRead': {
      const { logEnd, highWatermark, position, generation } = event.view;
      return `destinationRead (log end ${logEnd}, high watermark ${highWatermark}, epoch ${position.epoch}, sequence ${position.sequence}${position.isBehindHole ? ', behind a hole' : ''}, generation ${generation})`;
    }
    case 'tailCompared':
      return `tailCompared (${event.verdict.kind})`;
    case 'fetched': {
      const batches = event.batches.map(
        ({ baseOffset, lastOffset, isControl, isAborted }) =>
          `${baseOffset}-${lastOffset}${isControl ? ' control' : isAborted ? ' aborted' : ''}`,
      );
      return `fetched (${batches.join(', ')})`;
    }
    case 'appended':
      return `appended (base offset ${event.baseOffset})`;
    case 'appendRefused':
    case 'markersAnswered':
    case 'fetchRefused':
      return `${event.type} (${event.errorCode})`;
    case 'logEndRead':
      return `logEndRead (log end ${event.ends.logEnd}, high watermark ${event.ends.highWatermark})`;
    default:
      return event.type;
  }
}
