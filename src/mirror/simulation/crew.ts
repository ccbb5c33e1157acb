// The workers of a simulated world: who lives, who starts, and what one that leaves tells the next.
import type { LeftLog, PartitionPolicy } from '../partition/state.ts';
import { Stop } from './failure.ts';
import { SeededRandom } from './random.ts';
import { SimWorker } from './sim-worker.ts';
import type { World } from './world.ts';

/** What is told late is told when another worker is about to copy, or does. */
const lateTicks = 30;

export class Crew {
  readonly #world: World;
  readonly #policy: PartitionPolicy;
  readonly #workers: SimWorker[] = [];
  /** As the group's generation: each start is a new one. */
  #workerCount = 0;
  /** What the control topic says of how the log was left, and in which generation. */
  #word: { readonly generation: number; readonly left: LeftLog } | null = null;
  /** Workers are being stopped, and none starts. */
  isOver = false;

  constructor(world: World, policy: PartitionPolicy) {
    this.#world = world;
    this.#policy = policy;
  }

  /** Those that have not crashed, and have not left. */
  live(): SimWorker[] {
    return this.#workers.filter((worker) => worker.isAlive);
  }

  /** A worker that is awake. */
  victim(a: number): SimWorker | null {
    const awake = this.live().filter((worker) => !worker.isFrozen);
    return awake[a % Math.max(1, awake.length)] ?? null;
  }

  start(): void {
    this.#workerCount += 1;
    const name = `worker ${this.#workerCount}`;
    const random = new SeededRandom(this.#world.script.seed * 31 + this.#workerCount);
    const worker = new SimWorker(name, this.#world, {
      ...{ policy: this.#policy, random, mutation: this.#world.mutation, generation: this.#workerCount },
    });
    this.#workers.push(worker);
    this.#world.trace(() => `${name} starts`);
    worker.begin(this.#takeWord());
  }

  /** Nobody can have begun between a worker of the generation right before and this one. */
  #takeWord(): LeftLog | null {
    const word = this.#word;
    if (word === null) return null;
    const isOfTheLast = word.generation === this.#workerCount - 1;
    return isOfTheLast || this.#world.mutation.shell?.believesOldWord ? word.left : null;
  }

  /** `isLate`: it is frozen before it can tell how it left the log, and does so when another one has begun. */
  restartWhenStopped(worker: SimWorker, how: { isLate: boolean }): void {
    this.#world.agenda.add(3, () => {
      if (!worker.isAlive || this.isOver) return;
      const { tellsTooEarly, tellsUnanswered } = this.#world.mutation.shell ?? {};
      const { mirrorEnd, state } = worker.machine;
      const isEarly = tellsTooEarly === true && state.name === 'Stopping';
      if (!worker.isStopped && !isEarly) return this.restartWhenStopped(worker, how);
      const isWrong = isEarly || (tellsUnanswered && state.name === 'Stopped');
      const { leaderEpoch } = this.#world.destination.log;
      const { turnCount } = this.#world.regions;
      const left = isWrong ? { leaderEpoch, logEnd: mirrorEnd ?? 0n } : worker.left;
      const tell = (): void => {
        if (left !== null && this.#world.regions.turnCount === turnCount)
          this.#word = { generation: worker.generation, left };
      };
      if (isEarly) worker.isAlive = false;
      else this.retire(worker);
      if (how.isLate) this.#world.agenda.add(lateTicks, tell);
      else tell();
      this.start();
    });
  }

  /** A worker that has stopped leaves; it must not hold anything any more. */
  retire(worker: SimWorker): void {
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

  /** Of a life that is over. */
  isFormer({ life }: SimWorker): boolean {
    return life.incarnation !== this.#world.regions.life.incarnation;
  }

  /** What was told of a former life of the mirror says nothing about this one. */
  forgetWord(): void {
    this.#word = null;
  }
}
