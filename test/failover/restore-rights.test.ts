// What a person needs who restores a region, on brokers with Kafka's authorizer.
import { expect, test } from 'vitest';
import { type AclOperation, Cluster, createAcls } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { expectDone, runRestore, SplitRegions } from './split-regions.ts';

const alice = { username: 'alice', password: 'alice-secret' };
const security = { sasl: { users: [alice] }, authorizer: {} };
const regions = useRegions({ 'us-east': { security }, 'eu-west': { security } });
const oracle = useOracle();

type Rule = readonly [
  pattern: 'LITERAL' | 'PREFIXED' | 'CLUSTER',
  name: string,
  ...operations: AclOperation[],
];

async function grant(region: Region, rules: readonly Rule[]): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  const acls = rules.flatMap(([pattern, resourceName, ...operations]) =>
    operations.map((operation) => ({
      ...{ resourceType: pattern === 'CLUSTER' ? ('CLUSTER' as const) : ('TOPIC' as const) },
      ...{ patternType: pattern === 'CLUSTER' ? ('LITERAL' as const) : pattern, resourceName },
      ...{ principal: 'User:alice', host: '*', operation, permission: 'ALLOW' as const },
    })),
  );
  try {
    for (const outcome of await createAcls(cluster, acls)) if (!outcome.ok) throw outcome.error;
  } finally {
    cluster.close();
  }
}

test('a restore takes these rights and no others; without them nothing is deleted', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const topic = uniqueTopic('secured');
  await oracle.createTopics(us, [{ name: topic, partitions: 2 }]);
  await using split = await SplitRegions.start({ us, eu, topics: [topic], person: alice });
  const write = (region: Region, value: string) =>
    oracle
      .workload(region)
      .produce({ producer: 'w', records: [0, 1].map((partition) => ({ topic, partition, value })) });
  await write(us, 'before');
  await split.mirrored(topic, [1, 1]);
  await split.failOver([topic]);
  await write(us, 'split');
  await write(eu, 'after');

  const cluster: Rule = ['CLUSTER', 'kafka-cluster', 'DESCRIBE'];
  const control: Rule = ['LITERAL', '__lockstep', 'READ', 'WRITE'];
  await grant(eu, [cluster, control, ['LITERAL', topic, 'READ', 'DESCRIBE_CONFIGS']]);
  await grant(us, [cluster, control, ['LITERAL', topic, 'READ', 'DESCRIBE_CONFIGS', 'DELETE']]);
  const asked = { confirmed: [topic], history: 'from-divergence' } as const;
  const refused = await runRestore(split, asked);
  expect(refused.lines.at(-1)).toMatch(/saveTails FAILED: .*(CREATE|Create)/);

  await grant(us, [
    ['PREFIXED', `${topic}.lost-`, 'CREATE', 'READ', 'WRITE'],
    ['LITERAL', topic, 'CREATE'],
  ]);
  expectDone(await runRestore(split, asked));
  await oracle.expectSame({ source: eu, destination: us, topic, startAtLater: true });
}, 200_000);
