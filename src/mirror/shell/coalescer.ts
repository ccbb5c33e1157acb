// Turns many single questions into few large requests: thousands of partitions start at once, and each needs the
// same handful of facts from the same few brokers.

/** Collects items for `windowMs` (or `itemsMax`), runs them as one batch, hands each its own result. */
export class Coalescer<Item, Result> {
  readonly #windowMs: number;
  readonly #itemsMax: number;
  readonly #run: (items: Item[]) => Promise<Map<Item, Result | Error>>;
  #waiting: { item: Item; resolve: (result: Result) => void; reject: (error: Error) => void }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(options: {
    windowMs: number;
    itemsMax: number;
    /** Every item gets a result or an error; a missing one is answered with an error. */
    run: (items: Item[]) => Promise<Map<Item, Result | Error>>;
  }) {
    this.#windowMs = options.windowMs;
    this.#itemsMax = options.itemsMax;
    this.#run = options.run;
  }

  ask(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length >= this.#itemsMax) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), this.#windowMs);
    });
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const batch = this.#waiting.splice(0);
    this.#run(batch.map((entry) => entry.item)).then(
      (results) => {
        for (const { item, resolve, reject } of batch) {
          const result = results.get(item) ?? new Error('a question was left without an answer');
          if (result instanceof Error) reject(result);
          else resolve(result);
        }
      },
      (error: Error) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }
}
