// Which way links lead, told to those whose topics they take: `flow/<teller>/<destination>/<link>` in the control topics
// of both ends of a link. The teller is the cluster (Kafka's id) whose leader wrote it: it tells its own links, and what
// it was told of links further downstream, so that whoever closes a circle finds all of it in its own control topic.
//
//   A ──x──► B ──y──► C        C's leader writes y into the control topics of C and B;
//                              B's leader writes x into those of B and A, and y into A's.
//                              A's leader is asked for a link C ──► A, and sees the circle.
//
// Each flow has the moment at which its owner told it last, and nobody else changes that: what is told on and on grows
// old all the same, and is forgotten.
import { z } from 'zod';
import type { Cluster } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { literalName } from '../topology/filter.ts';
import { brings, type FlowEnd, flowsMax, isSameCluster, type LinkFlow } from '../topology/flow-graph.ts';
import { literalTopics } from '../topology/link-filters.ts';
import type { LinkConfig, MirrorMakerConfig } from '../topology/types.ts';
import type { FleetState } from './fleet-state.ts';
import { appendBatch, recordsOf } from './log.ts';
import { type LinkRecord, recordVersion } from './records/index.ts';
import { findTopic } from './topic.ts';

/** A flow as it stands in a control topic. */
export interface FlowRecord extends LinkFlow {
  readonly v: number;
  /** When its owner, the leader at the destination, told it last; ms since the epoch by that one's clock. */
  readonly atMs: number;
  /** Over so many clusters it was told; 0: by its owner. */
  readonly hops: number;
  /** Lists were too long and are cut: it may bring more than it says. */
  readonly isCut?: boolean;
}

export const flowPrefix = 'flow/';
/** `teller`, `destination`: Kafka's cluster ids. */
export const flowKey = (teller: string, destination: string, link: string): string =>
  `${flowPrefix}${teller}/${destination}/${link}`;

/** Its owner tells a flow again after this long, ms. */
export const flowToldEveryMs = 5 * 60_000;
/** Nobody believes one that was not told for this long, ms. */
export const flowOldMs = 60 * 60_000;
/** Items of each list of one flow. */
const itemsMax = 500;
const hopsMax = 8;
const addressesMax = 8;

const text = z.string();
const end = z.looseObject({ name: text, id: text.optional(), addresses: z.array(text).optional() });
const schema = z.looseObject({
  v: z.int().min(1),
  link: text.min(1),
  group: text.optional(),
  source: end,
  destination: end.extend({ id: text }),
  topics: z.array(text),
  excludeTopics: z.array(text),
  prefix: text,
  mirrorMaker: z.looseObject({ policy: z.enum(['default', 'identity']) }).nullable(),
  closed: z.array(text).optional(),
  atMs: z.number(),
  hops: z.int().min(0),
});

export function isFlowRecord(value: unknown): value is FlowRecord {
  return schema.safeParse(value).success && (value as FlowRecord).v <= recordVersion;
}

/** The link as others see it. */
export function flowOf(
  record: LinkRecord,
  config: Pick<LinkConfig, 'topics' | 'excludeTopics' | 'prefix' | 'mirrorMaker'>,
  more: {
    readonly destination: FlowEnd;
    readonly group?: string | undefined;
    readonly closed?: readonly string[];
  },
): LinkFlow {
  const { name: link, source, sourceClusterId } = record;
  const { topics, excludeTopics, prefix, mirrorMaker } = config;
  const { destination, group, closed = [] } = more;
  return {
    ...{ link, topics, excludeTopics, prefix, mirrorMaker: mirrorMaker && namesOnly(mirrorMaker) },
    source: {
      name: source.name,
      ...(sourceClusterId !== undefined && { id: sourceClusterId }),
      addresses: source.bootstrap.slice(0, addressesMax),
    },
    destination,
    ...(group !== undefined && { group }),
    ...(closed.length > 0 && { closed }),
  };
}

function namesOnly(config: MirrorMakerConfig): MirrorMakerConfig {
  return { ...config, checkpoints: null };
}

/** The cluster that we write to, as an end of flows. */
export function endOf(cluster: Cluster, name: string): FlowEnd {
  const addresses = cluster.brokers
    .map(({ host, port }) => `${host}:${port}`)
    .toSorted()
    .slice(0, addressesMax);
  return { name, id: cluster.clusterId, addresses };
}

/**
 * A flow to be written down, its lists cut to what a record may hold: patterns are kept before literal names. It never says
 * more than is brought, or healthy links would be refused: where not all that is left out fits, the literal names that are
 * brought are told, and no pattern.
 */
export function recordOfFlow(flow: LinkFlow, atMs: number): FlowRecord {
  const { topics, excludeTopics, closed = [], ...rest } = flow;
  const isLeftOutTold = excludeTopics.length <= itemsMax && closed.length <= itemsMax;
  const isCut = !isLeftOutTold || topics.length > itemsMax;
  const told = isLeftOutTold
    ? { topics: cut(topics), excludeTopics, ...(closed.length > 0 && { closed }) }
    : {
        topics: literalTopics(flow)
          .filter((topic) => brings(flow, topic))
          .slice(0, itemsMax),
        excludeTopics: [],
      };
  return { v: recordVersion, ...rest, ...told, ...(isCut && { isCut }), atMs, hops: 0 };
}

