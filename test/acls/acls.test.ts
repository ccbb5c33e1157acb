// Rights that travel, on two brokers with Kafka's StandardAuthorizer. Judges: kcat (librdkafka) and Kafka's own console
// clients as users with passwords, and Kafka's kafka-acls and kafka-configs; the agent is a user with exactly the rights that docs/acls.md names.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Cluster,
  type Credentials,
  createTopics,
  describeScramUsers,
  unwrap,
} from '../../src/client/index.ts';
import { AclKeeper, type AclKeeperOptions, type MirrorOfLink } from '../../src/link/acls/index.ts';
import type { Notice } from '../../src/link/notice.ts';
import { installKafka, type Region, runKafkaTool } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { FakeStore } from '../support/fake-rights.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const user = (username: string) => ({ username, password: `${username}-secret` });
const [agent, alice, bob, carol, successor] = ['agent', 'alice', 'bob', 'carol', 'successor'].map(user) as [
  User,
  User,
  User,
  User,
  User,
];
type User = ReturnType<typeof user>;

const regions = useRegions({
  'us-east': { security: { sasl: { users: [agent, alice, bob, carol] }, authorizer: {} } },
  'eu-west': { security: { sasl: { users: [agent, successor, alice, bob] }, authorizer: {} } },
});
/** As super users, over PLAINTEXT. */
const admins = {} as Record<'us-east' | 'eu-west', Cluster>;
const agents = {} as Record<'us-east' | 'eu-west', Cluster>;
const keepers: AclKeeper[] = [];

beforeAll(async () => {
  for (const side of ['us-east', 'eu-west'] as const) {
    admins[side] = await Cluster.connect(configOf(regions[side]));
    agents[side] = await Cluster.connect(
      configOf(regions[side], 'SASL_PLAINTEXT', { sasl: { mechanism: 'PLAIN', ...agent } }),
    );
  }
  // docs/acls.md, "Rights that the agent needs".
  const source = ['--add', '--allow-principal', 'User:agent', '--cluster'];
  await acls('us-east', [...source, '--operation', 'Describe', '--operation', 'DescribeConfigs']);
  await acls('eu-west', [
    ...source,
    ...['Describe', 'Alter', 'DescribeConfigs', 'AlterConfigs'].flatMap((right) => ['--operation', right]),
  ]);
  await acls('eu-west', ['--add', '--allow-principal', 'User:agent', '--operation', 'All', '--topic', '*']);
});
afterAll(async () => {
  await Promise.all(keepers.map((keeper) => keeper.stop()));
  for (const cluster of [...Object.values(admins), ...Object.values(agents)]) cluster.close();
});

async function acls(side: 'us-east' | 'eu-west', args: readonly string[]): Promise<string> {
  const done = await kafkaTool(regions[side], 'org.apache.kafka.tools.AclCommand', [
    ...['--bootstrap-server', regions[side].bootstrap.join(',')],
    ...args,
    ...(args[0] === '--remove' ? ['--force'] : []),
  ]);
  return done.stdout;
}

const config = (who: User) => ({
  'security.protocol': 'sasl_plaintext',
  'sasl.mechanism': 'PLAIN',
  'sasl.username': who.username,
  'sasl.password': who.password,
  'message.timeout.ms': '4000',
});

async function mayWrite(region: Region, topic: string, who: User): Promise<boolean> {
  try {
    await kcatProduce({
      bootstrap: region.bootstrapOf('SASL_PLAINTEXT'),
      topic,
      records: [{ key: 'k', value: 'v' }],
      config: config(who),
    });
    return true;
  } catch {
    return false;
  }
}

async function mayRead(region: Region, topic: string, who: User): Promise<boolean> {
  try {
    await kcatConsume({ bootstrap: region.bootstrapOf('SASL_PLAINTEXT'), topic, config: config(who) });
    return true;
  } catch {
    return false;
  }
}

