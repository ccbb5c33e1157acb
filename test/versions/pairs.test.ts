// Every pair of the tested Kafka versions as source and destination, and the oldest versions that start on this JDK
// as sources: judged by Kafka's own Java consumer and by `lockstep verify`.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testedKafkaVersions } from '../../scripts/setup.ts';
import { Cluster, deleteTopics, unwrap } from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { type LinkSide, startAgent, writeTopology } from '../mirror/running-agent.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { append, makeTopic } from '../verify/kafka-copy.ts';
import {
  compacted,
  partitionCount,
  plain,
  quickCleaning,
  type TopicKind,
  transactional,
} from './topic-kinds.ts';
import { startZooKeeperRegion, type ZooKeeperRegion } from './zookeeper-region.ts';

const folder = useTemporaryFolder();
const oracle = useOracle();
const kinds = { plain, transactional, compacted };
type KindName = keyof typeof kinds;
const allKinds = Object.keys(kinds) as KindName[];

/** Writes topics of these kinds at the source, half before the mirror starts and half while it runs, and compares. */
async function expectIdentical(
  source: LinkSide,
  destination: Region,
  names: readonly KindName[],
): Promise<void> {
  const workload = oracle.workload(source);
  const topics = names.map((name) => ({ kind: kinds[name] as TopicKind, topic: uniqueTopic(name) }));
  const write = (round: number) =>
    Promise.all(
      topics.map(({ kind, topic }) => kind.write({ region: source, topic, oracle, workload }, round)),
    );
  const cluster = await connect(source);
  for (const { kind, topic } of topics) await makeTopic(cluster, topic, partitionCount, kind.configs);
  cluster.close();
  await write(0);

  const link = { folder: folder.path, source, destination, topics: topics.map(({ topic }) => topic) };
  await using agent = await startAgent(link);
  await Promise.all(topics.map(({ topic }) => agent.reaches(topic, 'Mirroring')));
  await write(1);
  for (const { topic } of topics) {
    const compared = await oracle.expectSame({ source, destination, topic });
    expect(compared).toMatchObject({ partitions: partitionCount });
    expect(compared.records).toBeGreaterThan(20);
  }
  const verified = await lockstepCommand('verify', await writeTopology(link));
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('identical') });
}

function connect({ name, bootstrap }: LinkSide): Promise<Cluster> {
  const addresses = bootstrap.map((address) => {
    const [host = '', port] = address.split(':');
    return { host, port: Number(port) };
  });
  return Cluster.connect({ name, bootstrap: addresses });
}

describe('three versions side by side', () => {
  const regions = useRegions(
    Object.fromEntries(
      testedKafkaVersions.map((kafkaVersion) => [
        kafkaVersion,
        { kafkaVersion, brokerConfig: quickCleaning },
      ]),
    ),
  );
  const pairs = testedKafkaVersions.flatMap((from) =>
    testedKafkaVersions.filter((to) => to !== from).map((to) => [from, to] as const),
  );

  test.concurrent.each(pairs)('%s to %s', async (from, to) => {
    await expectIdentical(regions[from]!, regions[to]!, allKinds);
  });
});

describe.each(testedKafkaVersions)('from %s to another region of its own version', (kafkaVersion) => {
  const regions = useRegions({
    'us-east': { kafkaVersion, brokerConfig: quickCleaning },
    'eu-west': { kafkaVersion, brokerConfig: quickCleaning },
  });

  test('is identical', async () => {
    await expectIdentical(regions['us-east'], regions['eu-west'], allKinds);
  });
});

describe('old versions as sources of the newest', () => {
  const regions = useRegions({ '2.8.2': { kafkaVersion: '2.8.2', brokerConfig: quickCleaning }, newest: {} });
  let zooKeeper: ZooKeeperRegion;
  beforeAll(async () => {
    zooKeeper = await startZooKeeperRegion({
      name: 'zookeeper',
      kafkaVersion: '2.7.2',
      directory: path.join(folder.path, '2.7.2'),
      brokerConfig: quickCleaning,
    });
  });
  afterAll(() => zooKeeper?.destroy());

  test('2.7.2, with ZooKeeper', async () => {
    await expectIdentical(zooKeeper, regions.newest, allKinds);
  });

  test('2.8.2, whose KRaft has no transactions', async () => {
    await expectIdentical(regions['2.8.2'], regions.newest, ['plain', 'compacted']);
  });

  test.each([
    ['2.7.2', () => zooKeeper, /^(Diverged|SourceTruncated)/], // topics have no ids yet
    ['2.8.2', () => regions['2.8.2'], /^(SourceRecreated|Diverged|SourceTruncated)/], // fetches name none
  ] as const)(
    '%s: a topic that is created again is not taken for the one before',
    async (_version, side, state) => {
      const topic = uniqueTopic('recreated');
      const [source, destination] = [side(), regions.newest];
      const cluster = await connect(source);
      const write = (text: string, count: number) => {
        const records = Array.from({ length: count }, (_, index) => ({
          offset: BigInt(index),
          timestamp: BigInt(Date.now()),
          key: null,
          value: Buffer.from(`${text} ${index}`),
          headers: [],
        }));
        return append(cluster, topic, [encodeBatch(records, { compression: 'none' })]);
      };
      try {
        await makeTopic(cluster, topic);
        await write('first', 10);
        await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
        await agent.mirrorsUpTo(topic, 10n);
        unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
        await waitFor(() => makeTopic(cluster, topic).then(() => true), {
          deadlineMs: 20_000,
          pollMs: 10,
          describe: `${topic} to be gone and created again`,
        });
        await write('second', 30);
        await waitFor(() => agent.partition(topic)?.isStopped, {
          deadlineMs: 30_000,
          describe: () => `the mirror to stop; it is ${agent.partition(topic)?.state}`,
        });
        expect(agent.partition(topic)?.state).toMatch(state);
      } finally {
        cluster.close();
      }
      const { end, records } = await oracle.read({
        region: destination,
        topic,
        isolation: 'read_uncommitted',
      });
      expect([end, String(records.at(-1)?.value)]).toEqual([10, 'first 9']);
    },
  );
});
