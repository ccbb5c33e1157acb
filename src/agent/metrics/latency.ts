// How long answers took, in the buckets of a Prometheus histogram. Observing is an addition in place: no labels are
// hashed and nothing is allocated, since it happens for every fetch and every append.

/** Upper bounds in seconds: from one machine (a millisecond) to a request that nearly times out. */
const bucketsSeconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30] as const;

export class LatencyHistogram {
  /** How many fell into each bucket alone; the last one has no bound. */
  readonly #counts = new Float64Array(bucketsSeconds.length + 1);
  #sumSeconds = 0;

  observe(tookMs: number): void {
    const seconds = tookMs / 1_000;
    let index = 0;
    while (index < bucketsSeconds.length && seconds > bucketsSeconds[index]!) index += 1;
    this.#counts[index]! += 1;
    this.#sumSeconds += seconds;
  }

  /** Cumulative counts, as Prometheus has them: [upper bound or +Inf, count]. */
  buckets(): [string, number][] {
    let count = 0;
    return Array.from(this.#counts, (inBucket, index) => {
      count += inBucket;
      return [index < bucketsSeconds.length ? String(bucketsSeconds[index]) : '+Inf', count];
    });
  }

  get count(): number {
    return this.#counts.reduce((sum, inBucket) => sum + inBucket, 0);
  }

  get sumSeconds(): number {
    return this.#sumSeconds;
  }
}
