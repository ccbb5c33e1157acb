// Deletes the topics whose tails are saved and verified, and nothing else: each by the id that was looked at, and only
// while its log ends where the verification ended.
//
// Kafka can't delete a topic on condition. So each is looked at directly before it is deleted, rather than all before
// the first: what is written within the round trip that is left is lost, and Kafka has no means against that.
import { deleteTopicById, deleteTopics, describeTopics, unwrap } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { clusterLogs } from '../../verify/index.ts';
import type { OpenRegion } from '../types.ts';
import { type Found, type FoundTopic, grownTo, type VerifiedTail } from './facts.ts';
import { lostLogs } from './lost-logs.ts';
import { readTail } from './tail.ts';
import { verifyTails } from './tails.ts';

/** Brokers may take a while to let go of a topic, ms. */
const goneMsMax = 120_000;
const unknownTopic = 3;
/** How often what is written while tails are verified is saved as well. */
const verifyRoundsMax = 3;

export interface DeleteOptions {
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Asked before each look at a topic; throws where it must not be deleted any more. */
  before(topic: string): Promise<void>;
}

/**
 * Deletes what is left, and saves before that what was written since.
 * @returns the names of those that were there.
 * @throws LockstepError where somebody writes again and again; what `before` throws.
 */
export async function deleteSaved(
  lost: OpenRegion,
  found: Found,
  verified: readonly VerifiedTail[],
  options: DeleteOptions,
): Promise<string[]> {
  const deleted: string[] = [];
  for (const topic of await stillThere(lost, found))
    if (await deleteOne(lost, { ...found, copied: [topic] }, verified, options)) deleted.push(topic.topic);
  await untilGone(lost, found);
  return deleted;
}

/** @returns whether it was there. */
async function deleteOne(
  lost: OpenRegion,
  found: Found,
  verifiedBefore: readonly VerifiedTail[],
  { signal, say, before }: DeleteOptions,
): Promise<boolean> {
  const { topic } = found.copied[0]!;
  let verified = verifiedBefore;
  for (let round = 1; ; round++) {
    signal.throwIfAborted();
    await before(topic);
    const [now] = await stillThere(lost, found);
    if (now === undefined) return false;
    const written = await writtenSince(lost, [now], verified, signal);
    if (written === null) {
      await deleteTopic(lost, now);
      return true;
    }
    if (round > verifyRoundsMax)
      throw new LockstepError(
        'KAFKA_ERROR',
        `${lost.name}: somebody writes again and again to what is to be deleted (${written}); ${topic} was not deleted. Stop them, and go on with the same command`,
      );
    say(`${written} was written since; it is saved, too`);
    verified = await verifyTails(lost, found, { signal });
  }
}

/**
 * What was written since the tails were verified would be lost with them. Markers may come at any time, and are no
 * records.
 * @returns the first partition and offset, in words; null: nothing was written.
 */
export async function writtenSince(
  { cluster }: OpenRegion,
  topics: readonly FoundTopic[],
  verified: readonly VerifiedTail[],
  signal: AbortSignal,
): Promise<string | null> {
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

/** Resolves when the cluster has agreed to it. */
async function deleteTopic({ cluster }: OpenRegion, { topic, topicId }: FoundTopic): Promise<void> {
  await deleteTopicById(cluster, topicId!, { name: topic }).catch(async (error: unknown) => {
    // Before Kafka 2.8 topics have names only.
    if (!(error instanceof LockstepError) || error.code !== 'UNSUPPORTED_VERSION') throw error;
    unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
  });
}

/** Resolves when none of them is known any more. */
async function untilGone(lost: OpenRegion, found: Found): Promise<void> {
  const { cluster } = lost;
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
}

/** Topics with the ids that were looked at, and the partitions that they have now. */
export async function stillThere({ cluster }: OpenRegion, { copied }: Found): Promise<FoundTopic[]> {
  const wanted = copied.filter(({ topicId }) => topicId !== null);
  const described = await describeTopics(
    cluster,
    wanted.map(({ topic }) => topic),
  );
  return wanted.flatMap((topic) => {
    const now = described.get(topic.topic)!;
    if (!now.ok && now.error.detail.number !== unknownTopic) throw now.error;
    return now.ok && now.value.topicId === topic.topicId ? [grownTo(topic, now.value.partitions.length)] : [];
  });
}
