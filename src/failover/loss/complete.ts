// The region that was lost is back: its own logs say what never came over.
//
//   1. every partition is read from the cut on: records, and parts of transactions;
//   2. where transactions were cut off, the logs in front of the cuts are searched for their other parts;
//   3. transactional ids and what became of open transactions are asked of the region's coordinators;
//   4. positions of groups are read there, and compared with those that the new primary had.
//
// Nothing is changed there. It has to be done before a restore deletes anything.
import { type Cluster, listOffsets, listTransactions } from '../../client/index.ts';
import type { MoveRecord, RolesRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { formatCount } from '../../units.ts';
import { clusterLogs } from '../../verify/index.ts';
import { neverMirrored, neverMirroredWords } from '../never-mirrored.ts';
import { restoredSince } from '../restored-since.ts';
import type { MoveContext, OpenRegion } from '../types.ts';
import { groupsBack, undecidedTransactions } from './known.ts';
import { orError, placeOf, readTails, wholeParts } from './lost-logs.ts';
import { positionsAt } from './positions.ts';
import { type StoredLoss, storedLosses, storeLoss } from './records.ts';
import { cutTransactions } from './split.ts';
import { lookBackOffsetsMax, type Tail } from './tail.ts';
import type { GroupBack, LossReport, PartitionLoss, TopicLoss } from './types.ts';
import { linksBetween } from './write.ts';

/** A leader that can't be asked for so long leaves its partition unread, ms. */
const questionMsMax = 20_000;
/** Transactions that are named in the report; a value of the control topic has to fit a record. */
const transactionsMax = 500;

type Reading = Pick<MoveContext, 'group' | 'nowMs' | 'signal'>;

/**
 * Completes the reports of this move: of a failover its own, of a restore those of all failovers that left the region
 * behind which is restored. Call it before a restore deletes topics. What is complete already is read again only while
 * clients go on writing there.
 *
 * @returns the reports as they are now; none where there is no report
 * @throws LockstepError what the fleet answers when it is not stored
 */
export async function completeLossReport(context: Reading, move: MoveRecord): Promise<LossReport[]> {
  const isMeant = ({ report: { summary } }: StoredLoss): boolean =>
    move.kind === 'restore' ? summary.from === move.to : summary.moveId === move.id;
  const reports: LossReport[] = [];
  for (const stored of storedLosses(context.group).filter(isMeant)) {
    const completed = await completeStored(context, stored);
    reports.push(completed);
  }
  return reports;
}

/** One report, stored where it stands. */
export async function completeStored(context: Reading, { at, report }: StoredLoss): Promise<LossReport> {
  const { group, signal } = context;
  const lost = group.regions.get(report.summary.from);
  if (lost === undefined || lost.cluster === null) return report;
  const restored = restoredSince(
    Array.from(group.regions.values(), ({ state }) => state),
    { group: group.config.name, failover: report.summary.moveId, region: lost.name },
  );
  const isLost = (topic: string): boolean =>
    !restored.has(topic) && awaitsRestore(group.roles(), lost.name, topic);
  if (report.summary.completedAtMs !== null && !(await hasGrown(lost.cluster, report, isLost))) return report;
  const completed = await read(context, report, { lost, isLost });
  await storeLoss(at, completed, signal);
  return completed;
}

/** Once a topic is restored it is a mirror again: its log says nothing of the loss any more. */
function awaitsRestore(roles: RolesRecord | null, region: string, topic: string): boolean {
  if (roles === null) return true;
  return Object.hasOwn(roles.awaitsRestore, region) && roles.awaitsRestore[region]!.includes(topic);
}

/** Whether clients went on writing to what is lost since it was read, and all of it is still there to be read again. */
async function hasGrown(
  cluster: Cluster,
  { topics }: LossReport,
  isLost: (topic: string) => boolean,
): Promise<boolean> {
  if (!topics.every(({ topic }) => isLost(topic))) return false;
  const asked = topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, exact, shift }) => ({
      ...{ topic, partition, at: 'latest' as const },
      known: BigInt(exact?.end ?? 0) + BigInt(shift),
    })),
  );
  const ends = await listOffsets(cluster, asked, { timeoutMs: questionMsMax });
  return ends.some(({ item, outcome }) => outcome.ok && outcome.value.offset > item.known);
}

interface Lost {
  readonly lost: OpenRegion;
  readonly isLost: (topic: string) => boolean;
}

