// The pen of the fleet's leader.
//
// The problem: an agent may think that it still leads when another one does already, and both would write. Kafka's
// transactions decide: whoever takes the transactional id last writes, everybody before is refused by the brokers, and
// what it had not committed is never seen. Each write is one transaction, so that others see all of it or nothing.
//
// The requests are those of transaction version 1, which every broker takes: with the newer ones (KIP-890) the epoch
// would grow with each transaction, and here it tells one leader from the next.
import {
  addPartitionsToTransaction,
  backoffMs,
  endTransaction,
  initTransactions,
  type ProducerIdentity,
  requestBackoff,
  sleep,
  systemClock,
} from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { ControlTopic } from './control-topic.ts';
import { appendBatch, type Entry, recordsOf } from './log.ts';
import { recordVersion } from './records/index.ts';
import { restoredKey } from './restore.ts';
import { controlPartition, controlTopic } from './topic.ts';

export const leaderTransactionalId = 'lockstep-leader';
/** When somebody took the pen last. */
const leaderKey = 'leader';

/**
 * An open transaction of a leader that died holds back all readers for so long, unless the next leader aborts it. Not
 * shorter than `writeMsMax`: a coordinator that aborts it meanwhile fences us as another leader would.
 */
const transactionTimeoutMs = 60_000;
/** One request with its retries; what is tried longer is begun anew with another epoch. */
const requestDeadlineMs = 15_000;
/** A write that fails for so long is given up; the caller decides whether to try again. */
const writeMsMax = 60_000;

/** INVALID_PRODUCER_EPOCH, PRODUCER_FENCED. */
const fencedErrors: ReadonlySet<unknown> = new Set([47, 90]);
/**
 * The producer's state is gone, or not what we think: OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER,
 * INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING, UNKNOWN_PRODUCER_ID, TRANSACTION_ABORTABLE; UNKNOWN_SERVER_ERROR is how
 * coordinators end a transaction that another producer is taking over just then. A new epoch mends it, or is refused.
 */
const mendedByNewEpoch: ReadonlySet<unknown> = new Set([-1, 45, 46, 48, 49, 59, 120]);

interface Pending {
  readonly entries: readonly Entry[];
  resolve(): void;
  reject(error: unknown): void;
}

export class LeaderWriter {
  readonly #control: ControlTopic;
  #producer: ProducerIdentity;
  #nextSequence = 0;
  /** What the next transaction takes along. */
  #pending: Pending[] = [];
  #isWriting = false;
  #fenced: LockstepError | null = null;
  /** The last write was given up: whether it is committed is for the coordinator to say. */
  #isUnclear = false;

  private constructor(control: ControlTopic, producer: ProducerIdentity) {
    this.#control = control;
    this.#producer = producer;
  }

  /**
   * Makes this process the one that writes. Whatever a former leader had committed is in `control.state` then, and what
   * it had not is aborted.
   */
  static async take(control: ControlTopic): Promise<LeaderWriter> {
    const producer = await initTransactions(control.cluster, leaderTransactionalId, { transactionTimeoutMs });
    await control.refresh();
    const writer = new LeaderWriter(control, producer);
    // A broker that was frozen believes for a moment that it still leads, and tells an old end. What is read back once it
    // was committed proves that everything before it was read.
    await writer.#enqueue([[leaderKey, JSON.stringify({ v: recordVersion, atMs: Date.now() })]]);
    return writer;
  }

  /** Another process has taken over; every further write fails with FENCED. Who leads the group all the same may `take` again. */
  get isFenced(): boolean {
    return this.#fenced !== null;
  }

  /**
   * Writes these values, all or none; null removes a key. Resolves when they are committed and `control.state` has them.
   * Writes made at the same time may share a transaction; the order of the calls is the order in the log.
   * @throws LockstepError FENCED; UNSUPPORTED_VERSION for a key that a newer Lockstep has written; what Kafka says
   *   when it could not be done in time: then it may still be committed, until `settle` has found out.
   */
  write(entries: ReadonlyMap<string, object | null>): Promise<void> {
    for (const key of entries.keys()) {
      const version = this.#control.state.foreign.get(key);
      if (version !== undefined) return Promise.reject(newer(key, version));
    }
    if (entries.size === 0) return Promise.resolve();
    return this.#enqueue(Array.from(entries, ([key, value]) => [key, value && JSON.stringify(value)]));
  }

