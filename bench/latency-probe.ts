// How old live records are when a consumer has them: a producer in a process of its own (live-producer.ts) writes into one
// topic, and this process waits at all partitions of its copy with one long poll, as a consumer with fetch.min.bytes=1.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { Cluster, type Connection, type TopicMetadata } from '../src/client/index.ts';
import { type FetchPosition, FetchSession, fetchKey } from '../src/mirror/shell/fetch-session.ts';
import { apis } from '../src/protocol/index.ts';
import { readRecords, splitBatches } from '../src/records/index.ts';
import { guardChild, type Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';

export interface ProbeOptions {
  readonly source: Region;
  readonly destination: Region;
  /** At the source; it is there, and empty. */
  readonly topic: string;
  readonly copy: string;
  readonly partitions: number;
  readonly recordsPerSecond: number;
  readonly recordBytes: number;
}

export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface Seen {
  /** By the machine's monotonic clock, ms. */
  readonly exact: Latencies;
  /** From the records' timestamps (CreateTime): whole ms on both sides. */
  readonly byTimestamp: Latencies;
}

const fetchWaitMs = 500;
const fetchBytesMax = 4 * 1024 * 1024;
const lookEveryMs = 100;
const nsPerMs = 1e6;

export class LatencyProbe {
  readonly #options: ProbeOptions;
  readonly #producer: ChildProcess;
  /** As consumers do it: an answer and the request after it are about partitions with news only. */
  readonly #session = new FetchSession();
  readonly #wanted = new Map<string, { position: FetchPosition }>();
  readonly #news = new Set<string>();
  #exact: number[] = [];
  #byTimestamp: number[] = [];
  #total = 0;
  #isEnded = false;
  readonly #work: Promise<void>;

  constructor(options: ProbeOptions) {
    this.#options = options;
    const { source, topic, partitions, recordsPerSecond, recordBytes } = options;
    const words = [
      source.bootstrap.join(','),
      topic,
      ...[partitions, recordsPerSecond, recordBytes].map(String),
    ];
    this.#producer = spawn(process.execPath, [path.join(import.meta.dirname, 'live-producer.ts'), ...words], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    guardChild(this.#producer);
    this.#work = this.#read();
    // Told by whoever waits next.
    this.#work.catch(() => {});
  }

  /** Records that have arrived so far. */
  get total(): number {
    return this.#total;
  }

  /** Resolves when records arrive. @throws Error when none does, or the producer ended. */
  async untilFlowing(deadlineMs: number): Promise<void> {
    const untilMs = performance.now() + deadlineMs;
    while (this.#total === 0) {
      if (this.#producer.exitCode !== null)
        throw new Error(`the producer ended (${this.#producer.exitCode})`);
      if (performance.now() > untilMs) throw new Error(`no record arrived within ${deadlineMs} ms`);
      await Promise.race([this.#work, new Promise((resolve) => setTimeout(resolve, lookEveryMs))]);
    }
  }

  /** What arrives from now on counts. */
  begin(): void {
    this.#exact = [];
    this.#byTimestamp = [];
  }

  seen(): Seen {
    return { exact: latenciesOf(this.#exact), byTimestamp: latenciesOf(this.#byTimestamp) };
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    const exited = new Promise((resolve) => this.#producer.once('exit', resolve));
    this.#producer.stdin?.end();
    if (this.#producer.exitCode === null && this.#producer.signalCode === null) await exited;
    await this.#work;
  }

  async #read(): Promise<void> {
    const { destination, copy, partitions } = this.#options;
    const cluster = await Cluster.connect(configOf(destination));
    let connection: Connection | null = null;
    try {
      while (!this.#isEnded) {
        const known = cluster.knownMetadata.topics.get(copy);
        const isLed =
          known?.partitions.length === partitions && known.partitions.every(({ leaderId }) => leaderId >= 0);
        if (known === undefined || !isLed) {
          await cluster.metadata({ topics: [copy] }).catch(() => {});
          await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
          continue;
        }
        connection ??= await cluster.openConnection(known.partitions[0]!.leaderId, { purpose: 'bench-live' });
        if (this.#wanted.size === 0) this.#want(known);
        await this.#fetch(connection);
      }
    } finally {
      connection?.close();
      cluster.close();
    }
  }

  #want({ name: topic, topicId, partitions }: TopicMetadata): void {
    for (const partition of partitions.keys()) {
      const position = { topic, topicId, partition, offset: 0n, leaderEpoch: -1, lastFetchedEpoch: -1 };
      this.#wanted.set(fetchKey(position), { position });
    }
  }

  async #fetch(connection: Connection): Promise<void> {
    const { sessionId, sessionEpoch, changed } = this.#session.next(this.#wanted, this.#news);
    this.#news.clear();
    const answer = await connection.send(apis.Fetch, {
      ...{ maxWaitMs: fetchWaitMs, minBytes: 1, maxBytes: fetchBytesMax, isolationLevel: 1 },
      ...{ sessionId, sessionEpoch },
      topics: Array.from(
        Map.groupBy(changed, ({ topicId }) => topicId),
        ([topicId, positions]) => ({
          topicId,
          partitions: positions.map(({ partition, offset, leaderEpoch, lastFetchedEpoch }) => ({
            ...{ partition, fetchOffset: offset, currentLeaderEpoch: leaderEpoch, lastFetchedEpoch },
            partitionMaxBytes: fetchBytesMax,
          })),
        }),
      ),
    });
    const [nowNs, nowMs] = [process.hrtime.bigint(), Date.now()];
    if (answer.errorCode !== 0) return this.#session.reset();
    this.#session.accept(answer.sessionId);
    for (const { topicId, partitions } of answer.responses) {
      for (const { partitionIndex, records } of partitions) {
        const key = `${topicId}/${partitionIndex}`;
        const wanted = this.#wanted.get(key);
        if (records === null || wanted === undefined) continue;
        this.#news.add(key);
        for (const view of splitBatches(records).batches) {
          const from = wanted.position.offset;
          const offset = view.baseOffset + BigInt(view.lastOffsetDelta) + 1n;
          wanted.position = { ...wanted.position, offset };
          if (view.isControl) continue;
          for (const { offset, value, timestamp } of readRecords(view)) {
            if (offset < from || value === null) continue;
            this.#total += 1;
            this.#exact.push(Number(nowNs - value.readBigInt64BE(0)) / nsPerMs);
            this.#byTimestamp.push(nowMs - Number(timestamp));
          }
        }
      }
    }
  }
}

function latenciesOf(values: readonly number[]): Latencies {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
