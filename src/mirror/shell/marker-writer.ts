// Fills holes of all partitions that one destination broker leads, with WriteTxnMarkers.
//
// The problem: holes of one or two offsets come one after another where the source is written by transactions, on many
// partitions at a time, and a request of its own for each would be slow. And a request that is on its way must not
// delay the appends of other partitions. The answer: a connection of its own with one request under way, and each
// request takes what waits, of many partitions. Partitions that need the same marker share an entry:
//
//   jobs     orders-0: 3 x (id, epoch 7, generation 9)     orders-1: 2 x the same     bills-0: 1 x (id, epoch 2, ...)
//   entries  1 (id, 7, 9) orders [0, 1]
//            2 (id, 7, 9) orders [0, 1]
//            3 (id, 7, 9) orders [0]
//            4 (id, 2, ...) bills [0]
//
// The broker appends entry by entry and answers when all are on every in-sync replica, with one error per producer id
// and partition: that of the marker that was done last. A marker that was refused may hide behind one that was written.
//
// The markers say COMMIT. Brokers and read_committed consumers treat both kinds alike as long as nothing of our
// producer id is transactional, which is so: the bit is cleared in every batch that is copied. But where it were not,
// ABORT would hide mirrored records from consumers without a word (the broker would list them as aborted), and COMMIT
// leaves them to be seen. And ABORT is the kind that consumers act on, each with code of its own (it ends an aborted
// transaction that they know of); none does anything for a COMMIT. The log cleaner removes either.
//
// Brokers (4.3.1, 3.9.2) never answer a request whose last entry names only partitions that they do not host, as after
// a topic was deleted: KafkaApis.handleWriteTxnMarkersRequest counts such an entry and forgets to answer. All jobs of
// that request then end as unknown when its time is up, and the log end tells that the others were done.
import type { Connection } from '../../client/index.ts';
import {
  apis,
  type Input,
  kafkaError,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponse,
} from '../../protocol/index.ts';
import {
  type AnsweredHole,
  checkCount,
  type HoleJob,
  type HoleOutcome,
  type HoleWriter,
  notWanted,
  writerClosed,
} from './hole-writer.ts';
import type { Answers, Ask, LogAddress } from './log-answers.ts';

export type { HoleJob, HoleOutcome, HoleWriter } from './hole-writer.ts';

/** Markers times partitions in one request: 10,000 took 0.3 to 0.4 s, and all others of the broker wait for that. */
export const markersPerRequestMax = 10_000;

/** Markers that take longer, ms, are none that records of others wait for: thousands, or a broker that does not answer. */
const soonMs = 20;
/** A job that has waited longer than this is not sent, in ms: its worker was frozen, and others may have gone on. */
const waitMsMax = 60_000;

export interface MarkerWriterOptions {
  readonly open: () => Promise<Connection>;
  /**
   * How long an answer may take, in ms. Brokers wait for their replicas as long as their request.timeout.ms says
   * (30 s unless set), so this is longer.
   */
  readonly answerTimeoutMs: number;
  /** A monotonic clock. */
  readonly nowMs: () => number;
  /**
   * Reads where logs end, asked right behind the markers on the same connection: a broker takes up a request when the one
   * before it is answered, so this is what stands there afterwards. Default: whoever asked for markers reads it.
   */
  readonly readLogEnds?: (ask: Ask, logs: readonly LogAddress[]) => Promise<Answers<bigint>>;
  /** Told when the outcomes of a request have been handed out. */
  readonly onDone?: () => void;
}

interface WaitingJob {
  readonly job: HoleJob;
  readonly sinceMs: number;
}

export class MarkerWriter implements HoleWriter {
  readonly markersPerJobMax = markersPerRequestMax;
  readonly #options: MarkerWriterOptions;
  #connection: Connection | null = null;
  #waiting: WaitingJob[] = [];
  #isBusy = false;
  /** Jobs of the request under way, and since when it is, by `nowMs`. */
  #sentCount = 0;
  #busySinceMs = 0;
  #isFlushScheduled = false;
  #isClosed = false;

  constructor(options: MarkerWriterOptions) {
    this.#options = options;
  }

