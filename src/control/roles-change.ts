// Two copies of a group's roles compared: what turns from one to the other, and which of them is true.

import type { RolesAncestor, RolesRecord } from './records/index.ts';
import { primaryOf } from './roles.ts';

/** Whether both say the same of who is primary since when, and who awaits a restore; links and regions aside. */
export function saySame(one: RolesRecord, other: RolesRecord): boolean {
  const topics = union(Object.keys(one.topics), Object.keys(other.topics));
  const isSameSince =
    one.primary.sinceGeneration === other.primary.sinceGeneration &&
    topics.every(
      (topic) => primaryOf(one, topic).sinceGeneration === primaryOf(other, topic).sinceGeneration,
    );
  return isSameSince && roleChanges(one, other).length === 0;
}

/** What turns, in words; links and regions too. */
export function roleChanges(before: RolesRecord, after: RolesRecord): string[] {
  const changes: string[] = [];
  if (before.primary.region !== after.primary.region)
    changes.push(`primary: ${before.primary.region} -> ${after.primary.region}`);
  for (const topic of union(Object.keys(before.topics), Object.keys(after.topics))) {
    const [former, next] = [primaryOf(before, topic).region, primaryOf(after, topic).region];
    if (former !== next && (former !== before.primary.region || next !== after.primary.region))
      changes.push(`primary of ${topic}: ${former} -> ${next}`);
  }
  for (const region of union(Object.keys(before.awaitsRestore), Object.keys(after.awaitsRestore))) {
    const [former, next] = [awaiting(before, region), awaiting(after, region)];
    const begun = [...next].filter((topic) => !former.has(topic));
    const ended = [...former].filter((topic) => !next.has(topic));
    if (begun.length > 0) changes.push(`${region} awaits a restore of ${named(begun)}`);
    if (ended.length > 0) changes.push(`${region} does not await a restore of ${named(ended)} any more`);
  }
  return changes;
}

/** Of an equal generation: what to say where only the moves differ. */
const otherMoves = 'the same primaries, since other generations';

/** What is to be done about another region's copy of the roles. */
export type Followed =
  /** Ours are as new, or newer. */
  | { readonly kind: 'none' }
  | { readonly kind: 'take'; readonly roles: RolesRecord }
  /** Both sides were changed by moves that the other knows nothing of: a person has to decide. */
  | { readonly kind: 'split'; readonly differences: readonly string[] };

/** @param ours undefined: there are none here yet */
export function followed(ours: RolesRecord | undefined, theirs: RolesRecord): Followed {
  if (ours === undefined) return { kind: 'take', roles: theirs };
  const [behind, ahead] = [grewFrom(theirs, ours), grewFrom(ours, theirs)];
  if (theirs.generation > ours.generation && behind) return { kind: 'take', roles: theirs };
  if (theirs.generation < ours.generation && ahead) return { kind: 'none' };
  const isEqual = theirs.generation === ours.generation;
  if (!isEqual || !saySame(ours, theirs)) {
    // A file added links here while a move was made there, however often: that is no contradiction.
    if (behind && !ahead) return { kind: 'take', roles: joined(theirs, ours) };
    if (ahead && !behind) return { kind: 'none' };
    const differences = roleChanges(ours, theirs);
    return { kind: 'split', differences: differences.length > 0 ? differences : [otherMoves] };
  }
  const { links, regions } = joined(ours, theirs);
  if (links.length === ours.links.length && regions.length === ours.regions.length) return { kind: 'none' };
  // Files that each named what the other did not: both sides come to the same.
  return { kind: 'take', roles: joined(ours, theirs) };
}

/** Generations that roles remember to have grown from. */
const historyMax = 20;

/** What roles that follow upon these have as their history. */
export function historyAfter(before: RolesRecord | undefined, after: RolesRecord): RolesAncestor[] {
  // Of one generation there are two where regions were turned apart and a person decided.
  const ancestors = new Map<string, RolesAncestor>();
  const own = before === undefined ? [] : [{ generation: before.generation, moveId: before.moveId }];
  for (const each of [...(before?.history ?? []), ...own, ...(after.history ?? [])])
    if (each.generation < after.generation) ancestors.set(`${each.generation} ${each.moveId}`, each);
  return [...ancestors.values()].sort((a, b) => a.generation - b.generation).slice(-historyMax);
}

/** Whether `roles` come after `former`, which knew nothing that they do not; in doubt they do. */
function grewFrom(roles: RolesRecord, former: RolesRecord): boolean {
  const { history, moveId } = roles;
  if (former.moveId === moveId) return roles.generation !== former.generation;
  // Files alone know of no move, however often they added a link.
  if (moveId === null) return false;
  const oldest = history?.[0];
  if (history === undefined || oldest === undefined || oldest.generation > former.generation)
    return roles.generation > former.generation;
  return history.some((ancestor) => ancestor.moveId === former.moveId);
}

/** The same with the links and regions of both, as a generation of its own. */
function joined(roles: RolesRecord, other: RolesRecord): RolesRecord {
  return {
    ...roles,
    links: union(roles.links, other.links),
    regions: union(roles.regions, other.regions),
    generation: Math.max(roles.generation, other.generation) + 1,
  };
}

export function union(one: readonly string[], other: readonly string[]): string[] {
  return [...new Set([...one, ...other])];
}

function awaiting({ awaitsRestore }: RolesRecord, region: string): ReadonlySet<string> {
  return new Set(Object.hasOwn(awaitsRestore, region) ? awaitsRestore[region] : []);
}

const namesShownMax = 5;

function named(topics: readonly string[]): string {
  const shown = topics.slice(0, namesShownMax).join(', ');
  return topics.length > namesShownMax ? `${topics.length} topics (${shown}, ...)` : shown;
}
