// What is asked of a broker about the logs it leads, for many partitions in one request each.
// Errors stay with their partition; a request that fails as a whole throws.
import { LockstepError } from '../../errors.ts';
import { type Api, apis, type Input, kafkaError } from '../../protocol/index.ts';
import {
  type AbortedTransaction,
  BatchView,
  headerBytes,
  markAborted,
  normalisedChecksum,
  readRecords,
  splitBatches,
} from '../../records/index.ts';
import { isLockstepProducerId, type ProducerEntry } from '../partition/identity.ts';
import type { MirrorFingerprint } from '../partition/tail.ts';
import { neededOn } from './refusal.ts';

/** A partition, with the leader epoch under which the broker that is asked is believed to lead it. */
export interface LogAddress {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

/** Sends one request to one broker of one cluster. */
export type Ask = <Req, Res>(api: Api<Req, Res>, input: Input<Req>) => Promise<Res>;

export type Answers<T, L extends LogAddress = LogAddress> = Map<L, T | LockstepError>;

/** An expected failure as the answer: one partition's must not end the questions about the others. */
export async function orError<T>(answer: Promise<T>): Promise<T | LockstepError> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

const latestTimestamp = -1n;
const earliestTimestamp = -2n;
const consumerReplica = -1;
const readUncommitted = 0;
const readCommitted = 1;
/** More than a batch header; whole batches come anyway where they are first in an answer. */
const tailBytesMax = 1024;
/** Batches of this size and less are told in a few rounds, larger ones one in each round. */
const tailBytesLimit = 1024 * 1024;
const tailBytesGrowth = 16;
/** In one answer about many partitions. */
const answerBytesMax = 8 * 1024 * 1024;

/**
 * The log end on the leader, by OffsetForLeaderEpoch for the current epoch. ListOffsets would tell the high
 * watermark, and a follower would answer it as well.
 */
export async function askLogEnds<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
): Promise<Answers<bigint, L>> {
  const response = await ask(apis.OffsetForLeaderEpoch, {
    replicaId: consumerReplica,
    topics: byTopic(logs, ({ partition, leaderEpoch }) => ({
      partition,
      currentLeaderEpoch: leaderEpoch,
      leaderEpoch,
    })).map(({ topic, partitions }) => ({ topic, partitions })),
  });
  const answers = new Map<string, bigint | LockstepError>();
  for (const topic of response.topics) {
    for (const { partition, errorCode, endOffset } of topic.partitions) {
      answers.set(
        `${topic.topic}/${partition}`,
        errorCode === 0
          ? toldOffset(endOffset, 'log end', topic.topic, partition)
          : refused('log end', topic.topic, partition, errorCode),
      );
    }
  }
  return assign(logs, answers, 'log end');
}

/**
 * Whether a record with a timestamp stands in a log. Fillers have none, and asking takes DESCRIBE only: what tells them
 * from records where READ is withheld.
 */
export async function askHoldsTimedRecords<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
): Promise<Answers<boolean, L>> {
  if (logs.length === 0) return new Map();
  const response = await ask(apis.ListOffsets, {
    replicaId: consumerReplica,
    isolationLevel: readUncommitted,
    topics: byTopic(logs, ({ partition, leaderEpoch }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: leaderEpoch,
      timestamp: 0n,
    })).map(({ topic, partitions }) => ({ name: topic, partitions })),
  });
  const answers = new Map<string, boolean | LockstepError>();
  for (const topic of response.topics) {
    for (const { partitionIndex, errorCode, offset } of topic.partitions) {
      answers.set(
        `${topic.name}/${partitionIndex}`,
        errorCode === 0 ? offset >= 0n : refused('timed records', topic.name, partitionIndex, errorCode),
      );
    }
  }
  return assign(logs, answers, 'timed records');
}

