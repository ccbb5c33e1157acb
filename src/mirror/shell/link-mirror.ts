// All partitions that one link copies in this process: their readers, writers and what they share.
//
//   source broker ──► SourceReader ──► PartitionRunner (one machine each) ──► DestinationWriter ──► broker
//     one connection      frames           decides what is appended              lanes, one request
//     (BrokerReaders:     in a budget                                            under way in each
//     several, far away)
//
// Topics and their creation are the link's affair (src/link); here a partition is given and copied.
import { type BackoffOptions, backoffMs, type Connection, systemClock } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { clusterTag } from '../partition/identity.ts';
import type { PauseKind } from '../partition/state.ts';
import type { AskBroker, LedLog } from './broker-questions.ts';
import { BrokerReaders } from './broker-readers.ts';
import { chargedQuestions } from './charged-questions.ts';
import { DestinationWriter } from './destination-writer.ts';
import { elapsedClock } from './elapsed-clock.ts';
import { EmptyTransactionWriter, type TransactionRequests } from './empty-transactions.ts';
import { defaultExactness, type MirrorExactness } from './exactness.ts';
import type { FetchConnections } from './fetch-lanes.ts';
import { cutStart, Filler } from './filler.ts';
import type { FoundTransaction, WaitingPartition } from './find-open-transactions.ts';
import type { HoleWriter } from './hole-writer.ts';
import { InFlightRoom } from './in-flight-room.ts';
import { DestinationInspector } from './log-inspector.ts';
import { askLogEnds } from './log-questions.ts';
import { MarkerWriters } from './marker-writers.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { MirrorObserver } from './observer.ts';
import { OpenTransactions } from './open-transactions.ts';
import { PartitionRunner } from './partition-runner.ts';
import type { PartitionServices } from './partition-services.ts';
import type { LeftPartition, PartitionStart, TopicPartition } from './partition-start.ts';
import type { PartitionStatus } from './partition-status.ts';
import { QueueShares } from './queue-shares.ts';
import { ReadLimit, type ReadStatus } from './read-limit.ts';
import { ReturnQuestions, type ReturnQuestionsOptions } from './return-questions.ts';
import { SharedRuns } from './shared-runs.ts';
import { TailComparer } from './tail-comparer.ts';
import { transactionReason } from './transaction-reason.ts';

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

/** Spread widely, so that many partitions do not come back as one. */
const retryBackoff: BackoffOptions = { initialMs: 100, maxMs: 5_000, jitter: 0.5 };
const replicasPauseMs = 100;
/** How far claims are spread, as a multiple of the settling pause. */
const claimSpread = 2;
/** What an answer about markers may take beyond the broker's own wait for replicas, in ms. */
const markersGraceMs = 10_000;
const notAuthorizedPauseMs = 10_000;
/** How often a loop is looked at again. */
const loopPauseMs = 15_000;
/** How often it is looked how much memory there is to be, and whether it is used up. */
const memoryLookEveryMs = 500;
/** How long a stop waits for readers to end. */
const readersEndMs = 1_000;

/** Metadata is asked for again no sooner than Kafka's clients do (retry.backoff.ms). */
const refreshes = { everyMs: 100, clock: systemClock };

interface Removal {
  done: Promise<LeftPartition | null>;
  again: PartitionStart | null;
}

