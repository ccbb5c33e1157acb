// Rights that are missing, by Kafka's own authorizer: each is named with the command that gives it, group by group, and
// the other groups go on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Acl,
  Cluster,
  commitGroupOffsets,
  createAcls,
  createTopics,
  deleteAcls,
  deleteGroups,
  fetchGroupOffsets,
  unwrap,
} from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { keeperOf } from './keepers.ts';

const user = { username: 'agent', password: 'agent-secret' };
const security = { sasl: { users: [user] }, authorizer: {} } as const;
const regions = useRegions({ source: { security }, destination: { security } });
type Side = 'source' | 'destination';
/** As somebody who may do everything, and as the agent. */
const admins = {} as Record<Side, Cluster>;
const agents = {} as Record<Side, Cluster>;
const topic = uniqueTopic('rights');

beforeAll(async () => {
  const sasl = { mechanism: 'PLAIN', ...user } as const;
  for (const side of ['source', 'destination'] as const) {
    admins[side] = await Cluster.connect(configOf(regions[side]));
    agents[side] = await Cluster.connect(configOf(regions[side], 'SASL_PLAINTEXT', { sasl }));
    unwrap((await createTopics(admins[side], [{ name: topic, partitionCount: 1 }])).get(topic)!);
    const messages = Array.from({ length: 50 }, (_, i) => ({ partition: 0, value: Buffer.from(`${i}`) }));
    await platformaticProduce({ bootstrap: regions[side].bootstrap, topic, messages });
    await grant(side, 'TOPIC', topic, 'READ');
  }
});
afterAll(() => {
  for (const cluster of [...Object.values(admins), ...Object.values(agents)]) cluster.close();
});

function acl(type: 'TOPIC' | 'GROUP' | 'CLUSTER', name: string, operation: Acl['operation']): Acl {
  return {
    ...{ resourceType: type, resourceName: name, patternType: 'LITERAL', principal: 'User:agent' },
    ...{ host: '*', operation, permission: 'ALLOW' },
  };
}

async function grant(side: Side, ...[type, name, operation]: Parameters<typeof acl>): Promise<void> {
  for (const outcome of await createAcls(admins[side], [acl(type, name, operation)])) unwrap(outcome);
}

async function revoke(side: Side, ...[type, name, operation]: Parameters<typeof acl>): Promise<void> {
  await deleteAcls(admins[side], [acl(type, name, operation)]);
}

/** A group at the source with a position. */
async function groupAtSource(name: string): Promise<string> {
  const group = uniqueTopic(name);
  const committed = await commitGroupOffsets(admins.source, group, [{ topic, partition: 0, offset: 20n }]);
  for (const { outcome } of committed) unwrap(outcome);
  return group;
}

async function mayAll(group: string): Promise<void> {
  await grant('source', 'GROUP', group, 'DESCRIBE');
  await grant('destination', 'GROUP', group, 'READ');
}

function keeperFor(groups: readonly string[], deletions = false) {
  return keeperOf(agents.source, agents.destination, {
    selects: (group) => groups.includes(group),
    mirrors: [{ sourceTopic: topic }],
    config: { everyMs: 500, deletions, backwards: false },
  });
}

/** Rights take a moment to reach the brokers: looks until the group stands so. */
async function comesTo(
  it: ReturnType<typeof keeperOf>,
  group: string,
  state: string | undefined,
): Promise<void> {
  await waitFor(
    async () => {
      await it.keeper.lookNow();
      return it.stateOf(group) === state || (state === undefined && it.stateOf(group) === undefined);
    },
    { deadlineMs: 20_000, describe: () => `${group} to be ${state}; it is ${it.stateOf(group)}` },
  );
}

const reasonOf = (it: ReturnType<typeof keeperOf>, group: string) =>
  it.keeper.status().groups.find((entry) => entry.group === group)?.reason;

test('the rights that are documented are enough; without DescribeConfigs 7 days are assumed, and said', async () => {
  const group = await groupAtSource('enough');
  await mayAll(group);
  await using it = keeperFor([group]);
  await comesTo(it, group, 'Synced');
  expect(await fetchGroupOffsets(admins.destination, group)).toHaveLength(1);
  expect(it.keeper.status()).toMatchObject({ isRetentionAssumed: true, retentionMs: 7 * 24 * 3_600_000 });
  expect(it.notices.map(({ text }) => text).join('\n')).toMatch(
    /lacks DescribeConfigs on cluster destination; .* 7 days.*kafka-acls .* --operation DescribeConfigs --cluster/,
  );
  await grant('destination', 'CLUSTER', 'kafka-cluster', 'DESCRIBE_CONFIGS');
  await using next = keeperFor([group]);
  await waitFor(
    async () => {
      await using another = keeperFor([group]);
      await another.keeper.lookNow();
      return !another.keeper.status().isRetentionAssumed;
    },
    { deadlineMs: 20_000, describe: 'the settings to be readable' },
  );
  await next.keeper.lookNow();
  expect(next.keeper.status().isRetentionAssumed).toBe(false);
});

