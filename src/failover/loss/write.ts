// Writes down what a failover left behind, from what is known while the region is gone.
import type { FleetState, MirrorRecord, MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import type { GroupsBehind } from '../../link/groups/index.ts';
import { within } from '../../patience.ts';
import type { LinkConfig } from '../../topology/index.ts';
import type { MoveContext } from '../types.ts';
import { type FormerPosition, groupsBack, knownLoss, undecidedTransactions } from './known.ts';
import { type GroupPosition, positionsAt } from './positions.ts';
import { storeLoss } from './records.ts';
import { type GroupBack, type LossReport, lossVersion, type TopicLoss } from './types.ts';

/** The keeper notes as soon as a promotion begins; by the clock of the same agent, mostly, ms. */
const notedBeforeMsMax = 5_000;
/** Positions of so many groups and partitions are kept with a topic: its value has to fit a record. */
const positionsMax = 20_000;
/** Groups are read for the report only: work at the new primary does not wait for it, ms. */
const positionsMsMax = 8_000;

/**
 * Writes the report of a failover whose mirrors are promoted; again, the same with what is known by then.
 * @throws LockstepError what the fleet answers when it is not stored.
 */
export async function writeLossReport(
  context: Pick<MoveContext, 'group' | 'home' | 'nowMs' | 'say' | 'signal'>,
  move: MoveRecord,
): Promise<LossReport> {
  const { home, signal, say, group } = context;
  const links = linksBetween(context, move);
  const mirrors = promotedMirrors(home.state, links, move);
  const remarks: string[] = [];
  const positions = await homePositions(context, links).catch((error: unknown) => {
    if (!(error instanceof LockstepError)) throw error;
    remarks.push(`positions of groups at ${home.name} could not be read: ${error.message}`);
    return [];
  });
  const topics = mirrors.map((mirror): TopicLoss => {
    const status = (partition: number) =>
      home.state?.statuses.get(`${mirror.link}/${mirror.sourceTopic}/${partition}`);
    return { ...knownLoss(mirror, status), positions: positionsOf(mirror, positions) };
  });
  const report: LossReport = {
    summary: {
      ...{
        v: lossVersion,
        group: group.config.name,
        moveId: move.id,
        from: move.from,
        to: move.to,
        by: move.by,
      },
      ...{ startedAtMs: move.startedAtMs, writtenAtMs: context.nowMs(), completedAtMs: null },
      promotedAtMs: mirrors.length === 0 ? null : Math.max(...mirrors.map(({ sinceMs }) => sinceMs)),
      topics: topics.map(({ topic }) => topic),
      transactions: undecidedTransactions(topics),
      transactionsLostCount: null,
      groups: topics.flatMap((topic, index) => notedBack(home.state, topic, mirrors[index]!)),
      remarks,
    },
    topics,
  };
  await storeLoss(home, report, signal);
  say(`loss report written for ${topics.length} topics`);
  return report;
}

/** Links from the lost region to the new primary. */
export function linksBetween(
  { group }: Pick<MoveContext, 'group'>,
  { from, to }: Pick<MoveRecord, 'from' | 'to'>,
): LinkConfig[] {
  return group.config.links
    .map((name) => group.topology.links[name])
    .filter((link) => link !== undefined)
    .filter(({ source, destination }) => source === from && destination === to);
}

function promotedMirrors(
  state: FleetState | null,
  links: readonly LinkConfig[],
  { topics }: MoveRecord,
): MirrorRecord[] {
  const names = new Set(links.map(({ name }) => name));
  return [...(state?.mirrors.values() ?? [])]
    .filter(
      ({ link, state: now, promotion }) => names.has(link) && now === 'Promoted' && promotion?.partitions,
    )
    .filter(({ sourceTopic }) => topics === null || topics.includes(sourceTopic))
    .sort((a, b) => (a.sourceTopic < b.sourceTopic ? -1 : 1));
}

async function homePositions(
  { home }: Pick<MoveContext, 'home'>,
  links: readonly LinkConfig[],
): Promise<GroupPosition[]> {
  return within(positionsAt(home.cluster, links), positionsMsMax, 'reading the positions of groups');
}

function positionsOf(mirror: MirrorRecord, all: readonly GroupPosition[]): TopicLoss['positions'] {
  const own = Map.groupBy(
    all.filter(({ topic }) => topic === mirror.mirrorTopic),
    ({ group }) => group,
  );
  const byGroup: Record<string, (string | null)[]> = {};
  const groupsMax = Math.floor(positionsMax / mirror.partitionCount);
  for (const [group, positions] of [...own].slice(0, groupsMax)) {
    const offsets = Array.from({ length: mirror.partitionCount }, (): string | null => null);
    for (const { partition, offset } of positions)
      if (partition < offsets.length) offsets[partition] = String(offset);
    byGroup[group] = offsets;
  }
  return byGroup;
}

/** From what the keeper of the groups noted at the promotion. */
function notedBack(state: FleetState | null, topic: TopicLoss, { promotion }: MirrorRecord): GroupBack[] {
  const noted = state?.get(`behind/${topic.link}/${topic.topic}`) as GroupsBehind | undefined;
  // What an earlier promotion left behind is another story.
  if (noted?.v !== 1 || noted.atMs < (promotion?.requestedAtMs ?? 0) - notedBeforeMsMax) return [];
  const former = noted.positions.map(
    ({ group, partition, wanted }): FormerPosition => ({ group, partition, was: BigInt(wanted) }),
  );
  const positions = { ...notedHere(noted, topic.partitions.length), ...topic.positions };
  return groupsBack({ ...topic, positions }, former, { isExact: false, heardAtMs: noted.sourceHeardAtMs });
}

/** Where these groups stood here at the promotion, for those that can't be read now. */
function notedHere({ positions }: GroupsBehind, partitionCount: number): TopicLoss['positions'] {
  const byGroup: Record<string, (string | null)[]> = {};
  for (const { group, partition, destination } of positions) {
    byGroup[group] ??= Array.from({ length: partitionCount }, () => null);
    byGroup[group][partition] = destination;
  }
  return byGroup;
}
