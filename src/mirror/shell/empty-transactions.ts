// Fills holes where the right for WriteTxnMarkers is missing: each marker is what an empty transaction leaves behind,
// written by the transaction coordinator. Any transactional producer may do that; a link has to ask for it by name.
//
// Every partition has a transactional id of its own, and one transaction at a time:
//
//   InitProducerId ──► AddPartitionsToTxn ──► EndTxn (abort) ──► log end + 1 ──► ... ──► transaction complete
//   (once)             └──────────── once for each marker ────────────────┘              (once for each job)
//
// What has to be minded, and how it is:
// - EndTxn is answered before the marker is in the log: the log end is read until it has grown, by exactly one.
// - A coordinator that moves writes the marker of a transaction again that is not marked complete yet. So a job ends
//   only when its last transaction is, since data that follows must not find a late marker in its place.
// - A transaction that a former worker left open is aborted by InitProducerId, which writes a marker. So the log end is
//   compared with the hole's start after it; and after trouble it is asked again, so that nothing is left open.
// - Another worker that takes the transactional id fences this one: the job ends with that error code.
import { type Clock, type ProducerIdentity, sleep } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { Slots } from '../../slots.ts';
import {
  checkCount,
  type HoleJob,
  type HoleOutcome,
  type HoleWriter,
  notWanted,
  writerClosed,
} from './hole-writer.ts';

/** What the transaction coordinator is asked; `clusterTransactions` is the real one. */
export interface TransactionRequests {
  init(transactionalId: string): Promise<ProducerIdentity>;
  addPartition(
    transactionalId: string,
    producer: ProducerIdentity,
    partition: Pick<HoleJob, 'topic' | 'partition'>,
  ): Promise<void>;
  abort(transactionalId: string, producer: ProducerIdentity): Promise<void>;
  /** Whether its last transaction is over, with all markers acknowledged. */
  isComplete(transactionalId: string): Promise<boolean>;
  /** The log end on the leader. */
  logEnd(partition: Pick<HoleJob, 'topic' | 'partition'>): Promise<bigint>;
}

export interface EmptyTransactionWriterOptions {
  readonly linkName: string;
  readonly transactions: TransactionRequests;
  readonly clock: Clock;
  /** How long the log end may take to grow by one marker, in ms. */
  readonly markerTimeoutMs: number;
}

/** So many markers per job; at a few ms each the machine looks at the log end at least once a minute. */
const markersPerJobMax = 10_000;
/** Partitions that write a marker at a time; the others wait for their turn, marker by marker. */
const transactionsAtOnceMax = 32;
/** Between two looks: a marker takes about a millisecond. It doubles up to the second, in ms. */
const lookPauseMs = { first: 1, max: 20 } as const;
const concurrentTransactions = 51;
const transactionalIdAuthorizationFailed = 53;
/** INVALID_PRODUCER_EPOCH and PRODUCER_FENCED: another worker has the transactional id. */
const fencedCodes: ReadonlySet<unknown> = new Set([47, 90]);

/** `lockstep.us-to-eu.orders-0`; what has to be granted is the prefix `lockstep.us-to-eu.`. */
export function transactionalIdOf(linkName: string, job: Pick<HoleJob, 'topic' | 'partition'>): string {
  return `${transactionalIdPrefix(linkName)}${job.topic}-${job.partition}`;
}

export function transactionalIdPrefix(linkName: string): string {
  return `lockstep.${linkName}.`;
}

/** The log is not as meant, or not in time: its end tells the machine what to do. */
class Unclear extends Error {}

