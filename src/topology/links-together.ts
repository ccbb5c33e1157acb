// Links checked against each other: what is right by itself may write one topic twice, or go in circles.
import { type ClusterConfig, formatAddress } from '../client/config.ts';
import { quote } from './describe.ts';
import { literalName } from './filter.ts';
import { anyTopic, drawn, exampleNames, findLoop, type LinkFlow } from './flow-graph.ts';
import { literalTopics, matchesTopic } from './link-filters.ts';
import { mirrorNameOf, sourceNameOf } from './mirror-name.ts';
import type { Path, Problem, Problems } from './problems.ts';
import type { LinkConfig } from './types.ts';

export interface TogetherContext {
  readonly problems: Problems;
  /** Inside a group roles say which of its links copies a topic, so several may name it. */
  readonly groups: readonly { readonly links: readonly string[] }[];
}

/**
 * Two names for one cluster, two links that write one topic, and loops. Regular expressions can't be compared for
 * overlap here; literal names are, and for loops names that are made of the expressions, one that nobody would choose for
 * `.*`: the leader of a fleet refuses by the same ones.
 */
export function checkLinksTogether(
  links: readonly LinkConfig[],
  clusters: Readonly<Record<string, ClusterConfig>>,
  { problems, groups }: TogetherContext,
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
    for (const first of links.slice(0, index))
      if (!areTakingTurns(first, second, groups)) checkPair(first, second, problems);
  }
  checkRings(links, { problems, groups });
}

/** Circles over three clusters and more; those of two are told with the place of the very item (`checkPair`). */
function checkRings(links: readonly LinkConfig[], { problems, groups }: TogetherContext): void {
  const flows = links.map((link): LinkFlow => {
    const group = groups.findIndex((each) => each.links.includes(link.name));
    return {
      ...{ link: link.name, topics: link.topics, excludeTopics: link.excludeTopics },
      ...{ prefix: link.prefix, mirrorMaker: link.mirrorMaker },
      ...(group >= 0 && { group: String(group) }),
      source: { name: link.source, id: link.source },
      destination: { name: link.destination, id: link.destination },
    };
  });
  const ring = findLoop(flows, new Set(links.map(({ name }) => name)), { linksMin: 3 });
  if (ring === null) return;
  const last = ring.at(-1)!;
  problems.add(['links', last.link!, 'topics'], {
    found: `a loop: ${drawn(ring)}`,
    expected: 'each topic to stay away from where it was; leave the mirrors out with excludeTopics',
  });
}

/** Two links of one group that do not have the same two ends: for each topic roles let one of them copy. */
function areTakingTurns(first: LinkConfig, second: LinkConfig, groups: TogetherContext['groups']): boolean {
  const isParallel = first.source === second.source && first.destination === second.destination;
  return !isParallel && groups.some(({ links }) => links.includes(first.name) && links.includes(second.name));
}

function checkPair(first: LinkConfig, second: LinkConfig, problems: Problems): void {
  if (first.destination === second.destination) return checkSameDestination(first, second, problems);
  if (first.source !== second.destination || first.destination !== second.source) return;
  if (hasSameNames(first) && hasSameNames(second)) checkOppositeNames(first, second, problems);
  else checkLoop(first, second, problems);
}

/** Mirrors are named as their topics. */
function hasSameNames({ prefix, mirrorMaker }: LinkConfig): boolean {
  return mirrorMaker === null ? prefix === '' : mirrorMaker.policy === 'identity';
}

/** Both write into one cluster: no mirror's name may come from both. */
function checkSameDestination(first: LinkConfig, second: LinkConfig, problems: Problems): void {
  const sourceTopics = [
    ...literalTopics(second),
    ...literalTopics(first).flatMap((topic) => sourceNameOf(second, mirrorNameOf(first, topic)) ?? []),
  ];
  const reported = new Set<number>();
  for (const topic of sourceTopics) {
    const inFirst = sourceNameOf(first, mirrorNameOf(second, topic));
    if (inFirst === null || !matchesTopic(second, topic) || !matchesTopic(first, inFirst)) continue;
    const index = itemThatTakes(second, topic);
    if (reported.has(index)) continue;
    reported.add(index);
    problems.add(['links', second.name, 'topics', index], {
      found: `the topic ${quote(mirrorNameOf(second, topic))}, which the link ${first.name} writes to ${second.destination} too`,
      expected: 'one link per destination topic',
    });
  }
}

