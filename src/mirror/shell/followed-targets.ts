// Who is read by one reader, and what is to be asked for them: kept from one fetch to the next, since of thousands few
// change.
//
// A look at one that has nothing new takes a tenth of a microsecond and more, so only those are looked at that an answer was
// for or that stirred by themselves, and all of them ten times a second or less. Looks are taken while nothing is under
// way: what is asked for stays the same until the answer is here, and whoever goes to another reader goes then.
import type { Asked, FetchTarget } from './fetch-target.ts';

/** How often all targets are asked, in ms. */
const sweepEveryMs = 100;
/** Where there are hundreds, less often, in ms for each, and at most. */
const sweepMsPerTarget = 0.8;
const sweepEveryMsMax = 1_000;

export class FollowedTargets {
  readonly #targets = new Map<string, FetchTarget>();
  readonly #asked = new Map<string, Asked>();
  /** Have left since the broker was last told what is followed. */
  readonly #left = new Set<string>();
  /** One of them came back meanwhile. */
  #isAnyBack = false;
  /** What may want something else than at the last look. */
  #stirred = new Set<string>();
  /** Of whom something else is wanted than the broker was last told. */
  readonly #news = new Set<string>();
  /** No answer has told anything of them yet: they came while one was under way, or have not been asked for. */
  readonly #unheard = new Set<string>();
  /** They go to another reader, and who takes them. */
  readonly #handedOver = new Map<string, (target: FetchTarget) => void>();
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#targets.size;
  }

  all(): Iterable<FetchTarget> {
    return this.#targets.values();
  }

  get(key: string): FetchTarget | undefined {
    return this.#targets.get(key);
  }

  /** What is to be asked for all of them, as of the last look. */
  get asked(): ReadonlyMap<string, Asked> {
    return this.#asked;
  }

  /** Who may be asked for otherwise than the broker was last told. */
  get news(): ReadonlySet<string> {
    return this.#news;
  }

  add(key: string, target: FetchTarget): void {
    if (this.#left.has(key)) this.#isAnyBack = true;
    this.#targets.set(key, target);
    this.#unheard.add(key);
    this.#stirred.add(key);
  }

  remove(key: string): void {
    this.#targets.delete(key);
    this.#unheard.delete(key);
    this.#handedOver.delete(key);
    this.#left.add(key);
  }

  clear(): void {
    this.#targets.clear();
  }

  /** Goes to whoever takes it, at the next look. Nothing comes of it where it leaves before. */
  handOver(key: string, take: (target: FetchTarget) => void): void {
    this.#handedOver.set(key, take);
  }

  stir(key: string): void {
    this.#stirred.add(key);
  }

  /** The next look is one at all of them. */
  stirAll(): void {
    this.#sweptAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The broker has been told what is followed: as of the last look, since which a connection may have been opened. */
  told(): void {
    for (const key of this.#left) if (!this.#asked.has(key) || this.#targets.has(key)) this.#left.delete(key);
    this.#news.clear();
  }

  /** An answer was about these. */
  heard(asked: ReadonlyMap<string, Asked>): void {
    for (const key of this.#unheard)
      if (asked.get(key)?.target === this.#targets.get(key)) this.#unheard.delete(key);
  }

  isHeard(key: string): boolean {
    return !this.#unheard.has(key);
  }

  /**
   * Brings up to date what is asked for. `isAnyBack`: one left and came back between two questions, so that to the session
   * nothing has changed, and without news it would never say where the log of the new target ends.
   */
  look(): { isAnyFull: boolean; isAnyBack: boolean } {
    for (const [key, take] of this.#handedOver) {
      const target = this.#targets.get(key);
      this.remove(key);
      if (target !== undefined) take(target);
    }
    const stirred = this.#stirred;
    this.#stirred = new Set();
    let isAnyFull = false;
    const look = (target: FetchTarget, key: string): void => {
      if (this.#lookAt(key, target) === 'full') isAnyFull = true;
    };
    const nowMs = performance.now();
    // Asking can end a target, which then leaves.
    const sweepMs = Math.min(sweepEveryMsMax, this.#targets.size * sweepMsPerTarget);
    if (nowMs - this.#sweptAtMs >= Math.max(sweepEveryMs, sweepMs)) {
      this.#sweptAtMs = nowMs;
      this.#targets.forEach(look);
    } else {
      for (const key of stirred) {
        const target = this.#targets.get(key);
        if (target !== undefined) look(target, key);
      }
    }
    for (const key of this.#left) if (!this.#targets.has(key)) this.#wantNoMore(key);
    const isAnyBack = this.#isAnyBack;
    this.#isAnyBack = false;
    return { isAnyFull, isAnyBack };
  }

  #lookAt(key: string, target: FetchTarget): 'full' | 'looked' {
    const position = target.position();
    if (position === null) {
      this.#wantNoMore(key);
      if (!target.isFull) return 'looked';
      this.#stirred.add(key);
      return 'full';
    }
    const asked = this.#asked.get(key);
    if (asked?.target === target && asked.position === position) return 'looked';
    this.#asked.set(key, { target, position });
    this.#news.add(key);
    return 'looked';
  }

  #wantNoMore(key: string): void {
    if (this.#asked.delete(key)) this.#news.add(key);
  }
}
