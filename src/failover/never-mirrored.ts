// Topics of a former primary that never came over: created in the moments before it was lost, or kept from being mirrored.
// No mirror tells of them, so no loss is counted and no restore is awaited: they are found by what both regions list.
import { describeTopics, listOffsets, listTopics, unwrap } from '../client/index.ts';
import { isFormerPrimary, primaryOf, type RolesRecord } from '../control/index.ts';
import { isInternalTopic, type LinkConfig, matchesTopic } from '../topology/index.ts';
import { isSavedTopic } from '../topology/saved-topic.ts';
import { formatCount, plural } from '../units.ts';
import { linksInto } from './moved.ts';
import type { OpenGroup, OpenRegion } from './types.ts';

const unknownTopic = 3;

export interface NeverMirrored {
  readonly topic: string;
  /** The region that is primary for it, and does not have it. */
  readonly primary: string;
  /** By their offsets: markers and records of aborted transactions are counted, too. */
  readonly recordsMax: bigint;
}

/**
 * Topics that the group's links would take, that only this region has, although another one is primary for them since a
 * move. One that was a mirror is none: its source was deleted.
 * @throws LockstepError where a region does not tell.
 */
export async function neverMirrored(
  group: OpenGroup,
  roles: RolesRecord,
  region: OpenRegion,
): Promise<NeverMirrored[]> {
  const sources = linksInto(group, region.name).flatMap((link) => {
    const primary = group.regions.get(link.source);
    return primary === undefined || primary.cluster === null ? [] : [{ link, primary }];
  });
  if (sources.length === 0) return [];
  const here = await listTopics(region.cluster);
  const found: Omit<NeverMirrored, 'recordsMax'>[] = [];
  for (const { link, primary } of sources) {
    const there = await listTopics(primary.cluster);
    const isMirror = (topic: string): boolean => region.state?.mirrors.has(`${link.name}/${topic}`) === true;
    const unlisted = [...here.keys()].filter(
      (topic) => isOfFormerPrimary(roles, link, topic) && !there.has(topic) && !isMirror(topic),
    );
    // Topics that we may not see are not listed either.
    const described = await describeTopics(primary.cluster, unlisted);
    for (const topic of unlisted) {
      const answer = described.get(topic)!;
      if (!answer.ok && answer.error.detail.number !== unknownTopic) throw answer.error;
      if (!answer.ok) found.push({ topic, primary: primary.name });
    }
  }
  const partitions = found.flatMap(({ topic }) =>
    here.get(topic)!.partitions.map((_, partition) => ({ topic, partition })),
  );
  // One after the other: a broker refuses a request that names a partition twice.
  const counts = new Map<string, bigint>();
  for (const [at, sign] of [
    ['earliest', -1n],
    ['latest', 1n],
  ] as const)
    for (const { item, outcome } of await listOffsets(
      region.cluster,
      partitions.map((one) => ({ ...one, at })),
    ))
      counts.set(item.topic, (counts.get(item.topic) ?? 0n) + sign * unwrap(outcome).offset);
  return found
    .map((one) => ({ ...one, recordsMax: counts.get(one.topic) ?? 0n }))
    .sort((one, other) => (one.topic < other.topic ? -1 : 1));
}

/** Whether the link's source is primary for it since a move, and its destination was before. Pure. */
export function isOfFormerPrimary(
  roles: RolesRecord,
  link: Pick<LinkConfig, 'source' | 'destination' | 'topics' | 'excludeTopics'>,
  topic: string,
): boolean {
  if (isInternalTopic(topic) || isSavedTopic(topic) || !matchesTopic(link, topic)) return false;
  if (primaryOf(roles, topic).region !== link.source) return false;
  const waiting = Object.hasOwn(roles.awaitsRestore, link.destination)
    ? roles.awaitsRestore[link.destination]!
    : [];
  return isFormerPrimary(roles, link.destination, topic) && !waiting.includes(topic);
}

/** Of them that are named. */
const namedMax = 10;

/** `fresh (at most 12 records), drafts (at most 0 records) and 3 more`. */
export function neverMirroredWords(topics: readonly Pick<NeverMirrored, 'topic' | 'recordsMax'>[]): string {
  const named = topics
    .slice(0, namedMax)
    .map(({ topic, recordsMax }) => `${topic} (at most ${plural(recordsMax, 'record')})`);
  const more = topics.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}`;
}
