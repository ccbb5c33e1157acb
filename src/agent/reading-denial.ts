// READ on one topic denied to everybody, for as long as it holds what nobody should read.
//
// The problem: a rule reaches the brokers one after the other, and a rule on a topic ends the leniency of
// allow.everyone.if.no.acl.found for it, so that we could lock ourselves out. The answer: what we may do is asked
// before and after, and the rule counts only when every broker shows it.
import {
  type Acl,
  type AclOperation,
  authorizedOperations,
  type Cluster,
  createAcls,
  deleteAcls,
  describeAcls,
  sleep,
  systemClock,
  unwrap,
} from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { apis } from '../protocol/index.ts';

const securityDisabled = 54;
const visibleMs = { deadline: 15_000, poll: 25 } as const;
/** Metadata tells rights from version 8 on (KIP-430). */
const rightsVersionMin = 8;

function ruleOf(topic: string): Acl {
  return {
    resourceType: 'TOPIC',
    resourceName: topic,
    patternType: 'LITERAL',
    principal: 'User:*',
    host: '*',
    operation: 'READ',
    permission: 'DENY',
  };
}

/** Null where no authorizer runs. */
export async function isReadingDenied(cluster: Cluster, topic: string): Promise<boolean | null> {
  try {
    const found = await naming(cluster, 'DESCRIBE', () => describeAcls(cluster, ruleOf(topic)));
    return found.length > 0;
  } catch (error) {
    if (error instanceof LockstepError && error.detail.number === securityDisabled) return null;
    throw error;
  }
}

/** False where it would have kept ourselves from writing: the rule is gone again then. */
export async function denyReading(cluster: Cluster, topic: string): Promise<boolean> {
  const before = await operationsOn(cluster, topic);
  await naming(cluster, 'ALTER', async () => {
    for (const outcome of await createAcls(cluster, [ruleOf(topic)])) unwrap(outcome);
  });
  await untilEveryBrokerShows(cluster, topic, true);
  const after = await operationsOn(cluster, topic);
  const isLockedOut = before?.includes('WRITE') === true && after?.includes('WRITE') !== true;
  if (isLockedOut) await allowReading(cluster, topic);
  return !isLockedOut;
}

export async function allowReading(cluster: Cluster, topic: string): Promise<void> {
  await naming(cluster, 'ALTER', async () => {
    for (const outcome of await deleteAcls(cluster, [ruleOf(topic)])) unwrap(outcome);
  });
  await untilEveryBrokerShows(cluster, topic, false);
}

async function untilEveryBrokerShows(cluster: Cluster, topic: string, isThere: boolean): Promise<void> {
  const deadline = systemClock.nowMs() + visibleMs.deadline;
  for (;;) {
    // Asked again each time: a broker that has ended is not in it for long.
    await cluster.metadata({ topics: [topic] });
    const shown = await Promise.all(cluster.brokers.map(({ id }) => shows(cluster, topic, id)));
    if (shown.every((answer) => answer === isThere)) return;
    if (systemClock.nowMs() > deadline) {
      throw new LockstepError(
        'REQUEST_TIMED_OUT',
        `cluster ${cluster.name}: not every broker shows that READ on topic ${topic} is ${isThere ? 'denied' : 'allowed again'}`,
      );
    }
    await sleep(systemClock, visibleMs.poll);
  }
}

/** Null while the broker does not answer. */
async function shows(cluster: Cluster, topic: string, broker: number): Promise<boolean | null> {
  try {
    return (await describeAcls(cluster, ruleOf(topic), { to: broker })).length > 0;
  } catch (error) {
    if (error instanceof LockstepError && error.retriable) return null;
    throw error;
  }
}

/** What we may do with the topic; null where brokers don't tell. */
async function operationsOn(cluster: Cluster, topic: string): Promise<AclOperation[] | null> {
  const answer = await cluster.request(
    apis.Metadata,
    { topics: [{ name: topic }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: true },
    { versionMin: rightsVersionMin, what: `describing our rights on topic ${topic}` },
  );
  // A topic that we may not even describe any more has an error and no rights.
  const entry = answer.topics[0];
  return entry === undefined || entry.errorCode !== 0
    ? []
    : authorizedOperations(entry.topicAuthorizedOperations);
}

/** Names the right on the cluster that is missing. */
async function naming<T>(cluster: Cluster, right: AclOperation, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') throw error;
    throw new LockstepError(
      'NOT_AUTHORIZED',
      `cluster ${cluster.name}: the empty records below a source's start have to be kept from readers, and we may not ` +
        `make a rule for that; grant ${right} on the cluster: kafka-acls --add --allow-principal PRINCIPAL ` +
        `--operation ${right === 'ALTER' ? 'Alter' : 'Describe'} --cluster (or set start: shifted on the link)`,
      { cause: error, detail: error.detail },
    );
  }
}
