// A simulated world: one source partition, one mirror, workers, and everything that goes wrong between them, from a
// script. Production code of the machine on a fake clock and network.
//
// 1. Until the script ends: its strokes fall, and every append is compared with the source at once.
// 2. Healing: no more faults. Frozen workers wake, transactions end, a few records are written. Workers go on until
//    they have copied all, or have stopped.
// 3. The verdict: is the mirror right? Then somebody has to reach its end. Is it wrong? Then nobody may go on, those
//    that live and one that starts now. And every batch was given back exactly once.
import { epochMax, linkProducerId } from '../partition/identity.ts';
import { defaultPolicy, type PartitionEvent } from '../partition/state.ts';
import { Agenda } from './agenda.ts';
import { Crew } from './crew.ts';
import type { Destination } from './destination.ts';
import { heardInWords } from './event-words.ts';
import { type Failure, Stop } from './failure.ts';
import { Fates } from './fates.ts';
import type { Mutation } from './mutation.ts';
import { SeededRandom } from './random.ts';
import { Regions } from './regions.ts';
import type { Script } from './script.ts';
import type { SimBatch } from './sim-batch.ts';
import type { SimWorker } from './sim-worker.ts';
import { SourceLog } from './source-log.ts';
import type { StrokeKind } from './stroke-kinds.ts';
import { Strokes } from './strokes.ts';
import { expirationTicks, settleTicks, slowTicksMax } from './ticks.ts';
import type { Truth } from './truth.ts';
import { Verdict } from './verdict.ts';

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

const producerId = linkProducerId({ sourceClusterId: 'simulated', linkName: 'us-to-eu' });
const generationZeroMs = Date.UTC(2020, 0, 1);
/** So long is a tick, when the pause to settle is a second. */
const tickMs = 1_000 / settleTicks;
/** Among several workers requests can be slower than any pause. */
const verySlowTicksMax = 80;
/** Two runs before the end of a rotation. */
const rotationEpoch = epochMax - 2;

export class World {
  readonly agenda = new Agenda();
  readonly source = new SourceLog();
  readonly regions: Regions;
  readonly crew: Crew;
  readonly fates = new Fates();
  readonly isPrompt: boolean;
  readonly script: Script;
  readonly mutation: Mutation;
  /** How often each stroke had an effect. */
  readonly fired: Partial<Record<StrokeKind, number>> = {};
  /** What the destination saw, and how the run ended. */
  readonly seen: Record<string, number> = {};
  /** Whether the direction may turn. */
  readonly turns: boolean;
  readonly #strokes: Strokes;
  readonly #history: string[] | null;
  #steps = 0;

  constructor(script: Script, options: { mutation?: Mutation; wantsHistory?: boolean } = {}) {
    const { seed, scenario } = script;
    this.script = script;
    this.mutation = options.mutation ?? {};
    this.#history = options.wantsHistory ? [] : null;
    this.isPrompt = script.isPrompt;
    this.turns = (scenario.weights.turn ?? 0) + (scenario.weights.turnNow ?? 0) > 0;
    const random = new SeededRandom(seed ^ 0x5eed);
    const batchBytesMax = random.chance(0.3) && !scenario.copies ? 600 : 1_000_000;
    this.regions = new Regions({
      ...{ agenda: this.agenda, source: this.source, random, batchBytesMax, mutation: this.mutation },
      allowsCopies: scenario.copies === true,
    });
    this.crew = new Crew(this, {
      compactionGaps: scenario.copies ? 'copies' : defaultPolicy.compactionGaps,
      fillOffsetsMax: scenario.fillOffsetsMax ?? defaultPolicy.fillOffsetsMax,
      retentionOvertook: scenario.retentionOvertook ?? defaultPolicy.retentionOvertook,
    });
    this.#strokes = new Strokes(this);
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
      this.crew.start();
      for (const stroke of this.script.strokes)
        this.agenda.add(stroke.at, () => this.#strokes.strike(stroke));
      while (this.agenda.runNext(this.script.ticks)) {}
      failure = new Verdict(this).find();
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
      fired: this.fired,
      seen: { ...this.seen, ...this.regions.seen },
      history: this.#history ?? [],
    };
  }

  // ── What workers need ───────────────────────────────────────────────────────────────────────────────

  /** The workers’ clocks. */
  clockMs = (): number => generationZeroMs + this.agenda.now * tickMs;

  recordTime(): number {
    return this.agenda.now - (this.script.scenario.hasOldRecords ? 2 * expirationTicks : 0);
  }

  /** Where workers are only one at a time, what a worker before sent must be settled in the time that is made for it. */
  slowTicks(random: SeededRandom): number {
    return random.integer(1, this.script.scenario.hasSeveralWorkers ? verySlowTicksMax : slowTicksMax);
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
    const isExpected = this.mayBeWrong(wrong);
    if (!isExpected) throw new Stop({ kind: 'wrong', what: wrong.what });
  }

  /** What may go wrong, as long as it is noticed. */
  mayBeWrong(wrong: NonNullable<Truth['first']>): boolean {
    const { hasSeveralWorkers, hasOldRecords } = this.script.scenario;
    if (wrong.isFromLostSource) return true;
    // A log that lost acknowledged batches can have lost all that the guard knows.
    if (!hasSeveralWorkers) return this.hasLostAcknowledged;
    // What the cleaner takes between two workers' reads makes their holes differ.
    return hasOldRecords || wrong.isInWindow || (this.fired.compact ?? 0) > 0;
  }

  trace(line: () => string): void {
    this.#history?.push(`${String(this.agenda.now).padStart(5)}  ${line()}`);
  }

  traceWorker(worker: SimWorker, event: PartitionEvent<SimBatch>, isStale: boolean): void {
    if (!isStale) this.trace(() => heardInWords(worker, event));
  }

  /** What stands in the logs when the script begins. */
  #prepare(): void {
    const { scenario, seed } = this.script;
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

  /** Whether the mirror's log may have lost batches that were acknowledged. */
  get hasLostAcknowledged(): boolean {
    return (this.fired.electUnclean ?? 0) > 0;
  }

  note(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }
}
