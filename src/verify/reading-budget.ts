// Bounds what all logs of a verification hold in memory together. A broker answers with at least one batch however
// large it is, so the number of answers does not bound their bytes: eight with a batch of 10 MiB each are too many.
//
// Before a log is read its answer is estimated by the one before; the first one is expected to be large. What does not
// fit waits until others have given theirs back. The partition that was begun first never waits, so that somebody
// always gets on: it ends, and then the next one is first.
//
// Nobody knows what a compressed batch takes before it is decompressed, so only the first partition does that. Where
// both sides have the same batch nothing is decompressed.

import type { FetchedBatches, PartitionLog } from './partition-log.ts';

/** What a log's first answer is taken for, and any answer at most. */
const expectedBytesMax = 12 * 1024 * 1024;

export class ReadingBudget {
  readonly #bytesMax: number;
  #heldBytes = 0;
  /** Partitions under way, the one that was begun first at the front. */
  readonly #order: object[] = [];
  #waiting: (() => void)[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  begin(partition: object): void {
    this.#order.push(partition);
  }

  end(partition: object): void {
    const index = this.#order.indexOf(partition);
    if (index >= 0) this.#order.splice(index, 1);
    this.#wake();
  }

  hasRoomFor(bytes: number): boolean {
    return this.#heldBytes + bytes <= this.#bytesMax;
  }

  /** Takes the bytes as soon as they fit, or at once for the first partition. */
  async take(partition: object, bytes: number): Promise<void> {
    while (!this.hasRoomFor(bytes) && this.#order[0] !== partition)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#heldBytes += bytes;
  }

  /** Resolves when the partition is the first. */
  async turn(partition: object): Promise<void> {
    while (this.#order[0] !== partition && this.#order.includes(partition))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives bytes back, or takes more when an answer was larger than expected. */
  give(bytes: number): void {
    this.#heldBytes -= bytes;
    if (bytes > 0) this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** The log of one side of a partition, read within the budget. */
export function budgetedLog(log: PartitionLog, partition: object, budget: ReadingBudget): PartitionLog {
  let expectedBytes = Math.min(expectedBytesMax, log.answerBytesExpected ?? expectedBytesMax);
  return {
    offsets: (signal) => log.offsets(signal),
    async fetch(offset, signal): Promise<FetchedBatches> {
      const takenBytes = expectedBytes;
      await budget.take(partition, takenBytes);
      try {
        const fetched = await log.fetch(offset, signal);
        const { batches, sizeBytes, isCrowdedOut = false } = fetched;
        budget.give(takenBytes - sizeBytes);
        // What found no room beside others may be large.
        expectedBytes = isCrowdedOut ? expectedBytesMax : Math.min(expectedBytesMax, Math.max(sizeBytes, 1));
        return {
          batches,
          sizeBytes,
          isCrowdedOut,
          release: () => {
            fetched.release();
            budget.give(sizeBytes);
          },
        };
      } catch (error) {
        budget.give(takenBytes);
        throw error;
      }
    },
    decompressing: () => budget.turn(partition),
    mayReadAhead: () => budget.hasRoomFor(expectedBytes),
    settings: (signal) => log.settings(signal),
    firstOffsetSince: (timestampMs, signal) => log.firstOffsetSince(timestampMs, signal),
  };
}
