// A cluster's logs read as a consumer with read_committed reads them, always from the leader: every request carries
// the leader epoch that it was routed by, so that a follower or a former leader refuses it. (Without an epoch
// followers answer ListOffsets and Fetch too, with a high watermark that lags.)

import { type Cluster, type Connection, describeConfigs, kafkaFailure, unwrap } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { later } from '../offsets.ts';
import { markAborted, splitBatches } from '../records/index.ts';
import { GatheredFetches } from './gathered-fetches.ts';
import { type LogSettings, logSettings, settingNames } from './log-settings.ts';
import type { LogSource, TopicSize } from './log-source.ts';
import { OffsetQuestions } from './offset-questions.ts';
import { type FetchedBatches, type LogOffsets, OffsetGone, type PartitionLog } from './partition-log.ts';
import { pause } from './pause.ts';

export interface ClusterLogsOptions {
  /** The most bytes one fetch brings, unless a single batch is larger; default 2 MiB. */
  fetchBytesMax?: number;
  /** How long one question to a leader is repeated while leaders move or brokers restart, in ms; default 60,000. */
  deadlineMs?: number;
  /**
   * Default read_committed. With read_uncommitted fetches go on to the high watermark, and no batch is told to be
   * aborted.
   */
  isolation?: 'read_committed' | 'read_uncommitted';
  /** Fetches of many partitions share requests: for a few records of each. Default false. */
  gathersFetches?: boolean;
}

type Leader = Awaited<ReturnType<Cluster['leaderOf']>>;

const offsetOutOfRange = 1;
const unknownTopicOrPartition = 3;
/** How long a broker waits for data that is not there, in ms. Data that is there comes at once. */
const fetchWaitMsMax = 500;
const backoffMsMin = 50;
const backoffMsMax = 1000;
/** ListOffsets' names for the two ends of a log (Kafka: ListOffsetsRequest). */
const earliestTimestamp = -2n;
const latestTimestamp = -1n;
const isolation = { readUncommitted: 0, readCommitted: 1 } as const;

/** The logs of a cluster. `close` closes the connections opened for reading, not the cluster. */
export function clusterLogs(cluster: Cluster, options: ClusterLogsOptions = {}): LogSource {
  const connections = new ReadingConnections(cluster);
  const questions = new OffsetQuestions((brokerId) => connections.to(brokerId));
  const fetches = new GatheredFetches((brokerId) => connections.to(brokerId));
  const shared: Shared = { cluster, fetches, questions, options };
  return {
    topicSizes: (topics) => topicSizes(cluster, topics),
    partitionLog: (topic, partition) => new ClusterPartitionLog(shared, topic, partition),
    close: () => connections.close(),
  };
}

/** What the logs of one cluster share. */
interface Shared {
  cluster: Cluster;
  fetches: GatheredFetches;
  questions: OffsetQuestions;
  options: ClusterLogsOptions;
}

async function topicSizes(cluster: Cluster, topics: readonly string[]): Promise<Map<string, TopicSize>> {
  const metadata = await cluster.metadata({ topics });
  return new Map(
    topics.map((topic): [string, TopicSize] => {
      const error = metadata.topicErrors.get(topic) ?? 0;
      if (error === unknownTopicOrPartition) return [topic, null];
      if (error !== 0) {
        const right = { operation: 'Read', resource: { topic } } as const;
        const context = { cluster: cluster.name, what: `describing topic ${topic}`, right };
        return [topic, kafkaFailure(error, context)];
      }
      return [topic, metadata.topics.get(topic)?.partitions.length ?? null];
    }),
  );
}

/** One connection a broker, shared by the partitions that it leads, apart from the cluster's own. */
class ReadingConnections {
  readonly #cluster: Cluster;
  readonly #byBroker = new Map<number, Promise<Connection>>();
  #isClosed = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async to(brokerId: number): Promise<Connection> {
    const known = await this.#byBroker.get(brokerId)?.catch(() => null);
    if (known?.isOpen === true) return known;
    const opening = this.#cluster.openConnection(brokerId, { purpose: 'verifying' });
    this.#byBroker.set(brokerId, opening);
    const connection = await opening;
    if (this.#isClosed) connection.close();
    return connection;
  }

  close(): void {
    this.#isClosed = true;
    for (const opening of this.#byBroker.values())
      opening.then(
        (connection) => connection.close(),
        () => {},
      );
  }
}

class ClusterPartitionLog implements PartitionLog {
  readonly #cluster: Cluster;
  readonly #fetches: GatheredFetches;
  readonly #questions: OffsetQuestions;
  readonly #topic: string;
  readonly #partition: number;
  readonly #options: ClusterLogsOptions;
  /** The next fetch goes alone, or it might be empty again. */
  #isCrowdedOut = false;

