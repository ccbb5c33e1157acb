// One entry of `links:` checked against the clusters it names, and made ready for the rooms below.
import { describeValue, quote } from './describe.ts';
import { nearestName } from './did-you-mean.ts';
import type { NameKind } from './filter.ts';
import { checkLinkItem, literalTopics } from './link-filters.ts';
import type { LinkShape } from './link-schema.ts';
import { resolveMirrorMaker, resolvePrefix } from './mirror-maker.ts';
import type { Path, Problems } from './problems.ts';
import { valueAt } from './shape.ts';
import { parseStartAt } from './start-at.ts';
import { type LinkContext, resolveSync } from './sync.ts';
import { topicNameCharsMax } from './topic-name.ts';
import type { LinkConfig } from './types.ts';

/** A source 80 ms away fills it with answers that are on their way; a near one has less. */
const inFlightBytesMaxDefault = 16 * 2 ** 20;

/** The names a link gives must be clusters: works on raw data, so that it is checked beside other faults. */
export function checkClusterNames(
  link: string,
  raw: Record<string, unknown>,
  clusters: readonly string[],
  problems: Problems,
): void {
  for (const end of ['source', 'destination'] as const) {
    const value = raw[end];
    if (typeof value !== 'string' || value === '' || clusters.includes(value)) continue;
    problems.add(['links', link, end], {
      found: `the unknown cluster ${quote(value)}`,
      expected: `one of ${clusters.join(', ')}`,
      suggestion: nearestName(value, clusters),
    });
  }
  if (typeof raw.source === 'string' && raw.source !== '' && raw.source === raw.destination) {
    problems.add(['links', link, 'destination'], {
      found: `${quote(raw.source)}, which is the source too`,
      expected: 'another cluster',
    });
  }
}

/** Where a link has lists of names. */
const filterLists: readonly (readonly [path: Path, kind: NameKind])[] = [
  [['topics'], 'topic'],
  [['excludeTopics'], 'topic'],
  [['groups'], 'group'],
  [['excludeGroups'], 'group'],
  [['sync', 'acls', 'principals'], 'principal'],
  [['sync', 'acls', 'excludePrincipals'], 'principal'],
];

/** Every item of the raw lists that can't be a name, a prefix or a regular expression. */
export function checkFilters(link: string, raw: Record<string, unknown>, problems: Problems): void {
  for (const [path, kind] of filterLists) {
    const items = valueAt(raw, path);
    if (!Array.isArray(items)) continue;
    for (const [index, item] of items.entries()) {
      if (typeof item !== 'string' || item === '') continue;
      const problem = checkLinkItem(item, kind);
      if (problem !== undefined) problems.add(['links', link, ...path, index], problem);
    }
  }
}

/** The link's configuration with its defaults. */
export function resolveLink(name: string, shape: LinkShape, context: LinkContext): LinkConfig {
  const at: Path = ['links', name];
  const { inFlightBytesMax = inFlightBytesMaxDefault } = shape;
  if (inFlightBytesMax < shape.fetchBytesMax) {
    context.problems.add([...at, 'inFlightBytesMax'], {
      found: describeValue(inFlightBytesMax, []),
      expected: `at least fetchBytesMax, which is ${shape.fetchBytesMax}`,
    });
  }
  const prefix = resolvePrefix(shape, at, context.problems);
  checkPrefix({ prefix, topics: shape.topics }, at, context.problems);
  const { replicationFactor, bytesPerSecondMax } = shape;
  return {
    name,
    source: shape.source,
    destination: shape.destination,
    topics: shape.topics,
    excludeTopics: shape.excludeTopics ?? [],
    prefix,
    mirrorMaker: resolveMirrorMaker(shape),
    startAt: parseStartAt(shape.startAt) ?? { kind: 'earliest' },
    groups: shape.groups ?? [],
    excludeGroups: shape.excludeGroups ?? [],
    sync: resolveSync(shape.sync, [...at, 'sync'], context),
    separateProducerIds: shape.separateProducerIds,
    producerConnections: shape.producerConnections,
    fetchConnections: shape.fetchConnections,
    fetchBytesMax: shape.fetchBytesMax,
    inFlightBytesMax,
    isInFlightByWay: shape.inFlightBytesMax === undefined,
    holes: shape.holes,
    compactionGaps: shape.compactionGaps,
    start: shape.start,
    fillOffsetsMax: shape.fillOffsetsMax,
    retentionOvertook: shape.retentionOvertook,
    ...(replicationFactor !== undefined && { replicationFactor }),
    ...(bytesPerSecondMax !== undefined && { bytesPerSecondMax }),
  };
}

/** A prefix must leave every mirror a name that a topic may have, and that is nobody's own. */
function checkPrefix(
  { prefix, topics }: Pick<LinkShape, 'prefix' | 'topics'>,
  at: Path,
  problems: Problems,
): void {
  if (prefix.startsWith('__')) {
    problems.add([...at, 'prefix'], {
      found: quote(prefix),
      expected: "a prefix that does not begin with '__', which marks internal topics",
    });
    return;
  }
  for (const topic of prefix === '' ? [] : literalTopics({ topics })) {
    const mirror = prefix + topic;
    if (mirror.startsWith('__') && !topic.startsWith('__')) {
      problems.add([...at, 'prefix'], {
        found: `${quote(prefix)}, with which the mirror of ${topic} is the internal topic ${mirror}`,
        expected: 'another prefix',
      });
    }
    if (mirror.length > topicNameCharsMax) {
      problems.add([...at, 'prefix'], {
        found: `${quote(prefix)}, with which the mirror of ${quote(topic)} has ${mirror.length} characters`,
        expected: `names of at most ${topicNameCharsMax}`,
      });
    }
  }
}
