// Where the logs of mirrors start and end. High watermarks are read whenever a position is about to be committed; log
// starts, which only serve to tell what a consumer will meet, once a minute.
import { type Cluster, listOffsets, type TopicPartition } from '../../client/index.ts';
import { keyOf, type LogEdges } from './plan.ts';

const startsReadEveryMs = 60_000;
const timeoutMs = 10_000;

export class MirrorEdges {
  readonly #destination: Cluster;
  readonly #starts = new Map<string, { start: bigint; readAtMs: number }>();
  #highWatermarks = new Map<string, bigint>();

  constructor(destination: Cluster) {
    this.#destination = destination;
  }

  of(topic: string, partition: number): LogEdges {
    const key = keyOf({ topic, partition });
    return {
      start: this.#starts.get(key)?.start ?? null,
      highWatermark: this.#highWatermarks.get(key) ?? null,
    };
  }

  /** Forgets high watermarks: they count for one look only. */
  forget(): void {
    this.#highWatermarks = new Map();
  }

  /** Partitions that can't be read stay unknown. */
  async readHighWatermarks(partitions: readonly TopicPartition[]): Promise<void> {
    for (const [key, offset] of await this.#read(partitions, 'latest')) this.#highWatermarks.set(key, offset);
  }

  async readStarts(partitions: readonly TopicPartition[], nowMs: number): Promise<void> {
    const stale = partitions.filter((partition) => {
      const known = this.#starts.get(keyOf(partition));
      return known === undefined || nowMs - known.readAtMs >= startsReadEveryMs;
    });
    for (const [key, start] of await this.#read(stale, 'earliest'))
      this.#starts.set(key, { start, readAtMs: nowMs });
  }

  async #read(
    partitions: readonly TopicPartition[],
    at: 'latest' | 'earliest',
  ): Promise<Map<string, bigint>> {
    const unique = new Map(
      partitions.map(({ topic, partition }) => [keyOf({ topic, partition }), { topic, partition, at }]),
    );
    if (unique.size === 0) return new Map();
    const read = await listOffsets(this.#destination, [...unique.values()], { timeoutMs });
    return new Map(
      read.flatMap(({ item, outcome }) => (outcome.ok ? [[keyOf(item), outcome.value.offset]] : [])),
    );
  }
}
