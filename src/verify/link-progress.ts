// How far the verification of a link is: the progress of its partitions, added up.

import type { PartitionProgress, Waiting } from './verify-partition.ts';

export interface LinkProgress {
  partitionsDone: number;
  partitionsTotal: number;
  /** Of the partitions that were begun. */
  offsetsCompared: bigint;
  offsetsTotal: bigint;
  bytesRead: number;
  /** Partitions that wait for something, and what the first of them waits for. */
  waiting: { partitions: number; first: (Waiting & { topic: string; partition: number }) | null };
}

/** Comparing reports after each batch, of which there may be 100,000 a second, ms. */
const tellMsMin = 50;

/** Adds up the progress of partitions. */
export class ProgressSum {
  readonly #byPartition = new Map<number, PartitionProgress>();
  readonly #waiting = new Map<number, Waiting & { topic: string; partition: number }>();
  readonly #report: ((progress: LinkProgress) => void) | undefined;
  readonly #sum: LinkProgress;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(partitionsTotal: number, report: ((progress: LinkProgress) => void) | undefined) {
    this.#report = report;
    this.#sum = {
      partitionsDone: 0,
      partitionsTotal,
      offsetsCompared: 0n,
      offsetsTotal: 0n,
      bytesRead: 0,
      waiting: { partitions: 0, first: null },
    };
  }

  note(index: number, now: PartitionProgress): void {
    const before = this.#byPartition.get(index);
    this.#byPartition.set(index, now);
    this.#sum.offsetsCompared += now.offsetsCompared - (before?.offsetsCompared ?? 0n);
    this.#sum.offsetsTotal += now.offsetsTotal - (before?.offsetsTotal ?? 0n);
    this.#sum.bytesRead += now.bytesRead - (before?.bytesRead ?? 0);
    const wasWaiting = this.#waiting.has(index);
    if (now.waitingFor === null) this.#waiting.delete(index);
    if (now.waitingFor !== null)
      this.#waiting.set(index, { ...now.waitingFor, topic: now.topic, partition: now.partition });
    else if (!wasWaiting && performance.now() - this.#toldAtMs < tellMsMin) return;
    this.#tell();
  }

  /** One partition more. */
  grow(): void {
    this.#sum.partitionsTotal += 1;
  }

  done(index: number): void {
    this.#sum.partitionsDone += 1;
    this.#waiting.delete(index);
    this.#tell();
  }

  #tell(): void {
    this.#toldAtMs = performance.now();
    const [first = null] = this.#waiting.values();
    this.#report?.({ ...this.#sum, waiting: { partitions: this.#waiting.size, first } });
  }
}
