// From an agent's view to the JSON of links, mirrors, groups and agents. Pure.

import type { MirrorRecord } from '../../control/records/index.ts';
import { toldAbout } from '../../control/told.ts';
import { mirrorStates } from '../../link/lifecycle.ts';
import type { AgentView, LinkCondition, LinkView } from '../view.ts';
import { withoutSecrets } from '../without-secrets.ts';
import type {
  AgentsAnswer,
  GroupsAnswer,
  LinkAnswer,
  LinkDetailsAnswer,
  MirrorAnswer,
  MirrorDetailsAnswer,
  PartitionAnswer,
} from './answers.ts';
import { isAlive, partitionsOf, summaryOf } from './show-partitions.ts';

export function showAgents(view: AgentView): AgentsAnswer {
  const { atMs, agent, generation, sessionTimeoutMs, agents } = view;
  return {
    atMs,
    answeredBy: agent.id,
    generation,
    sessionTimeoutMs,
    agents: agents.map((each) => {
      const { id, version, host, pid, api, startedAtMs, isLeader, partitionCount } = each;
      const facts = { id, version, host, pid, api, startedAtMs, atMs: each.atMs, isLeader, partitionCount };
      return { ...facts, isAlive: isAlive(each, atMs) };
    }),
  };
}

export function showLinks(view: AgentView): LinkAnswer[] {
  return view.links.map((link) => showLink(link, partitionsOf(view, link)));
}

export function showLinkDetails(view: AgentView, link: LinkView): LinkDetailsAnswer {
  return {
    link: showLink(link, partitionsOf(view, link)),
    config: withoutSecrets(link.record.config) as Record<string, unknown>,
    topicConditions: link.conditions.flatMap((each) =>
      each.topic === null ? [] : [{ topic: each.topic, ...showCondition(each) }],
    ),
    certificates: link.certificates.map(({ cluster, kind, subject, expiresAtMs }) => {
      return { cluster, kind, subject, expiresAtMs };
    }),
    rights: link.rights && (structuredClone(link.rights) as LinkDetailsAnswer['rights']),
    told:
      toldAbout(view.agents, link.record, view.atMs)?.map((told) => ({
        ...{ kind: told.kind, topic: told.topic, state: told.state, reason: told.reason },
        ...{ sinceMs: told.sinceMs, lastWrittenAtMs: told.lastWrittenAtMs },
        positionCount: told.kind === 'checkpoints' ? told.positionCount : null,
      })) ?? null,
    mirrors: showMirrors(view, link),
  };
}

export function showMirrors(view: AgentView, link: LinkView): MirrorAnswer[] {
  const topics = partitionsOf(view, link);
  const conditions = new Map(link.conditions.map((condition) => [condition.topic, condition]));
  return link.mirrors.map((record) =>
    showMirror(record, conditions.get(record.sourceTopic), topics.get(record.sourceTopic) ?? []),
  );
}

/** Null where the link does not mirror the topic. */
export function showMirrorDetails(
  view: AgentView,
  link: LinkView,
  topic: string,
): MirrorDetailsAnswer | null {
  const record = link.mirrors.find(({ sourceTopic }) => sourceTopic === topic);
  if (record === undefined) return null;
  const partitions = partitionsOf(view, link).get(topic) ?? [];
  const condition = link.conditions.find((each) => each.topic === topic);
  const { promotion } = record;
  return {
    mirror: showMirror(record, condition, partitions),
    promotion:
      promotion === undefined
        ? null
        : {
            kind: promotion.kind,
            requestedAtMs: promotion.requestedAtMs,
            deadlineMs: promotion.deadlineMs,
            partitions:
              promotion.partitions?.map((each) => ({
                partition: each.partition,
                cutOffset: each.cutOffset,
                sourceEnd: each.sourceEnd,
                sourceSeenAtMs: each.sourceSeenAtMs,
                missingRecords: each.missingRecords,
                isReplicated: each.isReplicated,
              })) ?? null,
          },
    partitions,
  };
}

/** Of one link, or of all. */
export function showGroups(view: AgentView, links: readonly LinkView[]): GroupsAnswer {
  const leader = view.agents.find(({ isLeader }) => isLeader);
  return {
    atMs: view.atMs,
    keptBy: leader?.id ?? null,
    looks: links.flatMap(({ name, groups }) =>
      groups === null
        ? []
        : [
            {
              link: name,
              lookedAtMs: groups.lookedAtMs,
              sourceHeardAtMs: groups.sourceHeardAtMs,
              sourceDownSinceMs: groups.sourceDownSinceMs,
              error: groups.lastError,
            },
          ],
    ),
    groups: links.flatMap(({ name, groups }) =>
      (groups?.groups ?? []).map(({ group, state, reason, inStepAtMs, lagMs, positions }) => ({
        ...{ link: name, group, state, reason, inStepAtMs, lagMs },
        positions: [...positions],
      })),
    ),
  };
}

function showLink(link: LinkView, topics: ReadonlyMap<string, readonly PartitionAnswer[]>): LinkAnswer {
  const { name, source, destination, record, sourceHeardAtMs, discoveryError, heldBytes, heldBytesMax } =
    link;
  const { generation, createdAtMs, changedAtMs } = record;
  const condition = link.conditions.find(({ topic }) => topic === null);
  const copied = link.mirrors.filter(({ state }) => mirrorStates[state].isCopied);
  return {
    ...{ name, source, destination, bootstrap: [...record.source.bootstrap] },
    ...{ generation, createdAtMs, changedAtMs, sourceHeardAtMs, discoveryError, heldBytes, heldBytesMax },
    sourceClusterId: record.sourceClusterId ?? null,
    isDeleted: record.isDeleted === true,
    condition: showCondition(condition),
    mirrorCount: link.mirrors.length,
    partitionCount: link.mirrors.reduce((sum, mirror) => sum + mirror.partitionCount, 0),
    ...summaryOf(copied.flatMap(({ sourceTopic }) => topics.get(sourceTopic) ?? [])),
  };
}

function showMirror(
  record: MirrorRecord,
  condition: LinkCondition | undefined,
  partitions: readonly PartitionAnswer[],
): MirrorAnswer {
  const { link, sourceTopic, mirrorTopic, state, sinceMs, reason, partitionCount } = record;
  return {
    ...{ link, sourceTopic, mirrorTopic, state, sinceMs, reason, partitionCount },
    isCopied: mirrorStates[state].isCopied,
    condition: showCondition(condition),
    ...summaryOf(partitions),
  };
}

function showCondition(condition: LinkCondition): { state: string; reason: string; sinceMs: number };
function showCondition(condition: LinkCondition | undefined): MirrorAnswer['condition'];
function showCondition(condition: LinkCondition | undefined): MirrorAnswer['condition'] {
  if (condition === undefined) return null;
  const { state, reason, sinceMs } = condition;
  return { state, reason, sinceMs };
}
