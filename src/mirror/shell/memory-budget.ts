// How many bytes of fetched frames a mirror holds at once. Frames are large, pooled, and shared by the batches
// of many partitions, so the bound is on frames, not on batches: a single stuck batch keeps its whole frame.
// Backpressure goes to the source by not fetching.

export class MemoryBudget {
  readonly bytesMax: number;
  heldBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(options: { bytesMax: number }) {
    this.bytesMax = options.bytesMax;
  }

  get isExhausted(): boolean {
    return this.heldBytes >= this.bytesMax;
  }

  take(bytes: number): void {
    this.heldBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.heldBytes -= bytes;
    if (this.isExhausted) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves at once while there is room, else when some was given back. */
  room(): Promise<void> {
    if (!this.isExhausted) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
