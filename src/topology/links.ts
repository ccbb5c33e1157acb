// One entry of `links:` checked against the clusters it names, and links against each other.
import { type ClusterConfig, formatAddress } from '../client/config.ts';
import { describeValue, quote } from './describe.ts';
import { nearestName } from './did-you-mean.ts';
import type { Path, Problems } from './problems.ts';
import type { LinkShape } from './schema.ts';
import { checkFilterItem, literalTopics, matchesTopic } from './topic-filter.ts';
import type { LinkConfig } from './types.ts';

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

/** Every item of the raw lists that can't be a topic, a group or a regular expression. */
export function checkFilters(link: string, raw: Record<string, unknown>, problems: Problems): void {
  for (const [key, kind] of [
    ['topics', 'topic'],
    ['excludeTopics', 'topic'],
    ['groups', 'group'],
  ] as const) {
    const items = raw[key];
    if (!Array.isArray(items)) continue;
    for (const [index, item] of items.entries()) {
      if (typeof item !== 'string' || item === '') continue;
      const problem = checkFilterItem(item, kind);
      if (problem !== undefined) problems.add(['links', link, key, index], problem);
    }
  }
}

/** The link's configuration with its defaults. */
export function resolveLink(name: string, shape: LinkShape, problems: Problems): LinkConfig {
  const at: Path = ['links', name];
  if (shape.groups !== undefined && shape.groups.length > 0) {
    problems.warn([...at, 'groups'], 'groups are not synced yet: group sync comes with links as a service');
  }
  if (shape.inFlightBytesMax < shape.fetchBytesMax) {
    problems.add([...at, 'inFlightBytesMax'], {
      found: describeValue(shape.inFlightBytesMax, []),
      expected: `at least fetchBytesMax, which is ${shape.fetchBytesMax}`,
    });
  }
  const { replicationFactor } = shape;
  return {
    name,
    source: shape.source,
    destination: shape.destination,
    topics: shape.topics,
    excludeTopics: shape.excludeTopics ?? [],
    prefix: '',
    startAt: { kind: 'earliest' },
    groups: shape.groups ?? [],
    excludeGroups: [],
    sync: {
      configs: { everyMs: 5_000, also: [] },
      groups: { everyMs: 5_000, deletions: false, backwards: false },
      acls: null,
      quotas: [],
      users: [],
    },
    producerConnections: shape.producerConnections,
    fetchBytesMax: shape.fetchBytesMax,
    inFlightBytesMax: shape.inFlightBytesMax,
    holes: shape.holes,
    compactionGaps: shape.compactionGaps,
    start: shape.start,
    fillOffsetsMax: shape.fillOffsetsMax,
    retentionOvertook: shape.retentionOvertook,
    ...(replicationFactor !== undefined && { replicationFactor }),
  };
}

/**
 * Faults between links and clusters, each right by itself: two names for one cluster, two links that write one
 * topic, and loops. Regular expressions can't be compared for overlap here; literal names are.
 */
export function checkLinksTogether(
  links: readonly LinkConfig[],
  clusters: Readonly<Record<string, ClusterConfig>>,
  problems: Problems,
): void {
  for (const link of links) {
    const shared = sharedAddress(clusters[link.source], clusters[link.destination]);
    if (shared !== undefined && link.source !== link.destination) {
      problems.add(['links', link.name, 'destination'], {
        found: `${quote(link.destination)}, which has the address ${shared} as ${link.source} does`,
        expected: 'another cluster',
      });
    }
  }
  for (const [index, second] of links.entries()) {
    for (const first of links.slice(0, index)) checkPair(first, second, problems);
  }
}

function checkPair(first: LinkConfig, second: LinkConfig, problems: Problems): void {
  const sameEnd = first.destination === second.destination;
  const opposite = first.source === second.destination && first.destination === second.source;
  if (!sameEnd && !opposite) return;
  for (const [index, item] of second.topics.entries()) {
    const literal = literalTopics(second).includes(item);
    const taken = literal ? matchesTopic(second, item) && matchesTopic(first, item) : false;
    const reverse = literal
      ? undefined
      : literalTopics(first).find((name) => matchesTopic(second, name) && matchesTopic(first, name));
    const topic = taken ? item : reverse;
    if (topic === undefined) continue;
    problems.add(['links', second.name, 'topics', index], {
      found: `the topic ${quote(topic)}, which the link ${first.name} ${opposite ? 'mirrors the other way' : `writes to ${second.destination} too`}`,
      expected: opposite ? 'each topic mirrored in one direction only' : 'one link per destination topic',
    });
  }
}

function sharedAddress(a: ClusterConfig | undefined, b: ClusterConfig | undefined): string | undefined {
  const addresses = new Set(a?.bootstrap.map((address) => formatAddress(address).toLowerCase()));
  return b?.bootstrap
    .map((address) => formatAddress(address).toLowerCase())
    .find((address) => addresses.has(address));
}