  /** Partitions whose markers wait here, or are under way, and are in soon; 0 when a request takes long. */
  get soonCount(): number {
    if (this.#isBusy && this.#options.nowMs() - this.#busySinceMs >= soonMs) return 0;
    return this.#waiting.length + this.#sentCount;
  }

  write(job: HoleJob): void {
    checkCount(job, this.markersPerJobMax);
    this.#waiting.push({ job, sinceMs: this.#options.nowMs() });
    this.#scheduleFlush();
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
    this.#scheduleFlush();
  }

  /** One flush for all that comes while one answer is being handed out. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#isBusy) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      void this.#flush();
    });
  }

  /** One request with what waits; then the next, until nothing does. */
  async #flush(): Promise<void> {
    if (this.#isBusy || this.#waiting.length === 0) return;
    this.#isBusy = true;
    this.#busySinceMs = this.#options.nowMs();
    const refusal = await this.#connect();
    // Taken only now: whether a job is still wanted is asked right before its markers are sent.
    const jobs = refusal === null ? this.#take() : this.#waiting.splice(0).map(({ job }) => job);
    this.#sentCount = jobs.length;
    const outcomeOf = refusal === null ? await this.#send(jobs) : () => unknown(refusal);
    this.#sentCount = 0;
    this.#isBusy = false;
    this.#scheduleFlush();
    for (const job of jobs) job.onOutcome(outcomeOf(job));
    this.#options.onDone?.();
  }

  /** null when there is a connection, else why not. */
  async #connect(): Promise<string | null> {
    try {
      if (!this.#isClosed && this.#connection?.isOpen !== true) {
        this.#connection = null;
        this.#connection = await this.#options.open();
      }
    } catch (error) {
      return reasonOf(error);
    }
    if (!this.#isClosed) return null;
    this.#connection?.close();
    return writerClosed;
  }

  /** What fits into one request, a partition once at most: the answer could not tell two runs of it apart. */
  #take(): HoleJob[] {
    const taken: HoleJob[] = [];
    const partitions = new Set<string>();
    let markerCount = 0;
    let index = 0;
    for (; index < this.#waiting.length; index++) {
      const { job, sinceMs } = this.#waiting[index]!;
      if (job.isFresh?.() === false) {
        job.onOutcome({ kind: 'notSent', reason: 'not sent: the look at the log end is too old' });
        continue;
      }
      const why = whyNotSend(job, this.#options.nowMs() - sinceMs);
      if (why !== null) {
        job.onOutcome(unknown(why));
        continue;
      }
      markerCount += job.markers.count;
      if (markerCount > markersPerRequestMax || partitions.has(nameOf(job))) break;
      partitions.add(nameOf(job));
      taken.push(job);
    }
    this.#waiting.splice(0, index);
    return taken;
  }

  async #send(jobs: readonly HoleJob[]): Promise<(job: HoleJob) => HoleOutcome> {
    const connection = this.#connection;
    if (jobs.length === 0 || connection === null) return () => unknown(writerClosed);
    const { answerTimeoutMs: timeoutMs } = this.#options;
    try {
      const written = connection.send(apis.WriteTxnMarkers, requestOf(jobs), { timeoutMs });
      const ends = this.#readLogEnds(connection, jobs);
      const answers = answersOf(await written);
      const endOf = await ends;
      return (job) => {
        const answer = answers.get(`${job.markers.producerId} ${nameOf(job)}`);
        return answer === undefined
          ? unknown('the answer does not mention the partition')
          : withEnds(answer, job, endOf(job));
      };
    } catch (error) {
      // The request may still be on its way: what is sent later must not follow it on the same connection.
      connection.abort();
      this.#connection = null;
      const reason = this.#isClosed ? writerClosed : reasonOf(error);
      return () => unknown(reason);
    }
  }

  /** null: nothing was learnt, and it has to be asked again. Never throws. */
  async #readLogEnds(
    connection: Connection,
    jobs: readonly HoleJob[],
  ): Promise<(job: HoleJob) => bigint | null> {
    const { readLogEnds, answerTimeoutMs: timeoutMs } = this.#options;
    const logs = jobs.flatMap(({ log, markers }) => (markers.count === 1 ? (log ?? []) : []));
    if (readLogEnds === undefined || logs.length === 0) return () => null;
    try {
      const ends = await readLogEnds((api, input) => connection.send(api, input, { timeoutMs }), logs);
      return ({ log }) => {
        const end = log === undefined ? undefined : ends.get(log);
        return typeof end === 'bigint' ? end : null;
      };
    } catch {
      return () => null;
    }
  }
}

