// How long each partition of the mirrors was behind: what the source's log held at a look has to be in the mirror's log so
// and so much later. Asked of the brokers themselves; beside it, what the agents told in the control topic.
import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, listOffsets, type TopicPartition } from '../../src/client/index.ts';
import type { ControlTopic } from '../../src/control/index.ts';
import type { LoadedTopic } from './story-load.ts';

const lookEveryMs = 300;

export interface Behind {
  readonly ms: number;
  readonly where: string;
}

export class BehindWatch {
  readonly #source: Cluster;
  readonly #destination: Cluster;
  readonly #topics: readonly LoadedTopic[];
  readonly #control: ControlTopic;
  /** Ends of the source that the mirror has not reached yet, oldest first. */
  readonly #awaited = new Map<string, { end: bigint; sinceMs: number }[]>();
  readonly #unlisten: () => void;
  readonly #running: Promise<void>;
  #isRunning = true;
  lookCount = 0;
  /** By the brokers' log ends. */
  seen: Behind = { ms: 0, where: '' };
  /** By the status records: their `behindMs`. */
  told: Behind = { ms: 0, where: '' };

  constructor(options: {
    readonly source: Cluster;
    readonly destination: Cluster;
    readonly topics: readonly LoadedTopic[];
    readonly control: ControlTopic;
  }) {
    this.#source = options.source;
    this.#destination = options.destination;
    this.#topics = options.topics;
    this.#control = options.control;
    this.#unlisten = this.#control.onChange((changes) => {
      for (const { key } of changes) if (key.startsWith('status/')) this.#takeStatus(key);
    });
    this.#running = this.#run();
    this.#running.catch(() => {}); // thrown again by stop()
  }

  /** The partition that is furthest behind at this moment. */
  now(): Behind {
    const nowMs = Date.now();
    return [...this.#awaited]
      .map(([where, [oldest]]) => ({ ms: oldest === undefined ? 0 : nowMs - oldest.sinceMs, where }))
      .reduce(worse, { ms: 0, where: '' });
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#unlisten();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const partitions = this.#topics.flatMap(({ name, partitions: count }) =>
        Array.from({ length: count }, (_, partition) => ({ topic: name, partition })),
      );
      const nowMs = Date.now();
      const wanted = await endsOf(this.#source, partitions, 'read_committed');
      const reached = await endsOf(this.#destination, partitions, 'read_uncommitted');
      for (const [where, end] of wanted) this.#take(where, end, reached.get(where) ?? 0n, nowMs);
      this.lookCount += 1;
      await pause(lookEveryMs);
    }
  }

  #take(where: string, end: bigint, reached: bigint, nowMs: number): void {
    const awaited = this.#awaited.get(where) ?? [];
    const last = awaited.at(-1);
    if (last === undefined || last.end < end) awaited.push({ end, sinceMs: nowMs });
    const open = awaited.filter((entry) => entry.end > reached);
    this.#awaited.set(where, open);
    if (open.length > 0) this.seen = worse(this.seen, { ms: Date.now() - open[0]!.sinceMs, where });
  }

  #takeStatus(key: string): void {
    const where = key.slice('status/'.length);
    const status = this.#control.state.statuses.get(where);
    if (status === undefined) return;
    this.told = worse(this.told, { ms: status.behindMs ?? 0, where });
  }
}

const worse = (one: Behind, other: Behind): Behind => (other.ms > one.ms ? other : one);

async function endsOf(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  isolationLevel: 'read_committed' | 'read_uncommitted',
): Promise<Map<string, bigint>> {
  const queries = partitions.map((partition) => ({ ...partition, at: 'latest' as const }));
  const listed = await listOffsets(cluster, queries, { isolationLevel });
  return new Map(
    listed.flatMap(({ item: { topic, partition }, outcome }) =>
      outcome.ok ? [[`${topic}/${partition}`, outcome.value.offset] as const] : [],
    ),
  );
}
