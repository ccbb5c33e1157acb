// An agent on a destination that checks rights, at the holes that transactions leave: what it does with the right for
// markers, with the fallback, and with neither; and that a right that is granted later is all it takes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Acl,
  addPartitionsToTransaction,
  Cluster,
  createAcls,
  createTopics,
  endTransaction,
  initTransactions,
  logEndOffset,
  unwrap,
} from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { sendBatch } from '../support/send-batch.ts';
import { waitFor } from '../support/wait-for.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const users = ['markers', 'transactions', 'nobody'] as const;
type User = (typeof users)[number];
const passwordOf = (user: User): string => `${user}-secret`;
const folder = useTemporaryFolder();
const regions = useRegions({
  'us-east': {},
  'eu-west': {
    security: {
      sasl: { users: users.map((username) => ({ username, password: passwordOf(username) })) },
      authorizer: {},
    },
  },
});
const oracle = useOracle();
let source: Cluster;
/** In plaintext, and so ANONYMOUS, who is a super user in our regions. */
let destination: Cluster;

beforeAll(async () => {
  source = await Cluster.connect(configOf(regions['us-east']));
  destination = await Cluster.connect(configOf(regions['eu-west']));
  const operations = ['CREATE', 'READ', 'WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER', 'DELETE'] as const;
  const onTopics = { resourceType: 'TOPIC', resourceName: '*', patternType: 'LITERAL' } as const;
  await grant(...users.flatMap((user) => operations.map((operation) => allow(user, operation, onTopics))));
});
afterAll(() => {
  source.close();
  destination.close();
});

const allow = (
  user: User,
  operation: Acl['operation'],
  resource: Pick<Acl, 'resourceType' | 'resourceName' | 'patternType'>,
): Acl => ({ ...resource, principal: `User:${user}`, host: '*', operation, permission: 'ALLOW' });
const cluster = { resourceType: 'CLUSTER', resourceName: 'kafka-cluster', patternType: 'LITERAL' } as const;
const transactionalIds = {
  resourceType: 'TRANSACTIONAL_ID',
  resourceName: 'lockstep.us-to-eu.',
  patternType: 'PREFIXED',
} as const;

async function grant(...acls: Acl[]): Promise<void> {
  for (const outcome of await createAcls(destination, acls)) unwrap(outcome);
}

/** A topic of the source: a record, a hole, a record, a hole. */
async function topicWithHoles(): Promise<string> {
  const topic = uniqueTopic('holes');
  for (const outcome of (await createTopics(source, [{ name: topic, partitionCount: 1 }])).values())
    unwrap(outcome);
  const producer = await initTransactions(source, topic);
  for (const [value, outcome] of [
    ['a', 'commit'],
    ['b', 'abort'],
  ] as const) {
    await produce(topic, value);
    await addPartitionsToTransaction(source, topic, producer, [{ topic, partition: 0 }]);
    const end = await endOf(source, topic);
    await endTransaction(source, topic, producer, outcome);
    // Answered before the marker is in the log, and the next transaction is refused while this one ends.
    await waitFor(async () => (await endOf(source, topic)) > end, {
      deadlineMs: 30_000,
      describe: 'the marker of the transaction',
    });
  }
  await produce(topic, 'c');
  return topic;
}

async function produce(topic: string, value: string): Promise<void> {
  const timestamp = BigInt(Date.now());
  const records = encodeBatch([{ offset: 0n, timestamp, key: null, value: Buffer.from(value), headers: [] }]);
  await sendBatch(source, topic, records);
}

const sides = (topic: string) => ({
  oracle,
  folder: folder.path,
  source: regions['us-east'],
  destination: regions['eu-west'],
  topics: [topic],
});
const link = (topic: string, user: User, holes: 'markers' | 'transactions') => ({
  ...sides(topic),
  extra: `    holes: ${holes}\n`,
  user: { username: user, password: passwordOf(user) },
});
const endOf = async (side: Cluster, topic: string): Promise<bigint> =>
  (await logEndOffset(side, { topic, partition: 0 })).logEndOffset;

async function expectMirrored(agent: RunningAgent, topic: string): Promise<void> {
  await agent.mirrorsUpTo(topic, await endOf(source, topic));
  expect(await endOf(destination, topic)).toBe(await endOf(source, topic));
  expect(await expectIdentical(sides(topic))).toBe(3);
}

test('without the right for markers a partition stops in front of its hole, until the right is granted', async () => {
  const topic = await topicWithHoles();
  await using agent = await startAgent(link(topic, 'markers', 'markers'));
  const { reason } = await agent.reaches(topic, 'NotAuthorized');
  expect(reason).toMatch(/CLUSTER_AUTHORIZATION_FAILED.*ALTER or CLUSTER_ACTION.*holes: transactions/);
  expect(await endOf(destination, topic)).toBe(1n);
  await grant(allow('markers', 'CLUSTER_ACTION', cluster));
  await expectMirrored(agent, topic);
});

test('the fallback fills holes with the rights of a transactional producer', async () => {
  await grant(allow('transactions', 'WRITE', transactionalIds));
  const topic = await topicWithHoles();
  await using agent = await startAgent(link(topic, 'transactions', 'transactions'));
  await expectMirrored(agent, topic);
  await produce(topic, 'd');
  await agent.mirrorsUpTo(topic, await endOf(source, topic));
});

test('with neither right both ways end in a refusal that names the right, and nothing is written', async () => {
  const topic = await topicWithHoles();
  {
    await using agent = await startAgent(link(topic, 'nobody', 'markers'));
    expect((await agent.reaches(topic, 'NotAuthorized')).reason).toContain('ALTER or CLUSTER_ACTION');
  }
  {
    await using agent = await startAgent(link(topic, 'nobody', 'transactions'));
    expect((await agent.reaches(topic, 'NotAuthorized')).reason).toMatch(
      /WRITE.*transactional id.*lockstep\.us-to-eu\./i,
    );
  }
  expect(await endOf(destination, topic)).toBe(1n);
});
