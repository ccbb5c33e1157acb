// The logs of the region that is back: every partition from the cut on, and in front of it where transactions were cut
// off. A partition that can't be read is answered with the reason.
import { type Cluster, describeTopics } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { Slots } from '../../slots.ts';
import { type LogSource, LogStalled, OffsetGone } from '../../verify/index.ts';
import type { TransactionPart } from './log-scan.ts';
import type { PlacedPart } from './split.ts';
import { readBefore, readTail, type Tail } from './tail.ts';
import type { PartitionLoss, TopicLoss } from './types.ts';

/** Logs read at a time. */
const logsAtOnceMax = 16;
/** When so many did not answer, the others are not asked: a region may come back broker by broker. */
const unansweredMax = 32;

/** By `topic-partition`. */
export type Tails = ReadonlyMap<string, Tail | LockstepError>;

export const placeOf = ({ topic }: { topic: string }, { partition }: { partition: number }): string =>
  `${topic}-${partition}`;
const cutAt = ({ cutOffset, shift }: PartitionLoss): bigint => BigInt(cutOffset) + BigInt(shift);

/** `isLost`: whether a topic's log there still is the one that was lost. */
export async function readTails(
  logs: LogSource,
  cluster: Cluster,
  topics: readonly TopicLoss[],
  { isLost, signal }: { isLost: (topic: string) => boolean; signal: AbortSignal },
): Promise<Tails> {
  const described = await describeTopics(
    cluster,
    topics.map(({ topic }) => topic),
  );
  const slots = new Slots(logsAtOnceMax);
  let unansweredCount = 0;
  const tails = topics.flatMap((topic) =>
    topic.partitions.map(async (partition): Promise<[string, Tail | LockstepError]> => {
      const place = placeOf(topic, partition);
      const found = described.get(topic.topic)!;
      if (!found.ok) return [place, found.error];
      if (!isLost(topic.topic)) return [place, restored(cluster, topic.topic)];
      if (found.value.topicId !== topic.sourceTopicId) return [place, anotherTopic(cluster, topic.topic)];
      const log = logs.partitionLog(topic.topic, partition.partition);
      const options = { cut: cutAt(partition), shift: BigInt(partition.shift), signal };
      const tail = await slots.use(async () => {
        if (unansweredCount >= unansweredMax) return notAsked(cluster);
        const outcome = await orError(() => readTail(log, options));
        if (outcome instanceof LockstepError && outcome.retriable) unansweredCount += 1;
        return outcome;
      });
      return [place, tail];
    }),
  );
  return new Map(await Promise.all(tails));
}

function notAsked({ name }: Cluster): LockstepError {
  return new LockstepError('CLUSTER_UNREACHABLE', `${name}: not asked, since many others did not answer`);
}

function restored(cluster: Cluster, topic: string): LockstepError {
  return new LockstepError(
    'CLUSTER_CHANGED',
    `${cluster.name}: topic ${topic} does not await a restore any more: what it has now comes from the new primary`,
  );
}

function anotherTopic(cluster: Cluster, topic: string): LockstepError {
  return new LockstepError(
    'CLUSTER_CHANGED',
    `${cluster.name}: topic ${topic} was deleted and created again: what it had is gone, or stands in a quarantine topic`,
  );
}

/** What the work gives, or the expected failure that it ends with. */
export async function orError<T>(work: () => Promise<T>): Promise<T | LockstepError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LockstepError) return error;
    if (error instanceof OffsetGone || error instanceof LogStalled)
      return new LockstepError('KAFKA_ERROR', error.message, { cause: error });
    throw error;
  }
}

/** Parts of the transactions that were cut off, wherever they stand. */
export async function wholeParts(
  logs: LogSource,
  topics: readonly TopicLoss[],
  tails: Tails,
  { producers, signal }: { producers: ReadonlySet<bigint>; signal: AbortSignal },
): Promise<PlacedPart[]> {
  if (producers.size === 0) return [];
  const slots = new Slots(logsAtOnceMax);
  const found = topics.flatMap(({ topic, partitions }) =>
    partitions.map(async (partition): Promise<PlacedPart[]> => {
      const tail = tails.get(placeOf({ topic }, partition));
      if (tail === undefined || tail instanceof LockstepError) return [];
      const log = logs.partitionLog(topic, partition.partition);
      const options = { cut: cutAt(partition), logStart: tail.logStart, producers, signal };
      const parts = await slots.use(() => orError(() => readBefore(log, options)));
      return parts instanceof LockstepError ? [] : parts.map((part) => placed(part, topic, partition));
    }),
  );
  return (await Promise.all(found)).flat();
}

function placed(
  part: TransactionPart,
  topic: string,
  { partition, cutOffset, shift }: PartitionLoss,
): PlacedPart {
  const by = BigInt(shift);
  return {
    ...part,
    ...{ topic, partition, cutOffset: BigInt(cutOffset), from: part.from - by, to: part.to - by },
  };
}
