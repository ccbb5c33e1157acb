// What an answer to a fetch holds, and how each partition's part is handed to its target: cut into batches that share the
// frame, in the mirror's offsets. One spoiled part keeps nothing from the others.
import { LockstepError } from '../../errors.ts';
import type { FetchResponse } from '../../protocol/index.ts';
import { markAborted, splitBatches } from '../../records/index.ts';
import { checkAnswer } from './answer-check.ts';
import type { FetchPosition } from './fetch-session.ts';
import type { Asked, FetchTarget } from './fetch-target.ts';
import type { FrameLease, LeasedBatch } from './leased-batch.ts';
import { leaseBatches, leaseRuns } from './tiny-batches.ts';

export type PartitionAnswer = FetchResponse['responses'][number]['partitions'][number];

/** By which key a partition's part of an answer was asked for; undefined: it was not. */
export type KeyOf = (topic: FetchResponse['responses'][number], partition: number) => string | undefined;

export function keysOf(all: ReadonlyMap<string, Asked>): KeyOf {
  let keysByName: ReadonlyMap<string, string> | undefined;
  return ({ topic, topicId }, partition) => {
    if (topic === '') return `${topicId}/${partition}`;
    keysByName ??= namesOf(all);
    return keysByName.get(`${topic}/${partition}`);
  };
}

/** No partition of the whole answer has records. */
export function isWithoutRecords({ responses }: FetchResponse): boolean {
  return responses.every(({ partitions }) =>
    partitions.every(({ records }) => records === null || records.length === 0),
  );
}

/** Over a quota of ours a broker answers at once, with nothing, whatever there is (KIP-219). */
export function isHeldBack({ throttleTimeMs, responses }: FetchResponse): boolean {
  return throttleTimeMs > 0 && responses.length === 0;
}

/** Bytes of records of partitions that catch up. */
export function bytesBehind(body: FetchResponse, asked: ReadonlyMap<string, Asked>): number {
  const keyOf = keysOf(asked);
  let bytes = 0;
  for (const topic of body.responses) {
    for (const { partitionIndex, records } of topic.partitions) {
      const key = keyOf(topic, partitionIndex);
      if (records !== null && asked.get(key ?? '')?.target.isLive === false) bytes += records.length;
    }
  }
  return bytes;
}

export function handOver(
  answer: PartitionAnswer,
  { target, position: asked }: Asked,
  { lease, isAnswerEmpty }: { lease: FrameLease; isAnswerEmpty: boolean },
): void {
  if (answer.errorCode !== 0) return target.onFetchError(asked, answer.errorCode);
  if (answer.divergingEpoch.endOffset >= 0n) return target.onDiverging(asked, answer.divergingEpoch);
  let batches: LeasedBatch[];
  try {
    batches = cutBatches(answer, target, asked, lease);
  } catch (error) {
    // One spoiled partition must not keep the answer from the others.
    if (!(error instanceof LockstepError)) throw error;
    return target.onUnreadable(asked, error.message);
  }
  target.onFetched(asked, batches, {
    highWatermark: answer.highWatermark,
    lastStableOffset: answer.lastStableOffset,
    logStart: answer.logStartOffset,
    isAnswerEmpty,
  });
}

function cutBatches(
  answer: PartitionAnswer,
  target: FetchTarget,
  asked: FetchPosition,
  lease: FrameLease,
): LeasedBatch[] {
  const { records, abortedTransactions, lastStableOffset, highWatermark } = answer;
  if (records === null || records.length === 0) return [];
  const { shift, mergedBytesMax = 0 } = target;
  const end = lastStableOffset >= 0n ? lastStableOffset : highWatermark;
  const runs = leaseRuns(records, lease, { from: asked.offset, shift, mergedBytesMax });
  if (runs.end === records.length) return runs.leased;
  try {
    const { batches, incompleteBytes } = splitBatches(records.subarray(runs.end));
    // A batch that does not fit is sent whole or not at all, where it would be the only one (KIP-74).
    if (batches.length === 0 && runs.leased.length === 0) throw notOneBatch(asked, incompleteBytes);
    const from = runs.nextOffset;
    const checked = checkAnswer(markAborted(batches, abortedTransactions), { offset: from, end });
    return [...runs.leased, ...leaseBatches(checked, lease, { from, shift, mergedBytesMax })];
  } catch (error) {
    for (const batch of runs.leased) batch.release();
    throw error;
  }
}

function notOneBatch({ offset }: FetchPosition, incompleteBytes: number): LockstepError {
  return new LockstepError(
    'BATCH_CORRUPT',
    `The source answered a fetch at offset ${offset} with ${incompleteBytes} bytes, and the length of the batch there says that it is longer.`,
    { detail: { offset } },
  );
}

/** Fetch answers up to version 12 name topics; Kafka 2.8 to 3.0 answer so, although they have topic ids (KIP-516). */
function namesOf(all: ReadonlyMap<string, Asked>): ReadonlyMap<string, string> {
  return new Map(
    Array.from(all, ([key, { position }]) => [`${position.topic}/${position.partition}`, key] as const),
  );
}
