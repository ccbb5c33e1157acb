// How long partitions of a mirror are behind, asked of the brokers alone: what could be read at the source at one look and
// is not in the mirror at a later one has been missing since the first.
import { setTimeout as pause } from 'node:timers/promises';
import { Cluster, listOffsets } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';

export interface LagWatchOptions {
  readonly source: Region;
  readonly destination: Region;
  readonly topics: readonly string[];
  readonly partitions: number;
}

const lookEveryMs = 500;

export class LagWatch implements AsyncDisposable {
  readonly #options: LagWatchOptions;
  readonly #clusters: readonly [Cluster, Cluster];
  /** Ends of the source that the mirror has not reached, and when they were seen first, by partition. */
  readonly #awaited = new Map<string, { readonly end: bigint; readonly seenAtMs: number }[]>();
  readonly #now = new Map<string, number>();
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  looks = 0;
  /** The longest that any partition was behind, and which one. */
  largest = { behindMs: 0, partition: 'none' };

  private constructor(options: LagWatchOptions, clusters: readonly [Cluster, Cluster]) {
    this.#options = options;
    this.#clusters = clusters;
    this.#running = this.#run();
    this.#running.catch(() => {}); // thrown again by stop()
  }

  static async start(options: LagWatchOptions): Promise<LagWatch> {
    const { source, destination } = options;
    const clusters = await Promise.all([
      Cluster.connect(configOf(source)),
      Cluster.connect(configOf(destination)),
    ]);
    return new LagWatch(options, clusters);
  }

  /** How long the partition that is furthest behind is behind now. */
  get behindMs(): number {
    return Math.max(0, ...this.#now.values());
  }

  /** Begins to look for the largest lag anew; answers with the largest one so far. */
  takeLargest(): { behindMs: number; partition: string } {
    const { largest } = this;
    this.largest = { behindMs: 0, partition: 'none' };
    return largest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    for (const cluster of this.#clusters) cluster.close();
    await this.#running.catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const nowMs = Date.now();
      const [source, destination] = this.#clusters;
      const wanted = await this.#ends(source, 'read_committed');
      const reached = await this.#ends(destination, 'read_uncommitted');
      for (const [partition, end] of wanted) this.#compare(partition, end, reached.get(partition)!, nowMs);
      this.looks += 1;
      await pause(lookEveryMs, undefined, { signal });
    }
  }

  #compare(partition: string, wanted: bigint, reached: bigint, nowMs: number): void {
    const awaited = this.#awaited.get(partition) ?? [];
    if ((awaited.at(-1)?.end ?? 0n) < wanted) awaited.push({ end: wanted, seenAtMs: nowMs });
    while (awaited.length > 0 && awaited[0]!.end <= reached) awaited.shift();
    this.#awaited.set(partition, awaited);
    const behindMs = nowMs - (awaited[0]?.seenAtMs ?? nowMs);
    this.#now.set(partition, behindMs);
    if (behindMs > this.largest.behindMs) this.largest = { behindMs, partition };
  }

  async #ends(
    cluster: Cluster,
    isolationLevel: 'read_committed' | 'read_uncommitted',
  ): Promise<ReadonlyMap<string, bigint>> {
    const queries = this.#options.topics.flatMap((topic) =>
      Array.from({ length: this.#options.partitions }, (_, partition) => ({
        ...{ topic, partition },
        at: 'latest' as const,
      })),
    );
    const found = await listOffsets(cluster, queries, { isolationLevel });
    return new Map(
      found.flatMap(({ item, outcome }) =>
        outcome.ok ? [[`${item.topic}-${item.partition}`, outcome.value.offset] as const] : [],
      ),
    );
  }
}
