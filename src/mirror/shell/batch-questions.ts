// The batches that stand in a broker's logs, by fetches of their own: not the sessions that are copied from.
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import {
  type AbortedTransaction,
  BatchView,
  headerBytes,
  markAborted,
  normalisedChecksum,
  readRecords,
  splitBatches,
} from '../../records/index.ts';
import type { MirrorFingerprint } from '../partition/tail.ts';
import {
  type Answers,
  type Ask,
  assign,
  byTopic,
  type LogAddress,
  readCommitted,
  readUncommitted,
  refused,
} from './log-answers.ts';

/** More than a batch header; whole batches come anyway where they are first in an answer. */
const tailBytesMax = 1024;
/** Batches of this size and less are told in a few rounds, larger ones one in each round. */
const tailBytesLimit = 1024 * 1024;
const tailBytesGrowth = 16;
/** In one answer about many partitions. */
const answerBytesMax = 8 * 1024 * 1024;

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
