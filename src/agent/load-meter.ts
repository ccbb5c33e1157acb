// How much each partition costs the agent that copies it, by which the fleet shares out: bytes a second, smoothed over
// about ten seconds, so that a burst moves nothing.
import { keyOf } from '../fleet/index.ts';
import type { LinkPartitions } from '../link/index.ts';
import { PartitionTable } from './partition-table.ts';

/** Changed in place: there may be thousands. */
interface Measured {
  bytes: number;
  atMs: number;
  rate: number;
  /** The number of the look that it was seen by. */
  look: number;
}

/** Of the former rate. */
const keptEachSecond = 0.9;

export class LoadMeter {
  readonly #measured = new PartitionTable<Measured>();
  #look = 0;

  /** By `keyOf` the partition; those of the last look. */
  get rates(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#measured.entries(), ([item, { rate }]) => [keyOf(item), rate]));
  }

  look(links: readonly LinkPartitions[], nowMs: number): void {
    this.#look += 1;
    let count = 0;
    for (const { name: link, partitions } of links) {
      for (const { topic, partition, bytesMirrored: bytes } of partitions) {
        count += 1;
        const measured = this.#measured.get(link, topic, partition);
        if (measured === undefined) {
          this.#measured.set({ link, topic, partition }, { bytes, atMs: nowMs, rate: 0, look: this.#look });
          continue;
        }
        measured.rate = smoothed(measured, bytes, nowMs);
        measured.bytes = bytes;
        measured.atMs = nowMs;
        measured.look = this.#look;
      }
    }
    if (count === this.#measured.size) return;
    for (const [item, { look }] of this.#measured.entries())
      if (look !== this.#look) this.#measured.delete(item);
  }
}

function smoothed(before: Measured, bytes: number, nowMs: number): number {
  if (nowMs <= before.atMs) return before.rate;
  const passedSeconds = (nowMs - before.atMs) / 1_000;
  const now = Math.max(0, bytes - before.bytes) / passedSeconds;
  const kept = keptEachSecond ** passedSeconds;
  return before.rate * kept + now * (1 - kept);
}
