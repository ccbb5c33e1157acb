// The strokes of a script as they fall on a simulated world: on its source, its workers, its requests, its destination.
import { SeededRandom } from './random.ts';
import type { Stroke } from './script.ts';
import type { StrokeKind } from './stroke-kinds.ts';
import { expirationTicks } from './ticks.ts';
import type { World } from './world.ts';

const workersMax = 3;
/** A turn that was not possible by then is given up. */
const turnTicksMax = 250;
const atSourceKinds: ReadonlySet<StrokeKind> = new Set([
  'produce',
  'beginTransaction',
  'produceInTransaction',
  'emptyTransaction',
]);

export class Strokes {
  readonly #world: World;
  /** Producers have stopped, for the direction to turn. */
  #isTurning = false;

  constructor(world: World) {
    this.#world = world;
  }

  strike(stroke: Stroke): void {
    if (this.#isTurning && atSourceKinds.has(stroke.kind)) return;
    if (!this.#effect(stroke)) return;
    const { kind } = stroke;
    if (this.#world.turns) this.#world.regions.follow();
    this.#world.fired[kind] = (this.#world.fired[kind] ?? 0) + 1;
    this.#world.countStep();
    const { source, destination } = this.#world;
    this.#world.trace(
      () =>
        `* ${kind} (source ${source.start}-${source.end}, mirror ${destination.log.start}-${destination.log.end})`,
    );
  }

  /** Carries a stroke out; false when there is nothing that it could strike. */
  #effect(stroke: Stroke): boolean {
    return (
      this.#atSource(stroke) ??
      this.#atWorkers(stroke) ??
      this.#world.fates.add(stroke.kind) ??
      this.#atDestination(stroke) ??
      false
    );
  }

  #atSource({ kind, a, b }: Stroke): boolean | null {
    const { source } = this.#world;
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
        const near = this.#world.destination.log.end - 4 + (a % 12);
        source.compact(b % 2 === 0 ? near : a % (source.end + 1), decide, 1 + (b % 6));
        return true;
      }
      case 'retain': {
        const mirrorEnd = this.#world.destination.log.end;
        const before = source.start;
        source.retain(b % 2 === 0 ? a % (source.end + 1) : mirrorEnd - 2 + (a % 8));
        return source.start > before;
      }
      case 'moveSourceLeader':
        source.changeLeader();
        return true;
      case 'truncateSource': {
        const end = this.#world.destination.log.end;
        // Around the mirror's end, and never below where the source starts.
        source.truncate(Math.max(source.start, Math.min(source.end - 1, end - 3 + (a % 6))));
        return true;
      }
      case 'loseSourceConnection': {
        const worker = this.#world.crew.victim(a);
        worker?.loseSourceConnection();
        return worker !== null;
      }
      case 'failFetch': {
        const worker = this.#world.crew.victim(a);
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

  #atWorkers({ kind, a, b }: Stroke): boolean | null {
    const { hasSeveralWorkers } = this.#world.script.scenario;
    switch (kind) {
      case 'crash': {
        const worker = hasSeveralWorkers
          ? this.#world.crew.live()[a % Math.max(1, this.#world.crew.live().length)]
          : this.#world.crew.live()[0];
        if (worker === undefined) return false;
        worker.isAlive = false;
        if (this.#world.crew.live().length === 0 || a % 3 === 0) this.#world.crew.start();
        return true;
      }
      case 'freeze': {
        const worker = this.#world.crew.victim(a);
        if (worker === null) return false;
        // Now and then for longer than one life of the mirror, or two.
        const isLong = this.#world.turns && a % 4 === 0;
        worker.frozenUntil = this.#world.agenda.now + 3 + (a % (isLong ? 900 : 100));
        if (this.#world.crew.live().length < workersMax && this.#world.crew.victim(0) === null)
          this.#world.crew.start();
        return true;
      }
      case 'startAnother': {
        if (this.#world.crew.live().length >= workersMax) return false;
        this.#world.crew.start();
        return true;
      }
      case 'stopCleanly': {
        const worker = this.#world.crew.victim(a);
        if (worker === null) return false;
        worker.deliver({ type: 'stop' });
        this.#world.crew.restartWhenStopped(worker, { isLate: b % 4 === 0 });
        return true;
      }
      case 'shed': {
        const worker = this.#world.crew.victim(a);
        if (worker === null) return false;
        worker.deliver({ type: 'shed', round: worker.machine.round });
        return true;
      }
      default:
        return null;
    }
  }

  #atDestination({ kind, a, b }: Stroke): boolean | null {
    const { destination, agenda } = this.#world;
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
          for (const worker of this.#world.crew.live()) if (worker.isStopped) this.#world.crew.retire(worker);
          destination.close(this.#world.regions.life);
          if (this.#world.crew.live().length === 0) this.#world.crew.start();
        }
        return true;
      case 'turn':
        if (this.#isTurning) return false;
        this.#isTurning = true;
        for (const transaction of [...this.#world.source.open])
          this.#world.source.finish(transaction, b % 3 === 0 ? 'aborted' : 'committed');
        this.#turnSoon(agenda.now + turnTicksMax, a);
        return true;
      case 'turnNow':
        if (this.#isTurning || !this.#world.regions.mayTurn({ isPlanned: false })) return false;
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
    const mayTurn = this.#world.regions.mayTurn({ isPlanned: true });
    if (!mayTurn && this.#world.agenda.now < deadline && !this.#world.crew.isOver)
      return this.#world.agenda.add(3, () => this.#turnSoon(deadline, a));
    this.#isTurning = false;
    if (mayTurn && !this.#world.crew.isOver) this.#turn(a, { isRestored: false });
  }

  /** Workers of the former life hear of it now, or when they look, or wake. */
  #turn(a: number, how: { isRestored: boolean }): void {
    this.#world.regions.turn(how);
    this.#world.regions.follow();
    this.#world.note('turned');
    this.#world.crew.forgetWord();
    const { source, destination } = this.#world;
    this.#world.trace(() => `the direction turns (source ${source.end}, mirror ${destination.log.end})`);
    for (const worker of this.#world.crew.live()) {
      if (worker.isStopped) this.#world.crew.retire(worker);
      else if (!this.#world.script.scenario.hasSeveralWorkers) worker.isAlive = false;
      else if (a % 3 === 0) worker.deliver({ type: 'stop' });
    }
    this.#world.crew.start();
  }
}
