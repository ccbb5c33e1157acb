// Ends the writing of a link on one partition for good, as at a promotion: also that of an agent that is frozen now and
// wakes up later.
//
// The problem: such an agent holds batches and markers that were right when it fell asleep, and no waiting rules it
// out. The answer is the broker's: one marker with the highest producer epoch, under the producer id that the link
// writes with, makes it refuse all that comes with a lower one (47), data and markers. An agent that is about to begin
// the next rotation would come with another id, so that one is shut out the same way. It costs two offsets, which
// consumers never see, and needs the right that markers need.
//
// Markers have no compare-and-append, so what is believed is the log: its end has grown, every in-sync replica has it
// (or the next leader would not know), and the leader remembers the id with the closing epoch. A marker too many does
// no harm here, so an unclear outcome is tried again.
//
// It lasts as long as the broker remembers the id (producer.id.expiration.ms, a day unless set, from the marker's own
// time). Requests that are older than that must not be sent, which writers see to.
import { type Clock, sleep } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { closingEpoch, generationMax } from '../partition/identity.ts';
import { askBatchHeaders } from './batch-questions.ts';
import type { LedLog } from './broker-questions.ts';
import type { HoleOutcome, HoleWriter } from './hole-writer.ts';
import type { Ask, LogAddress } from './log-answers.ts';
import { askLogEnds, askOffsets, askProducers } from './log-questions.ts';

export interface FenceOptions {
  /** The leader, and the epoch in which it leads. */
  readonly log: LedLog;
  /**
   * The ids under which the newest runs of the partition were written, rotation and all: that of the link, and that of
   * the link which it took the mirror over from.
   */
  readonly writerIds: readonly bigint[];
  /** Asks the leader. */
  readonly ask: Ask;
  /** Writes to the leader. */
  readonly writer: HoleWriter;
  readonly clock: Clock;
  /** How long the replicas may take, in ms. */
  readonly timeoutMs: number;
}

export interface FenceReport {
  readonly producerIds: readonly bigint[];
  readonly logEndBefore: bigint;
  /** The first offset that is not the source's: where the closing markers begin, also those of an earlier call. */
  readonly cutOffset: bigint;
  readonly logEnd: bigint;
  /** False: in-sync replicas lack a part of the log, and with their leader the closing may be lost. */
  readonly isReplicated: boolean;
  /** Offsets between the two beyond our markers: somebody else wrote meanwhile. */
  readonly othersCount: number;
}

/** Tries for one id; more means that something is wrong which trying does not mend. */
const triesMax = 3;
const lookPauseMs = 20;
/** Batches that are looked through for the markers of earlier calls. */
const closingLooksMax = 512;
const notAuthorizedCodes: ReadonlySet<number> = new Set([29, 31]);

/**
 * Closes the partition for the link. Does nothing where that was done before.
 * @throws LockstepError NOT_AUTHORIZED where the right for markers is missing; KAFKA_ERROR where it did not come about:
 *   the partition must not be taken for closed then. What `ask` throws: nor then.
 */
export async function fencePartition(options: FenceOptions): Promise<FenceReport> {
  const { log, writerIds } = options;
  const producerIds = writerIds.flatMap((id) => [id, id + 1n]);
  const logEndBefore = await readLogEnd(options);
  const asked: number[] = [];
  for (const id of producerIds) asked.push(await closeProducer(options, id));
  const { logEnd, isReplicated } = await replicatedEnd(options);
  // The last word: leader and epoch are the same as at the beginning, or reading the log end would have failed.
  for (const id of producerIds) {
    if (await isClosed(options, id)) continue;
    throw failure(log, `producer id ${id} is not closed although its marker was written`);
  }
  const grown = Number(logEnd - logEndBefore);
  if (grown < asked.filter((count) => count > 0).length)
    throw failure(log, `the log ends at ${logEnd}, too few markers behind ${logEndBefore}`);
  const markerCount = asked.reduce((sum, count) => sum + count, 0);
  const othersCount = Math.max(0, grown - markerCount);
  const isOurDoing = asked.every((count) => count > 0);
  const cutOffset = isOurDoing
    ? logEndBefore + BigInt(othersCount)
    : await closingBegins(options, producerIds, logEndBefore);
  return { producerIds, logEndBefore, cutOffset, logEnd, isReplicated, othersCount };
}

