// How logs are filled: each lane has one request under way on its connection, until nothing is left to be sent.
import type { Cluster, Connection } from '../src/client/index.ts';
import { LockstepError } from '../src/errors.ts';
import { apis } from '../src/protocol/index.ts';

/** What one request brings a partition. */
export interface PartitionBatches {
  readonly index: number;
  readonly records: Buffer;
}

export const requestTimeoutMs = 60_000;

/**
 * Sends what `next` gives, of partitions of one leader, until it gives null. Lanes are its connections; one that stands there
 * twice has two requests under way.
 */
export async function appendAll(
  { cluster, topic, lanes }: { cluster: Cluster; topic: string; lanes: readonly Connection[] },
  next: () => PartitionBatches[] | null,
): Promise<void> {
  const { topicId } = await cluster.leaderOf(topic, 0);
  const sendOn = async (connection: Connection) => {
    for (let partitionData = next(); partitionData !== null; partitionData = next()) {
      const topicData = [{ name: topic, topicId, partitionData }];
      const request = { transactionalId: null, acks: 1, timeoutMs: requestTimeoutMs, topicData };
      checkAppended(await connection.send(apis.Produce, request, { timeoutMs: requestTimeoutMs }));
    }
  };
  await Promise.all(lanes.map(sendOn));
}

/** Throws INTERNAL where a partition took nothing. */
export function checkAppended(answer: {
  responses: { partitionResponses: { errorCode: number; index: number }[] }[];
}): void {
  for (const { partitionResponses } of answer.responses)
    for (const { errorCode, index } of partitionResponses)
      if (errorCode !== 0)
        throw new LockstepError('INTERNAL', `Writing the log: partition ${index} answered ${errorCode}.`);
}
