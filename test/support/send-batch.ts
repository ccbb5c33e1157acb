// One encoded batch to a partition's leader, for tests that say what stands in it byte for byte.
import type { Cluster } from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';

export interface SendBatchOptions {
  /** Default 0. */
  readonly partition?: number;
  /** Whose transaction it is part of; default: of none. */
  readonly transactionalId?: string | null;
}

/** Before Produce version 12 nothing is added to a transaction by itself (KIP-890). */
const versionMaxOfTransactions = 11;
const versionMax = 13;

/**
 * Resolves with the batch's base offset once all in-sync replicas have it.
 * @throws LockstepError where the broker refuses it
 */
export async function sendBatch(
  cluster: Cluster,
  topic: string,
  records: Buffer,
  { partition = 0, transactionalId = null }: SendBatchOptions = {},
): Promise<bigint> {
  // Metadata names a topic before it has a leader.
  const { topicId } = await cluster.retry(() => cluster.leaderOf(topic, partition));
  const { responses } = await cluster.request(
    apis.Produce,
    {
      ...{ transactionalId, acks: -1, timeoutMs: 30_000 },
      topicData: [{ name: topic, topicId, partitionData: [{ index: partition, records }] }],
    },
    {
      to: { leaderOf: { topic, partition } },
      versionMax: transactionalId === null ? versionMax : versionMaxOfTransactions,
      errorOf: (body) => ({ number: body.responses[0]!.partitionResponses[0]!.errorCode }),
    },
  );
  return responses[0]!.partitionResponses[0]!.baseOffset;
}