/** Kafka's own console clients, with the user's login. */
async function javaClient(
  tool: 'ConsoleProducer' | 'consumer.ConsoleConsumer',
  region: Region,
  who: User,
  args: readonly string[],
  stdin = '',
): Promise<string> {
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const done = await runKafkaTool(
    await installKafka({ version: region.kafkaVersion }),
    `org.apache.kafka.tools.${tool}`,
    [
      ...['--bootstrap-server', region.bootstrapOf('SASL_PLAINTEXT').join(','), ...args],
      ...['--command-property', 'security.protocol=SASL_PLAINTEXT'],
      ...['--command-property', 'sasl.mechanism=PLAIN', '--command-property'],
      `sasl.jaas.config=${login} username="${who.username}" password="${who.password}";`,
    ],
    { stdin },
  );
  return `${done.stdout}${done.stderr}`;
}

async function topicAt(side: 'us-east' | 'eu-west', topic: string): Promise<void> {
  unwrap((await createTopics(admins[side], [{ name: topic, partitionCount: 1 }])).get(topic)!);
}

function keeperOf(
  mirrors: MirrorOfLink[],
  more: Partial<AclKeeperOptions> = {},
): { keeper: AclKeeper; store: FakeStore; notices: Notice[] } {
  const notices: Notice[] = [];
  const store = new FakeStore();
  const keeper = new AclKeeper({
    source: agents['us-east'],
    destination: agents['eu-west'],
    store,
    mirrors: () => mirrors,
    config: { everyMs: 500, resources: ['topic', 'group', 'transactionalId'], withholdWrites: true },
    selects: (principal) => principal !== 'User:agent',
    quotas: [],
    users: [],
    onNotice: (notice) => notices.push(notice),
    ...more,
  });
  keepers.push(keeper);
  return { keeper, store, notices };
}

test('readers read a mirror, nobody writes until it is promoted, and no other topic is opened', async () => {
  const eu = regions['eu-west'];
  const topic = uniqueTopic('pay');
  const [mirror, other] = [`us.${topic}`, `us.${topic}-local`];
  await topicAt('us-east', topic);
  await topicAt('eu-west', mirror);
  await topicAt('eu-west', other);
  await acls('us-east', [
    ...['--add', '--allow-principal', 'User:alice', '--operation', 'All', '--topic', topic],
    ...['--resource-pattern-type', 'prefixed'],
  ]);
  await acls('us-east', [
    ...['--add', '--allow-principal', 'User:bob', '--operation', 'Read', '--topic', topic],
  ]);
  await acls('us-east', [
    ...['--add', '--allow-principal', 'User:bob', '--operation', 'Read', '--group', `${topic}-app`],
  ]);
  // The destination's own rule lets bob write everywhere.
  await acls('eu-west', ['--add', '--allow-principal', 'User:bob', '--operation', 'Write', '--topic', '*']);
  expect(await mayWrite(eu, mirror, bob), 'bob writes before').toBe(true);

  const mirrors = [{ sourceTopic: topic, mirrorTopic: mirror, isPromoted: false }];
  const { keeper } = keeperOf(mirrors);
  await keeper.lookNow();
  expect(keeper.status().acls).toMatchObject({ state: 'Current', protectedCount: 1, unprotected: [] });
  await waitFor(async () => !(await mayWrite(eu, mirror, bob)), {
    deadlineMs: 15_000,
    describe: 'the DENY for bob to hold',
  });
  expect({
    aliceReads: await mayRead(eu, mirror, alice),
    bobReads: await mayRead(eu, mirror, bob),
    aliceWrites: await mayWrite(eu, mirror, alice),
    agentWrites: await mayWrite(eu, mirror, agent),
    aliceReadsOther: await mayRead(eu, other, alice),
    bobWritesOther: await mayWrite(eu, other, bob),
  }).toEqual({
    aliceReads: true,
    bobReads: true,
    aliceWrites: false,
    agentWrites: true,
    aliceReadsOther: false,
    bobWritesOther: true,
  });
  expect(await acls('eu-west', ['--list', '--topic', mirror])).toMatch(
    /principal=User:bob, host=\*, operation=WRITE, permissionType=DENY/,
  );

  const consume = (group: string) =>
    javaClient('consumer.ConsoleConsumer', eu, bob, [
      ...['--topic', mirror, '--group', group, '--from-beginning', '--max-messages', '1'],
      ...['--timeout-ms', '20000'],
    ]);
  expect(await consume(`${topic}-app`)).toMatch(/^v$/m);
  expect(await consume(`${topic}-other`)).toMatch(/GroupAuthorizationException/);
  const produce = () => javaClient('ConsoleProducer', eu, alice, ['--topic', mirror], 'from-java\n');
  expect(await produce()).toMatch(/(Topic|Cluster)AuthorizationException/);

  await keeper.release([mirror]);
  mirrors[0] = { ...mirrors[0]!, isPromoted: true };
  await waitFor(() => mayWrite(eu, mirror, alice), { deadlineMs: 15_000, describe: 'alice to write' });
  expect(await produce()).not.toMatch(/Exception/);
  expect(await mayWrite(eu, mirror, bob), 'bob writes as before').toBe(true);
  expect(await mayRead(eu, other, alice)).toBe(false);
  expect(await acls('eu-west', ['--list', '--topic', mirror])).not.toMatch(/DENY/);
});

