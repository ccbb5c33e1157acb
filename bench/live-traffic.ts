// Records that are written live beside something else, and how old they are when they can be read at the destination.
// Neither side costs much: a few requests a second write, one connection reads, and only headers of batches are looked at.
import { Cluster, type Connection } from '../src/client/index.ts';
import { apis } from '../src/protocol/index.ts';
import { encodeBatch, splitBatches } from '../src/records/index.ts';
import type { Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';

export interface LiveTrafficOptions {
  readonly source: Region;
  readonly destination: Region;
  /** At the source; they are there. */
  readonly topics: readonly string[];
  readonly partitions: number;
  copyOf(topic: string): string;
  /** Records a second into each topic. */
  readonly recordsPerSecond: number;
  readonly recordBytes: number;
}

export interface LiveLag {
  /** Age of records when they could be read, ms; one value for each batch. */
  readonly latenciesMs: readonly number[];
  /** The largest age of a record that was missing at the destination, or arrived, ms. */
  readonly lagMsMax: number;
}

/** One request writes to one partition of each topic so often. */
const writesPerSecond = 40;
const fetchWaitMs = 100;
const lookForTopicEveryMs = 200;
const leaderAttemptsMax = 50;
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_ID: the topic is new. */
const notYetErrors = new Set([3, 5, 6, 100]);
const partitionBytesMax = 256 * 1024;

interface Followed {
  readonly topic: string;
  readonly partition: number;
  offset: bigint;
  /** When records were written whose arrival is awaited, in their order. */
  readonly missing: { readonly end: bigint; readonly atMs: number }[];
}

export class LiveTraffic {
  readonly #options: LiveTrafficOptions;
  readonly #followed: readonly Followed[];
  #isEnded = false;
  #latenciesMs: number[] = [];
  #lagMsMax = 0;
  readonly #work: Promise<unknown>;

  constructor(options: LiveTrafficOptions) {
    this.#options = options;
    this.#followed = options.topics.flatMap((topic) =>
      Array.from({ length: options.partitions }, (_, partition) => ({
        ...{ topic, partition, offset: 0n, missing: [] },
      })),
    );
    this.#work = Promise.all([this.#write(), this.#read()]);
    // Told by `end`.
    this.#work.catch(() => {});
  }

  /** Forgets what was seen: what comes now counts. What is missing already counts as soon as it is there. */
  begin(): void {
    this.#latenciesMs = [];
    this.#lagMsMax = 0;
  }

  seen(): LiveLag {
    this.#lookAtMissing();
    return { latenciesMs: this.#latenciesMs, lagMsMax: this.#lagMsMax };
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#work;
  }

  async #write(): Promise<void> {
    const { source, topics, partitions, recordsPerSecond, recordBytes } = this.#options;
    const cluster = await Cluster.connect(configOf(source));
    const recordsPerWrite = Math.max(1, Math.round(recordsPerSecond / writesPerSecond));
    const value = Buffer.alloc(recordBytes, 'l');
    try {
      const leaders = await Promise.all(topics.map((topic) => leaderOf(cluster, topic)));
      const connection = await cluster.openConnection(leaders[0]!.leaderId, { purpose: 'bench-live' });
      const beganAt = performance.now();
      for (let count = 0; !this.#isEnded; count++) {
        const waitMs = beganAt + (count * 1000) / writesPerSecond - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        const index = count % partitions;
        const atMs = Date.now();
        const records = Array.from({ length: recordsPerWrite }, (_, offset) => ({
          ...{ offset: BigInt(offset), timestamp: BigInt(atMs), key: null, value, headers: [] },
        }));
        const answer = await connection.send(apis.Produce, {
          ...{ transactionalId: null, acks: 1, timeoutMs: 30_000 },
          topicData: topics.map((name, at) => ({
            ...{ name, topicId: leaders[at]!.topicId },
            partitionData: [{ index, records: encodeBatch(records, { compression: 'none' }) }],
          })),
        });
        for (const [at, { partitionResponses }] of answer.responses.entries()) {
          const [told] = partitionResponses;
          if (told === undefined || notYetErrors.has(told.errorCode)) continue;
          if (told.errorCode !== 0) throw new Error(`live traffic was refused: error ${told.errorCode}`);
          const followed = this.#followed[at * partitions + index]!;
          followed.missing.push({ end: told.baseOffset + BigInt(recordsPerWrite), atMs });
        }
        this.#lookAtMissing();
      }
    } finally {
      cluster.close();
    }
  }

  async #read(): Promise<void> {
    const { destination, copyOf, topics } = this.#options;
    const cluster = await Cluster.connect(configOf(destination));
    let connection: Connection | null = null;
    try {
      const copies = topics.map(copyOf);
      while (!this.#isEnded) {
        const known = cluster.knownMetadata.topics;
        if (!copies.every((copy) => (known.get(copy)?.partitions.length ?? 0) > 0)) {
          await cluster.metadata({ topics: copies }).catch(() => {});
          await new Promise((resolve) => setTimeout(resolve, lookForTopicEveryMs));
          continue;
        }
        connection ??= await cluster.openConnection(cluster.brokers[0]!.id, { purpose: 'bench-live' });
        await this.#fetch(connection, (topic) => known.get(copyOf(topic))!.topicId);
      }
    } finally {
      connection?.close();
      cluster.close();
    }
  }

  async #fetch(connection: Connection, idOf: (topic: string) => string): Promise<void> {
    const byTopic = Map.groupBy(this.#followed, ({ topic }) => topic);
    const answer = await connection.send(apis.Fetch, {
      ...{ maxWaitMs: fetchWaitMs, minBytes: 1, maxBytes: 16 * partitionBytesMax, isolationLevel: 0 },
      ...{ sessionId: 0, sessionEpoch: -1 },
      topics: [...byTopic].map(([topic, followed]) => ({
        topicId: idOf(topic),
        partitions: followed.map(({ partition, offset }) => ({
          ...{ partition, fetchOffset: offset, currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
          partitionMaxBytes: partitionBytesMax,
        })),
      })),
    });
    const nowMs = Date.now();
    const byId = new Map([...byTopic].map(([topic, followed]) => [idOf(topic), followed]));
    for (const { topicId, partitions } of answer.responses) {
      for (const { partitionIndex, records } of partitions) {
        const followed = byId.get(topicId)?.[partitionIndex];
        if (followed === undefined || records === null) continue;
        for (const batch of splitBatches(records).batches) {
          followed.offset = batch.baseOffset + BigInt(batch.lastOffsetDelta) + 1n;
          const latencyMs = nowMs - Number(batch.baseTimestamp);
          this.#latenciesMs.push(latencyMs);
          this.#lagMsMax = Math.max(this.#lagMsMax, latencyMs);
        }
        while (followed.missing.length > 0 && followed.missing[0]!.end <= followed.offset)
          followed.missing.shift();
      }
    }
  }

  #lookAtMissing(): void {
    const nowMs = Date.now();
    for (const { missing } of this.#followed)
      if (missing.length > 0) this.#lagMsMax = Math.max(this.#lagMsMax, nowMs - missing[0]!.atMs);
  }
}

/** A topic that was created a moment ago may not be known yet. */
async function leaderOf(cluster: Cluster, topic: string): ReturnType<Cluster['leaderOf']> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await cluster.leaderOf(topic, 0);
    } catch (error) {
      if (attempt === leaderAttemptsMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, lookForTopicEveryMs));
    }
  }
}
