// The way that topics take over all links that are known, and whether one of them comes back to a cluster where it was.
//
// A flow is a link seen from afar: which topics of one cluster it brings to another, and under which names. What comes
// back grows without end: `us-east.orders -> eu-west.a.orders -> us-east.b.a.orders -> ...`. A topic is followed by its
// name, literally. Regular expressions can't be compared with each other, so names stand for them that they take: those
// that other links name, and some made of the expression itself.
import { literalName } from './filter.ts';
import { literalTopics, matchesTopic } from './link-filters.ts';
import { mirrorNameOf, sourceNameOf } from './mirror-name.ts';
import { topicNameCharsMax } from './topic-name.ts';
import type { LinkConfig } from './types.ts';

/** One end of a flow. */
export interface FlowEnd {
  /** What people call it. */
  readonly name: string;
  /** Kafka's id of the cluster; absent while it was never reached. */
  readonly id?: string;
  /** `host:port`, as far as they are known; tell a cluster where its id does not. */
  readonly addresses?: readonly string[];
}

export interface LinkFlow extends Pick<LinkConfig, 'topics' | 'excludeTopics' | 'prefix' | 'mirrorMaker'> {
  readonly link: string;
  /** Links of one replication group take turns: of two ways only one is open at a time. */
  readonly group?: string;
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  /** Topics of the source whose mirrors were promoted: they are not brought any more. */
  readonly closed?: readonly string[];
}

/** A topic in a cluster, and the link that brought it there; null for where the way begins. */
export interface FlowStep {
  readonly cluster: FlowEnd;
  readonly topic: string;
  readonly link: string | null;
}

/** More flows than these are not followed. */
export const flowsMax = 1_000;
/** Clusters on one way. */
const hopsMax = 16;
/** Names that are tried, of one flow and of all. */
const namesMax = { perFlow: 200, all: 5_000 } as const;
/** Steps of one search; a graph that needs more is told as far as it was seen. */
const stepsMax = 20_000;

/** Whether two ends are one cluster, by Kafka's id, or by an address where one of the ids is not known. */
export function isSameCluster(one: FlowEnd, other: FlowEnd): boolean {
  if (one.id !== undefined && other.id !== undefined) return one.id === other.id;
  const addresses = new Set(one.addresses?.map((address) => address.toLowerCase()));
  return other.addresses?.some((address) => addresses.has(address.toLowerCase())) ?? false;
}

/** Whether the flow brings this topic of its source. */
export function brings(flow: LinkFlow, topic: string): boolean {
  return matchesTopic(flow, topic) && flow.closed?.includes(topic) !== true;
}

/**
 * The way of a topic that `flow` would bring back to a cluster where it comes from: the topic at the source is a mirror,
 * perhaps of a mirror, of a topic of the flow's own destination. Null: it is not, as far as is known.
 */
export function returnOf(
  flow: LinkFlow,
  topic: string,
  flows: readonly LinkFlow[],
): readonly FlowStep[] | null {
  const others = flows.filter((other) => !isTakingTurns(other, flow)).slice(0, flowsMax);
  const seen = new Set<string>();
  const end: FlowStep = { cluster: flow.destination, topic: mirrorNameOf(flow, topic), link: flow.link };
  const back = (cluster: FlowEnd, name: string, steps: readonly FlowStep[]): readonly FlowStep[] | null => {
    if (steps.length > hopsMax) return null;
    for (const [index, other] of others.entries()) {
      if (!isSameCluster(other.destination, cluster)) continue;
      const from = sourceNameOf(other, name);
      const key = `${index}/${from}`;
      if (from === null || seen.has(key) || !brings(other, from)) continue;
      seen.add(key);
      const way = [
        { cluster: other.source, topic: from, link: null },
        { cluster, topic: name, link: other.link },
        ...steps,
      ];
      if (isSameCluster(other.source, flow.destination)) return way;
      const longer = back(other.source, from, way.slice(1));
      if (longer !== null) return longer;
    }
    return null;
  };
  return back(flow.source, topic, [end]);
}

/**
 * A way on which some topic comes back to a cluster where it was, and that leads over one of the links in `changed`; null:
 * there is none, as far as names show.
 * @param linksMin circles of fewer links are left out; default 1
 */
