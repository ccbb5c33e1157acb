// Whether a link may copy a topic: the one decision that everybody asks (the file's check, the leader, each agent, the audit).
//
// What is not known is held against the flow: a cluster without the label that a rule asks for may be the forbidden one.
import { matchesTopic } from '../link-filters.ts';
import { type Ancestor, type CarriedLabel, type Lineage, lineageOf, lineageOfMirror } from './lineage.ts';
import type {
  ClusterFacts,
  Flow,
  LabelSelector,
  Labels,
  ResidencyRule,
  ResidencyWorld,
  TopicPlace,
} from './types.ts';

/** A rule that data in a place breaks. */
export interface Violation {
  readonly rule: ResidencyRule;
  /** Where the data is, or would be. */
  readonly place: TopicPlace;
  /** The label that the rule is about, and where the data got it. */
  readonly label: CarriedLabel;
  /** The place of `from` that the data has been in; null: the rule has no `from`. */
  readonly origin: Ancestor | null;
  /** Labels of the place's cluster, as far as they are known. */
  readonly clusterLabels: Labels | null;
  /** The link of the same replication group that would break it, where this one only turns with it. */
  readonly byTurnOf?: string;
}

/** The first rule that copying a topic over a link would break; null: none, it may be copied. */
export function forbidding(world: ResidencyWorld, flow: Flow, topic: string): Violation | null {
  if (world.rules.length === 0) return null;
  const own = violationOf(world, lineageOfMirror(world, flow, topic));
  if (own !== null) return own;
  const group = world.groups.find(({ links }) => links.includes(flow.name));
  if (group === undefined) return null;
  // Tomorrow the direction may be turned, or another region be the primary.
  for (const other of world.flows) {
    if (other.name === flow.name || !group.links.includes(other.name) || !matchesTopic(other, topic))
      continue;
    const turned = violationOf(world, lineageOfMirror(world, other, topic));
    if (turned !== null) return { ...turned, byTurnOf: other.name };
  }
  return null;
}

/** The first rule that a topic breaks where it is, as a copy of what came from elsewhere; null: none. */
export function violationAt(world: ResidencyWorld, place: TopicPlace): Violation | null {
  return violationOf(world, lineageOf(world, place));
}

/** Data that began where it is was not brought there by anybody. */
function violationOf(world: ResidencyWorld, { places, labels }: Lineage): Violation | null {
  const [place, ...before] = places as [Ancestor, ...Ancestor[]];
  const came = before.filter(({ cluster }) => cluster !== place.cluster);
  if (came.length === 0) return null;
  const facts = factsOf(world, place.cluster);
  for (const rule of world.rules) {
    const label = carries(labels, rule.topics);
    if (label === null) continue;
    const origin = came.find(({ cluster }) => mayBeFrom(world, cluster, rule.from));
    if (origin === undefined || mayBeIn(facts, rule)) continue;
    const clusterLabels = facts?.labels ?? null;
    return { rule, place, label, origin: rule.from === undefined ? null : origin, clusterLabels };
  }
  return null;
}

/** The rule's label where the data got it first, if it has all that the rule asks for. */
function carries(labels: readonly CarriedLabel[], selector: LabelSelector): CarriedLabel | null {
  let first: CarriedLabel | null = null;
  for (const [key, values] of Object.entries(selector)) {
    const found = labels.findLast((label) => label.key === key && values.includes(label.value));
    if (found === undefined) return null;
    first ??= found;
  }
  return first;
}

/** Whether a cluster may hold what a rule is about. */
export function mayBeIn(facts: ClusterFacts | undefined, { never, only }: ResidencyRule): boolean {
  if (never !== undefined && mayMatch(facts?.labels, never)) return false;
  return only === undefined || mustMatch(facts?.labels, only);
}

function mayBeFrom(world: ResidencyWorld, cluster: string, from: LabelSelector | undefined): boolean {
  if (from === undefined) return true;
  return mayMatch(factsOf(world, cluster)?.labels, from);
}

function factsOf({ clusters }: ResidencyWorld, name: string): ClusterFacts | undefined {
  return Object.hasOwn(clusters, name) ? clusters[name] : undefined;
}

function mayMatch(labels: Labels | undefined, selector: LabelSelector): boolean {
  return Object.entries(selector).every(([key, values]) => {
    const value = labelOf(labels, key);
    return value === undefined || values.includes(value);
  });
}

function mustMatch(labels: Labels | undefined, selector: LabelSelector): boolean {
  return Object.entries(selector).every(([key, values]) => {
    const value = labelOf(labels, key);
    return value !== undefined && values.includes(value);
  });
}

function labelOf(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** `the rule pii-stays-in-eu (GDPR) forbids topics with data: pii in us-east (residency: us): eu-west/customers -> us-east/customers`. */
export function violationText(violation: Violation): string {
  const { rule, place, label, origin, clusterLabels, byTurnOf } = violation;
  const why = rule.reason === undefined ? '' : ` (${rule.reason})`;
  const asked = Object.keys(rule.never ?? rule.only ?? {});
  const where = asked.map((key) => `${key}: ${labelOf(clusterLabels ?? undefined, key) ?? 'unknown'}`);
  const path = pathText(label.at);
  const through =
    origin === null || isOnPath(origin, label.at)
      ? ''
      : `; it has been in ${origin.cluster}: ${pathText(origin)}`;
  const turn =
    byTurnOf === undefined ? '' : `; the link ${byTurnOf} of the same replication group would bring it there`;
  return (
    `the rule ${rule.name}${why} forbids topics with ${label.key}: ${label.value} in ${place.cluster} ` +
    `(${where.join(', ')}): ${path}${through}${turn}`
  );
}

/** `eu-west/customers -> uk-south/eu.customers -> us-east/us.eu.customers`. */
export function pathText(begin: Ancestor): string {
  const steps: string[] = [];
  for (let at: Ancestor | null = begin; at !== null; at = at.to) steps.push(`${at.cluster}/${at.topic}`);
  return steps.join(' -> ');
}

function isOnPath({ cluster, topic }: Ancestor, begin: Ancestor): boolean {
  for (let at: Ancestor | null = begin; at !== null; at = at.to)
    if (at.cluster === cluster && at.topic === topic) return true;
  return false;
}
