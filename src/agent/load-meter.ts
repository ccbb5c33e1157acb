// How much each partition costs the agent that copies it, by which the fleet shares out: bytes a second, smoothed over
// about ten looks, so that a burst moves nothing.
import { keyOf } from '../fleet/index.ts';
import type { LinkStatus } from '../link/index.ts';

interface Measured {
  readonly bytes: number;
  readonly atMs: number;
  readonly rate: number;
}

export class LoadMeter {
  #measured: ReadonlyMap<string, Measured> = new Map();

  /** By `keyOf` the partition; those of the last look. */
  get rates(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#measured, ([key, { rate }]) => [key, rate]));
  }

  look(links: readonly LinkStatus[], nowMs: number): void {
    const measured = new Map<string, Measured>();
    for (const link of links) {
      for (const { topic, partition, bytesMirrored } of link.partitions) {
        const key = keyOf({ link: link.name, topic, partition });
        const rate = smoothed(this.#measured.get(key), bytesMirrored, nowMs);
        measured.set(key, { bytes: bytesMirrored, atMs: nowMs, rate });
      }
    }
    this.#measured = measured;
  }
}

function smoothed(before: Measured | undefined, bytes: number, nowMs: number): number {
  if (before === undefined || nowMs <= before.atMs) return before?.rate ?? 0;
  const now = (Math.max(0, bytes - before.bytes) * 1_000) / (nowMs - before.atMs);
  return before.rate * 0.9 + now * 0.1;
}
