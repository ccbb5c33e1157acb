// What the roles of a replication group mean for a link: whether it copies a topic, and in which life of its mirror.
import type { LinkRecord, PrimaryOf, RolesRecord } from './types.ts';

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