export function findLoop(
  flows: readonly LinkFlow[],
  changed: ReadonlySet<string>,
  { linksMin = 1 }: { readonly linksMin?: number } = {},
): readonly FlowStep[] | null {
  const known = flows.slice(0, flowsMax);
  const clusters = new Clusters(known);
  const around = known.filter((flow) => clusters.isOnRing(flow));
  const leaving = new Map<number, LinkFlow[]>();
  for (const flow of around) {
    const from = clusters.of(flow.source);
    leaving.set(from, [...(leaving.get(from) ?? []), flow]);
  }
  let steps = 0;
  const follow = (way: readonly FlowStep[], taken: readonly LinkFlow[]): readonly FlowStep[] | null => {
    const { cluster, topic } = way.at(-1)!;
    if (way.length > hopsMax || ++steps > stepsMax) return null;
    for (const flow of leaving.get(clusters.of(cluster)) ?? []) {
      if (!brings(flow, topic) || taken.some((before) => before === flow || isTakingTurns(before, flow)))
        continue;
      const mirror = mirrorNameOf(flow, topic);
      if (mirror.length > topicNameCharsMax) continue;
      const next = [...way, { cluster: flow.destination, topic: mirror, link: flow.link }];
      const to = clusters.of(flow.destination);
      const from = way.findIndex((step) => clusters.of(step.cluster) === to);
      if (from < 0) {
        const found = follow(next, [...taken, flow]);
        if (found !== null) return found;
        continue;
      }
      const [first, ...rest] = next.slice(from);
      if (rest.length >= linksMin && rest.some(({ link }) => changed.has(link!)))
        return [{ ...first!, link: null }, ...rest];
    }
    return null;
  };
  const names = new Set(around.flatMap(namesOf).slice(0, namesMax.all));
  // Ways that a changed link closes are the plainest to read.
  const ends = new Set(
    around.filter(({ link }) => changed.has(link)).map((flow) => clusters.of(flow.destination)),
  );
  const begins = (flow: LinkFlow): number => (ends.has(clusters.of(flow.source)) ? 0 : 1);
  for (const flow of around.toSorted((a, b) => begins(a) - begins(b))) {
    for (const topic of namesFor(flow, names)) {
      const found = follow([{ cluster: flow.source, topic, link: null }], []);
      if (found !== null) return found;
    }
  }
  return null;
}

/** `us-east.orders -> eu-west.a.orders -> us-east.b.a.orders` */
export function drawn(way: readonly FlowStep[]): string {
  return way.map(({ cluster, topic }) => `${cluster.name}.${topic}`).join(' -> ');
}

/** Two links of one group that do not begin at the same cluster: for each topic roles let one of them copy. */
function isTakingTurns(one: LinkFlow, other: LinkFlow): boolean {
  return one.group !== undefined && one.group === other.group && !isSameCluster(one.source, other.source);
}

/** The clusters of some flows as numbers, and which of them lead where. */
class Clusters {
  readonly #ends: FlowEnd[] = [];
  readonly #numbers = new Map<FlowEnd, number>();
  /** From each cluster, what flows lead to. */
  readonly #next = new Map<number, Set<number>>();

  constructor(flows: readonly LinkFlow[]) {
    for (const { source, destination } of flows) {
      const from = this.of(source);
      this.#next.set(from, (this.#next.get(from) ?? new Set()).add(this.of(destination)));
    }
  }

  of(end: FlowEnd): number {
    let number = this.#numbers.get(end);
    if (number === undefined) {
      const known = this.#ends.findIndex((other) => isSameCluster(other, end));
      number = known < 0 ? this.#ends.push(end) - 1 : known;
      this.#numbers.set(end, number);
    }
    return number;
  }

  /** Whether clusters alone would allow a way from its destination to its source. */
  isOnRing({ source, destination }: LinkFlow): boolean {
    const reached = new Set([this.of(destination)]);
    for (const cluster of reached) for (const next of this.#next.get(cluster) ?? []) reached.add(next);
    return reached.has(this.of(source));
  }
}

/** Topics of a flow's source that it may bring, of the names that links know. */
function namesFor(flow: LinkFlow, known: ReadonlySet<string>): string[] {
  const names = new Set(known);
  // As it would have to be called here to have that name there.
  for (const name of known) names.add(sourceNameOf(flow, name) ?? name);
  return [...names].filter((name) => brings(flow, name));
}

function namesOf(flow: LinkFlow): string[] {
  return [...exampleNames(flow), ...literalTopics(flow)].slice(0, namesMax.perFlow);
}

/** Names that stand for those that the patterns of a link take, as far as they are easily made; it may leave some of them out. */
export function exampleNames({ topics }: Pick<LinkFlow, 'topics'>): string[] {
  return topics
    .filter((item) => literalName(item, 'topic') === undefined)
    .slice(0, namesMax.perFlow)
    .flatMap(examplesOf)
    .slice(0, namesMax.perFlow);
}

/** Stands for a topic of any name: only wide patterns take it. */
export const anyTopic = 'any-topic';

/** Names that a prefix or a regular expression takes, where they are easily found. */
function examplesOf(item: string): string[] {
  const prefix = /^prefix:(.*)$/s.exec(item)?.[1];
  if (prefix !== undefined) return [prefix, `${prefix}${anyTopic}`];
  const text = item.replace(/^regex:/, '').replace(/^\^|\$$/g, '');
  const made = text
    .replace(/\(\?:?/g, '(')
    .split('|')
    .map((part) =>
      part
        .replace(/[()]/g, '')
        .replace(/\[\\?([._-])\]/g, '$1')
        .replace(/\.[*+]\??/g, anyTopic)
        .replace(/\\d[*+]?|\[0-9\][*+]?/g, '1')
        .replace(/\[a-z[^\]]*\][*+]?|\\w[*+]?/gi, 'a')
        .replace(/\\(.)/g, '$1'),
    )
    .filter((name) => /^[A-Za-z0-9._-]+$/.test(name));
  return [anyTopic, ...made];
}