export class EmptyTransactionWriter implements HoleWriter {
  readonly markersPerJobMax = markersPerJobMax;
  readonly #options: EmptyTransactionWriterOptions;
  readonly #producers = new Map<string, ProducerIdentity>();
  /** Jobs whose outcome is not told yet. */
  readonly #open = new Set<HoleJob>();
  readonly #turns = new Slots(transactionsAtOnceMax);
  /** The newest job of each transactional id: the next one waits for it. */
  readonly #last = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(options: EmptyTransactionWriterOptions) {
    this.#options = options;
  }

  write(job: HoleJob): void {
    checkCount(job, this.markersPerJobMax);
    this.#open.add(job);
    const transactionalId = transactionalIdOf(this.#options.linkName, job);
    const before = this.#last.get(transactionalId) ?? Promise.resolve();
    const run = before.then(() => this.#run(job, transactionalId));
    this.#last.set(transactionalId, run);
    void run.then(() => {
      if (this.#last.get(transactionalId) === run) this.#last.delete(transactionalId);
    });
  }

  close(): void {
    this.#isClosed = true;
    queueMicrotask(() => {
      for (const job of this.#open) this.#finish(job, { kind: 'unknown', reason: writerClosed });
    });
  }

  async #run(job: HoleJob, transactionalId: string): Promise<void> {
    let outcome: HoleOutcome;
    try {
      await this.#fill(job, transactionalId);
      outcome = { kind: 'answered', errorCode: 0, reason: 'NONE' };
    } catch (error) {
      outcome = outcomeOf(error, this.#options.linkName);
      await this.#settle(transactionalId, outcome);
    }
    this.#finish(job, outcome);
  }

  #finish(job: HoleJob, outcome: HoleOutcome): void {
    if (this.#open.delete(job)) job.onOutcome(outcome);
  }

  /** 1. the id is ours  2. the log ends where the hole begins  3. marker by marker  4. nothing is left to be written. */
  async #fill(job: HoleJob, transactionalId: string): Promise<void> {
    const { offset, count } = job.markers;
    this.#checkWanted(job);
    let producer = this.#producers.get(transactionalId);
    if (producer === undefined) {
      producer = await this.#options.transactions.init(transactionalId);
      this.#producers.set(transactionalId, producer);
    }
    const logEnd = await this.#options.transactions.logEnd(job);
    if (logEnd !== offset) throw new Unclear(`the log ends at ${logEnd} instead of ${offset}`);
    for (let written = 0; written < count; written++) {
      await this.#turns.use(async () => {
        this.#checkWanted(job);
        await this.#writeOne(job, transactionalId, producer, offset + BigInt(written));
      });
    }
    await this.#until(
      async () => (await this.#options.transactions.isComplete(transactionalId)) || null,
      () => `the last transaction of ${transactionalId} did not complete`,
    );
  }

  #checkWanted(job: HoleJob): void {
    if (this.#isClosed) throw new Unclear(writerClosed);
    if (job.isWanted?.() === false) throw new Unclear(notWanted);
  }

  async #writeOne(
    job: HoleJob,
    transactionalId: string,
    producer: ProducerIdentity,
    offset: bigint,
  ): Promise<void> {
    const { transactions } = this.#options;
    // The transaction before may still be completing.
    await this.#until(
      () =>
        transactions.addPartition(transactionalId, producer, job).then(
          () => true,
          (error) => {
            if (numberOf(error) === concurrentTransactions) return null;
            throw error;
          },
        ),
      () => `the transaction before that of offset ${offset} did not complete`,
    );
    await transactions.abort(transactionalId, producer);
    const meant = offset + 1n;
    const logEnd = await this.#until(
      async () => {
        const end = await this.#options.transactions.logEnd(job);
        return end === offset ? null : end;
      },
      () => `no marker came to offset ${offset}`,
    );
    if (logEnd !== meant) throw new Unclear(`the log ends at ${logEnd} instead of ${meant}`);
  }

  /** Looks until there is something, with short pauses. @throws Unclear when the time is up */
  async #until<T>(look: () => Promise<T | null>, missing: () => string): Promise<T> {
    const { clock, markerTimeoutMs } = this.#options;
    const deadlineMs = clock.nowMs() + markerTimeoutMs;
    for (let pauseMs: number = lookPauseMs.first; ; pauseMs = Math.min(pauseMs * 2, lookPauseMs.max)) {
      const seen = await look();
      if (seen !== null) return seen;
      if (this.#isClosed) throw new Unclear(writerClosed);
      if (clock.nowMs() >= deadlineMs) throw new Unclear(`${missing()} within ${markerTimeoutMs} ms`);
      await sleep(clock, pauseMs);
    }
  }

  /**
   * After trouble the id is taken anew: when that succeeds, no transaction of ours is open any more, and none is going
   * to leave a marker behind what the log end shows. Not where that would take the id away from another worker.
   */
  async #settle(transactionalId: string, outcome: HoleOutcome): Promise<void> {
    const isOurs = this.#producers.delete(transactionalId);
    if (!isOurs || outcome.kind === 'answered' || this.#isClosed) return;
    try {
      this.#producers.set(transactionalId, await this.#options.transactions.init(transactionalId));
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
    }
  }
}

function outcomeOf(error: unknown, linkName: string): HoleOutcome {
  if (error instanceof Unclear) return { kind: 'unknown', reason: error.message };
  if (!(error instanceof LockstepError)) throw error;
  const number = numberOf(error);
  if (typeof number !== 'number' || error.retriable) return { kind: 'unknown', reason: error.message };
  const what = fencedCodes.has(number)
    ? 'another agent has taken the transactional id. '
    : number === transactionalIdAuthorizationFailed
      ? `empty transactions need the right WRITE on transactional ids that begin with ${transactionalIdPrefix(linkName)}: `
      : '';
  return { kind: 'answered', errorCode: number, reason: `${what}${error.message}` };
}

/** Kafka's error number, where it is an error of Kafka's. */
function numberOf(error: unknown): unknown {
  return error instanceof LockstepError ? error.detail.number : undefined;
}
