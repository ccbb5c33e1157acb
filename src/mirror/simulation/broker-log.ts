// A model of one partition as its brokers keep it: a leader that accepts by the producers' rules, one follower that
// lags, leaders that change there and back, tails that are lost, and restarts that forget all but one batch of each
// producer.
//
//             0 ───────────── highWatermark ──── followerEnd ──── end
//   leader    ██████████████████████████████████████████████████████
//   follower  ███████████████████████████████████
//
// The follower's log is a prefix of the leader's, so that one array serves both; each has producer state of its own.
// `highWatermark` is what the leader shows, which may lag behind the follower.
import { type DataWriter, type MarkerWriter, ProducerState } from './producer-state.ts';

/** A batch in the log. `content` stands for what its records say. */
export type LogBatch<Content> = DataBatch<Content> | MarkerBatch;

export interface DataBatch<Content> extends DataWriter {
  readonly kind: 'data';
  readonly baseOffset: number;
  readonly count: number;
  /** Newest timestamp of its records, ms. */
  readonly timestampMs: number;
  readonly content: Content;
}

export interface MarkerBatch extends MarkerWriter {
  readonly kind: 'marker';
  readonly baseOffset: number;
  readonly count: 1;
  /** The broker's clock, ms. */
  readonly timestampMs: number;
}

export interface DataToAppend<Content> extends DataWriter {
  readonly count: number;
  readonly timestampMs: number;
  readonly content: Content;
}

export interface AppendAnswer {
  readonly errorCode: number;
  /** -1 when it was refused. */
  readonly baseOffset: number;
  /** It was there already. */
  readonly isDuplicate: boolean;
}

/** What one broker keeps beside the log. */
interface Replica {
  producers: ProducerState;
  /** Its newest snapshot file, and how many batches the log held then. */
  snapshot: { readonly producers: ProducerState; readonly batchCount: number };
}

export interface RestartOptions {
  /** Stopped in order, with a snapshot of the log's end. */
  readonly isClean: boolean;
  readonly nowMs: number;
  readonly expirationMs: number;
}

export class BrokerLog<Content> {
  leaderEpoch = 0;
  /** The first offset that can be read: retention and DeleteRecords move it. */
  start = 0;
  highWatermark = 0;
  #followerEnd = 0;
  readonly #batches: LogBatch<Content>[] = [];
  /** Batches below this index end at or below `start`. */
  #head = 0;
  /** How many batches the follower has. */
  #followerCount = 0;
  #leader: Replica = newReplica();
  #follower: Replica = newReplica();