test('what the source takes away goes, what somebody made before stays', async () => {
  const topic = uniqueTopic('orders');
  await topicAt('us-east', topic);
  await topicAt('eu-west', topic);
  const onTopic = (who: string) => ['--allow-principal', who, '--operation', 'Read', '--topic', topic];
  for (const who of ['User:alice', 'User:bob']) await acls('us-east', ['--add', ...onTopic(who)]);
  await acls('us-east', [
    ...['--add', '--allow-principal', 'User:alice', '--operation', 'Read', '--group', `g-${topic}`],
    ...['--resource-pattern-type', 'prefixed'],
  ]);
  await acls('eu-west', ['--add', ...onTopic('User:bob')]);

  const { keeper } = keeperOf([{ sourceTopic: topic, mirrorTopic: topic, isPromoted: false }]);
  keeper.start();
  const listed = () => acls('eu-west', ['--list']);
  await waitFor(async () => (await mayRead(regions['eu-west'], topic, alice)) || null, {
    deadlineMs: 15_000,
    describe: 'alice to read the mirror',
  });
  expect(await listed()).toContain(`name=g-${topic}, patternType=PREFIXED`);

  for (const who of ['User:alice', 'User:bob']) await acls('us-east', ['--remove', ...onTopic(who)]);
  await waitFor(async () => !(await mayRead(regions['eu-west'], topic, alice)), {
    deadlineMs: 15_000,
    describe: 'alice not to read the mirror any more',
  });
  expect(await mayRead(regions['eu-west'], topic, bob), "bob's own rule of the destination").toBe(true);
  await keeper.stop();
});

