// Positions of consumer groups, moved into remote topics that are taken over. Kafka's rules and ours are those of the
// group keeper (link/groups/plan.ts): never into a group with members, never backwards unless asked.
import type { Cluster } from '../client/index.ts';
import {
  type CommitResult,
  commitPlans,
  type GroupMirror,
  type GroupPlan,
  type Look,
  lookAtGroups,
  planGroup,
} from '../link/groups/index.ts';
import { type LinkConfig, matchesGroup } from '../topology/index.ts';
import type { WantedPositions } from './inspect.ts';
import type { MigrationPlan } from './types.ts';

/** A position that could not be told, and why. */
export interface UntoldPosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly source: bigint;
  readonly reason: string;
}

export interface GroupsPlan {
  readonly plans: readonly GroupPlan[];
  readonly untold: readonly UntoldPosition[];
}

/** What the groups of a link have committed at the source; nothing where the link takes none. */
export async function lookAtSourceGroups(source: Cluster, link: LinkConfig): Promise<Look | null> {
  return link.groups.length === 0
    ? null
    : lookAtGroups(source, 'source', (groupId) => matchesGroup(link, groupId));
}

export function wantedPositions(look: Look | null): WantedPositions {
  const positions = [...(look?.groups.values() ?? [])].flatMap((group) => group.positions);
  const byPartition = Map.groupBy(positions, ({ topic, partition }) => `${topic}/${partition}`);
  return new Map(Array.from(byPartition, ([at, found]) => [at, found.map(({ offset }) => offset)]));
}

/** What is to be committed at the destination for topics that are continued. */
export async function planGroups(
  destination: Cluster,
  link: LinkConfig,
  source: Look | null,
  { topics }: MigrationPlan,
): Promise<GroupsPlan> {
  if (source === null) return { plans: [], untold: [] };
  const continued = new Map(
    topics
      .filter(({ decision }) => decision === 'continue' || decision === 'taken')
      .map((plan) => [plan.topic, plan]),
  );
  const mirrors = new Map(
    Array.from(continued, ([topic, { remoteTopic, partitions }]): [string, GroupMirror] => [
      topic,
      {
        ...{ sourceTopic: topic, mirrorTopic: remoteTopic, partitionCount: partitions.length },
        shiftOf: () => 0n,
      },
    ]),
  );
  const here = await lookAtGroups(destination, 'destination', () => false, [...source.groups.keys()]);
  const untold: UntoldPosition[] = [];
  const plans = [...source.groups.values()].flatMap((group) => {
    const positions = group.positions.flatMap((position) => {
      const { topic, partition, offset } = position;
      const found = continued.get(topic)?.partitions[partition]?.positions.get(offset);
      if (found?.kind === 'exact') return [{ ...position, offset: found.offset }];
      if (found !== undefined)
        untold.push({ group: group.groupId, topic, partition, source: offset, reason: found.reason });
      return [];
    });
    const there = here.groups.get(group.groupId);
    if (positions.length === 0 || there === undefined) return [];
    return [
      planGroup({
        ...{ source: { ...group, positions }, destination: there, mirrors },
        edgesOf: (mirrorTopic, partition) => ({
          start: null,
          highWatermark: endOf(topics, mirrorTopic, partition),
        }),
        mayGoBack: link.sync.groups.backwards,
        isRefreshDue: false,
      }),
    ];
  });
  return { plans, untold };
}

function endOf(topics: MigrationPlan['topics'], remoteTopic: string, partition: number): bigint | null {
  const plan = topics.find((topic) => topic.remoteTopic === remoteTopic);
  return plan?.partitions[partition]?.remoteEnd ?? null;
}

/** By group. @throws LockstepError where the destination can't be reached. */
export async function moveGroups(
  destination: Cluster,
  { plans }: GroupsPlan,
): Promise<ReadonlyMap<string, CommitResult>> {
  const wanted = plans.filter(({ positions }) => positions.some(({ commit }) => commit !== null));
  return commitPlans(destination, wanted, new Map(), 0);
}
