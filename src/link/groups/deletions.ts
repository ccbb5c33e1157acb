// Follows deletions, where asked: a group, or a group's positions on a topic, that is gone at the source goes at the
// destination, too.
//
// The problem: what is not listed need not be deleted. Kafka hides groups that we may not describe, and drops positions
// of a topic that is deleted, which is how a disaster looks. So a group goes only if we wrote it, nobody changed it
// since, it is empty here, the source itself says that it does not exist, and its topics still exist there.
import {
  type Cluster,
  deleteGroupOffsets,
  deleteGroups,
  describeGroups,
  type TopicPartition,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { Look } from './look.ts';
import type { OwnPositions } from './own-positions.ts';
import { isActive, keyOf, type SeenGroup } from './plan.ts';
import { missingDeleteRight } from './rights.ts';
import type { GroupMirror } from './types.ts';

export interface DeletionInput {
  readonly source: Look;
  readonly destination: Look;
  readonly own: OwnPositions;
  /** By their name at the destination. */
  readonly mirrors: ReadonlyMap<string, GroupMirror>;
  selects(groupId: string): boolean;
}

export interface PlannedDeletions {
  readonly groups: readonly string[];
  readonly offsets: readonly { readonly groupId: string; readonly partitions: readonly TopicPartition[] }[];
  /** Ours, and absent at the destination by now: nothing to do but to forget. */
  readonly gone: readonly string[];
}

/** What may be deleted, if the source says so when asked. Pure. */
export function planDeletions(input: DeletionInput): PlannedDeletions {
  const { source, destination, own, mirrors } = input;
  const unlisted = [...own.groupIds].filter((groupId) => !source.listed.has(groupId));
  const missing = unlisted.filter(input.selects);
  const hereOf = (groupId: string) => destination.groups.get(groupId);
  return {
    gone: unlisted.filter((groupId) => {
      const here = hereOf(groupId);
      return here?.state === 'Absent' && here.problem === null;
    }),
    groups: missing.filter((groupId) => {
      const here = hereOf(groupId);
      return here !== undefined && isOursAlone(here, own, mirrors) && isDeletable(here);
    }),
    offsets: [...source.groups.values()].flatMap((there) => {
      const here = hereOf(there.groupId);
      if (there.problem !== null || here === undefined || !isDeletable(here)) return [];
      const partitions = droppedPositions(there, here, own, mirrors);
      return partitions.length === 0 ? [] : [{ groupId: there.groupId, partitions }];
    }),
  };
}

function isDeletable(here: SeenGroup): boolean {
  return here.problem === null && here.state !== 'Absent' && here.state !== '' && !isActive(here.state);
}

/**
 * Every position stands where we put it. After a change of leaders that is not known any more: then a group that never had
 * members here (offsets committed from outside give it no protocol), and stands on our mirrors alone.
 */
function isOursAlone(here: SeenGroup, own: OwnPositions, mirrors: ReadonlyMap<string, GroupMirror>): boolean {
  const written = own.of(here.groupId);
  if (written.size === 0)
    return here.protocolType === '' && here.positions.every(({ topic }) => mirrors.has(topic));
  return here.positions.every((position) => written.get(keyOf(position))?.offset === position.offset);
}

/** Positions that the group has here, as we wrote them, and not at the source any more. */
function droppedPositions(
  there: SeenGroup,
  here: SeenGroup,
  own: OwnPositions,
  mirrors: ReadonlyMap<string, GroupMirror>,
): TopicPartition[] {
  const written = own.of(there.groupId);
  const kept = new Set(there.positions.map(keyOf));
  return here.positions
    .filter((position) => {
      const mirror = mirrors.get(position.topic);
      if (mirror === undefined || written.get(keyOf(position))?.offset !== position.offset) return false;
      return !kept.has(keyOf({ topic: mirror.sourceTopic, partition: position.partition }));
    })
    .map(({ topic, partition }) => ({ topic, partition }));
}

export interface DeletionsDone {
  /** `group a`, `positions of group b on orders`. */
  readonly deleted: readonly string[];
  /** Why something stayed. */
  readonly refusals: readonly string[];
}

/** Asks the source once more, deletes, and forgets what was deleted. */
export async function followDeletions(
  clusters: { readonly source: Cluster; readonly destination: Cluster },
  planned: PlannedDeletions,
  input: DeletionInput,
): Promise<DeletionsDone> {
  const { destination } = clusters;
  const groups = await confirmed(clusters.source, planned.groups, input);
  const deleted: string[] = [];
  const refusals: string[] = [];
  const refuse = (groupId: string, error: LockstepError) =>
    refusals.push(
      error.code === 'NOT_AUTHORIZED' ? missingDeleteRight(destination.name, groupId) : error.message,
    );

  const done: string[] = [];
  for (const [groupId, outcome] of await deleteGroups(destination, groups)) {
    if (outcome.ok) done.push(groupId);
    else refuse(groupId, outcome.error);
  }
  await input.own.removeGroups(done);
  deleted.push(...done.map((groupId) => `group ${groupId}`));

  for (const { groupId, partitions } of planned.offsets) {
    const safe = await onLivingTopics(clusters.source, partitions, input.mirrors);
    if (safe.length === 0) continue;
    try {
      const outcomes = await deleteGroupOffsets(destination, groupId, safe);
      const accepted = outcomes.filter(({ outcome }) => outcome.ok);
      input.own.removePositions(groupId, accepted);
      const topics = new Set(accepted.map(({ topic }) => topic));
      if (topics.size > 0) deleted.push(`positions of group ${groupId} on ${[...topics].join(', ')}`);
      for (const { outcome } of outcomes) if (!outcome.ok) refuse(groupId, outcome.error);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      refuse(groupId, error);
    }
  }
  return { deleted, refusals };
}

/** The groups that the source says do not exist, with topics that do. */
async function confirmed(
  source: Cluster,
  groupIds: readonly string[],
  { destination, mirrors }: DeletionInput,
): Promise<string[]> {
  const described = await describeGroups(source, groupIds);
  const dead = groupIds.filter((groupId) => {
    const outcome = described.get(groupId);
    return outcome?.ok === true && outcome.value.state === 'Dead';
  });
  const safe: string[] = [];
  for (const groupId of dead) {
    const positions = destination.groups.get(groupId)?.positions ?? [];
    const living = await onLivingTopics(source, positions, mirrors);
    if (living.length === positions.length) safe.push(groupId);
  }
  return safe;
}

/** The partitions whose topic exists at the source. */
async function onLivingTopics<Item extends TopicPartition>(
  source: Cluster,
  partitions: readonly Item[],
  mirrors: ReadonlyMap<string, GroupMirror>,
): Promise<Item[]> {
  const sourceTopics = partitions.flatMap(({ topic }) => mirrors.get(topic)?.sourceTopic ?? []);
  if (sourceTopics.length === 0) return [];
  const { topics, topicErrors } = await source.metadata({ topics: [...new Set(sourceTopics)] });
  return partitions.filter(({ topic }) => {
    const name = mirrors.get(topic)?.sourceTopic ?? '';
    return topics.has(name) && !topicErrors.has(name);
  });
}
