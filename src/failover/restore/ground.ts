// What a restore stands on: the region that comes back, the one that it is restored from, and the links between them.
import { type FleetState, type MirrorRecord, primaryOf } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { isInternalTopic, type LinkConfig, matchesTopic } from '../../topology/index.ts';
import { isSavedTopic } from '../../topology/saved-topic.ts';
import type { OpenGroup, OpenRegion } from '../types.ts';
import { type DivergedMirror, divergedMirrors } from './diverged.ts';

export interface RestoreGround {
  readonly group: OpenGroup;
  /** The region that comes back. */
  readonly lost: OpenRegion;
  /** The primary of its topics: where they are restored from. */
  readonly home: OpenRegion;
  /** Mirrors from home to the lost region. */
  readonly link: LinkConfig;
  /** Topics that wait for this restore. */
  readonly topics: readonly string[];
  /** Those of them that were mirrored from home until somebody else wrote to them. */
  readonly diverged: readonly DivergedMirror[];
}

/**
 * @param only topics that are meant; null: all that wait, and all mirrors that are `Diverged`
 * @param known of a restore that has begun: mirrors that were `Diverged` then. Default: those that are
 * @throws LockstepError USAGE where nothing waits, or it is not told what is meant; CLUSTER_UNREACHABLE.
 */
export function restoreGround(
  group: OpenGroup,
  region: string,
  only: readonly string[] | null,
  known?: readonly DivergedMirror[],
): RestoreGround {
  const { config } = group;
  if (!config.regions.includes(region))
    throw usage(`${region} is no region of group ${config.name}: it has ${config.regions.join(', ')}`);
  const roles = group.roles();
  if (roles === null) for (const name of group.regions.keys()) reached(group, name);
  if (roles === null)
    throw usage(
      `group ${config.name} has no roles yet in any region that answers; start agents with lockstep run`,
    );
  const diverged = known ?? divergedMirrors(group, roles, group.regions.get(region)!);
  const waiting = [
    ...new Set([
      ...(Object.hasOwn(roles.awaitsRestore, region) ? roles.awaitsRestore[region]! : []),
      ...(known === undefined ? diverged.map(({ sourceTopic }) => sourceTopic) : []),
    ]),
  ];
  if (waiting.length === 0)
    throw usage(`nothing waits for a restore at ${region}; lockstep status shows how the group stands`);
  const unknown = only?.filter((topic) => !waiting.includes(topic)) ?? [];
  if (unknown.length > 0)
    throw usage(
      `${unknown.join(', ')}: neither waiting for a restore at ${region} nor Diverged there; lockstep status shows how the group stands`,
    );
  const topics = only ?? waiting;
  const byHome = Map.groupBy(topics, (topic) => primaryOf(roles, topic).region);
  if (byHome.size > 1) {
    const parts = Array.from(byHome, ([home, names]) => `from ${home}: --topics ${names.join(',')}`);
    throw usage(
      `topics of ${region} have several primaries; restore them one after the other, ${parts.join('; ')}`,
    );
  }
  const [home] = byHome.keys();
  const ofThese = diverged.filter(({ sourceTopic }) => topics.includes(sourceTopic));
  return groundBetween(group, { region, home: home!, topics, diverged: ofThese });
}

/** The same for a restore that is under way, whose topics may not wait any more. @throws as `restoreGround` */
export function groundBetween(
  group: OpenGroup,
  {
    region,
    home,
    topics,
    diverged = [],
  }: { region: string; home: string } & Pick<RestoreGround, 'topics'> &
    Partial<Pick<RestoreGround, 'diverged'>>,
): RestoreGround {
  const { config, topology } = group;
  const link = Object.values(topology.links).find(
    ({ name, source, destination }) =>
      config.links.includes(name) && source === home && destination === region,
  );
  if (link === undefined)
    throw usage(`group ${config.name} has no link from ${home} to ${region}: nothing could be copied`);
  return { group, link, topics, diverged, lost: reached(group, region), home: reached(group, home) };
}

function reached(group: OpenGroup, name: string): OpenRegion {
  const region = group.regions.get(name)!;
  if (region.cluster !== null) return region;
  throw new LockstepError(
    'CLUSTER_UNREACHABLE',
    `region ${name} is needed and can't be reached: ${region.reason}`,
  );
}

