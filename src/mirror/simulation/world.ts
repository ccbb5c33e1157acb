// A simulated world around PartitionMachine: production code of the core on a fake clock and network.
//
// Time runs in ticks. A request travels, is executed by the model broker, and its answer travels back; both
// ways can be delayed, the answer can be lost, the worker can crash or freeze in between. A request that was
// under way when its worker died is still executed, at most `requestTicksMax` ticks after it was sent; what a
// frozen worker sends when it wakes is under no bound at all.
import { identityAt, linkProducerId } from '../partition/identity.ts';
import { isStopped, PartitionMachine } from '../partition/machine.ts';
import type { FetchedBatch, PartitionAction, PartitionEvent } from '../partition/state.ts';
import { ModelLog } from './model-log.ts';
import { SeededRandom } from './random.ts';

/** What may go wrong in a run: chances per tick, or per request. */
export interface Faults {
  readonly answerLost: number;
  readonly crash: number;
  /** A second worker starts while the first is frozen, which wakes later. */
  readonly freeze: number;
  readonly leaderChange: number;
  /** The broker forgets producer state (records older than producer.id.expiration.ms). */
  readonly guardExpires: number;
  readonly replicationLags: number;
  /** Memory is short while an append hangs: what waits behind it is given back and read again. */
  readonly shed: number;
}

interface SimBatch extends FetchedBatch {
  readonly content: string;
}

interface Worker {
  readonly machine: PartitionMachine<SimBatch>;
  /** Set while frozen: the tick at which it wakes. Its outgoing requests wait, too. */
  frozenUntil: number;
  fetching: { readonly round: number } | null;
  isFetching: boolean;
}

const producerId = linkProducerId({ sourceClusterId: 'simulated', linkName: 'us-to-eu' });
const requestTicksMax = 5;
const pauseTicks = { retry: 3, settle: requestTicksMax + 1, replicas: 2, notAuthorized: 10 } as const;
const fetchBatchesMax = 4;

export class World {
  readonly destination = new ModelLog();
  readonly source: { baseOffset: bigint; content: string; recordCount: number }[] = [];
  readonly workers: Worker[] = [];
  readonly random: SeededRandom;
  /** How often each fault really happened: a fault test has to show that its fault fired. */
  readonly fired = {
    answerLost: 0,
    crash: 0,
    freeze: 0,
    leaderChange: 0,
    guardExpires: 0,
    replicationLags: 0,
    shed: 0,
  };
  /** Batches handed to a machine and not given back. */
  batchesHeld = 0;
  #tick = 0;
  #agenda: { tick: number; run: () => void }[] = [];
  #faults: Faults;
  #replicationStalledUntil = 0;
  #waitingForReplication: { end: bigint; answer: () => void; failed: () => void }[] = [];

  constructor(seed: number, faults: Faults) {
    this.random = new SeededRandom(seed);
    this.#faults = faults;
    this.startWorker();
  }

  startWorker(): void {
    const worker: Worker = {
      machine: new PartitionMachine<SimBatch>(),
      frozenUntil: 0,
      fetching: null,
      isFetching: false,
    };
    this.workers.push(worker);
    this.#deliver(worker, { type: 'begin' });
  }

  produce(): void {
    const last = this.source.at(-1);
    const baseOffset = last === undefined ? 0n : last.baseOffset + BigInt(last.recordCount);
    // Few different counts, so that batches are easily mistaken for each other by sequence alone.
    this.source.push({ baseOffset, content: `batch@${baseOffset}`, recordCount: this.random.integer(1, 2) });
  }

