// allow.everyone.if.no.acl.found at the destination: topics without rules are open, and the first rule on one closes it to
// the agent, too. Brokers don't tell the setting; see src/link/acls/leniency.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { denyReading, isReadingDenied } from '../../src/agent/reading-denial.ts';
import { type Acl, Cluster, createAcls, createTopics, describeAcls, unwrap } from '../../src/client/index.ts';
import { AclKeeper } from '../../src/link/acls/index.ts';
import { findLeniency } from '../../src/link/acls/leniency.ts';
import { configOf } from '../client/support.ts';
import { acl, FakeStore } from '../support/fake-rights.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const user = (username: string) => ({ username, password: `${username}-secret` });
const [agent, alice, bob] = ['agent', 'alice', 'bob'].map(user) as [User, User, User];
type User = ReturnType<typeof user>;

const regions = useRegions({
  strict: { security: { sasl: { users: [agent, alice, bob] }, authorizer: {} } },
  lenient: {
    security: { sasl: { users: [agent, alice, bob] }, authorizer: { allowEveryoneIfNoAcl: true } },
  },
});
type Side = 'strict' | 'lenient';
const admins = {} as Record<Side, Cluster>;
const agents = {} as Record<Side, Cluster>;
beforeAll(async () => {
  for (const side of ['strict', 'lenient'] as const) {
    admins[side] = await Cluster.connect(configOf(regions[side]));
    agents[side] = await Cluster.connect(
      configOf(regions[side], 'SASL_PLAINTEXT', { sasl: { mechanism: 'PLAIN', ...agent } }),
    );
  }
});
afterAll(() => {
  for (const cluster of [...Object.values(admins), ...Object.values(agents)]) cluster.close();
});

async function add(side: Side, ...texts: string[]): Promise<void> {
  for (const outcome of await createAcls(admins[side], texts.map(acl))) unwrap(outcome);
  await waitFor(
    async () => {
      const there = await describeAcls(agents[side]);
      return texts.map(acl).every((rule) => there.some((other) => isSame(other, rule)));
    },
    { deadlineMs: 15_000, describe: 'the rules to be there' },
  );
}

const isSame = (a: Acl, b: Acl): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const sorted = (rule: Acl) => Object.entries(rule).sort();

async function leniencySeenBy(cluster: Cluster, side: Side): Promise<string> {
  return findLeniency(cluster, await describeAcls(admins[side]));
}

test('what can be found out about a setting that brokers do not tell', async () => {
  expect({
    'strict, a user': await leniencySeenBy(agents.strict, 'strict'),
    'strict, a super user': await leniencySeenBy(admins.strict, 'strict'),
    'lenient, a user': await leniencySeenBy(agents.lenient, 'lenient'),
    'lenient, a super user': await leniencySeenBy(admins.lenient, 'lenient'),
  }).toEqual({
    'strict, a user': 'off',
    'strict, a super user': 'unknown',
    'lenient, a user': 'on',
    'lenient, a super user': 'unknown',
  });
  await add(
    'lenient',
    'ALLOW User:agent ALTER on CLUSTER LITERAL kafka-cluster',
    'ALLOW User:agent DESCRIBE on CLUSTER LITERAL kafka-cluster',
  );
  expect(await leniencySeenBy(agents.lenient, 'lenient')).toBe('on');
  for (const side of ['strict', 'lenient'] as const)
    expect(JSON.stringify(await describeAcls(admins[side]))).not.toContain('lockstep-asks');
});

test('a mirror without rules is Unprotected; copied rules close it to all others, never to the agent', async () => {
  const topic = uniqueTopic('lenient');
  for (const side of ['strict', 'lenient'] as const)
    unwrap((await createTopics(admins[side], [{ name: topic, partitionCount: 1 }])).get(topic)!);
  await add('strict', 'ALLOW User:agent DESCRIBE on CLUSTER LITERAL kafka-cluster');
  const keeper = new AclKeeper({
    source: agents.strict,
    destination: agents.lenient,
    store: new FakeStore(),
    mirrors: () => [{ sourceTopic: topic, mirrorTopic: topic, isPromoted: false }],
    agentPrincipal: () => 'User:agent',
    config: { everyMs: 500, resources: ['topic', 'group'], withholdWrites: true },
    selects: (principal) => principal !== 'User:agent',
    quotas: [],
    users: [],
    onNotice: () => {},
  });
  await keeper.lookNow();
  expect(keeper.status().acls).toMatchObject({
    state: 'Current',
    unprotected: [{ topic, writers: ['User:*'] }],
  });
  expect(await mayWrite(topic, bob)).toBe(true);

  await add(
    'strict',
    `ALLOW User:alice ALL on TOPIC LITERAL ${topic}`,
    `ALLOW User:alice READ on GROUP LITERAL ${topic}`,
  );
  await keeper.lookNow();
  expect(keeper.status().acls).toMatchObject({ state: 'Current', protectedCount: 1, unprotected: [] });
  await waitFor(async () => !(await mayWrite(topic, bob)), {
    deadlineMs: 15_000,
    describe: 'bob to be shut out',
  });
  expect({
    agent: await mayWrite(topic, agent),
    alice: await mayWrite(topic, alice),
    aliceReads: await mayRead(topic, alice),
    bobReads: await mayRead(topic, bob),
  }).toEqual({ agent: true, alice: false, aliceReads: true, bobReads: false });

  // The denial of a start that is being filled is the agent's own: not in the keeper's records, and left alone by it.
  expect(await denyReading(agents.lenient, topic)).toBe(true);
  await keeper.lookNow();
  expect(await isReadingDenied(agents.lenient, topic)).toBe(true);
  await keeper.stop();
});

const config = (who: User) => ({
  'security.protocol': 'sasl_plaintext',
  'sasl.mechanism': 'PLAIN',
  'sasl.username': who.username,
  'sasl.password': who.password,
  'message.timeout.ms': '4000',
});

async function mayWrite(topic: string, who: User): Promise<boolean> {
  const bootstrap = regions.lenient.bootstrapOf('SASL_PLAINTEXT');
  const records = [{ key: 'k', value: 'v' }];
  return kcatProduce({ bootstrap, topic, records, config: config(who) }).then(
    () => true,
    () => false,
  );
}

async function mayRead(topic: string, who: User): Promise<boolean> {
  const bootstrap = regions.lenient.bootstrapOf('SASL_PLAINTEXT');
  return kcatConsume({ bootstrap, topic, config: config(who) }).then(
    () => true,
    () => false,
  );
}
