// Appends the batches of all partitions that one destination broker leads.
//
// The problem: with acks=all a broker reads nothing more from a connection until its request is answered, so one
// connection would carry one request per round trip. And a partition must not have two appends under way, since
// the second would land in the place of the first if the first is lost. The answer: a few connections ("lanes"),
// each with one request under way; every request takes what is ready, at most one batch of each partition. Backlogs go
// in few and large requests.
import type { Connection } from '../../client/index.ts';
import { apis, type Input, type ProduceRequest } from '../../protocol/index.ts';
import { attributeBits, rewriteHeader } from '../../records/index.ts';
import type { WriterIdentity } from '../partition/identity.ts';
import type { LeasedBatch } from './leased-batch.ts';

export type AppendOutcome =
  | {
      readonly kind: 'appended';
      readonly baseOffset: bigint;
      /**
       * -1 where the topic keeps the records' own timestamps. For a batch that was there already: its newest
       * timestamp, whatever the topic does (UnifiedLog.append).
       */
      readonly logAppendTimeMs: bigint;
    }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly message: string | null }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface AppendJob {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly batch: LeasedBatch;
  readonly identity: WriterIdentity;
  /** Goes before the backlogs of others. Default false. */
  readonly isLive?: boolean;
  /** Called exactly once. */
  readonly onOutcome: (outcome: AppendOutcome) => void;
}

export interface DestinationWriterOptions {
  readonly open: () => Promise<Connection>;
  /** Connections to this broker; each carries one request at a time. */
  readonly connectionCount: number;
  /** Record bytes in one request, in bytes; a single larger batch still goes. */
  readonly requestBytesMax: number;
  /** How long the broker may wait for its replicas, in ms. */
  readonly ackTimeoutMs: number;
  /** A clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Told of every request that was answered, with how long it took. */
  readonly onAnswered?: (tookMs: number) => void;
  /**
   * Partitions of this broker that get markers just now: what follows those is ready when they are in, and `wake` is
   * called then. Default: none.
   */
  readonly markedCount?: () => number;
}

/** What a request may take beyond the broker's own wait before the connection counts as dead. */
const answerGraceMs = 10_000;
const allReplicas = -1;
/**
 * An append that waited longer than this, in ms, is not sent: this process was frozen, and the broker may have forgotten
 * our producer id meanwhile, which alone would refuse what is late.
 */
const waitMsMax = 60_000;

// A request costs about 100 µs of ours, and as much of the broker's, whatever is in it. So a backlog waits while a request
// is under way, until there is enough for a large one or the answer is here, which makes more ready.
/** What a request is worth sending for, in bytes: eight batches of Kafka's producers with their largest usual size. */
const largeBytes = 768 * 1024;
/** Less than this, in bytes, is no backlog. */
const littleBytes = 16 * 1024;
/** Nothing waits longer, in ms, nor where answers take longer. */
const patienceMs = 20;

interface Lane {
  connection: Connection | null;
  isBusy: boolean;
}

