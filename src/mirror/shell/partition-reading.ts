// What a partition reads of the source: where it wants to be read, by which broker's reader, and what becomes of answers.
import type { PartitionMachine } from '../partition/machine.ts';
import type { LedLog } from './broker-questions.ts';
import type { PartitionReader } from './broker-readers.ts';
import { type FetchPosition, fetchKey } from './fetch-session.ts';
import type { FetchTarget, SourceEnds } from './fetch-target.ts';
import type { LeasedBatch } from './leased-batch.ts';
import { mirrorEndAtSource, type PartitionParts } from './partition-parts.ts';
import { corruptMessage, refusalOf } from './refusal.ts';
import { SourceNews } from './source-news.ts';

export class PartitionReading implements FetchTarget {
  readonly shift: bigint;
  readonly news = new SourceNews();
  readonly #parts: PartitionParts;
  readonly #machine: PartitionMachine<LeasedBatch>;
  #fetching: { readonly round: number; readonly offset: bigint; lastFetchedEpoch: number } | null = null;
  #reader: { readonly key: string; readonly broker: number; readonly reader: PartitionReader } | null = null;
  /** What the reader was told of last. */
  #attachedTo: LedLog | null = null;
  /** What `position` gave last, and gives again while it is so: thousands of idle partitions are asked with every fetch. */
  #position: FetchPosition | null = null;
  /** Set while a fetch error keeps this partition from being read. */
  #holdTimer: NodeJS.Timeout | undefined;
  /** Fetch errors in a row. */
  #fetchErrorCount = 0;

  constructor(parts: PartitionParts) {
    this.#parts = parts;
    this.#machine = parts.machine;
    this.shift = parts.shift;
  }

  // ── As the partition says ───────────────────────────────────────────────────────────────────────────

  start(from: { readonly round: number; readonly offset: bigint; readonly lastFetchedEpoch: number }): void {
    this.#fetching = { ...from };
    this.news.breakSilence();
    this.#attach();
  }

  stop(): void {
    this.#fetching = null;
    this.#parts.services.queueShares.note(this, false);
    clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
    this.#detach();
  }

