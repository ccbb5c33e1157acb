// History that only the lost region has: its log begins in front of the new primary's, whose retention went on, whose
// records were deleted, or which never had the older ones (`startAt`, or a restore with --history from-divergence).
//
//   lost      0 ............................ parting ........ end
//             '-- older --'                  '-- tail --------'
//   home                  start ............ parting ..........
//
// The new primary's start moves on while this is saved. So what is older grows at its end, as the tail does, and is kept in
// a topic of its own: in each of both the place of a record does not depend on who saved what first.
import { describeTopics, type TopicPartition, unwrap } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { Slots } from '../../slots.ts';
import { clusterLogs } from '../../verify/index.ts';
import { stillThere } from './delete-topics.ts';
import type { Found, FoundTopic, VerifiedTail } from './facts.ts';
import type { RestoreGround } from './ground.ts';
import { keyOf, lostLogs, offsetsOf } from './lost-logs.ts';
import { olderEndOf } from './parting.ts';
import { olderName, savedSoFar } from './quarantine.ts';
import { reading } from './reading.ts';
import { type SaveTailOptions, saveTail, verifyTail } from './save-tail.ts';
import { createFor, type TailsOptions } from './tails.ts';

/** Each holds a few megabytes. */
const stretchesAtOnceMax = 4;
/** Retention of the lost region may take the first records while they are read, ms. */
const patienceMs = 60_000;
/** How often what the new primary loses meanwhile is saved as well. */
const roundsMax = 3;

export type OlderGround = Pick<RestoreGround, 'lost' | 'home'>;

/** Saves what is not saved yet. */
export async function saveOlder(ground: OlderGround, found: Found, options: TailsOptions): Promise<void> {
  await eachStretch(ground, found, options, saveTail);
}

/**
 * Saves what the new primary has lost since, and compares every record.
 * @returns where each stretch ended.
 * @throws LockstepError for the first record that is not saved.
 */
export async function verifyOlder(
  ground: OlderGround,
  found: Found,
  options: TailsOptions,
): Promise<VerifiedTail[]> {
  const verified: VerifiedTail[] = [];
  await eachStretch(ground, found, options, async (stretch) => {
    await saveTail(stretch);
    const { records } = await verifyTail(stretch);
    verified.push({ ...stretch.origin, logEnd: stretch.range.end, records });
  });
  return verified;
}

/**
 * Resolves when all that the new primary does not have of a topic is saved and verified.
 * @throws LockstepError where the new primary loses records faster than they are saved.
 */
export async function untilOlderSaved(
  ground: OlderGround,
  found: Found,
  verifiedBefore: readonly VerifiedTail[],
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  let verified = verifiedBefore;
  for (let round = 1; ; round++) {
    const ends = new Map(verified.map((one) => [keyOf(one), one.logEnd]));
    const unsaved = (await stretchesOf(ground, found)).find((one) => one.end > (ends.get(keyOf(one)) ?? 0n));
    if (unsaved === undefined) return;
    const place = `${unsaved.topic}-${unsaved.partition}`;
    if (round > roundsMax)
      throw new LockstepError(
        'KAFKA_ERROR',
        `${place}: ${ground.home.name} deletes older records faster than they are saved here; it was not deleted. Go on with the same command`,
      );
    say(
      `${place}: the log of ${ground.home.name} starts at ${unsaved.end} by now; what it does not have any more is saved, too`,
    );
    verified = await verifyOlder(ground, found, { signal });
  }
}

interface Stretch extends TopicPartition {
  readonly found: FoundTopic;
  readonly start: bigint;
  readonly end: bigint;
  readonly lastStableOffset: bigint;
}

/** Stretches that have something in them, of topics that are still to be deleted. */
async function stretchesOf({ lost, home }: OlderGround, all: Found): Promise<Stretch[]> {
  const topics = await stillThere(lost, all);
  const described = await describeTopics(
    home.cluster,
    topics.map(({ topic }) => topic),
  );
  const partitions = topics.flatMap((found) => {
    const { topicId, partitions: there } = unwrap(described.get(found.topic)!);
    if (topicId !== found.homeTopicId)
      throw new LockstepError(
        'KAFKA_ERROR',
        `cluster ${home.name}: topic ${found.topic} is not the one any more that was looked at; take this restore back (--undo) and begin another one`,
      );
    return found.tails
      .filter(({ partition }) => partition < there.length)
      .map(({ partition, partingOffset }) => ({ topic: found.topic, partition, partingOffset, found }));
  });
  const logs = await lostLogs(lost.cluster, partitions);
  const starts = await offsetsOf(home.cluster, partitions, 'earliest', 'read_uncommitted');
  return partitions.flatMap(({ topic, partition, partingOffset, found }, index) => {
    const { logStart, lastStableOffset } = logs.get(keyOf({ topic, partition }))!;
    const end = olderEndOf({ logStart, partingOffset }, starts[index]!.offset);
    return logStart < end ? [{ topic, partition, found, start: logStart, end, lastStableOffset }] : [];
  });
}

async function eachStretch(
  ground: OlderGround,
  found: Found,
  { onSaved, signal }: TailsOptions,
  work: (stretch: SaveTailOptions) => Promise<void>,
): Promise<void> {
  const { cluster } = ground.lost;
  const stretches = await stretchesOf(ground, found);
  for (const topic of new Set(stretches.map((stretch) => stretch.found)))
    await createFor(ground.lost, { ...topic, savedTo: olderName(topic.savedTo!) });
  const logs = clusterLogs(cluster);
  const uncommitted = clusterLogs(cluster, { isolation: 'read_uncommitted' });
  const slots = new Slots(stretchesAtOnceMax);
  try {
    const each = stretches.map((stretch) =>
      slots.use(() =>
        cluster.retry(
          async () => {
            signal.throwIfAborted();
            const { topic, partition, lastStableOffset } = stretch;
            const savedTo = olderName(stretch.found.savedTo!);
            const [now] = await offsetsOf(cluster, [stretch], 'earliest', 'read_uncommitted');
            const saved = await savedSoFar(cluster, logs, { topic: savedTo, partition });
            // Another leader of the new primary may tell a start in front of the one that was told before.
            const end = later(stretch.end, saved.lastOffset === null ? 0n : saved.lastOffset + 1n);
            const range = { start: later(stretch.start, now!.offset), lastStableOffset, end };
            if (range.start >= range.end) return;
            await reading(`${topic}-${partition}`, () =>
              work({
                ...{ cluster, logs, range, savedTo, signal, origin: { topic, partition } },
                lost: {
                  committed: logs.partitionLog(topic, partition),
                  uncommitted: uncommitted.partitionLog(topic, partition),
                },
                ...(onSaved && { onSaved }),
              }),
            );
          },
          { timeoutMs: patienceMs },
        ),
      ),
    );
    await Promise.all(each);
  } finally {
    logs.close();
    uncommitted.close();
  }
}
