// A setting that somebody else keeps changing back: an operator, or another tool that thinks it owns the topic.
//
// The problem: setting it again at every look is a fight that nobody wins, and giving up at once would leave a mirror
// wrong because of one slip. The answer: each time it was changed back the pause before the next try grows; after a few
// times it has a name, is told once, and goes on at that slow pace until it stays.
import { type BackoffOptions, backoffMs } from '../client/index.ts';

/** A setting that we keep setting. */
interface Contested {
  readonly value: string | null;
  readonly setAtMs: number;
  /** How often it was found different after we had set it. */
  revertCount: number;
  nextTryAtMs: number;
}

/** Changed back this often, it is somebody's intention. */
const revertsMin = 3;
const pauses: BackoffOptions = { initialMs: 10_000, maxMs: 3_600_000, jitter: 0 };
/** What stays for this long after it was set is not contested any more, at least, in ms. */
const staysMs = 60_000;

/** The settings of one topic. */
export class Contest {
  readonly #settings = new Map<string, Contested>();

  /** Of the changes that are needed now those that are to be made now. */
  due<T extends string | null>(needed: Readonly<Record<string, T>>, nowMs: number): Record<string, T> {
    this.#noteReverts(needed, nowMs);
    return Object.fromEntries(
      Object.entries(needed).filter(([name]) => (this.#settings.get(name)?.nextTryAtMs ?? 0) <= nowMs),
    );
  }

  /** They were made. */
  made(changes: Readonly<Record<string, string | null>>, nowMs: number): void {
    for (const [name, value] of Object.entries(changes)) {
      const revertCount = this.#settings.get(name)?.revertCount ?? 0;
      this.#settings.set(name, { value, setAtMs: nowMs, revertCount, nextTryAtMs: nowMs });
    }
  }

  /** Settings that somebody else keeps changing back, and when we try again. */
  get contested(): readonly { readonly name: string; readonly nextTryAtMs: number }[] {
    return [...this.#settings]
      .filter(([, { revertCount }]) => revertCount >= revertsMin)
      .map(([name, { nextTryAtMs }]) => ({ name, nextTryAtMs }));
  }

  #noteReverts(needed: Readonly<Record<string, string | null>>, nowMs: number): void {
    for (const [name, known] of this.#settings) {
      const isDifferent = Object.hasOwn(needed, name);
      if (isDifferent && needed[name] === known.value) {
        // Counted once for each time we set it.
        if (known.nextTryAtMs > known.setAtMs) continue;
        known.revertCount += 1;
        known.nextTryAtMs = nowMs + pauseMs(known.revertCount);
      } else if (isDifferent || nowMs - known.setAtMs >= Math.max(staysMs, 2 * pauseMs(known.revertCount))) {
        // Another value is wanted now, or this one has stayed.
        this.#settings.delete(name);
      }
    }
  }
}

/** The first time may be a slip. */
function pauseMs(revertCount: number): number {
  return revertCount < 2 ? 0 : backoffMs(revertCount - 2, pauses, () => 0.5);
}