  /** What was given up is committed or aborted now, and `control.state` says which: decide anew only then. */
  async settle(): Promise<void> {
    if (!this.#isUnclear) return;
    await this.#enqueue([]);
    await this.#control.refresh();
  }

  /** Writes everything that is known into a topic that was created anew; nothing when that is not needed. */
  async restore(): Promise<void> {
    if (!this.#control.needsRestore) return;
    // What stands in the new topic already is newer than what we remember.
    await this.#control.refresh();
    const { topicId } = await this.#control.cluster.leaderOf(controlTopic, controlPartition);
    const known = Array.from(
      this.#control.state.entries(''),
      ([key, value]): Entry => [key, JSON.stringify(value)],
    ).filter(([key]) => key !== restoredKey);
    const mark = { v: recordVersion, topicId, atMs: Date.now() };
    await this.#enqueue([...known, [restoredKey, JSON.stringify(mark)]]);
  }

  #enqueue(entries: readonly Entry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ entries, resolve, reject });
      if (!this.#isWriting) void this.#writeOn();
    });
  }

  async #writeOn(): Promise<void> {
    this.#isWriting = true;
    while (this.#pending.length > 0) {
      const taken = this.#pending;
      this.#pending = [];
      try {
        await this.#commit(taken.flatMap(({ entries }) => entries));
        for (const { resolve } of taken) resolve();
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.#isWriting = false;
  }

  /** Tried until it is known to be committed: the same values twice are the same state. */
  async #commit(entries: readonly Entry[]): Promise<void> {
    const untilMs = systemClock.nowMs() + writeMsMax;
    for (let attempt = 0; ; attempt += 1) {
      if (this.#fenced !== null) throw this.#fenced;
      try {
        // Also what is left of an earlier write must not be committed with this one.
        if (this.#isUnclear) await this.#renew();
        this.#isUnclear = false;
        return await this.#transact(entries);
      } catch (error) {
        this.#isUnclear = true;
        this.#noteFencing(error);
        const isMendable =
          error instanceof LockstepError && (error.retriable || mendedByNewEpoch.has(error.detail.number));
        if (!isMendable || systemClock.nowMs() >= untilMs) throw error;
        await sleep(systemClock, backoffMs(attempt, requestBackoff, Math.random));
      }
    }
  }

  async #transact(entries: readonly Entry[]): Promise<void> {
    const { cluster } = this.#control;
    const options = { timeoutMs: requestDeadlineMs };
    const partition = { topic: controlTopic, partition: controlPartition };
    await addPartitionsToTransaction(cluster, leaderTransactionalId, this.#producer, [partition], options);
    let last = -1n;
    for (const records of recordsOf(entries, Date.now())) {
      last = await appendBatch(cluster, records, {
        transactionalId: leaderTransactionalId,
        producer: this.#producer,
        baseSequence: this.#nextSequence,
      });
      this.#nextSequence += records.length;
    }
    await endTransaction(cluster, leaderTransactionalId, this.#producer, 'commit', options);
    // Offsets behind the commit marker are read only once it is there.
    await this.#control.until(last);
  }

  /** A new epoch of our own, if nobody has taken over: an open transaction of ours is aborted, sequences begin at 0. */
  async #renew(): Promise<void> {
    this.#producer = await initTransactions(this.#control.cluster, leaderTransactionalId, {
      transactionTimeoutMs,
      timeoutMs: requestDeadlineMs,
      held: this.#producer,
    });
    this.#nextSequence = 0;
  }

  /** @throws LockstepError FENCED when that is what the error means. */
  #noteFencing(error: unknown): void {
    if (!(error instanceof LockstepError) || !fencedErrors.has(error.detail.number)) return;
    this.#fenced = new LockstepError(
      'FENCED',
      `cluster ${this.#control.cluster.name}: another agent leads the fleet now, so this one writes no more to topic ${controlTopic}`,
      { cause: error },
    );
    throw this.#fenced;
  }
}

function newer(key: string, version: number): LockstepError {
  return new LockstepError(
    'UNSUPPORTED_VERSION',
    `topic ${controlTopic}: ${key} was written by a newer Lockstep (version ${version}, ours is ${recordVersion}), so it is left alone; use the newer one`,
  );
}