/** What is known of how far the new primary mirrored a topic. */
export interface KnownCut {
  /** By partition; null: unknown. */
  readonly cuts: readonly bigint[] | null;
  /** Whether the lost topic is the one that was mirrored, and its mirror the topic that the new primary has now. */
  readonly isSameTopic: boolean;
}

/** What a cut is looked up in. */
interface CutGround {
  readonly group: {
    readonly topology: {
      readonly links: Readonly<Record<string, Pick<LinkConfig, 'source' | 'destination'>>>;
    };
    readonly config: { readonly links: readonly string[] };
  };
  readonly home: { readonly name: string; readonly state: Pick<FleetState, 'mirrors'> | null };
  readonly lost: { readonly name: string };
  readonly diverged?: readonly DivergedMirror[];
}

/** Where the new primary's mirror of a topic was cut, by the record of the promotion. */
export function knownCut(
  { group, home, lost, diverged = [] }: CutGround,
  topic: string,
  ids: { readonly lost: string; readonly home: string },
): KnownCut {
  const mirrors = mirrorsOf(group, home, topic);
  const own = mirrors.find(({ link }) => link.source === lost.name);
  const continued = diverged.find(({ sourceTopic }) => sourceTopic === topic);
  if (continued !== undefined) {
    // It may have been made anew since it was the primary's: then nothing says how far both are the same.
    const isFormer = own?.mirror.sourceTopicId === ids.lost && own.mirror.mirrorTopicId === ids.home;
    const isSameTopic = continued.sourceTopicId === ids.home && continued.mirrorTopicId === ids.lost;
    return { cuts: isFormer ? cutsOf(own.mirror) : null, isSameTopic };
  }
  if (own !== undefined) {
    const { sourceTopicId, mirrorTopicId } = own.mirror;
    const isSameTopic = sourceTopicId === ids.lost && mirrorTopicId === ids.home;
    return { cuts: cutsOf(own.mirror), isSameTopic };
  }
  // A third region: both are mirrors of the former primary, and its own mirror is forgotten. The comparison tells whether
  // the topic is the same.
  const promoted = mirrors.find(({ mirror }) => mirror.promotion?.partitions !== undefined);
  return { cuts: promoted === undefined ? null : cutsOf(promoted.mirror), isSameTopic: true };
}

function mirrorsOf(
  { topology, config }: CutGround['group'],
  at: CutGround['home'],
  topic: string,
): { link: Pick<LinkConfig, 'source' | 'destination'>; mirror: MirrorRecord }[] {
  return config.links.flatMap((name) => {
    const link = topology.links[name];
    const mirror = at.state?.mirrors.get(`${name}/${topic}`);
    return link?.destination === at.name && mirror !== undefined ? [{ link, mirror }] : [];
  });
}

function cutsOf({ promotion }: MirrorRecord): readonly bigint[] | null {
  const partitions = promotion?.partitions;
  if (partitions === undefined) return null;
  const cuts: bigint[] = [];
  for (const { partition, cutOffset } of partitions) cuts[partition] = BigInt(cutOffset);
  return cuts;
}

/** Whether the topic was mirrored from the new primary since it was cut. */
export function isDiverged({ diverged }: Pick<RestoreGround, 'diverged'>, topic: string): boolean {
  return diverged.some(({ sourceTopic }) => sourceTopic === topic);
}

/** Whether gaps were filled with copies on the way to the new primary. */
export function gapsHoldCopies({ group, home, lost }: RestoreGround): boolean {
  return Object.values(group.topology.links).some(
    ({ source, destination, compactionGaps }) =>
      source === lost.name && destination === home.name && compactionGaps === 'copies',
  );
}

/** Whether a topic of the lost region that nobody waits for is one that would be mirrored from there. */
export function isMirrored({ group, home, lost, topics }: RestoreGround, topic: string): boolean {
  if (topics.includes(topic) || isInternalTopic(topic) || isSavedTopic(topic)) return false;
  const { config, topology } = group;
  return config.links
    .map((name) => topology.links[name]!)
    .some((link) => link.source === lost.name && link.destination === home.name && matchesTopic(link, topic));
}

function usage(message: string): LockstepError {
  return new LockstepError('USAGE', message);
}
