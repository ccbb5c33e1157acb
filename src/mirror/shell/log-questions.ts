// Where a broker's logs end and start, and who wrote to them: many partitions in one request.
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import { isLockstepProducerId, type ProducerEntry } from '../partition/identity.ts';
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

const latestTimestamp = -1n;
const earliestTimestamp = -2n;
const consumerReplica = -1;

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

/** The high watermark (`latest`), the last stable offset (`stable`) or the log start (`earliest`), by ListOffsets. */
export async function askOffsets<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
  which: 'latest' | 'stable' | 'earliest',
): Promise<Answers<bigint, L>> {
  const what = `${which} offset`;
  const question = {
    timestamp: which === 'earliest' ? earliestTimestamp : latestTimestamp,
    isolationLevel: which === 'stable' ? readCommitted : readUncommitted,
    what,
  };
  return await listOffsets(ask, logs, question, (offset, topic, partition) =>
    toldOffset(offset, what, topic, partition),
  );
}

/**
 * Whether a record with a timestamp stands in a log. Fillers have none, and asking takes DESCRIBE only: what tells them
 * from records where READ is withheld.
 */
export async function askHoldsTimedRecords<L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
): Promise<Answers<boolean, L>> {
  const question = { timestamp: 0n, isolationLevel: readUncommitted, what: 'timed records' };
  return await listOffsets(ask, logs, question, (offset) => offset >= 0n);
}

/** The first offset with a record of this timestamp or a later one; null where there is none. */
export async function askOffsetOfTime(ask: Ask, log: LogAddress, timestamp: bigint): Promise<bigint | null> {
  const question = { timestamp, isolationLevel: readUncommitted, what: 'offset of a time' };
  const answers = await listOffsets(ask, [log], question, (offset) => (offset < 0n ? null : offset));
  const answer = answers.get(log)!;
  if (answer instanceof LockstepError) throw answer;
  return answer;
}

/** `read` is told what a broker answered: -1 where nothing stands there. */
async function listOffsets<T, L extends LogAddress>(
  ask: Ask,
  logs: readonly L[],
  { timestamp, isolationLevel, what }: { timestamp: bigint; isolationLevel: number; what: string },
  read: (offset: bigint, topic: string, partition: number) => T | LockstepError,
): Promise<Answers<T, L>> {
  if (logs.length === 0) return new Map();
  const response = await ask(apis.ListOffsets, {
    replicaId: consumerReplica,
    isolationLevel,
    topics: byTopic(logs, ({ partition, leaderEpoch }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: leaderEpoch,
      timestamp,
    })).map(({ topic, partitions }) => ({ name: topic, partitions })),
  });
  const answers = new Map<string, T | LockstepError>();
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      answers.set(
        `${name}/${partitionIndex}`,
        errorCode === 0 ? read(offset, name, partitionIndex) : refused(what, name, partitionIndex, errorCode),
      );
    }
  }
  return assign(logs, answers, what);
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