  constructor({ cluster, fetches, questions, options }: Shared, topic: string, partition: number) {
    this.#cluster = cluster;
    this.#fetches = fetches;
    this.#questions = questions;
    this.#topic = topic;
    this.#partition = partition;
    this.#options = options;
  }

  offsets(signal?: AbortSignal): Promise<LogOffsets> {
    return this.#onLeader(signal, async (leader) => {
      // In this order: each is at most what the next would have been.
      const logStartOffset = await this.#listOffset(leader, earliestTimestamp, isolation.readUncommitted);
      const lastStableOffset = await this.#listOffset(leader, latestTimestamp, isolation.readCommitted);
      const highWatermark = await this.#listOffset(leader, latestTimestamp, isolation.readUncommitted);
      return { logStartOffset, highWatermark, lastStableOffset };
    });
  }

  fetch(offset: bigint, signal?: AbortSignal): Promise<FetchedBatches> {
    return this.#onLeader(signal, async (leader) => {
      const isAlone = this.#options.gathersFetches !== true || this.#isCrowdedOut;
      const how = isAlone ? 'askAlone' : 'ask';
      const fetched = await this.#fetches[how](
        leader.leaderId,
        {
          ...{ topic: this.#topic, topicId: leader.topicId, partition: this.#partition },
          ...{ leaderEpoch: leader.leaderEpoch, offset },
        },
        {
          maxWaitMs: fetchWaitMsMax,
          maxBytes: this.#fetchBytesMax,
          isolationLevel:
            this.#options.isolation === 'read_uncommitted'
              ? isolation.readUncommitted
              : isolation.readCommitted,
        },
      );
      const { isCrowdedOut } = fetched;
      this.#isCrowdedOut = isCrowdedOut;
      try {
        this.#throwIfRefused(fetched.errorCode, `reading ${this.#name}`);
        const answer = fetched.partition;
        if (answer?.errorCode === offsetOutOfRange) throw new OffsetGone(offset);
        this.#throwIfRefused(
          answer?.errorCode ?? unknownTopicOrPartition,
          `reading ${this.#name} at offset ${offset}`,
        );
        const records = answer?.records ?? Buffer.alloc(0);
        const batches = markAborted(splitBatches(records).batches, answer?.abortedTransactions ?? null);
        return { batches, sizeBytes: records.length, isCrowdedOut, release: fetched.release };
      } catch (error) {
        fetched.release();
        throw error;
      }
    });
  }

  async settings(signal?: AbortSignal): Promise<LogSettings> {
    signal?.throwIfAborted();
    const resource = { type: 'topic', name: this.#topic } as const;
    const [described] = await describeConfigs(this.#cluster, [resource], { names: settingNames });
    const entries = unwrap(described!.outcome);
    return logSettings((name) => entries.get(name)?.value ?? null);
  }

  firstOffsetSince(timestampMs: bigint, signal?: AbortSignal): Promise<bigint | null> {
    return this.#onLeader(signal, async (leader) => {
      const offset = await this.#listOffset(leader, later(timestampMs, 0n), isolation.readUncommitted);
      return offset < 0n ? null : offset;
    });
  }

  /** Beside others a partition gets no more than that. */
  get answerBytesExpected(): number | undefined {
    return this.#options.gathersFetches === true ? this.#fetchBytesMax : undefined;
  }

  get #fetchBytesMax(): number {
    return this.#options.fetchBytesMax ?? 2 * 1024 * 1024;
  }

  get #name(): string {
    return `${this.#topic}-${this.#partition}`;
  }

  async #listOffset(leader: Leader, timestamp: bigint, isolationLevel: number): Promise<bigint> {
    const { leaderId, leaderEpoch } = leader;
    const answer = await this.#questions.ask(
      { leaderId, timestamp, isolationLevel },
      { topic: this.#topic, partition: this.#partition, leaderEpoch },
    );
    this.#throwIfRefused(answer?.errorCode ?? unknownTopicOrPartition, `listing offsets of ${this.#name}`);
    return answer!.offset;
  }

  #throwIfRefused(error: number, what: string): void {
    if (error === 0) return;
    const right = { operation: 'Read', resource: { topic: this.#topic } } as const;
    throw kafkaFailure(error, { cluster: this.#cluster.name, what, right });
  }

  /** Asks the leader, and asks again with fresh metadata as long as that can help. */
  async #onLeader<T>(signal: AbortSignal | undefined, ask: (leader: Leader) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + (this.#options.deadlineMs ?? 60_000);
    for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(backoffMsMax, backoffMs * 2)) {
      signal?.throwIfAborted();
      try {
        return await ask(await this.#cluster.leaderOf(this.#topic, this.#partition));
      } catch (error) {
        const isWorthwhile = error instanceof LockstepError && error.retriable;
        if (!isWorthwhile || performance.now() + backoffMs > deadlineMs) throw error;
      }
      await pause(backoffMs, signal);
      await this.#cluster.metadata({ topics: [this.#topic] });
    }
  }
}
