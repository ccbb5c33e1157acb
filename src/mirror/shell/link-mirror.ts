// All partitions that one link copies in this process: their readers, writers and what they share.
//
//   source broker ──► SourceReader ──► PartitionRunner (one machine each) ──► DestinationWriter ──► broker
//     one connection      frames           decides what is appended              lanes, one request
//     (BrokerReaders:     in a budget                                            under way in each
//     several, far away)
//
// Topics and their creation are the link's affair (src/link); here a partition is given and copied.

import { Breaks } from '../../breaks.ts';
import { systemClock } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { orPatience } from '../../patience.ts';
import { clusterTag } from '../partition/identity.ts';
import { BrokerReaders } from './broker-readers.ts';
import { chargedQuestions } from './charged-questions.ts';
import { DestinationWriter } from './destination-writer.ts';
import { elapsedClock } from './elapsed-clock.ts';
import { EmptyTransactionWriter } from './empty-transactions.ts';
import { defaultExactness, type MirrorExactness } from './exactness.ts';
import { cutStart, Filler } from './filler.ts';
import type { HoleWriter } from './hole-writer.ts';
import { InFlightRoom } from './in-flight-room.ts';
import type { LinkMirrorOptions } from './link-mirror-options.ts';
import { DestinationInspector } from './log-inspector.ts';
import { askLogEnds } from './log-questions.ts';
import { MarkerWriters } from './marker-writers.ts';
import { MemoryBudget } from './memory-budget.ts';
import { OpenTransactions } from './open-transactions.ts';
import { PartitionRunner } from './partition-runner.ts';
import type { PartitionServices } from './partition-services.ts';
import type { LeftPartition, PartitionStart, TopicPartition } from './partition-start.ts';
import type { PartitionStatus } from './partition-status.ts';
import { pauseMs } from './pauses.ts';
import { QueueShares } from './queue-shares.ts';
import { ReadLimit, type ReadStatus } from './read-limit.ts';
import { ReturnQuestions } from './return-questions.ts';
import { SharedRuns } from './shared-runs.ts';
import { TailComparer } from './tail-comparer.ts';
import { transactionReason } from './transaction-reason.ts';

/** What an answer about markers may take beyond the broker's own wait for replicas, in ms. */
const markersGraceMs = 10_000;
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
  readonly #pauseMs: PartitionServices['pauseMs'];
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
    this.#pauseMs = (kind, attempt) =>
      pauseMs(kind, attempt, { settleMs: tuning.settleMs, random: options.random });
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
      pauseMs: this.#pauseMs,
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
    const name = nameOf(partition);
    const removal = this.#removals.get(name);
    if (removal !== undefined) removal.again = start;
    if (this.#isStopping || this.#runners.has(name)) return;
    const runner = new PartitionRunner(partition, this.#services, start);
    this.#runners.set(name, runner);
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

  /**
   * Metadata may be new: read and append where the leaders are now. Then every reader looks at who waits, so that one whose
   * wake-up was lost does not wait for ever.
   */
  async followLeaders(breaks = new Breaks()): Promise<void> {
    for (const runner of this.#runners.values()) {
      runner.followLeaders();
      if (breaks.isDue) await breaks.take();
    }
    for (const reader of this.#readers.values()) reader.ring();
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

  /** Of all of them, one after the other: for a look that takes breaks. */
  *statuses(): Generator<PartitionStatus> {
    for (const runner of this.#runners.values()) yield runner.status();
  }

  /** Clean stop: ends when no append is under way, or after `deadlineMs`, whichever is first. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    const stopped = Promise.all(Array.from(this.#runners.values(), (runner) => runner.stop()));
    await orPatience(stopped, deadlineMs);
    clearInterval(this.#memoryTimer);
    for (const writer of this.#writers.values()) writer.close();
    this.#markerWriters.close();
    this.#transactionWriter?.close();
    // A reader that waits for a cluster that is down ends when that answers or its client is closed; not waited for.
    const readers = Promise.all(Array.from(this.#readers.values(), (reader) => reader.close()));
    await orPatience(readers, readersEndMs);
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
    for (const runner of this.#runners.values()) runner.followLeaders();
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
