// A prefixed mirror whose partitions are filled by two agents, on a cluster with an authorizer: READ is denied on the
// mirror, by its own name, until the last partition of both is filled and cut.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { linkCluster } from '../../src/agent/link-clusters.ts';
import {
  type Acl,
  type AclOperation,
  Cluster,
  createAcls,
  describeAcls,
  unwrap,
} from '../../src/client/index.ts';
import { addressesOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startLink } from './running-link.ts';

const user = { username: 'agent', password: 'agent-secret' };
const folder = useTemporaryFolder();
const regions = useRegions({
  source: {},
  destination: { security: { sasl: { users: [user] }, authorizer: { superUsers: ['User:ANONYMOUS'] } } },
});
const oracle = useOracle();
const admin = {} as { cluster: Cluster };
beforeAll(async () => {
  admin.cluster = await Cluster.connect({
    name: 'destination',
    bootstrap: addressesOf(regions.destination),
  });
  const allow = (resourceType: Acl['resourceType'], resourceName: string, operations: AclOperation[]) =>
    operations.map(
      (operation): Acl => ({
        ...{ resourceType, resourceName, operation, patternType: 'LITERAL', permission: 'ALLOW' },
        ...{ principal: 'User:agent', host: '*' },
      }),
    );
  const rules = [
    ...allow('TOPIC', '*', ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE']),
    ...allow('TOPIC', '*', ['DESCRIBE_CONFIGS', 'ALTER_CONFIGS']),
    ...allow('CLUSTER', 'kafka-cluster', ['ALTER', 'DESCRIBE', 'CLUSTER_ACTION', 'CREATE']),
  ];
  for (const outcome of await createAcls(admin.cluster, rules)) unwrap(outcome);
});
afterAll(() => admin.cluster.close());

async function isDenied(topic: string): Promise<boolean> {
  const filter = { resourceType: 'TOPIC', resourceName: topic, permission: 'DENY' } as const;
  return (await describeAcls(admin.cluster, filter)).length > 0;
}

test('is opened by the keeper once both are done, whoever is done first', async () => {
  const topic = uniqueTopic('guarded');
  const later = [uniqueTopic('later'), uniqueTopic('later')];
  const mirror = `us.${topic}`;
  const extra = '    prefix: us.\n    startAt: latest\n';
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 2 }]);
  const records = Array.from({ length: 40 }, (_, i) => ({
    topic,
    partition: i % 2,
    key: `k${i}`,
    value: 'v',
  }));
  const produce = () => oracle.workload(regions.source).produce({ producer: 'plain', records });
  await produce();
  const link = { ...regions, folder: folder.path, topics: [topic, ...later], extra, user };
  let ownsSecond = false;
  await using keeper = await startLink({ ...link, share: { owns: ({ partition }) => partition === 0 } });
  await using other = await startLink({
    ...link,
    share: { isKeeper: () => false, owns: ({ partition }) => ownsSecond && partition === 1 },
  });
  // The first partition is filled; the other one has nobody yet, and is going to be filled, too.
  await keeper.mirrorsUpTo(topic, 20n, 0);
  for (const name of later) {
    await oracle.createTopics(regions.source, [{ name, partitions: 1 }]);
    await keeper.runner.reconcile();
    await keeper.reaches(name, 'Mirrored');
  }
  // So at least one whole look has seen the first partition filled.
  expect(await isDenied(mirror)).toBe(true);
  expect(await isDenied(topic)).toBe(false);
  ownsSecond = true;
  await other.runner.reconcile();
  await other.mirrorsUpTo(topic, 20n, 1);
  await waitFor(async () => !(await isDenied(mirror)), {
    deadlineMs: 30_000,
    describe: 'READ to be allowed again',
  });
  const ranges = await linkCluster(admin.cluster, { mirrorName: (name) => `us.${name}` }).logRanges(topic, 2);
  expect([...ranges.values()].map(({ start }) => start)).toEqual([20n, 20n]);
  await produce();
  await keeper.mirrorsUpTo(topic, 40n, 0);
  await other.mirrorsUpTo(topic, 40n, 1);
  const compared = await oracle.expectSame({
    ...regions,
    topic,
    destinationTopic: mirror,
    startAtLater: true,
  });
  expect(compared.records).toBe(40);
});