/**
 * What is known without asking for the high watermark: the answer to a single marker is that marker's own, 0 tells that it
 * is on every in-sync replica, and where the log has grown by one it is what stands at the end.
 */
function withEnds(answer: AnsweredHole, { markers, log }: HoleJob, logEnd: bigint | null): AnsweredHole {
  const isProven =
    answer.errorCode === 0 && markers.count === 1 && log !== undefined && logEnd === markers.offset + 1n;
  if (!isProven) return answer;
  return { ...answer, ends: { leaderEpoch: log.leaderEpoch, logEnd, highWatermark: logEnd } };
}

/** Why a waiting job must not be sent any more; null when it may. */
function whyNotSend(job: HoleJob, waitedMs: number): string | null {
  if (job.isWanted?.() === false) return notWanted;
  if (waitedMs <= waitMsMax) return null;
  return `not sent: it has waited ${Math.round(waitedMs / 1000)} s, and another worker may have taken over`;
}

function unknown(reason: string): HoleOutcome {
  return { kind: 'unknown', reason };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function nameOf({ topic, partition }: HoleJob): string {
  return `${topic}-${partition}`;
}

/** One entry per marker, naming all partitions that need it; a job's markers stay in one row. */
function requestOf(jobs: readonly HoleJob[]): Input<WriteTxnMarkersRequest> {
  const alike = new Map<string, HoleJob[]>();
  for (const job of jobs) {
    const { producerId, epoch, generation } = job.markers;
    const key = `${producerId} ${epoch} ${generation}`;
    const known = alike.get(key);
    if (known === undefined) alike.set(key, [job]);
    else known.push(job);
  }
  return { markers: Array.from(alike.values()).flatMap(entriesOf) };
}

type Entry = NonNullable<Input<WriteTxnMarkersRequest>['markers']>[number];

/** The entries of jobs whose markers are alike. */
function entriesOf(jobs: readonly HoleJob[]): Entry[] {
  const [first] = jobs;
  if (first === undefined) return [];
  const { producerId, epoch, generation } = first.markers;
  const entries: Entry[] = [];
  let open = jobs;
  let topics = topicsOf(open);
  for (let index = 0; open.length > 0; ) {
    // As many equal entries as all that are open need.
    const countMin = Math.min(...open.map((job) => job.markers.count));
    const entry = {
      producerId,
      producerEpoch: epoch,
      coordinatorEpoch: generation,
      transactionResult: true,
      // 0: a marker of the current epoch is welcome. Under version 2 its epoch would have to be higher (KIP-890).
      transactionVersion: 0,
      topics,
    };
    for (; index < countMin; index++) entries.push(entry);
    open = open.filter((job) => job.markers.count > index);
    topics = topicsOf(open);
  }
  return entries;
}

function topicsOf(jobs: readonly HoleJob[]): { name: string; partitionIndexes: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of jobs) {
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [partition]);
    else known.push(partition);
  }
  return Array.from(topics, ([name, partitionIndexes]) => ({ name, partitionIndexes }));
}

function answersOf(response: WriteTxnMarkersResponse): Map<string, AnsweredHole> {
  const answers = new Map<string, AnsweredHole>();
  for (const { producerId, topics } of response.markers) {
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        answers.set(`${producerId} ${name}-${partitionIndex}`, {
          kind: 'answered',
          errorCode,
          reason: wordsOf(errorCode),
        });
      }
    }
  }
  return answers;
}

const clusterAuthorizationFailed = 31;

function wordsOf(errorCode: number): string {
  const { name, message } = kafkaError(errorCode);
  if (errorCode !== clusterAuthorizationFailed) return `${name}: ${message}`;
  return `${name}: transaction markers need the right ALTER or CLUSTER_ACTION on the cluster; without it, set holes: transactions in the link`;
}