test('a right that is missing is named with the command that gives it, and nothing is removed meanwhile', async () => {
  const topic = uniqueTopic('named');
  await topicAt('us-east', topic);
  await topicAt('eu-west', topic);
  const rule = ['--allow-principal', 'User:alice', '--operation', 'Read', '--topic', topic];
  await acls('us-east', ['--add', ...rule]);
  const { keeper } = keeperOf([{ sourceTopic: topic, mirrorTopic: topic, isPromoted: false }]);
  await keeper.lookNow();
  expect(await acls('eu-west', ['--list', '--topic', topic])).toContain('User:alice');

  const right = ['--allow-principal', 'User:agent', '--operation', 'Describe', '--cluster'];
  const denial = ['--deny-principal', 'User:agent', '--operation', 'Describe', '--cluster'];
  await acls('us-east', ['--add', ...denial]);
  await acls('us-east', ['--remove', ...rule]);
  try {
    await waitFor(
      async () => {
        await keeper.lookNow();
        return keeper.status().acls.state === 'SourceSilent';
      },
      { deadlineMs: 15_000, describe: 'the source to be silent' },
    );
    expect(keeper.status().acls.reason).toMatch(
      /Describe on the cluster is missing; kafka-acls .*--operation Describe --cluster/,
    );
    expect(await acls('eu-west', ['--list', '--topic', topic])).toContain('User:alice');
  } finally {
    await acls('us-east', ['--remove', ...denial]);
    await acls('us-east', ['--add', ...right]);
  }
  await waitFor(
    async () => {
      await keeper.lookNow();
      return !(await acls('eu-west', ['--list', '--topic', topic])).includes('User:alice');
    },
    { deadlineMs: 20_000, describe: 'the rule to be removed as at the source' },
  );

  const alter = ['--deny-principal', 'User:agent', '--operation', 'Alter', '--cluster'];
  await acls('us-east', ['--add', ...rule]);
  await acls('eu-west', ['--add', ...alter]);
  try {
    await waitFor(
      async () => {
        await keeper.lookNow();
        return keeper.status().acls.state === 'NotAuthorized';
      },
      { deadlineMs: 15_000, describe: 'Alter to be missing' },
    );
    expect(keeper.status().acls.reason).toMatch(/cluster eu-west: .*Alter on the cluster is missing/);
  } finally {
    await acls('eu-west', ['--remove', ...alter]);
  }
});

test('a DENY that hits the agent itself is taken back at once', async () => {
  const topic = uniqueTopic('itself');
  await topicAt('us-east', topic);
  await topicAt('eu-west', topic);
  const { keeper, notices } = keeperOf([{ sourceTopic: topic, mirrorTopic: topic, isPromoted: false }], {
    agentPrincipal: () => 'User:somebody-else',
  });
  await keeper.lookNow();
  expect(notices.map(({ text }) => text)).toContainEqual(expect.stringContaining('hit this agent itself'));
  await keeper.lookNow();
  const listed = await acls('eu-west', ['--list', '--topic', topic]);
  expect(listed).toContain('principal=User:bob, host=*, operation=WRITE, permissionType=DENY');
  expect(listed).not.toContain('principal=User:agent, host=*, operation=WRITE');
  expect(await mayWrite(regions['eu-west'], topic, agent)).toBe(true);
});

test('credentials that become those of another user: the agent writes as that one, who was denied before', async () => {
  const topic = uniqueTopic('rotated');
  await topicAt('us-east', topic);
  await topicAt('eu-west', topic);
  const right = (name: string) => ['--allow-principal', 'User:successor', '--operation', name];
  await acls('eu-west', ['--add', ...['Describe', 'Alter'].flatMap(right), '--cluster']);
  await acls('eu-west', ['--add', ...right('All'), '--topic', topic]);
  const login = (who: User): Credentials => ({ sasl: { mechanism: 'PLAIN', ...who } });
  let credentials = login(agent);
  const destination = await Cluster.connect(
    {
      ...configOf(regions['eu-west'], 'SASL_PLAINTEXT', login(agent)),
      credentials: { current: async () => credentials, problem: null },
    },
    { credentialsCheckMs: 100 },
  );
  try {
    const mirrors = [{ sourceTopic: topic, mirrorTopic: topic, isPromoted: false }];
    const { keeper } = keeperOf(mirrors, { destination });
    await keeper.lookNow();
    expect(await mayWrite(regions['eu-west'], topic, successor)).toBe(false);
    credentials = login(successor);
    await waitFor(() => destination.credentials === credentials, {
      deadlineMs: 30_000,
      describe: 'connections as the successor',
    });
    await keeper.lookNow();
    expect(await mayWrite(regions['eu-west'], topic, successor)).toBe(true);
    // Another agent of the fleet may not have looked at its files yet.
    expect(await mayWrite(regions['eu-west'], topic, agent)).toBe(true);
  } finally {
    destination.close();
  }
});

