// What the control topic says about links, mirrors and agents, put together for people and programs: the one shape
// behind the tables and the JSON of list and describe. Null is unknown, and never zero.
import type {
  AgentRecord,
  LinkRecord,
  MirrorRecord,
  PromotedPartition,
  SourceReference,
  StatusRecord,
  ToldRecord,
} from '../../control/index.ts';
import {
  isProducerIdsRecord,
  type ProducerIdsRecord,
  producerIdsKey,
} from '../../control/producer-ids-record.ts';
import { toldAbout } from '../../control/told.ts';
import { LockstepError } from '../../errors.ts';
import { mirrorStates } from '../../link/lifecycle.ts';
import { type LinkConfig, matchesTopic, resolveLinkDeclaration } from '../../topology/index.ts';
import type { FleetView } from './fleet.ts';
import { mirrorsOf } from './names.ts';

/** Agents tell that they live at least every few seconds; after this long, in ms, one counts as gone. */
const agentAliveMs = 15_000;

export interface AgentDescription extends Omit<AgentRecord, 'v'> {
  readonly isAlive: boolean;
}

export interface PartitionDescription {
  readonly partition: number;
  /** Null where no agent has told anything yet. */
  readonly state: string | null;
  readonly reason: string | null;
  readonly sinceMs: number | null;
  readonly sourceEnd: bigint | null;
  readonly mirrorEnd: bigint | null;
  readonly lagRecords: bigint | null;
  readonly behindMs: number | null;
  readonly lastFetchAtMs: number | null;
  readonly lastError: string | null;
  readonly shift: bigint | null;
  /** It waits for the limit of its link. */
  readonly isHeldBack: boolean;
  readonly agent: string | null;
  /** Whether the agent that told this still runs; what a dead one told last may long be wrong. */
  readonly isAgentAlive: boolean;
  readonly toldAtMs: number | null;
}

