// Two machines that feed each other, over a model of two logs: whatever happens in whichever order, a record that was
// written in one region comes back to it only once the mirror that it was in is closed, or was forgotten by its broker.
//
//   A.orders ──forth──► B.a.orders ──back──► A.b.a.orders
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusterTag, isLockstepProducerId, linkProducerId, unrotated } from '../partition/identity.ts';
import { PartitionMachine } from '../partition/machine.ts';
import { type DestinationView, defaultPolicy, type PartitionAction } from '../partition/state.ts';
import { releasesOf, TestBatch } from '../partition/test-batch.ts';

/** Batches of one record each: who wrote it. */
class ModelLog {
  readonly writers: bigint[] = [];
  /** What its leader remembers of mirrors. */
  readonly remembered = new Map<bigint, 'open' | 'closed'>();

  append(producerId: bigint): bigint {
    this.writers.push(producerId);
    if (isLockstepProducerId(producerId)) this.remembered.set(unrotated(producerId), 'open');
    return BigInt(this.writers.length - 1);
  }
}

class ModelWorker {
  readonly #source: ModelLog;
  readonly #destination: ModelLog;
  readonly #producerId: bigint;
  readonly #ownTag: bigint | null;
  #machine: PartitionMachine<TestBatch>;
  #pending: PartitionAction<TestBatch>[] = [];
  readonly batches: TestBatch[] = [];

  constructor(
    source: ModelLog,
    destination: ModelLog,
    options: { producerId: bigint; ownTag: bigint | null },
  ) {
    this.#source = source;
    this.#destination = destination;
    this.#producerId = options.producerId;
    this.#ownTag = options.ownTag;
    this.#machine = this.restart();
  }

  get state(): string {
    return this.#machine.state.name;
  }

  /** Another worker, which knows nothing. */
  restart(): PartitionMachine<TestBatch> {
    this.#machine?.handle({ type: 'stop' });
    this.#machine = new PartitionMachine<TestBatch>(defaultPolicy, this.#ownTag);
    this.#pending = [...this.#machine.handle({ type: 'begin' })];
    return this.#machine;
  }

  /** One thing that is due; a fetch where there is none. */
  step(): void {
    const machine = this.#machine;
    const action = this.#pending.shift();
    if (action === undefined) return this.#fetch();
    if ('round' in action && action.round !== machine.round) return;
    this.#pending.push(...this.#carryOut(action));
  }

  #carryOut(action: PartitionAction<TestBatch>): readonly PartitionAction<TestBatch>[] {
    const machine = this.#machine;
    const { round } = machine;
    switch (action.type) {
      case 'readDestination':
        return machine.handle({ type: 'destinationRead', round, view: this.#view() });
      case 'compareTail': {
        const verdict = { kind: 'agrees', lastFetchedEpoch: 0, compared: true, sourceStart: 0n } as const;
        return machine.handle({ type: 'tailCompared', round, verdict });
      }
      case 'pause':
        return machine.handle({ type: 'timer', round });
      case 'append': {
        const { batch, identity } = action.append;
        let baseOffset = -1n;
        for (let record = 0; record < batch.recordCount; record++) {
          const offset = this.#destination.append(identity.producerId);
          if (record === 0) baseOffset = offset;
        }
        return machine.handle({ type: 'appended', round, baseOffset });
      }
      case 'askReturn': {
        const told = this.#source.remembered.get(unrotated(action.question.producerId));
        const until = told === 'closed' ? null : BigInt(this.#source.writers.length);
        return machine.handle(
          told === 'open'
            ? { type: 'returnAnswered', round, verdict: { kind: 'returns', reason: 'alive' } }
            : { type: 'returnAnswered', round, verdict: { kind: 'passes', until } },
        );
      }
      default:
        return [];
    }
  }

  #fetch(): void {
    const machine = this.#machine;
    const { flow } = machine;
    if (flow === null) return;
    const from = Number(flow.fetchOffset);
    const batches = this.#source.writers
      .slice(from)
      .map((producerId, index) => new TestBatch(BigInt(from + index), 1, { producerId, codec: 3 }));
    if (batches.length === 0) return;
    this.batches.push(...batches);
    this.#pending.push(...machine.handle({ type: 'fetched', round: machine.round, batches }));
  }

  #view(): DestinationView {
    const end = BigInt(this.#destination.writers.length);
    const position = { producerId: this.#producerId, epoch: 0, sequence: Number(end), isBehindHole: false };
    const isClosed = this.#destination.remembered.get(unrotated(this.#producerId)) === 'closed';
    return {
      leaderEpoch: 1,
      logStart: 0n,
      logEnd: end,
      highWatermark: end,
      tail: null,
      position,
      generation: 1,
      isClosed,
    };
  }
}

/** What can happen, and how often. */
const weights = {
  produce: 6,
  forth: 30,
  back: 30,
  close: 1,
  forget: 2,
  restartForth: 1,
  restartBack: 1,
} as const;
type Step = keyof typeof weights;
const steps = fc.oneof(
  ...(Object.keys(weights) as Step[]).map((step) => ({
    weight: weights[step],
    arbitrary: fc.constant(step),
  })),
);

function run(script: readonly Step[], ownTag: bigint | null = clusterTag('A')): void {
  const [orders, mirror, lap] = [new ModelLog(), new ModelLog(), new ModelLog()];
  const forth = new ModelWorker(orders, mirror, {
    producerId: linkProducerId({ sourceClusterId: 'A', linkName: 'forth' }),
    ownTag: clusterTag('B'),
  });
  const back = new ModelWorker(mirror, lap, {
    producerId: linkProducerId({ sourceClusterId: 'B', linkName: 'back' }),
    ownTag,
  });
  /** Records of the mirror that may be copied back: its writer was closed, or forgotten when it had so many. */
  let allowed = 0;
  let isClosed = false;
  for (const step of script) {
    if (step === 'produce') orders.append(7n);
    if (step === 'forth' && !isClosed) forth.step();
    if (step === 'back') back.step();
    if (step === 'restartForth' && !isClosed) forth.restart();
    if (step === 'restartBack') back.restart();
    const writer = unrotated(linkProducerId({ sourceClusterId: 'A', linkName: 'forth' }));
    if (step === 'close' && mirror.remembered.has(writer)) {
      isClosed = true;
      mirror.remembered.set(writer, 'closed');
      // What its own people write there from now on.
      mirror.append(9n);
    }
    if (step === 'forget' && !isClosed) mirror.remembered.delete(writer);
    if (isClosed || !mirror.remembered.has(writer)) allowed = mirror.writers.length;
    expect(lap.writers.length).toBeLessThanOrEqual(allowed);
  }
  for (let more = 0; more < 40; more++) back.step();
  if (isClosed) expect(lap.writers.length).toBe(mirror.writers.length);
  else expect(lap.writers.length).toBeLessThanOrEqual(allowed);
  // Everything that was fetched was given back, but for what is under way.
  for (const worker of [forth, back]) worker.restart();
  expect(Math.max(0, ...releasesOf([...forth.batches, ...back.batches]))).toBeLessThanOrEqual(1);
}

test('no record is copied back while its mirror is alive, in any order of events', () => {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 20, maxLength: 200, size: 'max' }), (script) => run(script)),
    { numRuns: 2_000 },
  );
});

test('and the model sees it where nobody looks', () => {
  const script = [...Array(3).fill('produce'), ...Array(20).fill('forth'), ...Array(20).fill('back')];
  expect(() => run(script, null)).toThrow();
});