  /** Metadata may have moved the leader: read there from now on. Nothing is done where it has not. */
  followLeader(): void {
    const log = this.#parts.logs.of('source');
    if (this.#fetching !== null && log !== null && log !== this.#attachedTo) this.#attach();
  }

  /** Something else may be wanted than before. */
  wake(): void {
    this.#reader?.reader.wake(this.#reader.key);
  }

  /** A partition without news has no part in the answers of a fetch session, and is answered all the same. */
  lastFetchAtMs(): number | null {
    const { news } = this;
    const isAsked = this.#fetching !== null && this.#holdTimer === undefined && news.trouble === null;
    const { key, reader } = this.#reader ?? {};
    const answeredAtMs = isAsked && key !== undefined ? (reader?.answeredAtMs(key) ?? null) : null;
    if (answeredAtMs === null || news.answeredAtMs === null) return news.answeredAtMs;
    // Kept: another reader that takes over has not answered yet.
    news.answeredAtMs = Math.max(answeredAtMs, news.answeredAtMs);
    return news.answeredAtMs;
  }

  // ── As the reader asks ──────────────────────────────────────────────────────────────────────────────

  position(): FetchPosition | null {
    const fetching = this.#fetching;
    const flow = this.#machine.flow;
    if (fetching === null || flow === null || this.isFull) return null;
    if (this.#parts.wait.isStuck || this.#holdTimer !== undefined) return null;
    const log = this.#parts.logs.of('source');
    if (log === null || log.leader !== this.#reader?.broker) return null;
    const { topic, topicId, partition, leaderEpoch } = log;
    const { lastFetchedEpoch } = fetching;
    const offset = flow.fetchOffset + this.shift;
    const asked = this.#position;
    const isSame =
      asked?.offset === offset &&
      asked.topicId === topicId &&
      asked.leaderEpoch === leaderEpoch &&
      asked.lastFetchedEpoch === lastFetchedEpoch;
    if (isSame) return asked;
    this.#position = { topic, topicId, partition, offset, leaderEpoch, lastFetchedEpoch };
    return this.#position;
  }

  get isFull(): boolean {
    const { flow } = this.#machine;
    return flow !== null && this.#parts.services.queueShares.isEnough(flow);
  }

  get mergedBytesMax(): number {
    return this.#machine.mergedBytesMax;
  }

  get isLive(): boolean {
    return this.isAtEnd || this.news.wasLive(this.#parts.services.monotonicMs());
  }

  /** Whether everything that the source is known to have was fetched. */
  get isAtEnd(): boolean {
    const { flow } = this.#machine;
    const { ends } = this.news;
    if (flow === null || ends === null) return false;
    return flow.fetchOffset + this.shift >= ends.lastStableOffset;
  }

  // ── What the reader brings ──────────────────────────────────────────────────────────────────────────

  onFetched(asked: FetchPosition, batches: LeasedBatch[], ends: SourceEnds): void {
    const { services, notes, proof, partition, deliver } = this.#parts;
    const { news } = this;
    const nowMs = services.nowMs();
    notes.isQuiet = false;
    news.note(ends, mirrorEndAtSource(this.#parts), nowMs);
    services.openTransactions?.note(partition, ends);
    this.#fetchErrorCount = 0;
    const fetching = this.#fetching;
    const unproven = proof.whyCompareAgain(asked.leaderEpoch);
    if (fetching === null || unproven !== null || !this.#isCurrent(asked)) {
      for (const batch of batches) batch.release();
      if (fetching !== null && unproven !== null) deliver({ type: 'sourceChanged', reason: unproven });
      return;
    }
    const last = batches.at(-1);
    if (last === undefined) {
      news.noteSilence(asked.offset, nowMs);
    } else {
      news.breakSilence();
      fetching.lastFetchedEpoch = last.partitionLeaderEpoch;
      deliver({ type: 'fetched', round: fetching.round, batches });
    }
    const { isAtEnd } = this;
    if (isAtEnd) news.noteAtEnd(services.monotonicMs());
    // It may have stopped over what came.
    services.queueShares.note(this, !isAtEnd && this.#fetching !== null);
  }

  onFetchError(asked: FetchPosition, errorCode: number): void {
    // A topic that is unknown for a moment may be another one afterwards; before Kafka 2.8 no id tells.
    this.#parts.proof.doubt();
    this.#parts.counters.errors.fetchRefused += 1;
    const { topic } = asked;
    this.#fetchFailed(asked, errorCode, refusalOf(errorCode, { operation: 'Read', topic, side: 'source' }));
  }

  onUnreadable(asked: FetchPosition, reason: string): void {
    this.#parts.counters.errors.fetchUnreadable += 1;
    this.#fetchFailed(asked, corruptMessage, reason);
  }

  onDiverging(asked: FetchPosition, { epoch, endOffset }: { epoch: number; endOffset: bigint }): void {
    const round = this.#fetching?.round;
    if (round === undefined || !this.#isCurrent(asked)) return;
    this.#parts.deliver({ type: 'sourceDiverged', round, epoch, endOffset: endOffset - this.shift });
  }

  onReaderTrouble(reason: string): void {
    const { proof, counters, notes } = this.#parts;
    proof.doubt();
    // When it answered last stays known: answers without news were some, too.
    this.news.answeredAtMs = this.lastFetchAtMs();
    this.news.noteTrouble(reason);
    counters.errors.sourceUnreachable += 1;
    notes.noteError(reason);
  }

  /** Whether an answer belongs to where this partition reads now: it may have started again while it was awaited. */
  #isCurrent(asked: FetchPosition): boolean {
    return (
      asked.offset - this.shift === this.#machine.flow?.fetchOffset &&
      asked.lastFetchedEpoch === this.#fetching?.lastFetchedEpoch
    );
  }

  #fetchFailed(asked: FetchPosition, errorCode: number, reason: string): void {
    const { notes, services, deliver } = this.#parts;
    notes.noteError(`fetching: ${reason}`);
    const round = this.#fetching?.round;
    if (round === undefined || !this.#isCurrent(asked)) return;
    // A broker answers errors at once: without a pause the reader would ask as fast as it can.
    this.#fetchErrorCount += 1;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(
      () => {
        this.#holdTimer = undefined;
        this.wake();
      },
      services.pauseMs('retry', this.#fetchErrorCount),
    );
    deliver({ type: 'fetchRefused', round, errorCode, reason });
  }

  // ── Which broker's reader ───────────────────────────────────────────────────────────────────────────

  #attach(): void {
    const { logs, services, partition } = this.#parts;
    const log = logs.of('source');
    if (log === null) return services.refreshMetadata('source', partition.topic);
    const key = fetchKey(log);
    if (this.#reader?.broker === log.leader && this.#reader.key === key) {
      this.#attachedTo = log;
      return this.wake();
    }
    this.#detach();
    const reader = services.reader(log.leader);
    this.#reader = { key, broker: log.leader, reader };
    this.#attachedTo = log;
    reader.add(key, this);
  }

  #detach(): void {
    this.#reader?.reader.remove(this.#reader.key);
    this.#reader = null;
    this.#attachedTo = null;
  }
}
