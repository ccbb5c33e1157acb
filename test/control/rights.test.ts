// Exactly the rights that an agent, and a person with commands, need for the control topic; and what is said when one is
// missing.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Acl, Cluster, createAcls, deleteAcls, unwrap } from '../../src/client/index.ts';
import { ControlTopic, controlTopic, LeaderWriter } from '../../src/control/index.ts';
import { testAgent, testLink } from '../../src/control/test-records.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { deleteControlTopic, one } from './support.ts';

const users = ['agent', 'person'] as const;
type User = (typeof users)[number];
const passwordOf = (user: User): string => `${user}-secret`;
const regions = useRegions({
  guarded: {
    security: {
      sasl: { users: users.map((username) => ({ username, password: passwordOf(username) })) },
      authorizer: { superUsers: ['User:ANONYMOUS'] },
    },
  },
});

/** What docs/security.md has to list. */
const agentRights = [
  ['TOPIC', controlTopic, 'CREATE'],
  ['TOPIC', controlTopic, 'READ'],
  ['TOPIC', controlTopic, 'WRITE'],
  ['TOPIC', controlTopic, 'DESCRIBE_CONFIGS'],
  ['TRANSACTIONAL_ID', 'lockstep-leader', 'WRITE'],
] as const;
const personRights = [
  ['TOPIC', controlTopic, 'READ'],
  ['TOPIC', controlTopic, 'WRITE'],
] as const;
type Right = (typeof agentRights)[number] | (typeof personRights)[number];

let admin: Cluster;
beforeAll(async () => {
  admin = await Cluster.connect(configOf(regions.guarded));
  for (const right of agentRights) await grant('agent', right);
  for (const right of personRights) await grant('person', right);
});
afterAll(() => admin.close());

function ruleOf(user: User, [resourceType, resourceName, operation]: Right): Acl {
  const whom = { principal: `User:${user}`, host: '*', permission: 'ALLOW' } as const;
  return { resourceType, resourceName, patternType: 'LITERAL', operation, ...whom };
}

async function grant(user: User, right: Right): Promise<void> {
  for (const outcome of await createAcls(admin, [ruleOf(user, right)])) unwrap(outcome);
}

/** Until the end of the test. */
async function take(user: User, right: Right): Promise<void> {
  for (const outcome of await deleteAcls(admin, [ruleOf(user, right)])) unwrap(outcome);
  onTestFinished(() => grant(user, right));
}

async function open(user: User, warnings: string[] = []): Promise<ControlTopic> {
  const sasl = { mechanism: 'SCRAM-SHA-256', username: user, password: passwordOf(user) } as const;
  const config = configOf(regions.guarded, 'SASL_PLAINTEXT', { sasl });
  const cluster = await Cluster.connect(config, { deadlineMs: 10_000 });
  onTestFinished(() => cluster.close());
  const mayCreate = user === 'agent';
  const control = await ControlTopic.open(cluster, { mayCreate, onWarning: (text) => warnings.push(text) });
  onTestFinished(() => control.close());
  return control;
}

/** All that an agent that leads does, and a person. */
async function useAll(): Promise<void> {
  const control = await open('agent');
  const leader = await LeaderWriter.take(control);
  await leader.write(one('link/us-to-eu', testLink()));
  await control.put(one('agent/a', testAgent('a')));
  const person = await open('person');
  expect(person.state.links.size).toBe(1);
  await person.put(one('command/c', { v: 1 }));
}

test('these rights suffice', async () => {
  await deleteControlTopic(admin);
  await useAll();
});

test.each(
  agentRights
    .filter(([, , operation]) => operation !== 'DESCRIBE_CONFIGS')
    .map((right) => ({ right, words: right.join(' ') })),
)('an agent without $words is told what is missing', async ({ right }) => {
  await deleteControlTopic(admin);
  await take('agent', right);
  const [type, name, operation] = right;
  const thing = type.toLowerCase().replace('_', ' ');
  await expect(useAll()).rejects.toMatchObject({
    code: 'NOT_AUTHORIZED',
    message: expect.stringContaining(`Needed is ${operation} on ${thing} ${name}`),
    detail: { kafkaError: `${type}_AUTHORIZATION_FAILED` },
  });
});

test('an agent that may not describe settings works, and can not warn of a wrong policy', async () => {
  await take('agent', agentRights[3]);
  await useAll();
});

test.each(personRights.map((right) => ({ right, words: right.join(' ') })))(
  'a person without $words is told',
  async ({ right }) => {
    await take('person', right);
    await expect(useAll()).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: expect.stringContaining(`Needed is ${right[2]} on topic ${controlTopic}`),
    });
  },
);
