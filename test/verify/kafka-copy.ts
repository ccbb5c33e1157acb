// Copies made with our own hands on real Kafka, right or wrong as a test wants them. Not the mirror: the verifier
// must not be tested with the program that it checks.

import { type Cluster, createTopics, unwrap, writeTransactionMarkers } from '../../src/client/index.ts';
import { BatchView, rewriteHeader } from '../../src/records/index.ts';
import { clusterLogs, readLog } from '../../src/verify/index.ts';
import { sendBatch } from '../support/send-batch.ts';
import { waitFor } from '../support/wait-for.ts';

export async function makeTopic(
  cluster: Cluster,
  name: string,
  partitionCount = 1,
  configs: Record<string, string> = {},
): Promise<void> {
  const outcomes = await createTopics(cluster, [{ name, partitionCount, replicationFactor: 1, configs }]);
  for (const outcome of outcomes.values()) unwrap(outcome);
  // Brokers learn of a new topic one after another, and a moment after it was created.
  for (let partition = 0; partition < partitionCount; partition++) {
    await waitFor(() => cluster.leaderOf(name, partition), {
      deadlineMs: 10_000,
      describe: `a leader of ${name}-${partition}`,
    });
  }
}

/** Appends batches one by one as they are, but for the base offset; each must land at its own. */
export async function append(
  cluster: Cluster,
  topic: string,
  batches: readonly Buffer[],
  options: { partition?: number; transactionalId?: string } = {},
): Promise<void> {
  const { partition = 0 } = options;
  for (const bytes of batches) {
    const records = Buffer.from(bytes);
    const wanted = new BatchView(records, 0).baseOffset;
    rewriteHeader(new BatchView(records, 0), { baseOffset: 0n, partitionLeaderEpoch: -1 });
    const baseOffset = await sendBatch(cluster, topic, records, options);
    if (baseOffset !== wanted)
      throw new Error(`a batch meant for ${wanted} of ${topic}-${partition} landed at ${baseOffset}`);
  }
}

/** All batches of a partition, as a client with no transactions in mind would see them, copied. */
export async function batchesOf(cluster: Cluster, topic: string, partition = 0): Promise<Buffer[]> {
  const logs = clusterLogs(cluster);
  try {
    const log = logs.partitionLog(topic, partition);
    const { logStartOffset, highWatermark } = await log.offsets();
    const batches: Buffer[] = [];
    for await (const { view } of readLog(log, logStartOffset, highWatermark))
      batches.push(Buffer.from(view.bytes));
    return batches;
  } finally {
    logs.close();
  }
}

/** Fills as many offsets with markers of a made-up producer, as the mirror fills holes. */
export async function fillHoles(
  cluster: Cluster,
  topic: string,
  count: number,
  partition = 0,
): Promise<void> {
  const { leaderId } = await cluster.leaderOf(topic, partition);
  const connection = await cluster.openConnection(leaderId, { purpose: 'holes' });
  const marker = {
    producerId: 2n ** 62n + 1n,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    outcome: 'abort' as const,
    partitions: [{ topic, partition }],
  };
  await writeTransactionMarkers(
    connection,
    Array.from({ length: count }, () => marker),
  );
  connection.close();
}
