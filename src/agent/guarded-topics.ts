// The topics whose writes the keeper of a link's rights looks after: pure, from what roles and mirrors say.
//
// Without roles those are the link's mirrors. In a replication group it is everything that the link's source is primary
// for, also what is not copied yet: an old primary that comes back must be closed before anything is mirrored into it.
// What this region is primary for is open, whatever was recorded of it.
import {
  isFormerPrimary,
  type LinkRecord,
  type MirrorRecord,
  primaryOf,
  type RolesRecord,
} from '../control/index.ts';
import type { MirrorOfLink } from '../link/acls/index.ts';
import { isInternalTopic, type LinkConfig, matchesTopic } from '../topology/index.ts';
import { isSavedTopic } from '../topology/saved-topic.ts';
import { isMirrorSide, type LinkRole } from './link-role.ts';

export interface GuardedInput {
  readonly link: Pick<LinkRecord, 'destination'>;
  readonly config: Pick<LinkConfig, 'topics' | 'excludeTopics'>;
  /** The link's own. */
  readonly mirrors: readonly MirrorRecord[];
  /** Topics that the source lists and the link takes, as far as it was reached. */
  readonly selected: readonly string[];
  roleOf(topic: string): LinkRole;
  /** Of the link's group; undefined: it has none, or none that stands here. */
  readonly roles: RolesRecord | undefined;
  /** Topics of the destination that rules of the keeper stand on. */
  readonly ruled: readonly string[];
  /** Topics of the destination, as far as they are known. */
  readonly there: Iterable<string>;
  /** Whether a rule keeps the topic from being copied, so that it moves with nobody. Default: none does. */
  isForbidden?(topic: string): boolean;
}

export function guardedTopics(input: GuardedInput): MirrorOfLink[] {
  const { link, config, mirrors, selected, ruled, roles, roleOf } = input;
  const recorded = mirrors.map((mirror) => {
    const { sourceTopic, mirrorTopic } = mirror;
    const role = roleOf(sourceTopic);
    return {
      ...{ sourceTopic, mirrorTopic, ...lifeIn(role) },
      isPromoted: isOpen(role, mirror, roles, link.destination),
    };
  });
  if (roles === undefined) return recorded;
  // Links of a group have no prefix, so that both ends call a topic the same.
  const awaited = Object.hasOwn(roles.awaitsRestore, link.destination)
    ? roles.awaitsRestore[link.destination]!
    : [];
  const there = new Set(input.there);
  const names = new Set([...selected.filter((topic) => there.has(topic)), ...awaited, ...ruled]);
  // What a former primary had in its last moments may never have come over: nobody lists it at the new one.
  for (const topic of there)
    if (!names.has(topic) && mayBeLeft(roles, link.destination, topic) && input.isForbidden?.(topic) !== true)
      names.add(topic);
  for (const { sourceTopic } of mirrors) names.delete(sourceTopic);
  const others = [...names].flatMap((topic): MirrorOfLink[] => {
    if (!matchesTopic(config, topic)) return [];
    const role = roleOf(topic);
    const at = { sourceTopic: topic, mirrorTopic: topic, ...lifeIn(role) };
    if (isMirrorSide(role)) return [{ ...at, isPromoted: false }];
    // Rules that were made while it was not.
    const isPrimary = primaryOf(roles, topic).region === link.destination;
    return isPrimary && ruled.includes(topic) ? [{ ...at, isPromoted: true }] : [];
  });
  return [...recorded, ...others];
}

/** Whether a move may have left it here: a region that never was the primary has its own topics for itself. */
function mayBeLeft(roles: RolesRecord, region: string, topic: string): boolean {
  return isFormerPrimary(roles, region, topic) && !isInternalTopic(topic) && !isSavedTopic(topic);
}

/** Whether producers may write to a topic that is recorded as a mirror. */
function isOpen(
  role: LinkRole,
  { sourceTopic, state }: MirrorRecord,
  roles: RolesRecord | undefined,
  destination: string,
): boolean {
  if (roles !== undefined && primaryOf(roles, sourceTopic).region === destination) return true;
  // It was promoted in a life that has ended with the failover.
  if (role.kind === 'awaitsRestore') return false;
  return state === 'Promoted';
}

function lifeIn(role: LinkRole): Pick<MirrorOfLink, 'incarnation'> {
  return role.kind === 'copies' ? { incarnation: role.incarnation } : {};
}