test('Describe on the group at the source: named where the cluster may be described, else the group is hidden', async () => {
  const [denied, allowed] = [await groupAtSource('undescribed'), await groupAtSource('described')];
  await mayAll(allowed);
  await grant('destination', 'GROUP', denied, 'READ');
  await using it = keeperFor([denied, allowed]);
  await comesTo(it, allowed, 'Synced');
  // Kafka lists only what a user may describe.
  expect(it.stateOf(denied)).toBeUndefined();
  await grant('source', 'CLUSTER', 'kafka-cluster', 'DESCRIBE');
  await comesTo(it, denied, 'NotAuthorized');
  expect(reasonOf(it, denied)).toMatch(
    `lacks Describe on group ${denied} at cluster source: kafka-acls --bootstrap-server <address of source> --add --allow-principal User:<user of the agent> --operation Describe --group '${denied}'`,
  );
  expect(it.stateOf(allowed)).toBe('Synced');
  expect((await it.keeper.syncTopics([topic])).isComplete).toBe(false);
  await grant('source', 'GROUP', denied, 'DESCRIBE');
  await comesTo(it, denied, 'Synced');
  await revoke('source', 'CLUSTER', 'kafka-cluster', 'DESCRIBE');
});

test('Read on the group at the destination', async () => {
  const [denied, allowed] = [await groupAtSource('unread'), await groupAtSource('read')];
  await mayAll(allowed);
  await grant('source', 'GROUP', denied, 'DESCRIBE');
  await using it = keeperFor([denied, allowed]);
  await comesTo(it, allowed, 'Synced');
  expect(it.stateOf(denied)).toBe('NotAuthorized');
  expect(reasonOf(it, denied)).toMatch(
    /lacks Read on group .* at cluster destination: kafka-acls .* --operation Read --group '/,
  );
  // Describe alone lets us look, not commit.
  await grant('destination', 'GROUP', denied, 'DESCRIBE');
  await it.keeper.lookNow();
  expect(it.stateOf(denied)).toBe('NotAuthorized');
  await grant('destination', 'GROUP', denied, 'READ');
  await comesTo(it, denied, 'Synced');
  expect(it.notices.filter(({ text }) => text.includes(denied))).toHaveLength(1);
});

test('Read on the topic at the destination', async () => {
  const group = await groupAtSource('no-topic');
  await mayAll(group);
  await grant('destination', 'TOPIC', topic, 'DESCRIBE');
  await revoke('destination', 'TOPIC', topic, 'READ');
  await using it = keeperFor([group]);
  await comesTo(it, group, 'NotAuthorized');
  expect(reasonOf(it, group)).toMatch(
    `lacks Read on topic ${topic} at cluster destination: kafka-acls --bootstrap-server <address of destination> --add --allow-principal User:<user of the agent> --operation Read --topic '${topic}'`,
  );
  await grant('destination', 'TOPIC', topic, 'READ');
  await comesTo(it, group, 'Synced');
});

test('Delete on the group, where deletions are followed; a group that is only hidden stays', async () => {
  const [gone, hidden] = [await groupAtSource('gone'), await groupAtSource('only-hidden')];
  for (const group of [gone, hidden]) await mayAll(group);
  await grant('destination', 'GROUP', hidden, 'DELETE');
  await using it = keeperFor([gone, hidden], true);
  await comesTo(it, gone, 'Synced');
  await comesTo(it, hidden, 'Synced');
  unwrap((await deleteGroups(admins.source, [gone])).get(gone)!);
  await revoke('source', 'GROUP', hidden, 'DESCRIBE');
  await comesTo(it, hidden, undefined);
  expect(await fetchGroupOffsets(admins.destination, hidden)).toHaveLength(1);
  expect(it.notices.map(({ text }) => text).join('\n')).toMatch(
    new RegExp(
      `lacks Delete on group ${gone} at cluster destination: kafka-acls .* --operation Delete --group`,
    ),
  );
  await it.keeper.lookNow();
  expect(it.notices.filter(({ text }) => text.includes('lacks Delete'))).toHaveLength(1);
  await grant('destination', 'GROUP', gone, 'DELETE');
  await waitFor(
    async () => {
      await it.keeper.lookNow();
      return (await fetchGroupOffsets(admins.destination, gone)).length === 0;
    },
    { deadlineMs: 20_000, describe: `group ${gone} to be deleted` },
  );
  await it.keeper.lookNow();
  expect(await fetchGroupOffsets(admins.destination, hidden)).toHaveLength(1);
});

test('a source that lists nothing is told once, as a right that may be missing', async () => {
  const group = await groupAtSource('hidden');
  await using it = keeperOf(await nobody('source'), agents.destination, {
    selects: (name) => name === group,
    mirrors: [{ sourceTopic: topic }],
  });
  await it.keeper.lookNow();
  await it.keeper.lookNow();
  expect(it.notices.filter(({ text }) => text.includes('lists no groups'))).toMatchObject([
    {
      level: 'info',
      text: expect.stringMatching(/may have none yet; .* may lack Describe on them: kafka-acls/),
    },
  ]);
});

/** The agent, after it lost every right on groups. */
async function nobody(side: Side): Promise<Cluster> {
  await deleteAcls(admins[side], [{ resourceType: 'GROUP', principal: 'User:agent' }]);
  return agents[side];
}