function cut(items: readonly string[]): readonly string[] {
  if (items.length <= itemsMax) return items;
  const isPattern = (item: string): boolean => literalName(item, 'topic') === undefined;
  return [...items.filter(isPattern), ...items.filter((item) => !isPattern(item))].slice(0, itemsMax);
}

/**
 * Flows that were told here and are not too old, each once, as it was told last.
 * @param notBy leaves out what the leader of this cluster (Kafka's id) told
 */
export function toldFlows(
  state: FleetState,
  nowMs: number,
  { notBy }: { readonly notBy?: string } = {},
): FlowRecord[] {
  const newest = new Map<string, FlowRecord>();
  for (const [toldUnder, value] of state.entries(flowPrefix)) {
    if (notBy !== undefined && toldUnder.startsWith(`${flowPrefix}${notBy}/`)) continue;
    if (!isFlowRecord(value) || nowMs - value.atMs > flowOldMs || !canBeFollowed(value)) continue;
    const key = `${value.destination.id}/${value.link}`;
    const known = newest.get(key);
    if (
      known === undefined ||
      known.atMs < value.atMs ||
      (known.atMs === value.atMs && value.hops < known.hops)
    )
      newest.set(key, value);
  }
  return [...newest.values()].slice(0, flowsMax);
}

/** Another version, or somebody else, may have written filters that can't be read here. */
function canBeFollowed(flow: FlowRecord): boolean {
  try {
    brings(flow, '');
    return true;
  } catch {
    return false;
  }
}

/** Keys of flows here that nobody tells any more, and those of `own` links that are gone. */
export function oldFlowKeys(state: FleetState, ownId: string, nowMs: number): string[] {
  return Array.from(state.entries(flowPrefix)).flatMap(([key, value]) => {
    if (!isFlowRecord(value)) return [];
    const isOwn = key.startsWith(`${flowPrefix}${ownId}/`);
    const known = state.links.get(value.link);
    const isGone = isOwn && (known === undefined || known.isDeleted === true);
    return isGone || nowMs - value.atMs > 2 * flowOldMs ? [key] : [];
  });
}

/**
 * What the leader of `own` tells a source of its links: those links themselves, and what it was told of links that take
 * topics on from here, or from there.
 * @param told all that it was told; `elsewhere`: by others than the source
 */
export function flowsForSource(
  source: FlowEnd,
  { own, told, elsewhere }: Readonly<Record<'own' | 'told' | 'elsewhere', readonly FlowRecord[]>>,
): FlowRecord[] {
  const [first] = own;
  if (first === undefined) return [];
  const reached: FlowEnd[] = [first.destination];
  const onward: FlowRecord[] = [];
  for (const cluster of reached) {
    for (const flow of told) {
      if (!isSameCluster(flow.source, cluster) || onward.includes(flow)) continue;
      onward.push(flow);
      if (!reached.some((known) => isSameCluster(known, flow.destination))) reached.push(flow.destination);
    }
  }
  const keyOf = ({ link, destination }: FlowRecord): string => `${destination.id}/${link}`;
  const heard = new Map(elsewhere.map((flow) => [keyOf(flow), flow]));
  const further = onward
    .flatMap((flow) => heard.get(keyOf(flow)) ?? [])
    .filter(({ destination, hops }) => hops < hopsMax && !isSameCluster(destination, source))
    .filter(
      ({ link, destination }) =>
        !own.some((o) => o.link === link && isSameCluster(o.destination, destination)),
    )
    .map((flow) => ({ ...flow, hops: flow.hops + 1 }));
  return [...own.filter((flow) => isSameCluster(flow.source, source)), ...further].slice(0, flowsMax);
}

/**
 * Writes into the control topic of another cluster; null removes a key.
 * @returns the topic's id; null where there is none, so that nobody reads it, or where we may not see it.
 * @throws LockstepError NOT_AUTHORIZED where we see it and may not write, and what a cluster that does not answer gives.
 */
export async function tellFlows(
  cluster: Cluster,
  entriesFor: (
    topicId: string,
  ) => ReadonlyMap<string, FlowRecord | null> | Promise<ReadonlyMap<string, FlowRecord | null>>,
): Promise<string | null> {
  const topicId = await visibleTopic(cluster);
  if (topicId === null) return null;
  const entries = await entriesFor(topicId);
  const texts = Array.from(entries, ([key, value]) => [key, value && JSON.stringify(value)] as const);
  for (const records of recordsOf(texts, Date.now())) await appendBatch(cluster, records);
  return topicId;
}

async function visibleTopic(cluster: Cluster): Promise<string | null> {
  try {
    return await findTopic(cluster);
  } catch (error) {
    // Kafka does not say whether there is one.
    if (error instanceof LockstepError && error.code === 'NOT_AUTHORIZED') return null;
    throw error;
  }
}
