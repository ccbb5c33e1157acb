// Which writes of a partition may still be carried out: those without an outcome, and those whose outcome was never
// known, for a while. A connection that was given up says nothing about the request in its broker's queue.

/** So long after an unknown outcome, in ms, a request counts as one that may still be carried out. */
export const doubtMs = 60_000;

export class WriteLedger {
  readonly #monotonicMs: () => number;
  #openCount = 0;
  #unknownAtMs = Number.NEGATIVE_INFINITY;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Whether every write was answered, or is so old that settling has seen to it. */
  get isQuiet(): boolean {
    return this.#openCount === 0 && this.#monotonicMs() - this.#unknownAtMs >= doubtMs;
  }

  /** Notes a write; what is returned has to be called exactly once with its outcome, and passes it on. */
  note<O extends { readonly kind: string }>(onOutcome: (outcome: O) => void): (outcome: O) => void {
    this.#openCount += 1;
    return (outcome) => {
      this.#openCount -= 1;
      if (outcome.kind === 'unknown') this.#unknownAtMs = this.#monotonicMs();
      onOutcome(outcome);
    };
  }
}
