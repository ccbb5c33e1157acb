// A bell between one sleeper and many callers: a ring while nobody sleeps is remembered.

export class Wake {
  #rung = false;
  #sleeper: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#sleeper?.();
  }

  /** Resolves at the next ring, at once if it rang since the last sleep. */
  async next(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#sleeper = resolve;
      });
      this.#sleeper = null;
    }
    this.#rung = false;
  }

  /** As `next`, and after `ms` at the latest. */
  async within(ms: number): Promise<void> {
    const timer = setTimeout(() => this.#sleeper?.(), ms);
    await this.next();
    clearTimeout(timer);
  }
}
