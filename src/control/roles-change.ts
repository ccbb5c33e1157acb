// Two copies of a group's roles compared: what turns from one to the other, and which of them is true.
import { primaryOf } from './roles.ts';
import type { RolesRecord } from './types.ts';

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
  /** Both sides were changed while they could not see each other: a person has to decide. */
  | { readonly kind: 'split'; readonly differences: readonly string[] };

/** @param ours undefined: there are none here yet */
export function followed(ours: RolesRecord | undefined, theirs: RolesRecord): Followed {
  if (ours === undefined || theirs.generation > ours.generation) return { kind: 'take', roles: theirs };
  if (theirs.generation < ours.generation) return { kind: 'none' };
  if (!saySame(ours, theirs)) {
    const differences = roleChanges(ours, theirs);
    return { kind: 'split', differences: differences.length > 0 ? differences : [otherMoves] };
  }
  const links = union(ours.links, theirs.links);
  const regions = union(ours.regions, theirs.regions);
  if (links.length === ours.links.length && regions.length === ours.regions.length) return { kind: 'none' };
  // Files that each named what the other did not: both sides come to the same.
  return { kind: 'take', roles: { ...ours, links, regions, generation: ours.generation + 1 } };
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
