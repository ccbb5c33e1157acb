// Shuts out who wrote a mirror before: an agent that is frozen now, and wakes up when the new primary is mirrored into it.
//
// A third region was fed by the former primary, and nobody has promoted its mirrors. What shuts agents out are closing
// markers (mirror/shell/fence.ts), and they take offsets of the log:
//
//   new primary    ... 98 99 | c c | 102 ...     c: the closing markers of its own mirror, behind the cut
//   third region   ... 98 99 | C C |             ends at the cut: closing it makes no difference
//   third region   ... 98 | C C |                ends in front of it: 99 would have no place any more
//
// So a partition that ends at the cut is closed. One that ends in front of it would have to be copied again as a whole,
// which is a lot for an agent that nobody may have seen freeze: what it had on its way comes within a minute or not at
// all (mirror/shell/destination-writer.ts), and the next append behind it would tell (`Diverged`).
import {
  type Cluster,
  type DescribedProducers,
  describeProducers,
  describeTopics,
  systemClock,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import {
  closingEpoch,
  fencePartition,
  isLockstepProducerId,
  MarkerWriters,
  writersOf,
} from '../../mirror/index.ts';
import { Slots } from '../../slots.ts';
import { plural } from '../../units.ts';
import { clusterLogs, type PartitionLog, readLog } from '../../verify/index.ts';
import { knownCut, type RestoreGround } from './ground.ts';
import { keyOf, lostLogs } from './lost-logs.ts';

export interface FormerClosed {
  /** Partitions whose former writers are shut out by now. */
  readonly closed: number;
  /** Partitions where they are not, since closing would take offsets that records need, or was refused. */
  readonly open: number;
  /** The first refusal; null: none. */
  readonly refusal: string | null;
}

const partitionsAtOnceMax = 50;
const answerTimeoutMs = 15_000;
const replicationTimeoutMs = 10_000;
/** Each id takes one marker, and so does the one that would come next. */
const markersPerWriter = 2n;

/**
 * A refused marker keeps nothing from being restored; it is told.
 * @param topics that the region goes on with in place
 * @throws LockstepError where the region does not tell where its logs end.
 */
export async function closeFormer(
  ground: RestoreGround,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<FormerClosed> {
  const { lost, home } = ground;
  const described = await describeTopics(lost.cluster, topics);
  const partitions = topics.flatMap((topic) => {
    const { topicId, partitions: all } = unwrap(described.get(topic)!);
    const { cuts } = knownCut(ground, topic, { lost: topicId, home: topicId });
    return all.map((_, partition) => ({ topic, topicId, partition, cut: cuts?.[partition] ?? null }));
  });
  const producers = await describeProducers(lost.cluster, partitions);
  const written = partitions.flatMap((at, index) => {
    const { outcome } = producers[index]!;
    const writerIds = outcome.ok ? openWriters(outcome.value) : [];
    return writerIds.length === 0 ? [] : [{ ...at, writerIds }];
  });
  const ends = await lostLogs(lost.cluster, written);
  const homeLogs = clusterLogs(home.cluster);
  const slots = new Slots(partitionsAtOnceMax);
  const writers = new MarkerWriters({
    open: (broker) => lost.cluster.openConnection(broker, { purpose: 'restore' }),
    answerTimeoutMs,
    nowMs: () => performance.now(),
  });
  try {
    const outcomes = await Promise.all(
      written.map((at) =>
        slots.use(async (): Promise<boolean | LockstepError> => {
          signal.throwIfAborted();
          const { cut, topic, partition, writerIds } = at;
          if (cut === null || ends.get(keyOf(at))!.logEnd !== cut) return false;
          const takes = BigInt(writerIds.length) * markersPerWriter;
          try {
            if (!(await isHole(homeLogs.partitionLog(topic, partition), cut, cut + takes))) return false;
            await close(lost.cluster, writers, at);
            return true;
          } catch (error) {
            if (error instanceof LockstepError) return error;
            throw error;
          }
        }),
      ),
    );
    const refused = outcomes.find((outcome) => outcome instanceof LockstepError);
    const closed = outcomes.filter((outcome) => outcome === true).length;
    return { closed, open: outcomes.length - closed, refusal: refused?.message ?? null };
  } finally {
    homeLogs.close();
    writers.close();
  }
}

/** For a step's remark; empty where nobody else had written. */
export function formerClosedWords({ closed, open, refusal }: FormerClosed): string {
  const words = [
    ...(closed > 0 ? [`former writers of ${plural(closed, 'partition')} shut out`] : []),
    ...(open > 0
      ? [
          `not those of ${plural(open, 'partition')}${refusal === null ? ' that end in front of the cut' : `: ${refusal}`}`,
        ]
      : []),
  ];
  return words.map((text) => `; ${text}`).join('');
}

/** Of each link that ever copied into the partition and was not closed, the id that it writes with. */
function openWriters({ producers }: DescribedProducers): bigint[] {
  const remembered = producers.map(({ producerId, producerEpoch: epoch }) => ({ producerId, epoch }));
  const some = remembered.find(({ producerId }) => isLockstepProducerId(producerId));
  if (some === undefined) return [];
  const isClosed = (id: bigint): boolean =>
    remembered.some(({ producerId, epoch }) => producerId === id && epoch === closingEpoch);
  return writersOf({ producerId: some.producerId }, remembered).filter((id) => !isClosed(id));
}

/** Whether nothing but markers stands there. */
async function isHole(log: PartitionLog, start: bigint, end: bigint): Promise<boolean> {
  if ((await log.offsets()).lastStableOffset < end) return false;
  for await (const { view } of readLog(log, start, end)) {
    // What comes in the same answer behind it.
    if (view.baseOffset >= end) break;
    if (!view.isControl) return false;
  }
  return true;
}

interface WrittenPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly writerIds: readonly bigint[];
}

async function close(cluster: Cluster, writers: MarkerWriters, at: WrittenPartition): Promise<void> {
  const { topic, topicId, partition, writerIds } = at;
  const { leaderId: leader, leaderEpoch } = await cluster.leaderOf(topic, partition);
  await fencePartition({
    log: { topic, topicId, partition, leader, leaderEpoch },
    ask: (api, input) => cluster.request(api, input, { to: leader }),
    ...{ writerIds, writer: writers.to(leader), clock: systemClock, timeoutMs: replicationTimeoutMs },
  });
}