/**
 * Where the closing markers begin, below an offset: an earlier call wrote them and could not tell. Whoever was given the
 * right to write behind that call may have written since. Not found among the newest batches: the offset itself.
 */
async function closingBegins(
  { ask, log }: FenceOptions,
  producerIds: readonly bigint[],
  end: bigint,
): Promise<bigint> {
  let begin = end;
  let isFound = false;
  for (let looks = 0; looks < closingLooksMax && begin > 0n; looks++) {
    const newest = (await askBatchHeaders(ask, [log], () => begin - 1n)).get(log);
    // Who may not read the mirror has to do with its end.
    if (newest instanceof LockstepError && newest.code !== 'NOT_AUTHORIZED') throw newest;
    if (newest == null || newest instanceof LockstepError) break;
    const isClosing = newest.producerEpoch === closingEpoch && producerIds.includes(newest.producerId);
    if (isFound && !isClosing) break;
    isFound ||= isClosing;
    begin = newest.baseOffset;
  }
  return isFound ? begin : end;
}

/** Resolves with the number of markers that this took: none when the id was closed before. */
async function closeProducer(options: FenceOptions, producerId: bigint): Promise<number> {
  const { log } = options;
  let reason = '';
  for (let tries = 0; tries < triesMax; tries++) {
    if (await isClosed(options, producerId)) return tries;
    const outcome = await writeMarker(options, producerId, await readLogEnd(options));
    if (outcome.kind === 'answered' && notAuthorizedCodes.has(outcome.errorCode)) {
      throw new LockstepError('NOT_AUTHORIZED', `${nameOf(log)} can't be closed: ${outcome.reason}`, {
        detail: { topic: log.topic, partition: log.partition, number: outcome.errorCode },
      });
    }
    reason = outcome.reason;
  }
  if (await isClosed(options, producerId)) return triesMax;
  throw failure(log, `the marker did not come about in ${triesMax} tries (${reason})`);
}

function writeMarker(
  { log, writer }: FenceOptions,
  producerId: bigint,
  offset: bigint,
): Promise<HoleOutcome> {
  const { topic, topicId, partition } = log;
  // No later marker of the id is younger; equal ones are welcome, so that closing twice works.
  const markers = { producerId, epoch: closingEpoch, generation: generationMax, offset, count: 1 };
  return new Promise((onOutcome) => writer.write({ topic, topicId, partition, markers, onOutcome }));
}

async function isClosed({ ask, log }: FenceOptions, producerId: bigint): Promise<boolean> {
  const entries = (await askProducers(ask, [log])).get(log);
  if (entries === undefined || entries instanceof LockstepError)
    throw entries ?? failure(log, 'its producers can not be read');
  return entries.some((entry) => entry.producerId === producerId && entry.epoch === closingEpoch);
}

/** Waits for the high watermark to reach the log end: a marker that only the leader has is lost with it. */
async function replicatedEnd(
  options: FenceOptions,
): Promise<{ readonly logEnd: bigint; readonly isReplicated: boolean }> {
  const { log, ask, clock, timeoutMs } = options;
  const deadlineMs = clock.nowMs() + timeoutMs;
  for (;;) {
    const logEnd = await readLogEnd(options);
    const highWatermark = (await askOffsets(ask, [log], 'latest')).get(log);
    if (highWatermark instanceof LockstepError) throw highWatermark;
    if (highWatermark !== undefined && highWatermark >= logEnd) return { logEnd, isReplicated: true };
    if (clock.nowMs() >= deadlineMs) return { logEnd, isReplicated: false };
    await sleep(clock, lookPauseMs);
  }
}

async function readLogEnd({ ask, log }: FenceOptions): Promise<bigint> {
  const answer = (await askLogEnds(ask, [log])).get(log);
  if (typeof answer === 'bigint') return answer;
  throw answer ?? failure(log, 'its log end can not be read');
}

function nameOf({ topic, partition }: LogAddress): string {
  return `${topic}-${partition}`;
}

function failure(log: LogAddress, what: string): LockstepError {
  return new LockstepError('KAFKA_ERROR', `${nameOf(log)} is not closed: ${what}`, {
    detail: { topic: log.topic, partition: log.partition },
    retriable: true,
  });
}
