// Which partitions this agent copies. A fleet shares them out; what is given away has to be at rest before another agent
// begins, so each stop is a promise.
import type { LeftPartition, LinkMirror, PartitionStart, TopicPartition } from '../mirror/index.ts';

export interface ShareOptions {
  readonly mirror: Pick<LinkMirror, 'add' | 'remove'>;
  readonly owns: (partition: TopicPartition) => boolean;
}

/** A partition that was given away with nothing of it under way. */
export interface ReleasedPartition extends TopicPartition {
  readonly left: LeftPartition;
}

export class Share {
  readonly #options: ShareOptions;
  /** Given away, though `owns` may not say so yet. */
  readonly #released = new Set<string>();
  readonly #stopping = new Set<Promise<unknown>>();
  /** How many partitions of a topic may be running. */
  readonly #counts = new Map<string, number>();

  constructor(options: ShareOptions) {
    this.#options = options;
  }

  /** Starts the partitions of a topic that are ours, and stops the others; none are given: stops all of them. */
  apply(topic: string, placements: readonly PartitionStart[]): void {
    const { mirror, owns } = this.#options;
    const count = Math.max(this.#counts.get(topic) ?? 0, placements.length);
    this.#counts.set(topic, placements.length);
    for (let partition = 0; partition < count; partition++) {
      const place = { topic, partition };
      const placement = placements[partition];
      const isOurs = placement !== undefined && owns(place) && !this.#isReleased(place);
      if (isOurs) mirror.add(place, placement);
      else this.#stop(place);
    }
  }

  /**
   * Resolves when nothing of them is under way, with how those were left of which that is certain. They stay stopped
   * until `forgetReleased`, whatever `owns` says.
   */
  async release(partitions: readonly TopicPartition[]): Promise<ReleasedPartition[]> {
    for (const partition of partitions) this.#released.add(nameOf(partition));
    const released = await Promise.all(
      partitions.map(async ({ topic, partition }) => {
        const left = await this.#options.mirror.remove({ topic, partition });
        return left === null ? [] : [{ topic, partition, left }];
      }),
    );
    return released.flat();
  }

  /** From now on `owns` counts again. */
  forgetReleased(): void {
    this.#released.clear();
  }

  /** Resolves when all that had to stop has stopped. */
  async untilStopped(): Promise<void> {
    await Promise.all(this.#stopping);
  }

  #isReleased(place: TopicPartition): boolean {
    return this.#released.size > 0 && this.#released.has(nameOf(place));
  }

  #stop({ topic, partition }: TopicPartition): void {
    const stopping = this.#options.mirror.remove({ topic, partition });
    this.#stopping.add(stopping);
    void stopping.finally(() => this.#stopping.delete(stopping));
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
