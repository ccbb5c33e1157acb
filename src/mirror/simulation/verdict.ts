// How a simulated world ended: no more faults fall, it goes on for a while, and then the mirror has to be right and
// complete, or everybody has to have noticed.
import type { Failure } from './failure.ts';
import type { SimWorker } from './sim-worker.ts';
import type { World } from './world.ts';

const healTicks = 1_200;
/** One look can find a worker between two things, and an answer can still be on its way. */
const restingLooksEnough = 5;

export class Verdict {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Heals the world, lets it go on, and judges how it ended. */
  find(): Failure | null {
    this.#heal();
    const late = this.#world.crew
      .live()
      .find((worker) => this.#world.crew.isFormer(worker) && !worker.isStopped);
    if (late !== undefined) return { kind: 'stuck', what: `a former life goes on: ${this.#told(late)}` };
    const { truth, destination } = this.#world;
    const { closedAt } = destination;
    const difference = truth.firstDifference(destination.log, closedAt ?? undefined);
    const failure =
      closedAt !== null
        ? this.#mustBeFenced()
        : difference === null
          ? this.#mustReachTheEnd()
          : this.#mustBeNoticed(difference);
    if (failure !== null) return failure;
    if (difference === null) this.#world.note('right');
    else if ((this.#world.seen['wrong, hidden by compaction'] ?? 0) === 0)
      this.#world.note('wrong and noticed');
    if (truth.first?.isInWindow) this.#world.note('wrong in the known window');
    this.#world.crew.isOver = true;
    for (const worker of this.#world.crew.live()) worker.deliver({ type: 'stop' });
    this.#runFor(50);
    for (const worker of this.#world.crew.live()) this.#world.crew.retire(worker);
    return null;
  }

  #heal(): void {
    this.#world.fates.clear();
    this.#world.destination.stalledUntil = -1;
    this.#world.destination.lacksReplicasUntil = -1;
    for (const worker of this.#world.crew.live()) worker.frozenUntil = -1;
    const { source } = this.#world;
    for (const transaction of [...source.open]) source.finish(transaction, 'committed');
    if (this.#world.turns) this.#world.regions.follow();
    this.#world.trace(() => `no more faults (source ${source.start}-${source.end})`);
    this.#runFor(healTicks);
    // A few records more, so that whatever is shifted meets an append.
    for (let i = 0; i < 3; i++)
      source.append({ count: 1 + i, isCompressed: false, isLogAppendTime: false, transaction: null });
    if (this.#world.turns) this.#world.regions.follow();
    this.#world.trace(() => `three batches more (source ${source.start}-${source.end})`);
    this.#runFor(healTicks);
  }

  /** Until all have rested for a while, at most so many ticks. */
  #runFor(ticks: number): void {
    const until = this.#world.agenda.now + ticks;
    let nextLook = this.#world.agenda.now;
    let restingLooks = 0;
    while (this.#world.agenda.runNext(until)) {
      if (this.#world.agenda.now < nextLook) continue;
      nextLook = this.#world.agenda.now + 10;
      restingLooks = this.#isAtRest() ? restingLooks + 1 : 0;
      if (restingLooks === restingLooksEnough) return;
    }
  }

  #isAtRest(): boolean {
    return this.#world.crew
      .live()
      .every(
        (worker) =>
          (worker.isStopped && (worker.machine.state.name !== 'Stopped' || this.#world.crew.isOver)) ||
          this.#isAtEnd(worker),
      );
  }

  #isAtEnd(worker: SimWorker): boolean {
    const { machine } = worker;
    return (
      !this.#world.crew.isFormer(worker) &&
      machine.state.name === 'Mirroring' &&
      machine.mirrorEnd === BigInt(this.#world.source.end) &&
      this.#world.destination.log.end === this.#world.source.end
    );
  }

  /** The mirror was promoted. Nobody may go on, and nobody who finds nothing wrong may tell people to delete it. */
  #mustBeFenced(): Failure | null {
    const isFenced = ({ machine: { state } }: SimWorker): boolean =>
      state.name === 'Fenced' ||
      state.name === 'Stopped' ||
      (state.name === 'Diverged' && this.#world.truth.first !== null);
    for (let isLater = false; ; isLater = true) {
      const other = this.#world.crew.live().find((worker) => !isFenced(worker));
      if (other !== undefined)
        return { kind: other.isStopped ? 'unexplained' : 'stuck', what: this.#told(other) };
      if (isLater) return null;
      for (const worker of this.#world.crew.live()) {
        this.#world.note(`ended ${worker.machine.state.name}`);
        this.#world.crew.retire(worker);
      }
      this.#world.crew.start();
      this.#runFor(healTicks);
    }
  }

  /** The mirror is right. Somebody has to end up with all of it, or in a state that the scenario explains. */
  #mustReachTheEnd(): Failure | null {
    if (this.#world.crew.live().some((worker) => this.#isAtEnd(worker))) {
      const odd = this.#world.crew.live().find((worker) => worker.isStopped && !this.#isExplained(worker));
      return odd === undefined ? null : { kind: 'unexplained', what: this.#told(odd) };
    }
    const unexplained = this.#world.crew.live().find((worker) => !this.#isExplained(worker));
    if (unexplained !== undefined && !this.#world.script.scenario.hasSeveralWorkers)
      return { kind: unexplained.isStopped ? 'unexplained' : 'stuck', what: this.#told(unexplained) };
    if (this.#world.crew.live().every((worker) => worker.machine.state.name !== 'Diverged')) {
      const [explained] = this.#world.crew.live();
      if (explained !== undefined && this.#isExplained(explained)) {
        this.#world.note(`ended ${explained.machine.state.name}`);
        return null;
      }
    }
    // All have stopped because there were several of them. One that starts now has to do it.
    for (const worker of this.#world.crew.live()) {
      this.#world.note(`ended ${worker.machine.state.name}`);
      worker.isAlive = false;
    }
    this.#world.crew.start();
    this.#runFor(healTicks);
    const [last] = this.#world.crew.live();
    if (last === undefined || this.#isAtEnd(last) || this.#isExplained(last)) return null;
    return { kind: 'stuck', what: this.#told(last) };
  }

  /** The mirror is wrong. Nobody may go on, now or after a start. */
  #mustBeNoticed(difference: string): Failure | null {
    const wrong = this.#world.truth.first;
    const isFromLostSource = this.#world.source.truncationCount > 0;
    if (!isFromLostSource && (wrong === null || !this.#world.mayBeWrong(wrong)))
      return { kind: 'wrong', what: wrong?.what ?? difference };
    const believer = this.#world.crew.live().find((worker) => !worker.isStopped);
    if (believer !== undefined && !this.#mayBeHidden())
      return { kind: 'undetected', what: `${difference}, and ${this.#told(believer)}` };
    for (const worker of this.#world.crew.live()) {
      this.#world.note(`ended ${worker.machine.state.name}`);
      if (worker.isStopped) this.#world.crew.retire(worker);
      else worker.isAlive = false;
    }
    this.#world.crew.start();
    this.#runFor(healTicks);
    const later = this.#world.crew.live().find((worker) => !worker.isStopped);
    if (later !== undefined && !this.#mayBeHidden())
      return { kind: 'undetected', what: `${difference}, and after a start ${this.#told(later)}` };
    return null;
  }

  /**
   * After several workers ran into the known window the cleaner can take the very records at the source that would show
   * it. Counted, not failed: docs/simulation.md.
   */
  #mayBeHidden(): boolean {
    const { scenario } = this.#world.script;
    const isSo = scenario.hasSeveralWorkers && (this.#world.fired.compact ?? 0) > 0;
    if (isSo) this.#world.note('wrong, hidden by compaction');
    return isSo;
  }

  #isExplained(worker: SimWorker): boolean {
    const { scenario } = this.#world.script;
    if (this.#world.crew.isFormer(worker)) return worker.isStopped;
    switch (worker.machine.state.name) {
      case 'Stopped':
        return true;
      case 'RetentionOvertook':
        return scenario.retentionOvertook === 'stop' && (this.#world.fired.retain ?? 0) > 0;
      case 'StartTooFar':
      case 'HoleTooLong':
        return scenario.fillOffsetsMax !== undefined;
      case 'SourceTruncated':
        // Or it saw a marker that stands twice, before the source had a hole there, too.
        return this.#world.source.truncationCount > 0 || this.#world.truth.first?.isInWindow === true;
      case 'Diverged':
        return (
          scenario.hasSeveralWorkers ||
          this.#world.source.truncationCount > 0 ||
          this.#world.hasLostAcknowledged
        );
      default:
        return false;
    }
  }

  #told(worker: SimWorker): string {
    const { state, flow } = worker.machine;
    const reason = 'reason' in state && state.reason ? `: ${state.reason}` : '';
    const at = flow === null ? '' : ` at ${flow.mirrorEnd}`;
    const { source, destination } = this.#world;
    return `${worker.name} is ${state.name}${at}${reason} (source ${source.start}-${source.end}, mirror ${destination.log.start}-${destination.log.end})`;
  }
}
