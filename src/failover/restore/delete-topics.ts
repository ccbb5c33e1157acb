// Deletes the topics whose tails are saved and verified, and nothing else: each by the id that was looked at, and only
// while its log ends where the verification ended.
import { deleteTopicById, deleteTopics, describeTopics, unwrap } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { clusterLogs } from '../../verify/index.ts';
import type { OpenRegion } from '../types.ts';
import type { Found, FoundTopic, VerifiedTail } from './facts.ts';
import { lostLogs } from './lost-logs.ts';
import { readTail } from './tail.ts';

/** Brokers may take a while to let go of a topic, ms. */
const goneMsMax = 120_000;
const unknownTopic = 3;

/**
 * What was written since the tails were verified would be lost with them. Markers may come at any time, and are no
 * records.
 * @returns the first partition and offset, in words; null: nothing was written.
 */
export async function writtenSince(
  lost: OpenRegion,
  found: Found,
  verified: readonly VerifiedTail[],
  signal: AbortSignal,
): Promise<string | null> {
  const { cluster } = lost;
  const topics = await stillThere(lost, found);
  const partitions = topics.flatMap(({ topic, tails }) =>
    tails.map(({ partition }) => ({ topic, partition })),
  );
  const ends = new Map(verified.map(({ topic, partition, logEnd }) => [`${topic}/${partition}`, logEnd]));
  const now = await lostLogs(cluster, partitions);
  const logs = clusterLogs(cluster);
  const uncommitted = clusterLogs(cluster, { isolation: 'read_uncommitted' });
  try {
    for (const { topic, partition } of partitions) {
      const key = `${topic}/${partition}`;
      const { logStart, logEnd, lastStableOffset } = now.get(key)!;
      const start = later(ends.get(key) ?? logStart, logStart);
      const logsOf = {
        committed: logs.partitionLog(topic, partition),
        uncommitted: uncommitted.partitionLog(topic, partition),
      };
      for await (const { records } of readTail(logsOf, { start, lastStableOffset, end: logEnd }, signal))
        return `${topic}-${partition}, offset ${records[0]?.offset}`;
    }
    return null;
  } finally {
    logs.close();
    uncommitted.close();
  }
}

/** Deletes what is left, and waits until it is gone. @returns the names of those that were there. */
export async function deleteDiverged(lost: OpenRegion, found: Found, signal: AbortSignal): Promise<string[]> {
  const { cluster } = lost;
  const left = await stillThere(lost, found);
  for (const { topic, topicId } of left) {
    signal.throwIfAborted();
    await deleteTopicById(cluster, topicId!).catch(async (error: unknown) => {
      // Before Kafka 2.8 topics have names only.
      if (!(error instanceof LockstepError) || error.code !== 'UNSUPPORTED_VERSION') throw error;
      unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
    });
  }
  await cluster.retry(
    async () => {
      const [open] = await stillThere(lost, found);
      if (open === undefined) return;
      throw new LockstepError('KAFKA_ERROR', `cluster ${cluster.name}: topic ${open.topic} is not gone yet`, {
        retriable: true,
      });
    },
    { timeoutMs: goneMsMax },
  );
  return left.map(({ topic }) => topic);
}

/** Topics with the ids that were looked at. */
export async function stillThere({ cluster }: OpenRegion, { copied }: Found): Promise<FoundTopic[]> {
  const wanted = copied.filter(({ topicId }) => topicId !== null);
  const described = await describeTopics(
    cluster,
    wanted.map(({ topic }) => topic),
  );
  return wanted.filter(({ topic, topicId }) => {
    const now = described.get(topic)!;
    if (!now.ok && now.error.detail.number !== unknownTopic) throw now.error;
    return now.ok && now.value.topicId === topicId;
  });
}
