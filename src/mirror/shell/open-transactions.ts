// Which partitions wait for a transaction that is open at the source, and for whose. Every fetch answer tells how far
// the source is decided; transactions that end soon are no news, and asking about each would burden the source. So a
// partition is asked about only when its last stable offset has stood still for a while, then seldom, and all that are
// due are asked about together. There is no timer: fetch answers come several times a second.
import type { FoundTransaction, OpenTransaction, WaitingPartition } from './find-open-transactions.ts';
import type { TopicPartition } from './partition-start.ts';

export type { OpenTransaction } from './find-open-transactions.ts';

export interface OpenTransactionsOptions {
  /** Who holds these partitions; findOpenTransactions for the source cluster. Failures are answers. */
  readonly ask: (partitions: readonly WaitingPartition[]) => Promise<readonly FoundTransaction[]>;
  readonly nowMs: () => number;
  /** How long a last stable offset has to stand still, ms. Default 3 s. */
  readonly waitMs?: number;
  /** Between two questions about one partition, ms. Default 15 s. */
  readonly everyMs?: number;
  /** Between two questions at all, ms. Default 1 s. */
  readonly pauseMs?: number;
  /** In one question; the others come with the next. Default 1,000. */
  readonly partitionsMax?: number;
}

/** A partition whose newest records are not decided. */
interface Waiting extends WaitingPartition {
  readonly sinceMs: number;
  askedAtMs: number | null;
  found: OpenTransaction | null;
}

export class OpenTransactions {
  readonly #options: Required<OpenTransactionsOptions>;
  readonly #waiting = new Map<string, Waiting>();
  #isAsking = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: OpenTransactionsOptions) {
    this.#options = { waitMs: 3_000, everyMs: 15_000, pauseMs: 1_000, partitionsMax: 1_000, ...options };
  }

  /** Takes note of what a fetch answer told. */
  note(
    { topic, partition }: TopicPartition,
    { lastStableOffset, highWatermark }: { lastStableOffset: bigint; highWatermark: bigint },
  ): void {
    const key = `${topic}-${partition}`;
    if (lastStableOffset >= highWatermark) {
      this.#waiting.delete(key);
      return;
    }
    const sinceMs = this.#options.nowMs();
    if (this.#waiting.get(key)?.lastStableOffset !== lastStableOffset) {
      this.#waiting.set(key, { topic, partition, lastStableOffset, sinceMs, askedAtMs: null, found: null });
    }
    this.#askSoon();
  }

  /** The partition is not copied any more. */
  forget({ topic, partition }: TopicPartition): void {
    this.#waiting.delete(`${topic}-${partition}`);
  }

  /** Who holds the partition up, by the newest answer; null while it does not wait or nothing is known yet. */
  describe({ topic, partition }: TopicPartition): OpenTransaction | null {
    return this.#waiting.get(`${topic}-${partition}`)?.found ?? null;
  }

  /** Notes of one fetch answer come together, and become one question. */
  #askSoon(): void {
    const { nowMs, pauseMs } = this.#options;
    if (this.#isAsking || nowMs() - this.#askedAtMs < pauseMs || !this.#isAnyDue()) return;
    this.#isAsking = true;
    queueMicrotask(() => void this.#ask());
  }

  #isAnyDue(): boolean {
    for (const waiting of this.#waiting.values()) if (this.#isDue(waiting)) return true;
    return false;
  }

  #isDue({ sinceMs, askedAtMs }: Waiting): boolean {
    const { nowMs, waitMs, everyMs } = this.#options;
    return nowMs() - sinceMs >= waitMs && (askedAtMs === null || nowMs() - askedAtMs >= everyMs);
  }

  async #ask(): Promise<void> {
    const { ask, nowMs, partitionsMax } = this.#options;
    const due = [...this.#waiting.values()].filter((waiting) => this.#isDue(waiting)).slice(0, partitionsMax);
    this.#askedAtMs = nowMs();
    for (const waiting of due) waiting.askedAtMs = this.#askedAtMs;
    try {
      if (due.length === 0) return;
      const answers = new Map(await ask(due));
      // One that was replaced meanwhile is another wait: its answer goes nowhere.
      for (const waiting of due) waiting.found = answers.get(waiting) ?? waiting.found;
    } finally {
      this.#isAsking = false;
    }
  }
}
