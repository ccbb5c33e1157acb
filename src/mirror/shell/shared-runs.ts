// A work that many ask for at the same moment, and that one run does for all of them. Whoever asks while a run is under
// way gets the next one, since what was just seen may be newer than what the run found; runs keep a distance.
import { type Clock, sleep } from '../../client/index.ts';

export class SharedRuns {
  readonly #work: () => Promise<void>;
  readonly #everyMs: number;
  readonly #clock: Clock;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  /** The run that has not begun yet: it serves all who ask before it does. */
  #waiting: Promise<void> | null = null;

  /** @param options.everyMs between the beginnings of two runs, at least */
  constructor(work: () => Promise<void>, options: { everyMs: number; clock: Clock }) {
    this.#work = work;
    this.#everyMs = options.everyMs;
    this.#clock = options.clock;
  }

  /** Resolves, or rejects, as a run does that begins now or later. */
  run(): Promise<void> {
    if (this.#waiting !== null) return this.#waiting;
    if (this.#running === null && this.#waitMs <= 0) return this.#begin();
    this.#waiting = this.#beginLater();
    return this.#waiting;
  }

  get #waitMs(): number {
    return this.#startedAtMs + this.#everyMs - this.#clock.nowMs();
  }

  async #beginLater(): Promise<void> {
    await this.#running?.catch(() => {});
    if (this.#waitMs > 0) await sleep(this.#clock, this.#waitMs);
    this.#waiting = null;
    return this.#begin();
  }

  #begin(): Promise<void> {
    this.#startedAtMs = this.#clock.nowMs();
    const running = this.#work().finally(() => {
      this.#running = null;
    });
    this.#running = running;
    return running;
  }
}