  get end(): number {
    return endOf(this.#batches.at(-1));
  }

  get followerEnd(): number {
    return this.#followerEnd;
  }

  /** The leader's. */
  get producers(): ProducerState {
    return this.#leader.producers;
  }

  get newest(): LogBatch<Content> | null {
    return this.#batches.length > this.#head ? (this.#batches.at(-1) as LogBatch<Content>) : null;
  }

  /** From the log's start on. */
  *batches(): Generator<LogBatch<Content>> {
    for (let i = this.#head; i < this.#batches.length; i++) yield this.#batches[i] as LogBatch<Content>;
  }

  /** The batch that holds `offset`. */
  batchAt(offset: number): LogBatch<Content> | null {
    if (offset < this.start || offset >= this.end) return null;
    let [low, high] = [this.#head, this.#batches.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#batches[middle] as LogBatch<Content>).baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#batches[low] ?? null;
  }

  // ── Writing ─────────────────────────────────────────────────────────────────────────────────────────

  append(batch: DataToAppend<Content>): AppendAnswer {
    const verdict = this.producers.judgeData(batch, batch.count);
    if (verdict.kind === 'duplicate')
      return { errorCode: 0, baseOffset: verdict.baseOffset, isDuplicate: true };
    if (verdict.kind === 'refuse')
      return { errorCode: verdict.errorCode, baseOffset: -1, isDuplicate: false };
    const stored: DataBatch<Content> = { ...batch, kind: 'data', baseOffset: this.end };
    this.#batches.push(stored);
    remember(this.producers, stored);
    return { errorCode: 0, baseOffset: stored.baseOffset, isDuplicate: false };
  }

  /** The marker's own error code; several in one request get one answer for all: `mergedAnswer`. */
  writeMarker(marker: MarkerWriter, nowMs: number): number {
    const errorCode = this.producers.judgeMarker(marker);
    if (errorCode !== 0) return errorCode;
    const { producerId, epoch, coordinatorEpoch } = marker;
    const identity = { producerId, epoch, coordinatorEpoch };
    this.#batches.push({ ...identity, kind: 'marker', baseOffset: this.end, count: 1, timestampMs: nowMs });
    this.producers.addMarker(identity, nowMs);
    return 0;
  }

  /** DeleteRecords and retention: what producers did is not forgotten with the records. */
  cut(beforeOffset: number): void {
    this.start = Math.max(this.start, beforeOffset);
    while (this.#head < this.#batches.length && endOf(this.#batches[this.#head]) <= this.start)
      this.#head += 1;
  }

  // ── Replication ─────────────────────────────────────────────────────────────────────────────────────

  /** The follower fetches up to `batchCountMax` batches. */
  replicate(batchCountMax = Number.POSITIVE_INFINITY): void {
    const target = Math.min(this.#batches.length, this.#followerCount + batchCountMax);
    for (; this.#followerCount < target; this.#followerCount++)
      remember(this.#follower.producers, this.#batches[this.#followerCount] as LogBatch<Content>);
    this.#followerEnd = endOf(this.#batches[this.#followerCount - 1]);
  }

  /** The leader hears how far the follower is. */
  raiseHighWatermark(): void {
    this.highWatermark = Math.max(this.highWatermark, this.#followerEnd);
  }

  /**
   * The follower leads from now on; what it lacks is gone. The former leader truncates, which rebuilds its producer
   * state from a snapshot, and follows.
   */
  changeLeader(): { readonly lostCount: number } {
    const lostCount = this.#batches.length - this.#followerCount;
    const former = this.#leader;
    this.#leader = this.#follower;
    this.#follower = former;
    this.#batches.length = this.#followerCount;
    if (lostCount > 0) this.#rebuild(former, this.#batches.length);
    this.leaderEpoch += 1;
    this.highWatermark = Math.min(this.highWatermark, this.end);
    return { lostCount };
  }

  /** An unclean election: a replica leads that ends at `end`, though more was acknowledged. */
  electUnclean(end: number): { readonly lostCount: number } {
    let count = this.#batches.length;
    while (count > this.#head && endOf(this.#batches[count - 1]) > end) count -= 1;
    const lostCount = this.#batches.length - count;
    this.#batches.length = count;
    this.#followerCount = Math.min(this.#followerCount, count);
    this.#followerEnd = Math.min(this.#followerEnd, this.end);
    for (const replica of [this.#leader, this.#follower]) this.#rebuild(replica, this.#followerCount);
    this.replicate();
    this.#rebuild(this.#leader, count);
    this.leaderEpoch += 1;
    this.highWatermark = Math.min(this.highWatermark, this.end);
    return { lostCount };
  }

  // ── What brokers forget ─────────────────────────────────────────────────────────────────────────────

  /** The sweep on every replica; answers how many the leader forgot. */
  expire(nowMs: number, expirationMs: number): number {
    this.#follower.producers.expire(nowMs, expirationMs);
    return this.producers.expire(nowMs, expirationMs);
  }

  /** The leader starts again, and still leads. */
  restart(options: RestartOptions): void {
    this.#restart(this.#leader, this.#batches.length, options);
  }

  restartFollower(options: RestartOptions): void {
    this.#restart(this.#follower, this.#followerCount, options);
  }

  /** As when a segment is rolled. */
  takeSnapshot(): void {
    takeSnapshot(this.#leader, this.#batches.length);
    takeSnapshot(this.#follower, this.#followerCount);
  }

  /**
   * Stopped in order, a broker left a snapshot of its log's end. Else it reads its last segment (here: the log) from
   * the start and makes that snapshot (LogLoader.recoverSegment). Either way one batch of each producer is left.
   */
  #restart(replica: Replica, batchCount: number, options: RestartOptions): void {
    if (!options.isClean) {
      replica.snapshot = newReplica().snapshot;
      this.#rebuild(replica, batchCount);
    }
    takeSnapshot(replica, batchCount);
    replica.producers = replica.snapshot.producers.clone();
    replica.producers.expire(options.nowMs, options.expirationMs);
  }

  /** After a truncation: from the newest snapshot that is left, and from there what the log says. */
  #rebuild(replica: Replica, batchCount: number): void {
    if (replica.snapshot.batchCount > batchCount) replica.snapshot = newReplica().snapshot;
    const producers = replica.snapshot.producers.clone();
    for (let i = replica.snapshot.batchCount; i < batchCount; i++)
      remember(producers, this.#batches[i] as LogBatch<Content>);
    replica.producers = producers;
    takeSnapshot(replica, batchCount);
  }
}

function newReplica(): Replica {
  return { producers: new ProducerState(), snapshot: { producers: new ProducerState(), batchCount: 0 } };
}

/** One that stands at the log's end already is kept. */
function takeSnapshot(replica: Replica, batchCount: number): void {
  if (replica.snapshot.batchCount === batchCount) return;
  replica.snapshot = { producers: replica.producers.snapshot(), batchCount };
}

/**
 * KafkaApis.handleWriteTxnMarkersRequest answers once per producer id and partition: the answer of the marker that
 * completed last wins. A refused one completes at once, a written one when it is replicated, so that one that was
 * written hides any that were refused; without followers all complete at once, in order.
 */
export function mergedAnswer(errorCodes: readonly number[], options: { hasFollowers: boolean }): number {
  if (options.hasFollowers && errorCodes.includes(0)) return 0;
  return errorCodes.at(-1) ?? 0;
}

function remember<Content>(state: ProducerState, batch: LogBatch<Content>): void {
  if (batch.kind === 'data') state.addData(batch, batch);
  else state.addMarker(batch, batch.timestampMs);
}

function endOf<Content>(batch: LogBatch<Content> | undefined): number {
  return batch === undefined ? 0 : batch.baseOffset + batch.count;
}