export class LinkMirror {
  readonly #options: LinkMirrorOptions;
  readonly #runners = new Map<string, PartitionRunner>();
  /** Partitions that are being removed; `again`: added anew meanwhile, to begin when they have stopped. */
  readonly #removals = new Map<string, Removal>();
  readonly #readers = new Map<number, BrokerReaders>();
  readonly #writers = new Map<number, DestinationWriter>();
  readonly #markerWriters: MarkerWriters;
  /** For `holes: transactions`. One for all brokers: coordinators are not leaders, and an id has one producer at a time. */
  readonly #transactionWriter: HoleWriter | null;
  readonly #filler = new Filler();
  readonly #elapsedMs = elapsedClock(systemClock, Date.now);
  readonly #exactness: MirrorExactness;
  readonly #budget: MemoryBudget;
  /** Null where the user has said how much. */
  readonly #room: InFlightRoom | null;
  readonly #limit: ReadLimit;
  /** Topics of which somebody needs newer metadata: what is asked about one of thousands is not asked about all. */
  readonly #outdated = { source: new Set<string>(), destination: new Set<string>() };
  /** Thousands of partitions ask at once, and each answer concerns them all. */
  readonly #refreshes = {
    source: new SharedRuns(() => this.#refresh('source'), refreshes),
    destination: new SharedRuns(() => this.#refresh('destination'), refreshes),
  };
  readonly #services: PartitionServices;
  #isStopping = false;
  #memoryTimer: NodeJS.Timeout | undefined;

  constructor(options: LinkMirrorOptions) {
    this.#options = options;
    const { inFlightBytesMax, isInFlightByWay } = options.tuning;
    this.#room = isInFlightByWay ? new InFlightRoom(inFlightBytesMax) : null;
    this.#budget = new MemoryBudget({
      bytesMax: this.#room?.nearBytes(1) ?? inFlightBytesMax,
      ...(options.memory && { parent: options.memory }),
    });
    this.#limit = options.limit ?? new ReadLimit();
    this.#exactness = options.exactness ?? defaultExactness;
    this.#transactionWriter = transactionWriterOf(options, this.#exactness);
    const { source, destination, producerIdOf, tuning } = options;
    this.#markerWriters = new MarkerWriters({
      open: (broker) => destination.openConnection(broker),
      answerTimeoutMs: tuning.ackTimeoutMs + markersGraceMs,
      nowMs: this.#elapsedMs,
      readLogEnds: askLogEnds,
      onDone: (broker) => this.#writers.get(broker)?.wake(),
    });
    this.#services = {
      sourceLog: (partition) => source.leaderOf(partition),
      destinationLog: (partition) => destination.leaderOf(partition),
      lifeOf: (incarnation) => ({ producerId: producerIdOf(incarnation), incarnation }),
      reader: (broker) => this.#reader(broker),
      writer: (broker) => this.#writer(broker),
      inspector: new DestinationInspector({
        ask: destination.ask,
        nowMs: options.nowMs,
        random: options.random,
        isReadWithheld: options.isStartGuarded ?? (() => false),
      }),
      comparer: new TailComparer({
        source: chargedQuestions(source.ask, this.#limit),
        destination: destination.ask,
      }),
      returning: returningOf(options),
      refreshMetadata: (side, topic) => {
        this.#outdated[side].add(topic);
        void this.#refreshes[side].run();
      },
      openTransactions: this.#openTransactions(),
      pauseMs: (kind, attempt) => this.#pauseMs(kind, attempt),
      holeWriter: (broker) => this.#transactionWriter ?? this.#markerWriters.to(broker),
      guardStart: options.guardStart ?? (async () => {}),
      appendFiller: (log, filler, onOutcome) =>
        this.#writer(log.leader).append({ ...log, ...this.#filler.job(filler), onOutcome }),
      cutStart: (log, beforeOffset) => cutStart(destination.ask(log.leader), log, beforeOffset),
      policy: {
        compactionGaps: this.#exactness.compactionGaps,
        fillOffsetsMax: BigInt(this.#exactness.fillOffsetsMax),
        retentionOvertook: this.#exactness.retentionOvertook,
      },
      limit: this.#limit,
      queueShares: new QueueShares({ ...tuning, budget: this.#budget }),
      nowMs: options.nowMs,
      monotonicMs: this.#elapsedMs,
      ...(options.observer && { observer: options.observer }),
    };
  }

  /** Bytes in flight: of frames and copies that are held, and of answers that are awaited. */
  get heldBytes(): number {
    return this.#budget.heldBytes;
  }

  /** The bound of `heldBytes`: less than the link may have where all brokers are near. */
  get heldBytesMax(): number {
    return this.#budget.bytesMax;
  }

  /** What was read of the source, and whether a limit holds something back. */
  get reading(): ReadStatus {
    return this.#limit.status();
  }

  /** When the source last answered a fetch, ms since the epoch; null while it never has. */
  get sourceHeardAtMs(): number | null {
    const times = Array.from(this.#readers.values(), ({ heardAtMs }) => heardAtMs ?? 0);
    return Math.max(0, ...times) || null;
  }

  has(partition: TopicPartition): boolean {
    return this.#runners.has(nameOf(partition));
  }

  /** Starts to copy a partition. Its topic has to exist on both sides. One that is being removed begins afterwards. */
  add(partition: TopicPartition, start: PartitionStart = {}): void {
    const removal = this.#removals.get(nameOf(partition));
    if (removal !== undefined) removal.again = start;
    if (this.#isStopping || this.has(partition)) return;
    const runner = new PartitionRunner(partition, this.#services, start);
    this.#runners.set(nameOf(partition), runner);
    this.#memoryTimer ??= setInterval(() => this.#lookAtMemory(), memoryLookEveryMs);
    runner.begin(this.#options.takeLeft?.(partition) ?? null);
  }

  /**
   * Stops a partition cleanly and forgets it; resolves when nothing of it is under way any more, with how it was left
   * where that is certain and it does not begin anew.
   */
  remove(partition: TopicPartition): Promise<LeftPartition | null> {
    const name = nameOf(partition);
    const runner = this.#runners.get(name);
    if (runner === undefined) return Promise.resolve(null);
    const known = this.#removals.get(name);
    if (known !== undefined) {
      known.again = null;
      return known.done;
    }
    const removal: Removal = { done: Promise.resolve(null), again: null };
    this.#removals.set(name, removal);
    removal.done = runner.stop().then(() => {
      this.#removals.delete(name);
      this.#runners.delete(name);
      if (removal.again === null) return runner.left;
      this.add(partition, removal.again);
      return null;
    });
    return removal.done;
  }

  /** Begins a partition anew that has stopped, because what stopped it was mended. */
  restart(partition: TopicPartition): void {
    const name = nameOf(partition);
    const former = this.#runners.get(name);
    if (former === undefined || this.#removals.has(name) || !former.status().isStopped) return;
    this.#runners.delete(name);
    this.add(partition, former.placement);
  }

  /** The topic under this name is another one than before. */
  topicRecreated(topic: string, side: 'source' | 'destination', reason: string): void {
    for (const runner of this.#runners.values())
      if (runner.topic === topic) runner.topicRecreated(side, reason);
  }

  /** Metadata is new: read and append where the leaders are now. */
  followLeaders(): void {
    for (const runner of this.#runners.values()) runner.followLeaders();
  }

  /**
   * `stirred`: only those that have something going on, or had since somebody last looked. A look at thousands of idle ones
   * costs more than they do. What nobody tells a partition, such as that no broker leads it any more, is seen by `all`.
   */
  status(which: 'all' | 'stirred' = 'all'): PartitionStatus[] {
    const statuses: PartitionStatus[] = [];
    for (const runner of this.#runners.values())
      if (which === 'all' || !runner.isQuiet) statuses.push(runner.status());
    return statuses;
  }

  /** Clean stop: ends when no append is under way, or after `deadlineMs`, whichever is first. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([
      Promise.all(Array.from(this.#runners.values(), (runner) => runner.stop())),
      deadline,
    ]);
    clearTimeout(timer);
    clearInterval(this.#memoryTimer);
    for (const writer of this.#writers.values()) writer.close();
    this.#markerWriters.close();
    this.#transactionWriter?.close();
    // A reader that waits for a cluster that is down ends when that answers or its client is closed; not waited for.
    const readers = Promise.all(Array.from(this.#readers.values(), (reader) => reader.close()));
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, readersEndMs);
    });
    await Promise.race([readers, patience]);
    clearTimeout(timer);
  }

  /** Nobody reads while the memory is used up; those whose destination hangs give theirs back. */
  #lookAtMemory(): void {
    if (this.#room !== null) this.#budget.resizeTo(this.#room.look(this.#writers.size));
    if (!this.#budget.isExhausted) return;
    for (const runner of this.#runners.values()) runner.shedIfStuck();
  }

  async #refresh(side: 'source' | 'destination'): Promise<void> {
    const topics = this.#outdated[side];
    this.#outdated[side] = new Set();
    if (topics.size === 0) return;
    try {
      await this.#options[side].refreshMetadata(topics);
    } catch (error) {
      // An unreachable cluster: whoever needed the metadata pauses and asks again.
      if (!(error instanceof LockstepError)) throw error;
      return;
    }
    // Thousands of partitions that are where they were need no look; they get one with each look at the topics.
    for (const runner of this.#runners.values()) runner.followLeaders('moved');
  }

  #reader(broker: number): BrokerReaders {
    let reader = this.#readers.get(broker);
    if (reader === undefined) {
      const { tuning, source } = this.#options;
      reader = new BrokerReaders({
        connections: tuning.fetchConnections,
        open: async () => {
          const connection = await source.openConnection(broker);
          this.#room?.noteTrip(broker, connection.roundTripMs ?? 0);
          return connection;
        },
        budget: this.#budget,
        limit: this.#limit,
        fetchBytesMax: tuning.fetchBytesMax,
        fetchResponseBytesMax: tuning.fetchResponseBytesMax,
        fetchWaitMsMax: tuning.fetchWaitMsMax,
        onAnswered: (tookMs) => {
          this.#room?.noteTrip(broker, tookMs);
          this.#options.observer?.onFetchAnswered(tookMs);
        },
        onTrouble: async (_error, attempt) => {
          await new Promise((resolve) => setTimeout(resolve, this.#pauseMs('retry', attempt)));
          for (const { topic } of this.#runners.values()) this.#outdated.source.add(topic);
          await this.#refreshes.source.run();
        },
      });
      this.#readers.set(broker, reader);
    }
    return reader;
  }

  #writer(broker: number): DestinationWriter {
    let writer = this.#writers.get(broker);
    if (writer === undefined) {
      const { tuning, destination } = this.#options;
      writer = new DestinationWriter({
        open: () => destination.openConnection(broker),
        connectionCount: tuning.producerConnections,
        requestBytesMax: tuning.requestBytesMax,
        ackTimeoutMs: tuning.ackTimeoutMs,
        monotonicMs: this.#elapsedMs,
        onAnswered: (tookMs) => this.#options.observer?.onAppendAcknowledged(tookMs),
        markedCount: () => this.#markerWriters.soonCount(broker),
      });
      this.#writers.set(broker, writer);
    }
    return writer;
  }

  #openTransactions(): PartitionServices['openTransactions'] {
    const { openTransactions: questions, nowMs } = this.#options;
    if (questions === undefined) return null;
    const waiting = new OpenTransactions({ ask: (partitions) => questions.ask(partitions), nowMs });
    const { bootstrap, isSecured } = questions;
    return {
      note: (partition, ends) => waiting.note(partition, ends),
      forget: (partition) => waiting.forget(partition),
      reason: (partition, ends) =>
        transactionReason(waiting.describe(partition), {
          ...partition,
          ...ends,
          bootstrap,
          isSecured,
          nowMs: nowMs(),
        }),
      startedAtMs: (partition) => {
        const found = waiting.describe(partition);
        return found?.kind === 'open' ? Number(found.startedAtMs) : null;
      },
      holder: (partition) => {
        const found = waiting.describe(partition);
        if (found === null || !('producerId' in found)) return null;
        const transactionalId = 'transactionalId' in found ? found.transactionalId : null;
        return { producerId: found.producerId, transactionalId };
      },
    };
  }

  #pauseMs(kind: PauseKind, attempt: number): number {
    switch (kind) {
      case 'settle':
        return this.#options.tuning.settleMs;
      case 'claim':
        // Spread wide: of two workers that start together one is to be done before the other looks.
        return this.#options.tuning.settleMs * (1 + claimSpread * this.#options.random());
      case 'replicas':
        return replicasPauseMs;
      case 'notAuthorized':
        return notAuthorizedPauseMs;
      case 'loop':
        return loopPauseMs;
      case 'retry':
        return backoffMs(attempt - 1, retryBackoff, this.#options.random);
    }
  }
}

/** @throws LockstepError INTERNAL where transactions are asked for and nobody can make them: markers need other rights. */
function transactionWriterOf(
  { transactions, tuning }: LinkMirrorOptions,
  { holes }: MirrorExactness,
): HoleWriter | null {
  if (holes !== 'transactions') return null;
  if (transactions === undefined)
    throw new LockstepError('INTERNAL', 'holes: transactions, and no coordinator to ask for them');
  const { linkName, requests } = transactions;
  return new EmptyTransactionWriter({
    linkName,
    transactions: requests,
    clock: systemClock,
    markerTimeoutMs: tuning.ackTimeoutMs,
  });
}

function returningOf({ loops, source, destination }: LinkMirrorOptions): PartitionServices['returning'] {
  if (loops === undefined) return null;
  const questions = new ReturnQuestions({ ...loops, source: source.ask, destination: destination.ask });
  return {
    ownTag: clusterTag(loops.destinationClusterId),
    isGrown: (topic) => loops.earlierLaps(topic).length > 0,
    ask: (asked) => questions.ask(asked),
  };
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
