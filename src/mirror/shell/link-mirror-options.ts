// What the mirror of a link is made with.
import type { Connection } from '../../client/index.ts';
import type { AskBroker, LedLog } from './broker-questions.ts';
import type { TransactionRequests } from './empty-transactions.ts';
import type { MirrorExactness } from './exactness.ts';
import type { FetchConnections } from './fetch-lanes.ts';
import type { FoundTransaction, WaitingPartition } from './find-open-transactions.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { MirrorObserver } from './observer.ts';
import type { LeftPartition, TopicPartition } from './partition-start.ts';
import type { ReadLimit } from './read-limit.ts';
import type { ReturnQuestionsOptions } from './return-questions.ts';

/** What a mirror needs of one cluster. */
export interface MirrorCluster {
  /** The log and its leader by the newest metadata known; null while there is none. */
  leaderOf(partition: TopicPartition): LedLog | null;
  /** Asks for new metadata of these topics, by their names at the source. */
  refreshMetadata(topics: ReadonlySet<string>): Promise<void>;
  readonly ask: AskBroker;
  /** A connection of its own to one broker, for reading or for appending. */
  openConnection(broker: number): Promise<Connection>;
}

export interface MirrorTuning {
  /** Connections to each destination broker. */
  readonly producerConnections: number;
  /** Connections that read each source broker; `auto`: one, and more where the way is long and they carry more. */
  readonly fetchConnections: FetchConnections;
  /** Bytes asked for per partition and fetch. */
  readonly fetchBytesMax: number;
  /** Bytes asked for per fetch. */
  readonly fetchResponseBytesMax: number;
  readonly fetchWaitMsMax: number;
  /** In flight at once, in bytes, over all partitions: asked for, or fetched and not yet acknowledged. */
  readonly inFlightBytesMax: number;
  /** Less than that where all brokers are near. */
  readonly isInFlightByWay: boolean;
  /** Record bytes in one append request. */
  readonly requestBytesMax: number;
  readonly ackTimeoutMs: number;
  /** Between the two looks at the destination's log end, in ms; docs/how-it-works.md says why. */
  readonly settleMs: number;
}

/** What a link gets when it asks for nothing else. Sizes were measured with `npm run bench`. */
export const defaultTuning: MirrorTuning = {
  producerConnections: 2,
  fetchConnections: 'auto',
  fetchBytesMax: 1024 * 1024,
  // Just under a power of two, since frames come in powers of two.
  fetchResponseBytesMax: 4 * 1024 * 1024 - 64 * 1024,
  fetchWaitMsMax: 500,
  inFlightBytesMax: 16 * 1024 * 1024,
  isInFlightByWay: false,
  requestBytesMax: 4 * 1024 * 1024,
  ackTimeoutMs: 30_000,
  settleMs: 1_000,
};

/** What a link asks the source for beside its logs, to name transactions that hold partitions up. */
export interface OpenTransactionQuestions {
  ask(partitions: readonly WaitingPartition[]): Promise<readonly FoundTransaction[]>;
  /** host:port of the brokers, as the user wrote them, for commands that people are shown. */
  readonly bootstrap: string;
  /** Whether clients need TLS or a login. */
  readonly isSecured: boolean;
}

/** What is needed to tell records that come back. */
export interface LoopWatch extends Omit<ReturnQuestionsOptions, 'source' | 'destination'> {
  /** Kafka's id of the cluster that is written to. */
  readonly destinationClusterId: string;
}

export interface LinkMirrorOptions {
  readonly source: MirrorCluster;
  readonly destination: MirrorCluster;
  /** As whom is written in a life of a mirror. */
  readonly producerIdOf: (incarnation: number) => bigint;
  readonly tuning: MirrorTuning;
  /** What all links of the process share. Default: this one is alone. */
  readonly memory?: MemoryBudget;
  /** Who holds a partition up at the source; where absent that is not told. */
  readonly openTransactions?: OpenTransactionQuestions;
  /** The destination's coordinators; needed for `holes: transactions`. */
  readonly transactions?: { readonly linkName: string; readonly requests: TransactionRequests };
  /** What may be read of the source in a second, and counts it. Default: as much as there is. */
  readonly limit?: ReadLimit;
  /** Looks for records that come back to the destination. Default: nobody does. */
  readonly loops?: LoopWatch;
  /** How holes, gaps and high starts are treated; `defaultExactness` when absent. */
  readonly exactness?: MirrorExactness;
  /** Called before offsets below a source's start are filled or cut: resolves when nobody may read the topic. */
  readonly guardStart?: (partition: TopicPartition) => Promise<void>;
  /** Whether nobody may read this topic, by its name at the destination, just now, not even we. Default: never. */
  readonly isStartGuarded?: (topic: string) => boolean;
  /**
   * How the former worker left a partition, if it is certain that nobody has begun it since; asked once for each start.
   * Default: that is never certain.
   */
  readonly takeLeft?: (partition: TopicPartition) => LeftPartition | null;
  /** Counts and measures; nobody does by default. */
  readonly observer?: MirrorObserver;
  /** [0, 1); spreads retries. */
  readonly random: () => number;
  readonly nowMs: () => number;
}