export class DestinationWriter {
  readonly #options: DestinationWriterOptions;
  readonly #lanes: Lane[];
  #ready: { readonly job: AppendJob; readonly sinceMs: number }[] = [];
  /** How many of them, at the front, are live. */
  #readyLiveCount = 0;
  #isFlushScheduled = false;
  /** What the newest answer took, in ms. */
  #tookMs = 0;
  #patienceTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: DestinationWriterOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.connectionCount }, () => ({
      connection: null,
      isBusy: false,
    }));
  }

  /** Queues one append. The batch's header is rewritten in place; its bytes are held until the outcome is known. */
  append(job: AppendJob): void {
    if (this.#isClosed) return job.onOutcome({ kind: 'unknown', reason: 'the writer was closed' });
    job.batch.retain();
    const waiting = { job, sinceMs: this.#options.monotonicMs() };
    if (job.isLive) this.#ready.splice(this.#readyLiveCount++, 0, waiting);
    else this.#ready.push(waiting);
    this.#scheduleFlush();
  }

  /** Markers are in: what waited for what follows them has waited long enough. */
  wake(): void {
    if (this.#ready.length > 0) this.#scheduleFlush();
  }

  /** Closes at once; appends under way end as unknown. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#patienceTimer);
    for (const { job } of this.#ready.splice(0))
      finish(job, { kind: 'unknown', reason: 'the writer was closed' });
    for (const lane of this.#lanes) lane.connection?.close();
  }

  /** One flush for all that becomes ready while one answer is being handed out. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const idle = this.#lanes.filter((lane) => !lane.isBusy);
    const lanes = this.#mayWait() ? this.#lanesForLarge(idle) : idle;
    for (const [index, lane] of lanes.entries()) {
      if (this.#ready.length === 0) return;
      // Spread over the idle lanes, so that one request does not make all partitions wait for each other.
      const share = Math.ceil(this.#ready.length / (lanes.length - index));
      const jobs = this.#take(share);
      if (jobs.length > 0) void this.#send(lane, jobs);
    }
    // A request can wait for the replicas of one partition alone; the others do not wait with it.
    if (this.#ready.length > 0 && lanes.length < idle.length)
      this.#patienceTimer ??= setTimeout(() => {
        this.#patienceTimer = undefined;
        this.#flush();
      }, patienceMs);
  }

  /** Whether what is ready is a backlog, and a moment is nothing to it. */
  #mayWait(): boolean {
    const [oldest] = this.#ready;
    return (
      oldest !== undefined &&
      this.#readyLiveCount === 0 &&
      this.#tookMs < patienceMs &&
      this.#options.monotonicMs() - oldest.sinceMs < patienceMs &&
      bytesOf(this.#ready, littleBytes) >= littleBytes
    );
  }

  /** A lane for each large request; while others are busy perhaps none, since their answers make more ready. */
  #lanesForLarge(idle: readonly Lane[]): readonly Lane[] {
    const { markedCount = () => 0 } = this.#options;
    // Partitions with a marker every few batches get into step: the records of all in one request, then all their markers.
    const isMoreToCome = idle.length < this.#lanes.length || markedCount() >= this.#ready.length;
    const countMin = isMoreToCome ? 0 : 1;
    const largeCount = Math.floor(bytesOf(this.#ready, idle.length * largeBytes) / largeBytes);
    return idle.slice(0, Math.max(countMin, largeCount));
  }

  #take(countMax: number): AppendJob[] {
    let count = 0;
    let bytes = 0;
    for (const { job } of this.#ready) {
      if (count === countMax || (count > 0 && bytes + job.batch.sizeBytes > this.#options.requestBytesMax))
        break;
      bytes += job.batch.sizeBytes;
      count += 1;
    }
    this.#readyLiveCount = Math.max(0, this.#readyLiveCount - count);
    const nowMs = this.#options.monotonicMs();
    const jobs: AppendJob[] = [];
    for (const { job, sinceMs } of this.#ready.splice(0, count)) {
      const waitedMs = nowMs - sinceMs;
      if (waitedMs <= waitMsMax) jobs.push(job);
      else
        finish(job, { kind: 'unknown', reason: `not sent: it has waited ${Math.round(waitedMs / 1000)} s` });
    }
    return jobs;
  }

  async #send(lane: Lane, jobs: AppendJob[]): Promise<void> {
    lane.isBusy = true;
    let outcomeOf: (job: AppendJob) => AppendOutcome;
    try {
      const answers = await this.#produce(lane, jobs);
      outcomeOf = (job) =>
        answers.get(`${job.topicId}/${job.partition}`) ??
        answers.get(`${job.topic}/${job.partition}`) ?? {
          kind: 'unknown',
          reason: 'the answer does not mention the partition',
        };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // The bytes may still be on their way: only a closed connection lets go of them.
      lane.connection?.abort();
      lane.connection = null;
      outcomeOf = () => ({ kind: 'unknown', reason });
    }
    lane.isBusy = false;
    if (this.#ready.length > 0) this.#scheduleFlush();
    // Outside of the try: a batch given back twice would hand its memory to the next answer while others use it.
    for (const job of jobs) finish(job, outcomeOf(job));
  }

  async #produce(lane: Lane, jobs: AppendJob[]): Promise<Map<string, AppendOutcome>> {
    if (lane.connection === null || !lane.connection.isOpen) {
      const sinceMs = this.#options.monotonicMs();
      lane.connection = await this.#options.open();
      if (this.#isClosed) throw new Error('the writer was closed');
      if (this.#options.monotonicMs() - sinceMs > waitMsMax)
        throw new Error('not sent: connecting took too long');
    }
    const { ackTimeoutMs, monotonicMs } = this.#options;
    const sentAtMs = monotonicMs();
    const response = await lane.connection.send(apis.Produce, requestOf(jobs, ackTimeoutMs), {
      timeoutMs: ackTimeoutMs + answerGraceMs,
    });
    this.#tookMs = monotonicMs() - sentAtMs;
    this.#options.onAnswered?.(this.#tookMs);
    const outcomes = new Map<string, AppendOutcome>();
    for (const topic of response.responses) {
      for (const answer of topic.partitionResponses) {
        outcomes.set(
          // Answers name topics by id from Produce v13 on (KIP-516), by name before.
          `${topic.name === '' ? topic.topicId : topic.name}/${answer.index}`,
          answer.errorCode === 0
            ? { kind: 'appended', baseOffset: answer.baseOffset, logAppendTimeMs: answer.logAppendTimeMs }
            : {
                kind: 'refused',
                errorCode: answer.errorCode,
                message: answer.recordErrors[0]?.batchIndexErrorMessage ?? answer.errorMessage,
              },
        );
      }
    }
    return outcomes;
  }
}

function finish(job: AppendJob, outcome: AppendOutcome): void {
  job.batch.release();
  job.onOutcome(outcome);
}

/** Their bytes, counted as far as `enough`. */
function bytesOf(waiting: readonly { readonly job: AppendJob }[], enough: number): number {
  let bytes = 0;
  for (const { job } of waiting) {
    bytes += job.batch.sizeBytes;
    if (bytes >= enough) break;
  }
  return bytes;
}

function requestOf(jobs: AppendJob[], timeoutMs: number): Input<ProduceRequest> {
  type Topic = { name: string; topicId: string; partitionData: { index: number; records: Buffer }[] };
  const topics = new Map<string, Topic>();
  for (const job of jobs) {
    let topic = topics.get(job.topic);
    if (topic === undefined) {
      topic = { name: job.topic, topicId: job.topicId, partitionData: [] };
      topics.set(job.topic, topic);
    }
    topic.partitionData.push({ index: job.partition, records: stamped(job) });
  }
  return { transactionalId: null, acks: allReplicas, timeoutMs, topicData: [...topics.values()] };
}

/**
 * The batch's bytes with our identity. Of the attributes only the codec stays: a set delete horizon would make the
 * destination's cleaner drop tombstones by the source's clock.
 */
function stamped({ batch, identity }: AppendJob): Buffer {
  rewriteHeader(batch.view, {
    baseOffset: 0n,
    partitionLeaderEpoch: -1,
    attributes: batch.attributes & attributeBits.compression,
    producerId: identity.producerId,
    producerEpoch: identity.epoch,
    baseSequence: identity.sequence,
  });
  return batch.view.bytes;
}
