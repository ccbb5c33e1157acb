// When may a mirror's max.message.bytes be lowered, after the source's was? Not before it has all that the source took
// under the former limit: a larger batch that is yet to come would be refused, and the partition Blocked.
import type { LinkCluster } from './clusters.ts';
import type { KnownTopic } from './known-topic.ts';

export interface SizeShrinkOptions {
  readonly source: LinkCluster;
  readonly destination: LinkCluster;
  readonly nowMs: () => number;
}

/** Every broker of the source keeps to the new limit after this, in ms. */
const graceMs = 2_000;

export class SizeShrink {
  readonly #options: SizeShrinkOptions;
  /** By topic: the lower limit, when it was seen, and where the source ended once it held. */
  readonly #seen = new Map<string, { bytes: number; atMs: number; ends: readonly bigint[] | null }>();

  constructor(options: SizeShrinkOptions) {
    this.#options = options;
  }

  /** Asked at each look at which the source's limit (`bytes`) is lower than the mirror's; false until it is known. */
  async isSafe(
    { topic, placements }: Pick<KnownTopic, 'topic' | 'placements'>,
    bytes: number,
  ): Promise<boolean> {
    const { source, destination, nowMs } = this.#options;
    const known = this.#seen.get(topic);
    if (known?.bytes !== bytes) {
      this.#seen.set(topic, { bytes, atMs: nowMs(), ends: null });
      return false;
    }
    if (nowMs() - known.atMs < graceMs) return false;
    known.ends ??= await this.#endsOf(source, topic, placements);
    if (known.ends === null) return false;
    const mirrored = await this.#endsOf(destination, topic, placements);
    return mirrored?.every((end, i) => end + placements[i]!.shift >= known.ends![i]!) === true;
  }

  /** Null where a leader does not answer. */
  async #endsOf(
    cluster: LinkCluster,
    topic: string,
    placements: KnownTopic['placements'],
  ): Promise<readonly bigint[] | null> {
    const ranges = await cluster.logRanges(topic, placements.length);
    const ends = placements.map((_, partition) => ranges.get(partition)?.end ?? null);
    return ends.every((end) => end !== null) ? ends : null;
  }
}
