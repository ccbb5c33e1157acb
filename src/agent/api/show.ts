// From an agent's view to the JSON of links, mirrors, groups and agents. Pure.
import type { MirrorRecord } from '../../control/types.ts';
import type { AgentView, LinkView } from '../view.ts';
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
import { partitionsOf, summaryOf } from './show-partitions.ts';

export function showAgents(view: AgentView): AgentsAnswer {
  const { atMs, agent, generation, sessionTimeoutMs, agents } = view;
  return {
    atMs,
    answeredBy: agent.id,
    generation,
    sessionTimeoutMs,
    agents: agents.map(({ id, version, host, pid, api, startedAtMs, atMs, isLeader, partitionCount }) => {
      return { id, version, host, pid, api, startedAtMs, atMs, isLeader, partitionCount };
    }),
  };
}

export function showLinks(view: AgentView): LinkAnswer[] {
  return view.links.map((link) => showLink(link, topicsOf(view, link)));
}

export function showLinkDetails(view: AgentView, link: LinkView): LinkDetailsAnswer {
  const topics = topicsOf(view, link);
  return {
    link: showLink(link, topics),
    config: withoutSecrets(link.record.config) as Record<string, unknown>,
    certificates: link.certificates.map(({ cluster, kind, subject, expiresAtMs }) => {
      return { cluster, kind, subject, expiresAtMs };
    }),
    rights: link.rights && (structuredClone(link.rights) as LinkDetailsAnswer['rights']),
    mirrors: showMirrors(view, link),
  };
}

export function showMirrors(view: AgentView, link: LinkView): MirrorAnswer[] {
  const topics = topicsOf(view, link);
  const conditions = new Map(link.topics.map((status) => [status.topic, status]));
  return link.mirrors.map((record) => {
    const condition = conditions.get(record.sourceTopic);
    return showMirror(record, condition ?? null, topics.get(record.sourceTopic) ?? []);
  });
}

/** Null where the link does not mirror the topic. */
export function showMirrorDetails(
  view: AgentView,
  link: LinkView,
  topic: string,
): MirrorDetailsAnswer | null {
  const record = link.mirrors.find(({ sourceTopic }) => sourceTopic === topic);
  if (record === undefined) return null;
  const partitions = topicsOf(view, link).get(topic) ?? [];
  const condition = link.topics.find((status) => status.topic === topic) ?? null;
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

function topicsOf(view: AgentView, link: LinkView): Map<string, PartitionAnswer[]> {
  return partitionsOf(link, { agentId: view.agent.id, nowMs: view.atMs });
}

function showLink(link: LinkView, topics: ReadonlyMap<string, readonly PartitionAnswer[]>): LinkAnswer {
  const { name, source, destination, record, sourceHeardAtMs, discoveryError, heldBytes, heldBytesMax } =
    link;
  const { generation, createdAtMs, changedAtMs } = record;
  return {
    ...{ name, source, destination, bootstrap: [...record.source.bootstrap] },
    ...{ generation, createdAtMs, changedAtMs, sourceHeardAtMs, discoveryError, heldBytes, heldBytesMax },
    mirrorCount: link.mirrors.length,
    partitionCount: link.mirrors.reduce((sum, mirror) => sum + mirror.partitionCount, 0),
    ...summaryOf([...topics.values()].flat()),
  };
}

function showMirror(
  record: MirrorRecord,
  condition: LinkView['topics'][number] | null,
  partitions: readonly PartitionAnswer[],
): MirrorAnswer {
  const { link, sourceTopic, mirrorTopic, state, sinceMs, reason, partitionCount } = record;
  return {
    ...{ link, sourceTopic, mirrorTopic, state, sinceMs, reason, partitionCount },
    condition: condition?.state ?? null,
    conditionReason: condition?.reason ?? null,
    ...summaryOf(partitions),
  };
}