/** The high watermark (`latest`), the last stable offset (`stable`) or the log start (`earliest`), by ListOffsets. */
export async function askOffsets<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
  which: 'latest' | 'stable' | 'earliest',
): Promise<Answers<bigint, L>> {
  const timestamp = which === 'earliest' ? earliestTimestamp : latestTimestamp;
  const response = await ask(apis.ListOffsets, {
    replicaId: consumerReplica,
    isolationLevel: which === 'stable' ? readCommitted : readUncommitted,
    topics: byTopic(logs, ({ partition, leaderEpoch }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: leaderEpoch,
      timestamp,
    })).map(({ topic, partitions }) => ({ name: topic, partitions })),
  });
  const answers = new Map<string, bigint | LockstepError>();
  for (const topic of response.topics) {
    for (const { partitionIndex, errorCode, offset } of topic.partitions) {
      const key = `${topic.name}/${partitionIndex}`;
      answers.set(
        key,
        errorCode === 0
          ? toldOffset(offset, `${which} offset`, topic.name, partitionIndex)
          : refused(`${which} offset`, topic.name, partitionIndex, errorCode),
      );
    }
  }
  return assign(logs, answers, `${which} offset`);
}

/** The first offset with a record of this timestamp or a later one; null where there is none. */
export async function askOffsetOfTime(ask: Ask, log: LogAddress, timestamp: bigint): Promise<bigint | null> {
  const { topic, partition, leaderEpoch } = log;
  const response = await ask(apis.ListOffsets, {
    replicaId: consumerReplica,
    isolationLevel: readUncommitted,
    topics: [
      {
        name: topic,
        partitions: [{ partitionIndex: partition, currentLeaderEpoch: leaderEpoch, timestamp }],
      },
    ],
  });
  const answer = response.topics[0]?.partitions[0];
  const errorCode = answer?.errorCode ?? -1;
  if (answer === undefined || errorCode !== 0) throw refused('offset of a time', topic, partition, errorCode);
  return answer.offset < 0n ? null : answer.offset;
}

/**
 * The leader's entries of producer ids that Lockstep chose. Believe them only when leader and epoch were the same
 * before and after.
 */
export async function askProducers<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
): Promise<Answers<ProducerEntry[], L>> {
  const response = await ask(apis.DescribeProducers, {
    topics: byTopic(logs, ({ partition }) => partition).map(({ topic, partitions }) => ({
      name: topic,
      partitionIndexes: partitions,
    })),
  });
  const answers = new Map<string, ProducerEntry[] | LockstepError>();
  for (const topic of response.topics) {
    for (const { partitionIndex, errorCode, activeProducers } of topic.partitions) {
      const writes = activeProducers
        .filter(({ producerId }) => isLockstepProducerId(producerId))
        .map(({ producerId, producerEpoch, lastSequence, coordinatorEpoch }) => ({
          producerId,
          epoch: producerEpoch,
          lastSequence,
          coordinatorEpoch,
        }));
      const key = `${topic.name}/${partitionIndex}`;
      answers.set(
        key,
        errorCode === 0 ? writes : refused('producers', topic.name, partitionIndex, errorCode),
      );
    }
  }
  return assign(logs, answers, 'producers');
}

/** The header facts of a batch, and its last sequence. */
export type TailHeader = MirrorFingerprint;

/**
 * The header of the batch that holds `offset`, or of the next one; null when there is none below the high watermark.
 *
 * A broker sends a batch that is larger than the limit only for the first partition that has one, and answers the
 * others as if they were empty (ReplicaManager.readFromLog, `firstEntryIncomplete`). So "empty" proves nothing as long
 * as another partition of the same answer is not: those are asked again, with a higher limit.
 */
export async function askBatchHeaders<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
  offsetOf: (log: L) => bigint,
): Promise<Answers<TailHeader | null, L>> {
  const answers: Answers<TailHeader | null, L> = new Map();
  let open = logs;
  let bytesMax = tailBytesMax;
  while (open.length > 0) {
    const found = await askFetch(ask, open, offsetOf, bytesMax, (records) =>
      records === null || records.length < headerBytes ? null : headerOf(new BatchView(records, 0)),
    );
    for (const [log, answer] of found) answers.set(log, answer);
    const empty = open.filter((log) => found.get(log) === null);
    if (empty.length === open.length) break;
    open = empty;
    bytesMax = Math.min(bytesMax * tailBytesGrowth, tailBytesLimit);
  }
  return answers;
}

