// Rights of agents that work as a fleet, and of what they keep in step besides topics: seen before a link is made. As in
// hole-rights.ts by requests that are refused either way, since brokers look at the right first.
import { fleetGroup } from '../../agent/fleet-agent.ts';
import {
  type AclOperation,
  type Cluster,
  grantCommand,
  isAuthorizationError,
  type KafkaRight,
} from '../../client/index.ts';
import { controlTopic, leaderTransactionalId } from '../../control/index.ts';
import { apis } from '../../protocol/index.ts';
import { heartbeatsTopic, replicationPolicyOf } from '../../topology/index.ts';
import type { Check, Roles } from './checks.ts';
import { isDestination } from './checks.ts';
import { mayWriteTransactions } from './hole-rights.ts';
import { camelCase, may, type TopicRights } from './rights.ts';
import { creatableTopics, topicRights } from './topic-rights.ts';

const needsOfTopic = ['READ', 'WRITE', 'DESCRIBE_CONFIGS'] as const satisfies readonly AclOperation[];

/** The check `fleet-rights`, of destinations and of clusters that get heartbeats: an agent works there. */
export async function fleetRightsChecks(cluster: Cluster, roles: Roles): Promise<Check[]> {
  if (!isDestination(roles) && roles.getsHeartbeats !== true) return [];
  const [topic] = await topicRights(cluster, [controlTopic]);
  const [creatable] = await creatableTopics(cluster, topic === undefined ? [] : [topic]);
  const [isGroupRead, isWriter] = await Promise.all([
    mayReadGroup(cluster),
    mayWriteTransactions(cluster, leaderTransactionalId),
  ]);
  return [
    fleetRightsCheck(cluster.name, {
      topic: topic ?? { topic: controlTopic, state: 'absent', operations: null },
      mayCreate: creatable?.allowed ?? true,
      mayReadGroup: isGroupRead,
      mayWriteTransactions: isWriter,
    }),
  ];
}

export interface FleetRights {
  readonly topic: TopicRights;
  /** Where it is absent. */
  readonly mayCreate: boolean;
  readonly mayReadGroup: boolean;
  readonly mayWriteTransactions: boolean;
}

export function fleetRightsCheck(cluster: string, rights: FleetRights): Check {
  const { topic, mayCreate, mayReadGroup: isGroupRead, mayWriteTransactions: isWriter } = rights;
  const resource = { topic: controlTopic };
  const missing: KafkaRight[] = [];
  if (topic.state === 'absent' && !mayCreate) missing.push({ operation: 'Create', resource });
  const operations = topic.state === 'denied' ? [] : topic.operations;
  for (const operation of needsOfTopic)
    if (operations !== null && !may(operations, operation))
      missing.push({ operation: camelCase(operation), resource });
  if (!isGroupRead) missing.push({ operation: 'Read', resource: { group: fleetGroup } });
  if (!isWriter) missing.push({ operation: 'Write', resource: { transactionalId: leaderTransactionalId } });
  return rightsCheck('fleet-rights', cluster, missing, {
    ok: `topic ${controlTopic}, group ${fleetGroup}, transactional id ${leaderTransactionalId}`,
    bad: 'for `lockstep agent` and `lockstep run`',
  });
}

/**
 * The check `sync-rights`: what links of this cluster keep in step besides topics needs on the cluster itself.
 * @param operations what we may do with it; null where brokers do not tell, which is also for want of Describe
 */
export function syncRightsChecks(
  cluster: string,
  roles: Roles,
  operations: readonly AclOperation[] | null,
): Check[] {
  const wanted = new Set<AclOperation>();
  const want = (...some: AclOperation[]): void => {
    for (const operation of some) wanted.add(operation);
  };
  for (const { sync } of roles.sourceOf) {
    if (sync.acls !== null || sync.users.length > 0) want('DESCRIBE');
    if (sync.quotas.length > 0) want('DESCRIBE', 'DESCRIBE_CONFIGS');
  }
  for (const { sync, groups } of roles.destinationOf) {
    if (groups.length > 0 && sync.groups.commits) want('DESCRIBE_CONFIGS');
    if (sync.acls !== null || sync.users.length > 0) want('DESCRIBE', 'ALTER');
    if (sync.quotas.length > 0) want('DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS');
  }
  if (wanted.size === 0) return [];
  if (operations === null && !wanted.has('DESCRIBE'))
    return [
      { name: 'sync-rights', mark: 'unknown', detail: 'the brokers do not tell our rights on the cluster' },
    ];
  const missing = [...wanted]
    .filter((operation) => !may(operations ?? [], operation))
    .map((operation): KafkaRight => ({ operation: camelCase(operation), resource: 'cluster' }));
  return [
    rightsCheck('sync-rights', cluster, missing, {
      ok: `${[...wanted].join(', ')} on the cluster`,
      bad: 'for groups, ACLs, quotas or users that links take along',
    }),
  ];
}

/** The check `mirror-maker-rights`: topics of heartbeats and checkpoints, where the file asks for them. */
export async function mirrorMakerRightsChecks(cluster: Cluster, roles: Roles): Promise<Check[]> {
  const wanted = toldTopics(roles);
  if (wanted.length === 0) return [];
  const topics = await topicRights(cluster, wanted);
  const creatable = new Map(
    (await creatableTopics(cluster, topics)).map(({ topic, allowed }) => [topic, allowed]),
  );
  const missing = topics.flatMap(({ topic, state, operations }): KafkaRight[] => {
    const lacks = (operation: 'Create' | 'Write'): KafkaRight => ({ operation, resource: { topic } });
    if (state === 'denied') return [lacks('Create'), lacks('Write')];
    if (state === 'absent') return creatable.get(topic) === false ? [lacks('Create')] : [];
    return operations !== null && !may(operations, 'WRITE') ? [lacks('Write')] : [];
  });
  const ok = `topics ${wanted.join(', ')}`;
  return [
    rightsCheck('mirror-maker-rights', cluster.name, missing, { ok, bad: "for MirrorMaker 2's readers" }),
  ];
}

function toldTopics({ destinationOf, getsHeartbeats }: Roles): string[] {
  const checkpoints = destinationOf.flatMap(({ mirrorMaker }) =>
    mirrorMaker?.checkpoints
      ? [replicationPolicyOf(mirrorMaker).checkpointsTopic(mirrorMaker.sourceAlias)]
      : [],
  );
  return [...new Set([...(getsHeartbeats === true ? [heartbeatsTopic] : []), ...checkpoints])];
}

function rightsCheck(
  name: 'fleet-rights' | 'sync-rights' | 'mirror-maker-rights',
  cluster: string,
  missing: readonly KafkaRight[],
  words: { readonly ok: string; readonly bad: string },
): Check {
  if (missing.length === 0) return { name, mark: 'ok', detail: words.ok };
  return {
    name,
    mark: 'bad',
    detail: `no ${missing.map(({ operation, resource }) => `${operation} on ${nameOf(resource)}`).join('; no ')}, ${words.bad}`,
    remedy: missing.map((right) => grantCommand(cluster, right, 'user of the agent')).join('; '),
  };
}

function nameOf(resource: KafkaRight['resource']): string {
  return resource === 'cluster' ? 'the cluster' : Object.entries(resource).flat().join(' ');
}

/** By the heartbeat of a member that is none. */
async function mayReadGroup(cluster: Cluster): Promise<boolean> {
  const answer = await cluster.request(
    apis.Heartbeat,
    { groupId: fleetGroup, generationId: -1, memberId: 'doctor' },
    { to: 'any', errorOf: () => ({ number: 0 }) },
  );
  return !isAuthorizationError(answer.errorCode);
}