test('client quotas that are named are copied and removed; a user is made from the password that is supplied', async () => {
  const quota = (side: 'us-east' | 'eu-west', args: string[]) =>
    kafkaTool(regions[side], 'kafka.admin.ConfigCommand', [
      ...['--bootstrap-server', regions[side].bootstrap.join(','), ...args],
    ]).then((done) => done.stdout);
  const entity = ['--entity-type', 'users', '--entity-name', 'carol'];
  await quota('us-east', ['--alter', ...entity, '--add-config', 'producer_byte_rate=1048576']);
  await quota('us-east', [
    ...[
      '--alter',
      '--entity-type',
      'clients',
      '--entity-default',
      '--add-config',
      'consumer_byte_rate=2097152',
    ],
  ]);
  const topic = uniqueTopic('quotas');
  const mirrors = [{ sourceTopic: topic, mirrorTopic: topic, isPromoted: false }];
  const { keeper, store, notices } = keeperOf(mirrors, { quotas: ['user=carol', 'client-id=<default>'] });
  await keeper.lookNow();
  expect(keeper.status().quotas).toMatchObject({ state: 'Current', copiedCount: 2 });
  expect(keeper.status().users).toMatchObject({ state: 'Current', missing: ['carol'], created: [] });
  expect(notices.map(({ text }) => text)).toContainEqual(expect.stringMatching(/missing.*carol/));
  const shown = await waitFor(
    async () => {
      const text = await quota('eu-west', ['--describe', ...entity]);
      return text.includes('producer_byte_rate=1048576') ? text : null;
    },
    { deadlineMs: 15_000, describe: 'the quota at the destination' },
  );
  expect(shown).toContain('1048576');
  expect(await quota('eu-west', ['--describe', '--entity-type', 'clients', '--entity-default'])).toContain(
    'consumer_byte_rate=2097152',
  );

  keeper.alter({ users: [{ name: 'carol', mechanism: 'SCRAM-SHA-512', password: 'carol-new-secret' }] });
  await keeper.lookNow();
  expect(keeper.status().users).toMatchObject({ missing: [], created: ['carol'] });
  expect(JSON.stringify([...store.values])).not.toMatch(/secret/);
  const asCarol = configOf(regions['eu-west'], 'SASL_PLAINTEXT', {
    sasl: { mechanism: 'SCRAM-SHA-512', username: 'carol', password: 'carol-new-secret' },
  });
  const connected = await waitFor(() => Cluster.connect(asCarol), {
    deadlineMs: 15_000,
    describe: 'carol to log in with the supplied password',
  });
  connected.close();
  // Bob had a password before: supplying another changes nothing.
  keeper.alter({ users: [{ name: 'bob', mechanism: 'SCRAM-SHA-512', password: 'not-his' }] });
  await keeper.lookNow();
  expect(keeper.status().users.warnings).toEqual([expect.stringMatching(/bob .* keeps its password/)]);
  (
    await Cluster.connect(
      configOf(regions['eu-west'], 'SASL_PLAINTEXT', { sasl: { mechanism: 'SCRAM-SHA-512', ...bob } }),
    )
  ).close();
  expect((await describeScramUsers(admins['eu-west'])).map(({ name }) => name).sort()).toEqual([
    'agent',
    'alice',
    'bob',
    'carol',
    'successor',
  ]);

  await quota('us-east', ['--alter', ...entity, '--delete-config', 'producer_byte_rate']);
  await waitFor(
    async () => {
      await keeper.lookNow();
      return !(await quota('eu-west', ['--describe', ...entity])).includes('producer_byte_rate');
    },
    { deadlineMs: 20_000, describe: 'the quota to go as at the source' },
  );
});