/** The whole batch that holds `offset`, copied out of the answer; null when there is none. */
export async function askBatch(ask: Ask, log: LogAddress, offset: bigint): Promise<Buffer | null> {
  const answers = await askFetch(
    ask,
    [log],
    () => offset,
    tailBytesMax,
    (records) =>
      records === null || records.length < headerBytes ? null : Buffer.from(new BatchView(records, 0).bytes),
  );
  const answer = answers.get(log);
  if (answer instanceof LockstepError) throw answer;
  return answer ?? null;
}

/** Bytes of a source that are looked through for records where a mirror holds markers; aborted ones can be large. */
const holeBytesMax = 1024 * 1024;
const holeFetchesMax = 64;

/**
 * The first record from `from` on and below `to` that a read_committed consumer finds; null when there is none in what
 * was looked through.
 */
export async function askFirstVisible(
  ask: Ask,
  log: LogAddress,
  { from, to }: { from: bigint; to: bigint },
): Promise<bigint | null> {
  let offset = from;
  for (let fetches = 0; offset < to && fetches < holeFetchesMax; fetches++) {
    const at = offset;
    const answers = await askFetch(
      ask,
      [log],
      () => at,
      holeBytesMax,
      (records, abortedTransactions) => {
        const batches = records === null ? [] : splitBatches(records).batches;
        for (const { view, isAborted } of markAborted(batches, abortedTransactions)) {
          const visible =
            isAborted || view.magic !== 2 || view.isControl ? null : firstRecordIn(view, at, to);
          if (visible !== null) return { visible, next: to };
        }
        return { visible: null, next: batches.at(-1)?.nextOffset ?? to };
      },
      readCommitted,
    );
    const answer = answers.get(log);
    if (answer instanceof LockstepError) throw answer;
    if (answer === undefined) return null;
    if (answer.visible !== null) return answer.visible;
    offset = answer.next;
  }
  return null;
}

/** Compressed batches are read only where they have gaps. */
function firstRecordIn(view: BatchView, from: bigint, to: bigint): bigint | null {
  if (view.baseOffset >= to || view.lastOffset < from) return null;
  if (!view.hasGaps) return view.baseOffset > from ? view.baseOffset : from;
  for (const { offset } of readRecords(view)) if (offset >= from) return offset < to ? offset : null;
  return null;
}

/** What a fetch finds at an offset of each log; `map` reads it while the answer's memory is there. */
export async function askFetch<T, L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
  offsetOf: (log: L) => bigint,
  partitionMaxBytes: number,
  map: (records: Buffer | null, abortedTransactions: readonly AbortedTransaction[] | null) => T,
  isolationLevel = readUncommitted,
): Promise<Answers<T, L>> {
  const answers = new Map<string, T | LockstepError>();
  if (logs.length === 0) return new Map();
  const response = await ask(apis.Fetch, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: Math.min(partitionMaxBytes * logs.length, answerBytesMax),
    isolationLevel,
    sessionId: 0,
    sessionEpoch: -1,
    topics: byTopic(logs, (log) => ({
      partition: log.partition,
      currentLeaderEpoch: log.leaderEpoch,
      fetchOffset: offsetOf(log),
      lastFetchedEpoch: -1,
      partitionMaxBytes,
    })),
  });
  if (response.errorCode !== 0)
    throw refused('fetch', logs[0]!.topic, logs[0]!.partition, response.errorCode);
  const names = new Map(logs.map(({ topicId, topic }) => [topicId, topic]));
  for (const topic of response.responses) {
    for (const { partitionIndex, errorCode, records, abortedTransactions } of topic.partitions) {
      const key = `${topic.topic === '' ? topic.topicId : topic.topic}/${partitionIndex}`;
      answers.set(
        key,
        errorCode === 0
          ? map(records, abortedTransactions)
          : refused('fetch', names.get(topic.topicId) ?? topic.topic, partitionIndex, errorCode),
      );
    }
  }
  return assign(logs, answers, 'fetch');
}