/** What keeps a link or a topic from being copied; docs/states.md explains each state. */
export interface Condition {
  readonly state: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Over several partitions. */
export interface Lag {
  /** Of the partitions whose lag is known; null where there is none. */
  readonly lagRecords: bigint | null;
  readonly behindMs: number | null;
  readonly unknownCount: number;
}

export interface MirrorDescription extends Lag, Omit<MirrorRecord, 'v' | 'promotion'> {
  /** Whether it is to be copied: the lag of any other mirror says nothing. */
  readonly isCopied: boolean;
  readonly condition: Condition | null;
  readonly promotion: {
    readonly kind: 'planned' | 'now';
    readonly requestedAtMs: number;
    readonly deadlineMs: number;
    readonly partitions: readonly PromotedDescription[];
  } | null;
  readonly partitions: readonly PartitionDescription[];
}

/** How a partition ended; offsets as numbers. */
export interface PromotedDescription {
  readonly partition: number;
  readonly cutOffset: bigint;
  readonly sourceEnd: bigint | null;
  readonly sourceSeenAtMs: number | null;
  readonly missingRecords: bigint | null;
  readonly isReplicated: boolean;
}

export interface LinkDescription extends Lag {
  readonly name: string;
  readonly source: SourceReference;
  readonly sourceClusterId: string | null;
  readonly destination: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly generation: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly isDeleted: boolean;
  readonly condition: Condition | null;
  /** Topics that are not copied, those without a mirror, too. */
  readonly topicConditions: readonly (Condition & { readonly topic: string })[];
  /** How far the destination's producer ids are apart; null where that was not asked for, or not told yet. */
  readonly producerIds: ProducerIdsRecord | null;
  /** Heartbeats and checkpoints for MirrorMaker 2's readers; null where no agent leads. */
  readonly told: readonly ToldRecord[] | null;
  /** Partitions that wait for the link's limit (`bytesPerSecondMax`). */
  readonly heldBackCount: number;
  readonly mirrors: readonly MirrorDescription[];
}

export function describeAgents(state: FleetView, nowMs: number): AgentDescription[] {
  const all = [...state.agents.values()];
  // One that was killed has said last that it leads, and another one has followed since.
  const leaderAtMs = Math.max(0, ...all.filter(({ isLeader }) => isLeader).map(({ atMs }) => atMs));
  return all
    .map(({ v: _, ...agent }) => ({
      ...agent,
      isLeader: agent.isLeader && agent.atMs === leaderAtMs,
      isAlive: nowMs - agent.atMs <= agentAliveMs,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function describeLink(state: FleetView, link: LinkRecord, nowMs: number): LinkDescription {
  const { name, source, destination, config, generation, createdAtMs, changedAtMs } = link;
  const mirrors = mirrorsOf({ state }, name).map((mirror) => describeMirror(state, mirror, nowMs));
  const copied = mirrors.filter((mirror) => mirror.isCopied).flatMap((mirror) => mirror.partitions);
  return {
    name,
    source,
    sourceClusterId: link.sourceClusterId ?? null,
    destination,
    config,
    generation,
    createdAtMs,
    changedAtMs,
    isDeleted: link.isDeleted === true,
    condition: conditionOf(state, name),
    topicConditions: topicConditionsOf(state, name),
    producerIds: config.separateProducerIds === true ? producerIdsOf(state, name) : null,
    told: toldAbout(state.agents.values(), link, nowMs),
    ...lagOf(copied),
    heldBackCount: copied.filter(({ isHeldBack }) => isHeldBack).length,
    mirrors,
  };
}

function producerIdsOf(state: FleetView, link: string): ProducerIdsRecord | null {
  const told = state.get(producerIdsKey(link));
  return isProducerIdsRecord(told) ? told : null;
}

export function describeMirror(state: FleetView, mirror: MirrorRecord, nowMs: number): MirrorDescription {
  const { v: _, promotion, ...rest } = mirror;
  const living = new Set(
    describeAgents(state, nowMs)
      .filter((agent) => agent.isAlive)
      .map((agent) => agent.id),
  );
  const partitions = Array.from({ length: mirror.partitionCount }, (_none, partition) => {
    const status = state.statuses.get(`${mirror.link}/${mirror.sourceTopic}/${partition}`);
    return status === undefined
      ? untold(partition)
      : describePartition(partition, status, living.has(status.agent));
  });
  const condition =
    conditionOf(state, `${mirror.link}/${mirror.sourceTopic}`) ??
    unselected(state.links.get(mirror.link), mirror);
  return {
    ...rest,
    isCopied: mirrorStates[mirror.state].isCopied && condition?.state !== notSelected,
    condition,
    promotion:
      promotion === undefined
        ? null
        : {
            kind: promotion.kind,
            requestedAtMs: promotion.requestedAtMs,
            deadlineMs: promotion.deadlineMs,
            partitions: (promotion.partitions ?? []).map(describePromoted),
          },
    ...lagOf(partitions),
    partitions,
  };
}

export function describePromoted(promoted: PromotedPartition): PromotedDescription {
  const { partition, cutOffset, sourceEnd, sourceSeenAtMs, missingRecords, isReplicated } = promoted;
  return {
    partition,
    cutOffset: BigInt(cutOffset),
    sourceEnd: offsetOf(sourceEnd),
    sourceSeenAtMs,
    missingRecords: offsetOf(missingRecords),
    isReplicated,
  };
}

function conditionOf(state: FleetView, name: string): Condition | null {
  const record = state.conditions.get(name);
  if (record === undefined) return null;
  const { v: _, ...condition } = record;
  return condition;
}

const notSelected = 'NotSelected';

/** Agents that began after the filters were changed know nothing of the topic any more, and so tell nothing of it. */
function unselected(link: LinkRecord | undefined, { sourceTopic }: MirrorRecord): Condition | null {
  if (link === undefined || takes(link, sourceTopic)) return null;
  const reason = 'the filters of the link do not take it; its mirror stays as it is';
  return { state: notSelected, reason, sinceMs: link.changedAtMs };
}

const filters = new WeakMap<LinkRecord, LinkConfig | null>();

/** A link that this version can't read may take anything. */
function takes(link: LinkRecord, topic: string): boolean {
  let config = filters.get(link);
  if (config === undefined) {
    config = configOf(link);
    filters.set(link, config);
  }
  return config === null || matchesTopic(config, topic);
}

function configOf({ name, source, destination, config }: LinkRecord): LinkConfig | null {
  try {
    return resolveLinkDeclaration({ name, source: source.name, destination, config }, 'unresolved');
  } catch (error) {
    if (error instanceof LockstepError) return null;
    throw error;
  }
}

function topicConditionsOf(state: FleetView, link: string): (Condition & { topic: string })[] {
  const prefix = `${link}/`;
  return [...state.conditions.keys()]
    .filter((name) => name.startsWith(prefix))
    .sort()
    .map((name) => ({ topic: name.slice(prefix.length), ...conditionOf(state, name)! }));
}

function describePartition(
  partition: number,
  status: StatusRecord,
  isAgentAlive: boolean,
): PartitionDescription {
  return {
    partition,
    state: status.state,
    reason: status.reason,
    sinceMs: status.sinceMs,
    sourceEnd: offsetOf(status.sourceEnd),
    mirrorEnd: offsetOf(status.mirrorEnd),
    lagRecords: offsetOf(status.lagRecords),
    behindMs: status.behindMs,
    lastFetchAtMs: status.lastFetchAtMs,
    lastError: status.lastError,
    shift: offsetOf(status.shift),
    isHeldBack: status.isHeldBack === true && isAgentAlive,
    agent: status.agent,
    isAgentAlive,
    toldAtMs: status.atMs,
  };
}

function untold(partition: number): PartitionDescription {
  return {
    partition,
    state: null,
    reason: null,
    sinceMs: null,
    sourceEnd: null,
    mirrorEnd: null,
    lagRecords: null,
    behindMs: null,
    lastFetchAtMs: null,
    lastError: null,
    shift: null,
    isHeldBack: false,
    agent: null,
    isAgentAlive: false,
    toldAtMs: null,
  };
}

/** What a dead agent told last is no lag: it is unknown by now. */
function lagOf(partitions: readonly PartitionDescription[]): Lag {
  const known = partitions.filter(({ lagRecords, isAgentAlive }) => lagRecords !== null && isAgentAlive);
  const behind = known.map(({ behindMs }) => behindMs);
  return {
    lagRecords: known.length === 0 ? null : known.reduce((sum, { lagRecords }) => sum + lagRecords!, 0n),
    behindMs:
      behind.length === 0 || behind.includes(null) ? null : Math.max(...behind.map((ms) => ms as number)),
    unknownCount: partitions.length - known.length,
  };
}

function offsetOf(text: string | null): bigint | null {
  return text === null ? null : BigInt(text);
}
