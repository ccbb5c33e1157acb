// Long work beside records: it gives way to them whenever it has run for a while without a break.

/** As long as a record may have to wait for it, in ms; a slice of work in between should take far less. */
const spanMsDefault = 4;

export interface BreaksOptions {
  /** After so long a break is due, ms. Default 4; 0: always, for tests. */
  readonly spanMs?: number;
}

/**
 * `if (breaks.isDue) await breaks.take();` between slices of the work. What was true before a break may not be so after
 * it: look again.
 */
export class Breaks {
  readonly #spanMs: number;
  #sinceMs = performance.now();

  constructor({ spanMs = spanMsDefault }: BreaksOptions = {}) {
    this.#spanMs = spanMs;
  }

  get isDue(): boolean {
    return performance.now() - this.#sinceMs >= this.#spanMs;
  }

  /** Resolves when sockets and timers had their turn. */
  async take(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#sinceMs = performance.now();
  }
}
