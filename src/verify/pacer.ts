// Keeps reading below a number of bytes per second, over all logs that share it. The size of an answer is known only
// when it is there, so what it took too much is paid for by the next ones waiting.

import type { PartitionLog } from './partition-log.ts';
import { pause } from './pause.ts';

/** A second's worth may be read at once after a time of silence, ms. */
const burstMs = 1000;

export class Pacer {
  readonly #bytesPerMs: number;
  readonly #nowMs: () => number;
  /** Everything read so far is paid for at this time. */
  #paidAtMs: number;

  constructor(bytesPerSecond: number, nowMs: () => number = () => performance.now()) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#nowMs = nowMs;
    this.#paidAtMs = nowMs() - burstMs;
  }

  /** How long the next question must wait, ms. */
  get waitMs(): number {
    return Math.max(0, this.#paidAtMs - this.#nowMs());
  }

  spend(bytes: number): void {
    this.#paidAtMs = Math.max(this.#paidAtMs, this.#nowMs() - burstMs) + bytes / this.#bytesPerMs;
  }

  /** Resolves when something may be asked. */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    while (this.waitMs > 0) await pause(Math.ceil(this.waitMs), signal);
  }
}

/** The log, read no faster than the pacer allows. */
export function pacedLog(log: PartitionLog, pacer: Pacer): PartitionLog {
  return {
    offsets: (signal) => log.offsets(signal),
    async fetch(offset, signal) {
      await pacer.ready(signal);
      const fetched = await log.fetch(offset, signal);
      pacer.spend(fetched.sizeBytes);
      return fetched;
    },
    decompressing: async () => log.decompressing?.(),
    mayReadAhead: () => log.mayReadAhead?.() ?? true,
    settings: (signal) => log.settings(signal),
    firstOffsetSince: (timestampMs, signal) => log.firstOffsetSince(timestampMs, signal),
  };
}
