// Where the data of a topic comes from: a label follows the data, whatever the mirror is called.
//
//   us-east.us.eu.customers  ──by uk-to-us──►  uk-south.eu.customers  ──by eu-to-uk──►  eu-west.customers (data: pii)
//
// In doubt a topic is taken for a copy: a name that a link with a prefix would give is one, whatever the link's filters say
// now, since the copy of yesterday still lies there. Without a prefix the filters decide, or what was written down.
import { compileFilter, type Filter } from '../filter.ts';
import { matchesTopic } from '../link-filters.ts';
import { mirrorNameOf, sourceNameOf } from '../mirror-name.ts';
import type { Flow, KnownCopy, ResidencyWorld, TopicLabels, TopicPlace } from './types.ts';

/** A place that the data of a topic has been in, and how it went on from there. */
export interface Ancestor extends TopicPlace {
  /** The next place, towards the topic that was asked for; null: it is that topic. */
  readonly to: Ancestor | null;
  /** The link to `to`; null where the name alone says that it is a copy. */
  readonly link: string | null;
}

/** One value of a label, and where the data got it. */
export interface CarriedLabel {
  readonly key: string;
  readonly value: string;
  readonly at: Ancestor;
}

export interface Lineage {
  /** The topic itself first, then nearer ones before farther ones. */
  readonly places: readonly Ancestor[];
  /** A key may have several values: those of all places add up. */
  readonly labels: readonly CarriedLabel[];
}

/** Of a topic that is there. */
export function lineageOf(world: ResidencyWorld, place: TopicPlace): Lineage {
  const start: Ancestor = { ...place, to: null, link: null };
  return explore(world, [start]);
}

/** Of the mirror that a link would make of a topic, whatever else may have the mirror's name. */
export function lineageOfMirror(world: ResidencyWorld, flow: Flow, topic: string): Lineage {
  const mirror = { cluster: flow.destination, topic: mirrorNameOf(flow, topic) };
  const start: Ancestor = { ...mirror, to: null, link: null };
  const source: Ancestor = { cluster: flow.source, topic, to: start, link: flow.name };
  return explore(world, [start, source, ...byName(world, start)], new Set([keyOf(start)]));
}

/** What keeps a lost tail, or the history before it (src/failover/restore/quarantine.ts), has the data of its topic. */
const lostTail = /^(.+)\.lost-\d{8}T\d{6}Z(?:\.older)?$/;

function explore(world: ResidencyWorld, begun: readonly Ancestor[], asked: Set<string> = new Set()): Lineage {
  const places = new Map(begun.map((place) => [keyOf(place), place]));
  const pending = begun.filter((place) => !asked.has(keyOf(place)));
  for (let place = pending.shift(); place !== undefined; place = pending.shift()) {
    for (const parent of [...byLinks(world, place), ...byCopies(world, place), ...byName(world, place)]) {
      if (places.has(keyOf(parent))) continue;
      places.set(keyOf(parent), parent);
      pending.push(parent);
    }
  }
  const all = [...places.values()];
  return { places: all, labels: all.flatMap((at) => labelsAt(world, at)) };
}

function byLinks({ flows, clusters }: ResidencyWorld, to: Ancestor): Ancestor[] {
  // A name that nobody declared may be any cluster's.
  const isKnown = Object.hasOwn(clusters, to.cluster);
  return flows.flatMap((flow): Ancestor[] => {
    if (isKnown && flow.destination !== to.cluster) return [];
    const topic = sourceNameOf(flow, to.topic);
    const isRenamed = topic !== null && topic !== to.topic;
    if (topic === null || !(isRenamed || matchesTopic(flow, topic))) return [];
    return [{ cluster: flow.source, topic, to, link: flow.name }];
  });
}

function byCopies({ copies }: ResidencyWorld, to: Ancestor): Ancestor[] {
  const own = indexOf(copies).get(keyOf(to)) ?? [];
  return own.map(({ from, link }) => ({ ...from, to, link }));
}

/** There may be thousands, asked for thousands of topics. */
const indexes = new WeakMap<readonly KnownCopy[], ReadonlyMap<string, readonly KnownCopy[]>>();

function indexOf(copies: readonly KnownCopy[]): ReadonlyMap<string, readonly KnownCopy[]> {
  const known = indexes.get(copies);
  if (known !== undefined) return known;
  const index = Map.groupBy(copies, keyOf);
  indexes.set(copies, index);
  return index;
}

/** As MirrorMaker 2 names remote topics (`eu-west.customers`), whoever made them; and lost tails. */
function byName({ clusters }: ResidencyWorld, to: Ancestor): Ancestor[] {
  const found: Ancestor[] = [];
  for (const cluster of Object.keys(clusters)) {
    const begin = `${cluster}.`;
    if (to.topic.startsWith(begin) && to.topic.length > begin.length)
      found.push({ cluster, topic: to.topic.slice(begin.length), to, link: null });
  }
  const [, lost] = lostTail.exec(to.topic) ?? [];
  if (lost !== undefined) found.push({ cluster: to.cluster, topic: lost, to, link: null });
  return found;
}

function labelsAt({ topicLabels }: ResidencyWorld, at: Ancestor): CarriedLabel[] {
  return topicLabels.flatMap((entry) =>
    filterOf(entry)(at.topic) === null
      ? []
      : Object.entries(entry.labels).map(([key, value]) => ({ key, value, at })),
  );
}

const filters = new WeakMap<TopicLabels, Filter>();

function filterOf(entry: TopicLabels): Filter {
  let filter = filters.get(entry);
  if (filter === undefined) {
    filter = compileFilter({ include: entry.topics, exclude: [] }, 'topic');
    filters.set(entry, filter);
  }
  return filter;
}

function keyOf({ cluster, topic }: TopicPlace): string {
  return `${cluster}/${topic}`;
}
