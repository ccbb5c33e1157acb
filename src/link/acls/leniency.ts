// Whether topics without any rule are open to everybody (allow.everyone.if.no.acl.found). Kafka treats that setting as
// one it does not know, and so as a secret: its value is never told. What can be found out:
//
// 1. Where a rule matches every topic (LITERAL `*`), no topic is without rules: off.
// 2. A topic that nobody has and no rule matches: may we describe it? If not: off. If so, it is on or we are a super user.
// 3. The setting is not set at all: off.
// 4. A rule for nobody is put on that topic. If we may not describe it any more, it is on. If we still may, we are a super
//    user, whom no rule stops, and nothing tells: unknown. The rule is taken away again.
import { randomBytes } from 'node:crypto';
import {
  type Acl,
  type Cluster,
  createAcls,
  deleteAcls,
  describeAcls,
  describeConfigs,
  sleep,
  systemClock,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import { rulesOnTopic, topicRule } from './rules.ts';
import type { Leniency } from './types.ts';

const setting = 'allow.everyone.if.no.acl.found';
const topicAuthorizationFailed = 29;
/** Nobody is called so: rules for this principal are leftovers of a look that was cut short. */
const nobody = 'User:lockstep-asks-whether-topics-are-open';
const visibleMs = { deadline: 15_000, poll: 25 } as const;

export async function findLeniency(cluster: Cluster, acls: readonly Acl[]): Promise<Leniency> {
  const topic = `lockstep-asks-for-no-topic-${randomBytes(8).toString('hex')}`;
  if (rulesOnTopic(acls, topic).length > 0) return 'off';
  await cluster.metadata({ topics: [] });
  const broker = cluster.brokers[0];
  if (broker === undefined || !(await mayDescribe(cluster, topic, broker.id))) return 'off';
  const configured = await settingOf(cluster, broker.id);
  return configured ?? (await tryRule(cluster, topic, broker.id));
}

async function mayDescribe(cluster: Cluster, topic: string, broker: number): Promise<boolean> {
  const answer = await cluster.request(
    apis.Metadata,
    { topics: [{ name: topic }], allowAutoTopicCreation: false },
    { to: broker, what: 'asking whether a topic without rules is open' },
  );
  return answer.topics[0]?.errorCode !== topicAuthorizationFailed;
}

/** Null where it is set and the value is not told. */
async function settingOf(cluster: Cluster, broker: number): Promise<Leniency | null> {
  const [described] = await describeConfigs(cluster, [{ type: 'broker', name: String(broker) }]);
  if (described === undefined || !described.outcome.ok) return null;
  const entry = described.outcome.value.get(setting);
  if (entry === undefined) return 'off';
  return entry.value === null ? null : entry.value === 'true' ? 'on' : 'off';
}

async function tryRule(cluster: Cluster, topic: string, broker: number): Promise<Leniency> {
  const rule = topicRule(topic, { principal: nobody, operation: 'DESCRIBE', permission: 'DENY' });
  try {
    for (const outcome of await createAcls(cluster, [rule])) unwrap(outcome);
    await untilShown(cluster, rule, broker);
    return (await mayDescribe(cluster, topic, broker)) ? 'unknown' : 'on';
  } catch (error) {
    // Who may make no rules can't shut himself out by one either.
    if (error instanceof LockstepError && error.code === 'NOT_AUTHORIZED') return 'unknown';
    throw error;
  } finally {
    await deleteAcls(cluster, [{ principal: nobody }]);
  }
}

/** Rules reach the brokers one after the other. */
export async function untilShown(cluster: Cluster, rule: Acl, broker: number): Promise<void> {
  const deadline = systemClock.nowMs() + visibleMs.deadline;
  while ((await describeAcls(cluster, rule, { to: broker })).length === 0) {
    if (systemClock.nowMs() > deadline)
      throw new LockstepError(
        'REQUEST_TIMED_OUT',
        `cluster ${cluster.name}: a rule that was made is not shown`,
      );
    await sleep(systemClock, visibleMs.poll);
  }
}