async function read(context: Reading, report: LossReport, { lost, isLost }: Lost): Promise<LossReport> {
  const { signal, nowMs } = context;
  const { summary } = report;
  const logs = clusterLogs(lost.cluster, { deadlineMs: questionMsMax });
  try {
    const tails = await readTails(logs, lost.cluster, report.topics, { isLost, signal });
    const topics = report.topics.map(
      (topic): TopicLoss => ({
        ...topic,
        partitions: topic.partitions.map((partition) =>
          withTail(partition, tails.get(placeOf(topic, partition))),
        ),
      }),
    );
    const read = [...tails.values()].filter((tail): tail is Tail => !(tail instanceof LockstepError));
    const producers = new Set(read.flatMap(({ parts }) => parts.map(({ producerId }) => producerId)));
    const parts = await wholeParts(logs, topics, tails, { producers, signal });
    const ids = await transactionalIds(lost.cluster, [...producers]);
    const { split, lostCount } = cutTransactions(parts, ids);
    const groups = await exactGroups(context, lost, report, topics);
    const alone = await onlyThere(context, lost);
    const isWhole = topics.every(({ partitions }) => partitions.every(({ exact }) => exact !== null));
    return {
      summary: {
        ...summary,
        completedAtMs: isWhole ? nowMs() : null,
        transactions: [
          ...split.slice(0, transactionsMax),
          ...undecidedTransactions(topics, (topic, partition, from) =>
            decided(tails.get(`${topic}-${partition.partition}`), from + BigInt(partition.shift), ids),
          ).filter(
            ({ missing }) => !split.some((known) => missing.some((place) => known.missing.includes(place))),
          ),
        ],
        transactionsLostCount: lostCount,
        groups: groups ?? summary.groups,
        remarks: [
          ...new Set([
            ...summary.remarks.filter((remark) => !remark.startsWith(neverCameOver)),
            ...remarksOf(producers.size, split.length, groups === null),
            ...alone,
          ]),
        ],
      },
      topics,
    };
  } finally {
    logs.close();
  }
}

const neverCameOver = 'never mirrored';

/** What no mirror tells of: topics that never came over. */
async function onlyThere({ group }: Reading, lost: OpenRegion): Promise<string[]> {
  const roles = group.roles();
  const found = roles === null ? [] : await orError(() => neverMirrored(group, roles, lost));
  if (found instanceof LockstepError)
    return [`${neverCameOver}: whether there are such topics is unknown: ${found.message}`];
  if (found.length === 0) return [];
  return [`${neverCameOver}, and only at ${lost.name}: ${neverMirroredWords(found)}`];
}

function remarksOf(producerCount: number, splitCount: number, areGroupsOld: boolean): string[] {
  return [
    ...(producerCount === 0
      ? []
      : [
          `the other parts of cut transactions were looked for up to ${formatCount(lookBackOffsetsMax)} offsets in front of each cut`,
        ]),
    ...(splitCount <= transactionsMax
      ? []
      : [`${formatCount(splitCount - transactionsMax)} more split transactions are not named`]),
    ...(areGroupsOld ? ['positions of groups could not be read at the lost region'] : []),
  ];
}

function withTail(partition: PartitionLoss, tail: Tail | LockstepError | undefined): PartitionLoss {
  if (tail === undefined) return partition;
  // What was read before stays true.
  if (tail instanceof LockstepError)
    return partition.exact === null ? { ...partition, unread: tail.message } : partition;
  return { ...partition, exact: tail.exact, unread: null };
}

/** Transactional ids that the region still tells; without the right to see one it stays unknown. */
async function transactionalIds(
  cluster: Cluster,
  producers: readonly bigint[],
): Promise<ReadonlyMap<bigint, string>> {
  if (producers.length === 0) return new Map();
  const listed = await orError(() => listTransactions(cluster, producers, { timeoutMs: questionMsMax }));
  if (listed instanceof LockstepError) return new Map();
  return new Map(listed.map(({ producerId, transactionalId }) => [producerId, transactionalId]));
}

/** What became of the transaction that was open at `from`, an offset of the lost region. */
function decided(tail: Tail | LockstepError | undefined, from: bigint, ids: ReadonlyMap<bigint, string>) {
  if (tail === undefined || tail instanceof LockstepError) return null;
  const part = tail.parts.find((each) => each.from === from);
  if (part === undefined) return from >= tail.lastStableOffset ? ({ outcome: 'open' } as const) : null;
  const { producerId, end } = part;
  const transactionalId = ids.get(producerId);
  return {
    producerId: String(producerId),
    ...(transactionalId !== undefined && { transactionalId }),
    outcome: end === null ? ('open' as const) : end.isCommit ? ('committed' as const) : ('aborted' as const),
  };
}

/** Null where the positions can't be read. */
async function exactGroups(
  context: Reading,
  lost: OpenRegion,
  { summary }: LossReport,
  topics: readonly TopicLoss[],
): Promise<GroupBack[] | null> {
  const there = await orError(() => positionsAt(lost.cluster, linksBetween(context, summary)));
  if (there instanceof LockstepError) return null;
  return topics.flatMap((topic) => {
    const former = there
      .filter((position) => position.topic === topic.topic)
      .map(({ group, partition, offset }) => ({
        ...{ group, partition },
        was: offset - BigInt(topic.partitions.find((each) => each.partition === partition)?.shift ?? 0),
      }));
    return groupsBack(topic, former, { isExact: true, heardAtMs: null });
  });
}
