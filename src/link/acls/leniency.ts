// Whether topics without any rule are open to everybody (allow.everyone.if.no.acl.found). Kafka treats that setting as
// one it does not know, and so as a secret: its value is never told. What can be found out:
//
// 1. Where a rule matches every topic (LITERAL `*`), no topic is without rules: off.
// 2. A topic that nobody has and no rule matches: may we describe it? If not: off. If so, we are a super user or it is on.
// 3. The setting is not set at all: off.
// 4. We have rights by a rule on the cluster, as no super user needs: on. Otherwise nobody can tell.
import { randomBytes } from 'node:crypto';
import { type Acl, type Cluster, describeConfigs } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import { matchesName, rulesOnTopic } from './rules.ts';
import type { Leniency } from './types.ts';

const setting = 'allow.everyone.if.no.acl.found';
const topicAuthorizationFailed = 29;

export async function findLeniency(
  cluster: Cluster,
  acls: readonly Acl[],
  agentPrincipal: string | null,
): Promise<Leniency> {
  const topic = `lockstep-asks-for-no-topic-${randomBytes(8).toString('hex')}`;
  if (rulesOnTopic(acls, topic).length > 0) return 'off';
  const answer = await cluster.request(
    apis.Metadata,
    { topics: [{ name: topic }], allowAutoTopicCreation: false },
    { what: 'asking whether a topic without rules is open' },
  );
  if (answer.topics[0]?.errorCode === topicAuthorizationFailed) return 'off';
  const configured = await settingOf(cluster);
  if (configured !== 'hidden') return configured;
  const byRule = acls.some(
    (acl) =>
      acl.resourceType === 'CLUSTER' &&
      matchesName(acl, 'kafka-cluster') &&
      acl.permission === 'ALLOW' &&
      acl.principal === agentPrincipal,
  );
  return byRule ? 'on' : 'unknown';
}

async function settingOf(cluster: Cluster): Promise<'on' | 'off' | 'hidden'> {
  const broker = cluster.brokers[0];
  if (broker === undefined) return 'hidden';
  try {
    const [described] = await describeConfigs(cluster, [{ type: 'broker', name: String(broker.id) }]);
    if (described === undefined || !described.outcome.ok) return 'hidden';
    const entry = described.outcome.value.get(setting);
    if (entry === undefined) return 'off';
    return entry.value === null ? 'hidden' : entry.value === 'true' ? 'on' : 'off';
  } catch (error) {
    if (error instanceof LockstepError) return 'hidden';
    throw error;
  }
}
