// Which partitions of a large fetch session are read over a connection of their own. Pure: answers in, moves out.
//
// The problem: a broker looks at every partition of a session for each fetch, some ten microseconds each. Where a hundred of
// ten thousand bring records, each of their records waits for a look at all ten thousand, a tenth of a second. The answer:
// those that bring records again and again leave the large session for a small one.
//
//   idle ──► records ──► records again within `againWithinMs` ──► active ──► nothing for `quietMs` ──► idle
//
// It takes two answers, since a single record is over when the partition has moved, and a move costs its next record up to
// one wait of the session that it enters. Where a large part is active, the others stay: two large sessions cost a broker
// twice as much as one. Nobody is sent back for others' sake, so that none goes to and fro.

/** Below that one session is cheap enough: two milliseconds of a broker for each fetch. */
export const followedCountMin = 200;
/** Of all that are followed, this part is active at most. */
export const activeShareMax = 1 / 4;
/** A partition becomes active by records in two answers that come within this time, ms. */
export const againWithinMs = 5_000;
/** It is active until it has brought nothing for so long, ms. */
export const quietMs = 30_000;

export class ActivePartitions {
  /** Brought records lately, and are not active: when, ms. */
  readonly #seen = new Map<string, number>();
  /** When they brought records last, ms. */
  readonly #active = new Map<string, number>();

  get count(): number {
    return this.#active.size;
  }

  keys(): Iterable<string> {
    return this.#active.keys();
  }

  /** An answer had records of this partition. @returns whether it is active from now on and was not before. */
  noted(key: string, { nowMs, followedCount }: { nowMs: number; followedCount: number }): boolean {
    if (this.#active.has(key)) {
      this.#active.set(key, nowMs);
      return false;
    }
    if (followedCount < followedCountMin) return false;
    const former = this.#seen.get(key);
    this.#seen.set(key, nowMs);
    if (former === undefined || nowMs - former > againWithinMs) return false;
    if (this.#active.size >= followedCount * activeShareMax) return false;
    this.#seen.delete(key);
    this.#active.set(key, nowMs);
    return true;
  }

  /** It is not followed any more. */
  forget(key: string): void {
    this.#seen.delete(key);
    this.#active.delete(key);
  }

  /** Those that were active until now. To be called now and then: it forgets, too, what is too old to count. */
  fallenQuiet(nowMs: number): string[] {
    for (const [key, atMs] of this.#seen) if (nowMs - atMs > againWithinMs) this.#seen.delete(key);
    const quiet: string[] = [];
    for (const [key, atMs] of this.#active) if (nowMs - atMs > quietMs) quiet.push(key);
    for (const key of quiet) this.#active.delete(key);
    return quiet;
  }
}
