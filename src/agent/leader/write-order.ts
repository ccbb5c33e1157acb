// Who may write when. Decisions about commands read the whole state and write before anything else does; steps of
// single mirrors touch one record each and may share a transaction.

export class WriteOrder {
  #alone: Promise<unknown> = Promise.resolve();
  readonly #together = new Set<Promise<unknown>>();

  /** Runs when nothing that was asked for before is being written, and nothing is until it has ended. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    // Those of now: what is asked for from here on waits for us, and must not be waited for.
    const before = Promise.allSettled(this.#together);
    const mine = this.#alone.then(() => before).then(work);
    this.#alone = mine.catch(() => {});
    return mine;
  }

  /** Runs beside others of its kind. */
  together<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#alone.then(work);
    const tracked = mine.catch(() => {}).finally(() => this.#together.delete(tracked));
    this.#together.add(tracked);
    return mine;
  }
}
