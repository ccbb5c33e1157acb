// The divergent tails of all topics that are going to be deleted: saved, and shown to be saved.
import { describeConfigs, describeTopics, unwrap } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { Slots } from '../../slots.ts';
import { clusterLogs } from '../../verify/index.ts';
import type { OpenRegion } from '../types.ts';
import { type Found, type FoundTopic, grownTo, type VerifiedTail } from './facts.ts';
import { lostLogs } from './lost-logs.ts';
import { createQuarantine } from './quarantine.ts';
import { reading } from './reading.ts';
import { type SaveTailOptions, saveTail, verifyTail } from './save-tail.ts';

/** Each holds a few megabytes. */
const tailsAtOnceMax = 4;
const messageBytesMaxDefault = 1_048_588;

export interface TailsOptions {
  readonly onSaved?: (records: number, bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Saves what is not saved yet.
 * @returns how many offsets retention has taken since it was looked, of all partitions.
 */
export async function saveTails(lost: OpenRegion, found: Found, options: TailsOptions): Promise<bigint> {
  const ends = await eachTail(lost, found, options, saveTail);
  return [...ends.values()].reduce((sum, { taken }) => sum + taken, 0n);
}

/**
 * Saves what came since, and compares every record.
 * @returns where each log ended.
 * @throws LockstepError for the first record that is not saved.
 */
export async function verifyTails(
  lost: OpenRegion,
  found: Found,
  options: TailsOptions,
): Promise<VerifiedTail[]> {
  const verified: VerifiedTail[] = [];
  const ends = await eachTail(lost, found, options, async (tail) => {
    await saveTail(tail);
    const { records } = await verifyTail(tail);
    verified.push({ ...tail.origin, logEnd: tail.range.end, records });
  });
  const seen = new Set(verified.map(({ topic, partition }) => `${topic}/${partition}`));
  for (const [key, { topic, partition, logEnd }] of ends)
    if (!seen.has(key)) verified.push({ topic, partition, logEnd, records: 0n });
  return verified;
}

/** Topics that are there, and still those that were looked at. @throws LockstepError for another one under the name. */
async function asFound({ cluster }: OpenRegion, { copied }: Found): Promise<FoundTopic[]> {
  const wanted = copied.filter(({ topicId }) => topicId !== null);
  const described = await describeTopics(
    cluster,
    wanted.map(({ topic }) => topic),
  );
  return wanted.map((found) => {
    const { topic, topicId } = found;
    const now = unwrap(described.get(topic)!);
    if (now.topicId === topicId) return grownTo(found, now.partitions.length);
    throw new LockstepError(
      'KAFKA_ERROR',
      `cluster ${cluster.name}: topic ${topic} is not the one any more that was looked at; take this restore back (--undo) and begin another one`,
    );
  });
}

/** Creates the topic that keeps what is saved, where it is not there yet. */
export async function createFor(
  { cluster }: OpenRegion,
  { topic, savedTo }: Pick<FoundTopic, 'topic' | 'savedTo'>,
): Promise<void> {
  const metadata = unwrap((await describeTopics(cluster, [topic])).get(topic)!);
  const names = ['max.message.bytes', 'min.insync.replicas'];
  const [described] = await describeConfigs(cluster, [{ type: 'topic', name: topic }], { names });
  const settings = unwrap(described!.outcome);
  await createQuarantine(cluster, {
    name: savedTo!,
    partitionCount: metadata.partitions.length,
    replicationFactor: metadata.partitions[0]!.replicas.length,
    messageBytesMax: Number(settings.get('max.message.bytes')?.value ?? messageBytesMaxDefault),
    inSyncReplicasMin: settings.get('min.insync.replicas')?.value ?? null,
  });
}

interface SeenLog {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: bigint;
  /** Offsets of the tail that are not there any more. */
  readonly taken: bigint;
}

type Ends = ReadonlyMap<string, SeenLog>;

/** Runs the work for each tail that has something in it. @returns where each log ended. */
async function eachTail(
  lost: OpenRegion,
  found: Found,
  { onSaved, signal }: TailsOptions,
  work: (tail: SaveTailOptions) => Promise<void>,
): Promise<Ends> {
  const { cluster } = lost;
  const topics = await asFound(lost, found);
  const partitions = topics.flatMap((topic) =>
    topic.tails.map((tail) => ({ ...tail, topic: topic.topic, savedTo: topic.savedTo! })),
  );
  const ends = await lostLogs(cluster, partitions);
  const tails = partitions.flatMap((at) => {
    const { logStart, logEnd, lastStableOffset } = ends.get(`${at.topic}/${at.partition}`)!;
    // Retention may have taken some of what was to be saved; it is gone for everybody.
    const range = { start: later(at.partingOffset, logStart), lastStableOffset, end: logEnd };
    return range.start < range.end ? [{ ...at, range }] : [];
  });
  const withTail = new Set(tails.map(({ topic }) => topic));
  for (const topic of topics) if (withTail.has(topic.topic)) await createFor(lost, topic);
  const logs = clusterLogs(cluster);
  const uncommitted = clusterLogs(cluster, { isolation: 'read_uncommitted' });
  const slots = new Slots(tailsAtOnceMax);
  try {
    await Promise.all(
      tails.map(({ topic, partition, range, savedTo }) =>
        slots.use(async () => {
          signal.throwIfAborted();
          await reading(`${topic}-${partition}`, () =>
            work({
              ...{ cluster, logs, range, savedTo, signal },
              origin: { topic, partition },
              lost: {
                committed: logs.partitionLog(topic, partition),
                uncommitted: uncommitted.partitionLog(topic, partition),
              },
              ...(onSaved && { onSaved }),
            }),
          );
        }),
      ),
    );
  } finally {
    logs.close();
    uncommitted.close();
  }
  return new Map(
    partitions.map(({ topic, partition, partingOffset }) => {
      const key = `${topic}/${partition}`;
      const { logStart, logEnd } = ends.get(key)!;
      return [key, { topic, partition, logEnd, taken: later(logStart - partingOffset, 0n) }];
    }),
  );
}
