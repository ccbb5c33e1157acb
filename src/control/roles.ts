// What the roles of a replication group mean for a link: whether it copies a topic, and in which life of its mirror.
import type { LinkRecord, PrimaryOf, RolesRecord } from './records/index.ts';

/** How a topic stands for a link. */
export type TopicRole =
  /** The link belongs to no group: roles do not speak of it. */
  | { readonly kind: 'free' }
  /** The link's source is primary for the topic. */
  | { readonly kind: 'copies'; readonly incarnation: number }
  /** Another region than the link's source is primary: nothing is copied. */
  | { readonly kind: 'standby'; readonly primary: string; readonly group: string }
  /** The source is primary since a failover, and the destination's log may differ: nothing is copied before a restore. */
  | { readonly kind: 'awaitsRestore'; readonly region: string; readonly group: string };

type LinkEnds = Pick<LinkRecord, 'name' | 'destination'> & { readonly source: { readonly name: string } };

export function primaryOf({ primary, topics }: RolesRecord, topic: string): PrimaryOf {
  return Object.hasOwn(topics, topic) ? topics[topic]! : primary;
}

/** What roles that follow upon these remember of who was the group's primary. */
export function primariesUntil(before: RolesRecord): string[] {
  const { regions, primary, formerPrimaries } = before;
  // Of two regions both were, once it has moved: known also where nobody wrote it down.
  const known = formerPrimaries ?? (regions.length === 2 && primary.sinceGeneration > 1 ? regions : []);
  return [...new Set([...known, primary.region])].sort();
}

/**
 * Whether a region may have had a topic as its primary before the primary of today became it. One that only stood by has
 * its own topics for itself, whatever the group's filters take.
 */
export function isFormerPrimary(roles: RolesRecord, region: string, topic: string): boolean {
  const { region: today, sinceGeneration } = primaryOf(roles, topic);
  if (region === today || sinceGeneration === 1) return false;
  // Of two regions it was the other one.
  return roles.regions.length === 2 || primariesUntil(roles).includes(region);
}

/** The group that a link belongs to; undefined: none. */
export function rolesOfLink(all: ReadonlyMap<string, RolesRecord>, link: string): RolesRecord | undefined {
  for (const roles of all.values()) if (roles.links.includes(link)) return roles;
  return undefined;
}

/** How this topic of the source stands for the link. */
export function roleOf(all: ReadonlyMap<string, RolesRecord>, link: LinkEnds, topic: string): TopicRole {
  const roles = rolesOfLink(all, link.name);
  if (roles === undefined) return { kind: 'free' };
  const { group } = roles;
  const { region, sinceGeneration } = primaryOf(roles, topic);
  if (region !== link.source.name) return { kind: 'standby', primary: region, group };
  const waiting = Object.hasOwn(roles.awaitsRestore, link.destination)
    ? roles.awaitsRestore[link.destination]!
    : [];
  if (waiting.includes(topic)) return { kind: 'awaitsRestore', region: link.destination, group };
  return { kind: 'copies', incarnation: sinceGeneration - 1 };
}
