// Which links, mirrors and topics a move is about.
import { type MirrorRecord, type MoveRecord, primaryOf, type RolesRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkConfig } from '../topology/index.ts';
import type { MoveContext, OpenGroup, OpenRegion, Region } from './types.ts';

/** The group's links in one direction. */
export function linksBetween({ topology, config }: OpenGroup, from: string, to: string): LinkConfig[] {
  return config.links
    .map((name) => topology.links[name]!)
    .filter((link) => link.source === from && link.destination === to);
}

/** The group's links into a region. */
export function linksInto({ topology, config }: OpenGroup, to: string): LinkConfig[] {
  return config.links.map((name) => topology.links[name]!).filter((link) => link.destination === to);
}

/** Mirrors of links, in the order of their topics. */
export function mirrorsOfLinks(region: Region, links: readonly LinkConfig[]): MirrorRecord[] {
  const names = new Set(links.map(({ name }) => name));
  return [...(region.state?.mirrors.values() ?? [])]
    .filter(({ link }) => names.has(link))
    .sort((a, b) => (a.sourceTopic < b.sourceTopic ? -1 : 1));
}

/** Topics that any link of the group mirrors, or did. */
export function groupTopics({ regions }: OpenGroup, roles: RolesRecord): string[] {
  const mirrors = [...regions.values()].flatMap(({ state }) => [...(state?.mirrors.values() ?? [])]);
  return [
    ...new Set(mirrors.filter(({ link }) => roles.links.includes(link)).map((mirror) => mirror.sourceTopic)),
  ];
}

type Scope = Pick<MoveRecord, 'from' | 'to' | 'topics' | 'facts'>;

/**
 * The mirrors at the region that becomes primary that go along: of the topics whose primary is the former one, those that
 * were met since the move began too; and when the roles have turned, of those that were written down.
 */
export function movedMirrors(group: OpenGroup, home: Region, move: Scope): MirrorRecord[] {
  const roles = group.roles();
  const noted = new Set(movedTopics(move));
  const isMoved = (topic: string): boolean => {
    if (move.topics !== null) return move.topics.includes(topic);
    if (roles === null || noted.has(topic)) return true;
    return primaryOf(roles, topic).region === move.from;
  };
  return mirrorsOfLinks(home, linksBetween(group, move.from, move.to)).filter(({ sourceTopic }) =>
    isMoved(sourceTopic),
  );
}

/** Topics that the links take and something keeps from being mirrored, with the reason. */
export function notMirrored(
  { group, home }: Pick<MoveContext, 'group' | 'home'>,
  { from, to, topics }: MoveRecord,
): string[] {
  const links = linksBetween(group, from, to).map(({ name }) => name);
  return [...(home.state?.conditions ?? [])].flatMap(([name, { state, reason }]) => {
    const [link, topic] = name.split('/');
    const isOurs = links.includes(link!) && topic !== undefined && (topics?.includes(topic) ?? true);
    return isOurs && state !== 'Standby' ? [`${topic} is ${state}: ${reason}`] : [];
  });
}

/** The topics that a move is about, as written down when it began. */
export function movedTopics({ facts }: Pick<MoveRecord, 'facts'>): readonly string[] {
  return Array.isArray(facts.topics) ? facts.topics.map(String) : [];
}

/** By how much the mirror's offsets are lower than the source's. */
export function shiftOf(home: Region, mirror: MirrorRecord, partition: number): bigint {
  const status = home.state?.statuses.get(`${mirror.link}/${mirror.sourceTopic}/${partition}`);
  return BigInt(status?.shift ?? '0');
}

/** The region, which has to answer. @throws LockstepError CLUSTER_UNREACHABLE */
export function reached(group: OpenGroup, name: string): OpenRegion {
  const region = group.regions.get(name)!;
  if (region.cluster !== null) return region;
  throw new LockstepError('CLUSTER_UNREACHABLE', `region ${name} can not be reached: ${region.reason}`);
}

/** @throws LockstepError where nobody has declared the roles yet. */
export function rolesOf({ config, topology, roles }: OpenGroup): RolesRecord {
  const found = roles();
  if (found !== null) return found;
  throw new LockstepError(
    'USAGE',
    `no region knows the roles of group ${config.name} yet; an agent started with \`lockstep run ${topology.file}\` declares them`,
  );
}

/** Both sides of the move. */
export function sidesOf({ group }: MoveContext, move: Scope): { from: OpenRegion; to: OpenRegion } {
  return { from: reached(group, move.from), to: reached(group, move.to) };
}

/** `orders, bills and 12 more`. */
export function nameList(names: readonly string[], shownMax = 8): string {
  const shown = names.slice(0, shownMax).join(', ');
  return names.length <= shownMax ? shown : `${shown} and ${names.length - shownMax} more`;
}