  /** Runs `ticks` ticks with faults on. */
  run(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      if (this.random.chance(0.4)) this.produce();
      this.#strike();
      this.step();
    }
  }

  /** Ends all faults and runs until every live worker rests, or `ticksMax` have passed. */
  heal(ticksMax: number): void {
    this.#faults = {
      answerLost: 0,
      crash: 0,
      freeze: 0,
      leaderChange: 0,
      guardExpires: 0,
      replicationLags: 0,
      shed: 0,
    };
    this.#replicationStalledUntil = 0;
    for (const worker of this.workers) worker.frozenUntil = 0;
    for (let i = 0; i < ticksMax; i++) this.step();
    // A few records more, so that whatever is shifted meets an append.
    for (let i = 0; i < 3; i++) this.produce();
    for (let i = 0; i < ticksMax; i++) this.step();
  }

  step(): void {
    this.#tick += 1;
    if (this.#tick >= this.#replicationStalledUntil) this.#replicate();
    const due = this.#agenda.filter((entry) => entry.tick <= this.#tick);
    this.#agenda = this.#agenda.filter((entry) => entry.tick > this.#tick);
    for (const entry of due) entry.run();
    for (const worker of this.workers) this.#fetch(worker);
  }

  /** Whether the destination holds exactly the first batches of the source, each at its offset. */
  isPrefix(): boolean {
    return this.destination.batches.every((stored, index) => {
      const original = this.source[index];
      return (
        original !== undefined &&
        original.baseOffset === stored.baseOffset &&
        original.content === stored.content
      );
    });
  }

  #strike(): void {
    const { random } = this;
    const faults = this.#faults;
    const live = this.workers.filter((worker) => worker.frozenUntil <= this.#tick);
    const victim = live.at(-1);
    if (random.chance(faults.shed) && victim?.machine.flow?.inFlight != null) {
      this.fired.shed += 1;
      this.#deliver(victim, { type: 'shed', round: victim.machine.round });
    }
    if (random.chance(faults.crash) && victim !== undefined) {
      this.fired.crash += 1;
      this.workers.splice(this.workers.indexOf(victim), 1);
      this.batchesHeld = 0;
      this.startWorker();
    }
    if (random.chance(faults.freeze) && victim !== undefined && this.workers.length < 3) {
      this.fired.freeze += 1;
      victim.frozenUntil = this.#tick + random.integer(5, 60);
      this.startWorker();
    }
    if (random.chance(faults.leaderChange)) {
      this.fired.leaderChange += 1;
      this.destination.changeLeader({ forgetProducers: random.chance(faults.guardExpires) });
      for (const waiting of this.#waitingForReplication.splice(0)) waiting.failed();
    }
    if (random.chance(faults.guardExpires)) {
      this.fired.guardExpires += 1;
      this.destination.forgetProducers();
    }
    if (random.chance(faults.replicationLags)) {
      this.fired.replicationLags += 1;
      this.#replicationStalledUntil = this.#tick + random.integer(2, 12);
    }
  }

  #replicate(): void {
    this.destination.replicate();
    const done = this.#waitingForReplication.filter((entry) => entry.end <= this.destination.highWatermark);
    this.#waitingForReplication = this.#waitingForReplication.filter((entry) => !done.includes(entry));
    for (const entry of done) entry.answer();
  }

  #later(ticks: number, run: () => void): void {
    this.#agenda.push({ tick: this.#tick + ticks, run });
  }

  /** A worker that is gone hears nothing; a frozen one hears it when it wakes. */
  #deliver(worker: Worker, event: PartitionEvent<SimBatch>): void {
    if (!this.workers.includes(worker)) return;
    if (worker.frozenUntil > this.#tick) {
      this.#later(worker.frozenUntil - this.#tick, () => this.#deliver(worker, event));
      return;
    }
    for (const action of worker.machine.handle(event)) this.#perform(worker, action);
  }

  #perform(worker: Worker, action: PartitionAction<SimBatch>): void {
    const { random } = this;
    switch (action.type) {
      case 'readDestination':
        return this.#later(random.integer(1, 3), () => {
          const { logEnd, leaderEpoch, highWatermark, batches } = this.destination;
          const tail = batches.at(-1) ?? null;
          const tailWrite =
            tail === null
              ? null
              : {
                  producerId: tail.producerId,
                  epoch: tail.epoch,
                  lastSequence: tail.sequence + tail.recordCount - 1,
                };
          const entries = this.destination.lastWrites();
          const view = {
            leaderEpoch,
            logStart: 0n,
            logEnd,
            highWatermark,
            tail: tail && {
              baseOffset: tail.baseOffset,
              lastOffset: logEnd - 1n,
              producerId: tail.producerId,
            },
            identity: identityAt(logEnd, { producerId, tail: tailWrite, entries }),
          };
          this.#deliver(worker, { type: 'destinationRead', round: action.round, view });
        });
      case 'compareTail':
        return this.#later(1, () => {
          const { view, round } = action;
          const tail = this.destination.batches.findLast(
            (batch) => batch.baseOffset === view.tail?.baseOffset,
          );
          const original = this.source.find((batch) => batch.baseOffset === view.tail?.baseOffset);
          const agrees = view.tail === null || (tail !== undefined && original?.content === tail.content);
          this.#deliver(worker, {
            type: 'tailCompared',
            round,
            verdict: agrees
              ? { kind: 'agrees', lastFetchedEpoch: 0, compared: view.tail !== null }
              : { kind: 'differs', offset: view.tail?.baseOffset ?? 0n, what: 'content' },
          });
        });
      case 'startFetching':
        worker.fetching = { round: action.round };
        return;
      case 'stopFetching':
        worker.fetching = null;
        return;
      case 'pause':
        return this.#later(pauseTicks[action.kind], () =>
          this.#deliver(worker, { type: 'timer', round: action.round }),
        );
      case 'append':
        return this.#append(worker, action);
      case 'refreshMetadata':
        return;
    }
  }

  #append(worker: Worker, { append, round }: Extract<PartitionAction<SimBatch>, { type: 'append' }>): void {
    const { random, destination } = this;
    const lost = random.chance(this.#faults.answerLost);
    const travelTicks = random.integer(1, requestTicksMax);
    if (lost) {
      this.fired.answerLost += 1;
      // The connection breaks at any moment, before or after the request is executed.
      this.#later(random.integer(1, requestTicksMax), () =>
        this.#deliver(worker, { type: 'appendUnknown', round, reason: 'connection lost' }),
      );
    }
    const answer = (event: PartitionEvent<SimBatch>): void => {
      if (!lost) this.#later(random.integer(1, 2), () => this.#deliver(worker, event));
    };
    this.#later(travelTicks, () => {
      const result = destination.append(append.batch, append.identity);
      if ('errorCode' in result) {
        return answer({
          type: 'appendRefused',
          round,
          errorCode: result.errorCode,
          reason: `error ${result.errorCode}`,
        });
      }
      const end = result.baseOffset + BigInt(append.batch.recordCount);
      this.#waitingForReplication.push({
        end,
        answer: () => answer({ type: 'appended', round, baseOffset: result.baseOffset }),
        failed: () =>
          answer({ type: 'appendRefused', round, errorCode: 6, reason: 'NOT_LEADER_OR_FOLLOWER' }),
      });
    });
  }

  /** One fetch at a time; an answer to a position that has moved meanwhile is dropped, as the shell does. */
  #fetch(worker: Worker): void {
    const { fetching, machine } = worker;
    const { flow } = machine;
    if (fetching === null || flow === null || worker.isFetching || worker.frozenUntil > this.#tick) return;
    if (flow.queue.length > fetchBatchesMax) return;
    const asked = flow.fetchOffset;
    worker.isFetching = true;
    this.#later(this.random.integer(0, 3), () => {
      worker.isFetching = false;
      if (!this.workers.includes(worker) || worker.fetching !== fetching) return;
      if (machine.flow?.fetchOffset !== asked) return;
      const found = this.source.filter((batch) => batch.baseOffset >= asked).slice(0, fetchBatchesMax);
      if (found.length === 0) return;
      const batches = found.map((batch) => this.#fetchedBatch(batch));
      this.#deliver(worker, { type: 'fetched', round: fetching.round, batches });
    });
  }

  #fetchedBatch(batch: { baseOffset: bigint; content: string; recordCount: number }): SimBatch {
    this.batchesHeld += 1;
    let released = false;
    return {
      ...batch,
      lastOffset: batch.baseOffset + BigInt(batch.recordCount) - 1n,
      magic: 2,
      isControl: false,
      isTransactional: false,
      timestampType: 'CreateTime',
      sizeBytes: 100,
      partitionLeaderEpoch: 0,
      release: () => {
        if (released) throw new Error(`batch ${batch.content} was given back twice`);
        released = true;
        this.batchesHeld -= 1;
      },
    };
  }

  /** Workers that noticed that the mirror is wrong. */
  get alarms(): number {
    return this.workers.filter((worker) => worker.machine.state.name === 'Diverged').length;
  }

  get stopped(): boolean {
    return this.workers.every((worker) => isStopped(worker.machine.state));
  }
}
