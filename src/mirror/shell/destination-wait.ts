// How long a partition has waited for the destination to answer what was handed over to be written.
import type { PartitionMachine } from '../partition/machine.ts';
import type { LeasedBatch } from './leased-batch.ts';

/** An append that takes longer than this (in ms) is not worth keeping memory for what comes after it. */
const stuckMs = 1_000;

export class DestinationWait {
  readonly #machine: PartitionMachine<LeasedBatch>;
  readonly #nowMs: () => number;
  /** When the newest append was handed over, or its place was looked at. */
  #sinceMs = 0;

  constructor(machine: PartitionMachine<LeasedBatch>, nowMs: () => number) {
    this.#machine = machine;
    this.#nowMs = nowMs;
  }

  begin(): void {
    this.#sinceMs = this.#nowMs();
  }

  /** While this holds nothing more is fetched for the partition. */
  get isStuck(): boolean {
    return this.isLongerThan(stuckMs);
  }

  isLongerThan(limitMs: number): boolean {
    const flow = this.#machine.flow;
    const isWaiting = flow?.inFlight != null || (flow?.hole != null && flow.hole.phase !== 'claiming');
    return isWaiting && this.#nowMs() - this.#sinceMs > limitMs;
  }
}
