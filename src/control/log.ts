// The log of the control topic as requests: one fetch that waits for what is new, and appends of keys and values.
import {
  type Cluster,
  type Connection,
  type ProducerIdentity,
  transactionalWriting,
} from '../client/index.ts';
import { apis, type FetchResponse } from '../protocol/index.ts';
import { encodeBatch, type RecordView } from '../records/index.ts';
import { controlPartition, controlTopic } from './topic.ts';

/** Bytes asked for in one fetch; one larger batch still comes whole. */
const fetchBytesMax = 1024 * 1024;
/** A broker that says nothing for so long beyond the wait is taken for dead. */
const answerGraceMs = 10_000;
const ackTimeoutMs = 30_000;
const readCommitted = 1;
/** Bytes of keys and values in one batch, far below what any broker takes; one larger entry goes alone. */
const batchBytesMax = 256 * 1024;
/** Newer versions add the partition to the transaction by themselves (KIP-890, transaction version 2). */
const transactionalProduceVersionMax = 11;

export interface FetchPosition {
  readonly topicId: string;
  readonly leaderEpoch: number;
  readonly offset: bigint;
  /** Epoch of the batch before; lets the leader tell a log that was cut off (KIP-595). -1 for none. */
  readonly lastFetchedEpoch: number;
}

/** What is new from a position on; waits up to `waitMs` for it. Undefined when the broker holds its answer back (quotas). */
export async function fetchLog(
  connection: Connection,
  position: FetchPosition,
  waitMs: number,
): Promise<FetchResponse['responses'][number]['partitions'][number] | undefined> {
  const body = await connection.send(
    apis.Fetch,
    {
      maxWaitMs: waitMs,
      minBytes: 1,
      maxBytes: fetchBytesMax,
      isolationLevel: readCommitted,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: controlTopic,
          topicId: position.topicId,
          partitions: [
            {
              partition: controlPartition,
              currentLeaderEpoch: position.leaderEpoch,
              fetchOffset: position.offset,
              lastFetchedEpoch: position.lastFetchedEpoch,
              partitionMaxBytes: fetchBytesMax,
            },
          ],
        },
      ],
    },
    { timeoutMs: waitMs + answerGraceMs },
  );
  const answer = body.responses[0]?.partitions[0];
  return body.errorCode === 0 || answer === undefined ? answer : { ...answer, errorCode: body.errorCode };
}

/** Keys and texts; null removes the key. */
export type Entry = readonly [key: string, text: string | null];

/** The entries in their order, cut into records of one batch each. */
export function recordsOf(entries: Iterable<Entry>, nowMs: number): RecordView[][] {
  const batches: RecordView[][] = [];
  let sizeBytes = batchBytesMax;
  for (const [key, text] of entries) {
    const [keyBytes, value] = [Buffer.from(key), text === null ? null : Buffer.from(text)];
    const entryBytes = keyBytes.length + (value?.length ?? 0);
    if (sizeBytes + entryBytes > batchBytesMax) {
      batches.push([]);
      sizeBytes = 0;
    }
    const records = batches.at(-1)!;
    records.push({
      offset: BigInt(records.length),
      timestamp: BigInt(nowMs),
      key: keyBytes,
      value,
      headers: [],
    });
    sizeBytes += entryBytes;
  }
  return batches;
}

/** Where an append belongs in the transaction of a producer. */
export interface InTransaction {
  readonly transactionalId: string;
  readonly producer: ProducerIdentity;
  readonly baseSequence: number;
}

/**
 * Appends one batch and resolves with the offset of its last record when every in-sync replica has it. Tried again
 * when the answer is lost: in a transaction the broker knows the batch by its sequence, else the same values twice are
 * the same state.
 */
export async function appendBatch(
  cluster: Cluster,
  records: readonly RecordView[],
  transaction?: InTransaction,
): Promise<bigint> {
  /** A topic that was just created is not known to every broker yet. */
  const { topicId } = await cluster.retry(() => cluster.leaderOf(controlTopic, controlPartition));
  const batch = encodeBatch(
    records,
    transaction && { ...transaction.producer, baseSequence: transaction.baseSequence, isTransactional: true },
  );
  const answer = await cluster.request(
    apis.Produce,
    {
      transactionalId: transaction?.transactionalId ?? null,
      acks: -1,
      timeoutMs: ackTimeoutMs,
      topicData: [
        { name: controlTopic, topicId, partitionData: [{ index: controlPartition, records: batch }] },
      ],
    },
    {
      to: { leaderOf: { topic: controlTopic, partition: controlPartition } },
      what: `writing to topic ${controlTopic}`,
      right: transactionalWriting(transaction?.transactionalId ?? '', controlTopic),
      ...(transaction === undefined ? {} : { versionMax: transactionalProduceVersionMax }),
      errorOf: ({ responses }) => {
        const answer = responses[0]?.partitionResponses[0];
        return { number: answer?.errorCode ?? -1, message: answer?.errorMessage ?? null };
      },
    },
  );
  return answer.responses[0]!.partitionResponses[0]!.baseOffset + BigInt(records.length - 1);
}
