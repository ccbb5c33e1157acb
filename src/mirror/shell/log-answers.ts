// Questions to a broker about the logs it leads: many partitions in one request, and each log's own answer.
// Errors stay with their partition; a request that fails as a whole throws.
import { LockstepError } from '../../errors.ts';
import { type Api, type Input, kafkaError } from '../../protocol/index.ts';
import { neededOn } from './refusal.ts';

/** A partition, with the leader epoch under which the broker that is asked is believed to lead it. */
export interface LogAddress {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

/** Isolation levels of ListOffsets and Fetch. */
export const readUncommitted = 0;
export const readCommitted = 1;

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

/** A request names each topic once. */
export function byTopic<T, L extends LogAddress>(
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

/** Each log's answer by its topic's name or id; one that the broker left out is an error. */
export function assign<T, L extends LogAddress>(
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

function missing(what: string, log: LogAddress): LockstepError {
  return new LockstepError('FRAME_INVALID', `the broker left out ${what} of ${log.topic}-${log.partition}`);
}

/** Questions that need more than Describe on the topic. */
const readingQuestions: ReadonlySet<string> = new Set(['fetch', 'producers']);

export function refused(what: string, topic: string, partition: number, errorCode: number): LockstepError {
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
