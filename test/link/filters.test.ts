// What a link selects changes while it runs, and topics disappear for other reasons than that they were deleted.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Acl,
  type AclOperation,
  Cluster,
  createAcls,
  deleteAcls,
  deleteTopics,
  unwrap,
} from '../../src/client/index.ts';
import { addressesOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { startLink } from './running-link.ts';

const folder = useTemporaryFolder();
const user = { username: 'agent', password: 'agent-secret' };
const regions = useRegions({
  source: { security: { sasl: { users: [user] }, authorizer: { superUsers: ['User:ANONYMOUS'] } } },
  destination: {},
});
const oracle = useOracle();
const admin = {} as { cluster: Cluster };
beforeAll(async () => {
  admin.cluster = await Cluster.connect({ name: 'source', bootstrap: addressesOf(regions.source) });
});
afterAll(() => admin.cluster.close());

async function topicWith(count: number): Promise<string> {
  const topic = uniqueTopic('selected');
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 1 }]);
  await produce(topic, count);
  return topic;
}
async function produce(topic: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({ topic, partition: 0, value: `v${i}` }));
  await oracle.workload(regions.source).produce({ producer: 'plain', records });
}

describe('filters that are changed while the link runs', () => {
  test('start what is selected now, and leave the rest as it is, until it is selected again', async () => {
    const [first, second] = [await topicWith(5), await topicWith(6)];
    await using link = await startLink({ ...regions, folder: folder.path, topics: [first] });
    await link.mirrorsUpTo(first, 5n);
    await link.runner.alter({ selects: (topic) => topic === second, namedTopics: [second] });
    expect(link.topic(first)).toMatchObject({
      state: 'NotSelected',
      reason: 'the filters of the link do not take it any more; its mirror stays as it is',
    });
    expect(link.partition(first)).toBeUndefined();
    await link.mirrorsUpTo(second, 6n);
    await produce(first, 5);
    await link.runner.alter({ selects: (topic) => topic === first || topic === second });
    await link.mirrorsUpTo(first, 10n);
    expect(link.topic(first)).toMatchObject({ state: 'Mirrored', reason: null });
    for (const topic of [first, second]) await oracle.expectSame({ ...regions, topic });
  });
});

describe('a topic that the source does not list any more', () => {
  const allow = (topic: string): Acl[] =>
    (['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'] satisfies AclOperation[]).map((operation) => ({
      resourceType: 'TOPIC',
      resourceName: topic,
      patternType: 'LITERAL',
      principal: 'User:agent',
      host: '*',
      operation,
      permission: 'ALLOW',
    }));
  const secured = {
    get source() {
      return { name: 'source', bootstrap: regions.source.bootstrapOf('SASL_PLAINTEXT') };
    },
  };

  test('is not taken for deleted when the right to DESCRIBE it was taken away', async () => {
    const topic = await topicWith(5);
    for (const outcome of await createAcls(admin.cluster, allow(topic))) unwrap(outcome);
    await using link = await startLink({
      ...regions,
      ...{ source: secured.source, folder: folder.path, topics: [topic], sourceUser: user },
    });
    await link.mirrorsUpTo(topic, 5n);
    for (const outcome of await deleteAcls(admin.cluster, [{ resourceType: 'TOPIC', resourceName: topic }]))
      unwrap(outcome);
    const hidden = await link.reaches(topic, 'NotAuthorized');
    expect(hidden.reason).toContain('grant DESCRIBE and READ on it, or it was deleted');
    for (const outcome of await createAcls(admin.cluster, allow(topic))) unwrap(outcome);
    await link.reaches(topic, 'Mirrored');
    await produce(topic, 5);
    await link.mirrorsUpTo(topic, 10n);
  });

  test('is called deleted when it is', async () => {
    const topic = await topicWith(5);
    await using link = await startLink({ ...regions, folder: folder.path, topics: [topic] });
    await link.mirrorsUpTo(topic, 5n);
    unwrap((await deleteTopics(admin.cluster, [topic])).get(topic)!);
    expect((await link.reaches(topic, 'SourceDeleted')).reason).toContain('the source topic is gone');
  });
});

test('a source that is down when the link starts is tried again, and what is known of the destination stays', async () => {
  const topic = await topicWith(5);
  {
    await using link = await startLink({ ...regions, folder: folder.path, topics: [topic] });
    await link.mirrorsUpTo(topic, 5n);
  }
  let killedAtMs = 0;
  await using link = await startLink({
    ...{ ...regions, folder: folder.path, topics: [topic] },
    beforeStart: async () => {
      await regions.source.brokers[0]!.kill();
      killedAtMs = performance.now();
    },
  });
  expect(performance.now() - killedAtMs).toBeLessThan(5_000);
  expect(link.runner.status()).toMatchObject({ topics: [], destination: 'destination' });
  await link.runner.reconcile();
  await regions.source.brokers[0]!.start();
  await link.reaches(topic, 'Mirrored');
  await produce(topic, 5);
  await link.mirrorsUpTo(topic, 10n);
  expect(link.runner.status().discoveryError).toBeNull();
}, 90_000);