export function headerOf(view: BatchView): TailHeader {
  const { magic } = view;
  if (magic !== 2) {
    // Formats v0 and v1 carry no producer: whatever wrote it, no mirror did.
    return {
      baseOffset: view.baseOffset,
      lastOffset: view.baseOffset,
      recordCount: 0,
      sizeBytes: view.sizeBytes,
      isControl: false,
      producerId: -1n,
      producerEpoch: -1,
      lastSequence: -1,
      partitionLeaderEpoch: -1,
      normalisedChecksum: 0,
    };
  }
  return {
    baseOffset: view.baseOffset,
    lastOffset: view.lastOffset,
    recordCount: view.recordCount,
    sizeBytes: view.sizeBytes,
    isControl: view.isControl,
    producerId: view.producerId,
    producerEpoch: view.producerEpoch,
    lastSequence: view.baseSequence < 0 ? -1 : lastSequenceOf(view),
    partitionLeaderEpoch: view.partitionLeaderEpoch,
    normalisedChecksum: normalisedChecksum(view),
  };
}

/** Kafka counts sequences by offsets, so the last offset delta, not the record count, leads to the last one. */
function lastSequenceOf(view: BatchView): number {
  return (view.baseSequence + view.lastOffsetDelta) % 2 ** 31;
}

function byTopic<T, L extends LogAddress>(
  logs: readonly L[],
  map: (log: L) => T,
): { topic: string; topicId: string; partitions: T[] }[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: T[] }>();
  for (const log of logs) {
    const known = topics.get(log.topic);
    if (known !== undefined) known.partitions.push(map(log));
    else topics.set(log.topic, { topic: log.topic, topicId: log.topicId, partitions: [map(log)] });
  }
  return [...topics.values()];
}

function assign<T, L extends LogAddress>(
  logs: readonly L[],
  answers: Map<string, T | LockstepError>,
  what: string,
): Answers<T, L> {
  return new Map(
    logs.map((log) => {
      // An answer can be null: nothing stands there.
      const byName = answers.get(`${log.topic}/${log.partition}`);
      const answer = byName === undefined ? answers.get(`${log.topicId}/${log.partition}`) : byName;
      return [log, answer === undefined ? missing(what, log) : answer] as const;
    }),
  );
}

/** -1 is told by brokers that know none; nothing may be planned by it. */
function toldOffset(offset: bigint, what: string, topic: string, partition: number): bigint | LockstepError {
  if (offset >= 0n) return offset;
  return new LockstepError('FRAME_INVALID', `${what} of ${topic}-${partition}: the broker told ${offset}`, {
    detail: { offset },
    retriable: true,
  });
}

/**
 * Whether the broker answered that it knows no such offset. It knows no log end by epoch where a log holds records of
 * formats v0 and v1 only, which have no leader epochs.
 */
export function isUnknownOffset(answer: unknown): boolean {
  return answer instanceof LockstepError && answer.detail.offset === -1n;
}

function missing(what: string, log: LogAddress): LockstepError {
  return new LockstepError('FRAME_INVALID', `the broker left out ${what} of ${log.topic}-${log.partition}`);
}

/** Questions that need more than Describe on the topic. */
const readingQuestions: ReadonlySet<string> = new Set(['fetch', 'producers']);

function refused(what: string, topic: string, partition: number, errorCode: number): LockstepError {
  const { name, retriable } = kafkaError(errorCode);
  const isRight = errorCode === 29 || errorCode === 31;
  const operation = readingQuestions.has(what) ? 'Read' : 'Describe';
  return new LockstepError(
    isRight ? 'NOT_AUTHORIZED' : 'KAFKA_ERROR',
    `${what} of ${topic}-${partition}: ${name}${isRight ? `: ${neededOn({ operation, topic })}` : ''}`,
    {
      detail: { topic, partition, kafkaError: name, number: errorCode },
      retriable,
    },
  );
}
