// What docs/security.md says of ClusterAction, shown: who has it and nothing else reads a topic that a DENY keeps from
// everybody, by asking as a follower does. Alter on the cluster, which Lockstep asks for, does not give that.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Acl, Cluster, createAcls, createTopics, unwrap } from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { readRecords, splitBatches } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const passwordOf = (username: string): string => `${username}-secret`;
const users = ['broker-like', 'altering'] as const;
const regions = useRegions({
  'eu-west': {
    brokers: 2,
    security: {
      sasl: {
        users: users.map((username) => ({ username, password: passwordOf(username) })),
        mechanisms: ['PLAIN'],
      },
      authorizer: {},
    },
  },
});
const topic = 'salaries';
const topicAuthorizationFailed = 29;
let admin: Cluster;

beforeAll(async () => {
  admin = await Cluster.connect(configOf(regions['eu-west']));
  const assignments = [regions['eu-west'].brokers.map(({ id }) => id)];
  unwrap((await createTopics(admin, [{ name: topic, assignments }])).get(topic)!);
  await platformaticProduce({
    ...{ bootstrap: regions['eu-west'].bootstrap, topic },
    messages: [{ partition: 0, value: Buffer.from('secret') }],
  });
  const cluster = { resourceType: 'CLUSTER', resourceName: 'kafka-cluster', patternType: 'LITERAL' } as const;
  const allowed = { host: '*', permission: 'ALLOW' } as const;
  const rules: Acl[] = [
    { ...cluster, ...allowed, principal: 'User:broker-like', operation: 'CLUSTER_ACTION' },
    { ...cluster, ...allowed, principal: 'User:altering', operation: 'ALTER' },
    {
      ...{ resourceType: 'TOPIC', resourceName: topic, patternType: 'LITERAL' },
      ...{ principal: 'User:*', host: '*', operation: 'READ', permission: 'DENY' },
    },
  ];
  for (const outcome of await createAcls(admin, rules)) unwrap(outcome);
});
afterAll(() => admin?.close());

/** What a fetch of the first record is answered: an error number, or the record's value. */
async function fetched(user: (typeof users)[number], as: 'consumer' | 'follower'): Promise<number | string> {
  const sasl = { mechanism: 'PLAIN', username: user, password: passwordOf(user) } as const;
  const cluster = await Cluster.connect(configOf(regions['eu-west'], 'SASL_PLAINTEXT', { sasl }));
  try {
    const { leaderId } = await admin.leaderOf(topic, 0);
    const followerId = regions['eu-west'].brokers.map(({ id }) => id).find((id) => id !== leaderId)!;
    const place = { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, logStartOffset: -1n };
    const answer = await cluster.request(
      apis.Fetch,
      {
        replicaId: as === 'follower' ? followerId : -1,
        ...{ maxWaitMs: 500, minBytes: 1, maxBytes: 1_000_000, isolationLevel: 0 },
        ...{ sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [] },
        topics: [{ topic, partitions: [{ ...place, partitionMaxBytes: 1_000_000 }] }],
      },
      // The last version that names topics.
      { to: leaderId, versionMax: 12 },
    );
    const { errorCode, records } = answer.responses[0]!.partitions[0]!;
    if (errorCode !== 0) return errorCode;
    const [batch] = splitBatches(records ?? Buffer.alloc(0)).batches;
    return batch === undefined ? 'nothing' : String([...readRecords(batch)][0]!.value);
  } finally {
    cluster.close();
  }
}

test('ClusterAction reads what nobody may read; Alter does not', async () => {
  await waitFor(async () => (await fetched('broker-like', 'follower')) === 'secret', {
    deadlineMs: 60_000,
    describe: 'the rules to be in force',
  });
  expect(await fetched('broker-like', 'consumer')).toBe(topicAuthorizationFailed);
  expect(await fetched('altering', 'follower')).toBe(topicAuthorizationFailed);
  expect(await fetched('altering', 'consumer')).toBe(topicAuthorizationFailed);
});