/** The same names in both directions. */
function checkOppositeNames(first: LinkConfig, second: LinkConfig, problems: Problems): void {
  const reported = new Set<number>();
  const named = [...literalTopics(second), ...literalTopics(first)];
  for (const topic of [...named, anyTopic, ...exampleNames(second), ...exampleNames(first)]) {
    if (!matchesTopic(first, topic) || !matchesTopic(second, topic)) continue;
    const index = itemThatTakes(second, topic);
    if (reported.has(index)) continue;
    reported.add(index);
    problems.add(['links', second.name, 'topics', index], {
      found: `the topic ${quote(topic)}, which the link ${first.name} mirrors the other way`,
      expected: 'each topic mirrored in one direction only',
    });
  }
}

/** Opposite links with prefixes: neither may take the other's mirrors, or they would copy copies for ever. */
function checkLoop(first: LinkConfig, second: LinkConfig, problems: Problems): void {
  const forth = returningTopic(first, second);
  if (forth !== undefined) {
    const mirror = mirrorNameOf(first, forth);
    problems.add(placeOf(second, mirror), returning(first, second, mirror));
  }
  const back = returningTopic(second, first);
  if (back !== undefined)
    problems.add(prefixPlace(second), returning(second, first, mirrorNameOf(second, back)));
}

/** A topic of `link` whose mirror `opposite` would take back. */
function returningTopic(link: LinkConfig, opposite: LinkConfig): string | undefined {
  const candidates = [
    ...literalTopics(link),
    ...literalTopics(opposite).flatMap((topic) => sourceNameOf(link, topic) ?? []),
    anyTopic,
    ...exampleNames(link),
    ...exampleNames(opposite).flatMap((topic) => sourceNameOf(link, topic) ?? []),
  ];
  return candidates.find(
    (topic) => matchesTopic(link, topic) && matchesTopic(opposite, mirrorNameOf(link, topic)),
  );
}

function returning(link: LinkConfig, opposite: LinkConfig, mirror: string): Problem {
  return {
    found: `the topic ${quote(mirror)}, a mirror of the link ${link.name}, which the link ${opposite.name} mirrors back`,
    expected: `mirrors left out: excludeTopics: [${link.prefix === '' ? mirror : `"prefix:${link.prefix}"`}] in ${opposite.name}`,
  };
}

function placeOf(link: LinkConfig, topic: string): Path {
  return ['links', link.name, 'topics', itemThatTakes(link, topic)];
}

function prefixPlace(link: LinkConfig): Path {
  return ['links', link.name, ...(link.prefix === '' ? [] : ['prefix'])];
}

/** Index of the item of `topics` that takes the topic: the literal one where there is one. */
function itemThatTakes(link: LinkConfig, topic: string): number {
  const literal = literalIndexes(link).get(topic);
  if (literal !== undefined) return literal;
  return Math.max(
    0,
    link.topics.findIndex((item) => matchesTopic({ topics: [item], excludeTopics: [] }, topic)),
  );
}

/** Looked up for each fault, and a link may have ten thousand items. */
const indexes = new WeakMap<LinkConfig, ReadonlyMap<string, number>>();

function literalIndexes(link: LinkConfig): ReadonlyMap<string, number> {
  let known = indexes.get(link);
  if (known === undefined) {
    known = new Map(link.topics.map((item, index) => [literalName(item, 'topic') ?? '', index]));
    indexes.set(link, known);
  }
  return known;
}

function sharedAddress(a: ClusterConfig | undefined, b: ClusterConfig | undefined): string | undefined {
  const addresses = new Set(a?.bootstrap.map((address) => formatAddress(address).toLowerCase()));
  return b?.bootstrap
    .map((address) => formatAddress(address).toLowerCase())
    .find((address) => addresses.has(address));
}
