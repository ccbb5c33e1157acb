// A destination of three brokers, replication factor 3 and min.insync.replicas 2, whose leaders are killed again and
// again under load; partitions that are reassigned, and brokers that come and go on both sides. Plain topics and
// transactions; records that are a month old, so that the broker forgets our producer id at once and guards nothing.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, type TopicPartition } from '../../src/client/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import { type Broker, createRegion, type Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { JavaLoad } from './java-load.ts';
import { type AgentFixtureOptions, type RunningAgent, startAgent, writeTopology } from './running-agent.ts';

const folder = useTemporaryFolder();
const oracle = useOracle();
const partitions = 3;
const kills = 5;
const monthMs = 30 * 24 * 3_600_000;
const deadlineMs = 60_000;

let source: Region;
let destination: Region;
let sourceCluster: Cluster;
let destinationCluster: Cluster;

beforeAll(async () => {
  const heapMb = 256;
  // One broker of each region stays off until a test adds it: the second of two, the fourth of four.
  source = await createRegion({
    name: 'us-east',
    directory: path.join(folder.path, 'us-east'),
    brokers: 2,
    heapMb,
    brokerConfig: {
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.replication.factor': '1',
    },
  });
  destination = await createRegion({
    name: 'eu-west',
    directory: path.join(folder.path, 'eu-west'),
    brokers: 4,
    heapMb,
    brokerConfig: { 'min.insync.replicas': '2', 'producer.id.expiration.check.interval.ms': '1000' },
  });
  const first = [...source.controllers, source.brokers[0]!, ...destination.brokers.slice(0, 3)];
  await Promise.all(first.map((broker) => broker.launch()));
  await Promise.all([source.brokers[0]!, ...destination.brokers.slice(0, 3)].map((broker) => broker.ready()));
  [sourceCluster, destinationCluster] = await Promise.all([
    Cluster.connect(configOf(source)),
    Cluster.connect(configOf(destination)),
  ]);
});
afterAll(async () => {
  sourceCluster?.close();
  destinationCluster?.close();
  await Promise.all([source?.destroy(), destination?.destroy()]);
});

/** Two topics at the source, a link that mirrors them, and what writes to them. */
async function startMirror(name: string) {
  const topics = [uniqueTopic(name), uniqueTopic(`${name}-transactions`)] as const;
  for (const topic of topics) await makeTopic(sourceCluster, topic, partitions, { 'retention.ms': '-1' });
  const extra = '    replicationFactor: 3\n';
  const link = { folder: folder.path, source, destination, topics, extra };
  const agent = await startAgent(link);
  const load = new JavaLoad({
    workload: oracle.workload(source),
    plain: topics[0],
    transactional: topics[1],
    partitions,
    ageMs: monthMs,
  });
  return { topics, link, agent, load };
}

/** Waits until each partition, or the one that is named, has got so many records more. */
async function moreArrives(agent: RunningAgent, count: number, only?: TopicPartition): Promise<void> {
  const now = () =>
    (agent.status()?.links[0]?.partitions ?? []).filter(
      ({ topic, partition }) => only === undefined || (topic === only.topic && partition === only.partition),
    );
  const expected = only === undefined ? 2 * partitions : 1;
  const before = new Map(now().map((each) => [nameOf(each), each.recordsMirrored]));
  await waitFor(
    () => {
      const after = now();
      if (after.some(({ isStopped }) => isStopped)) return true;
      const hasMore = after.map((each) => each.recordsMirrored >= (before.get(nameOf(each)) ?? 0) + count);
      return hasMore.length === expected && hasMore.every(Boolean);
    },
    { deadlineMs, describe: () => `${count} records more; there are ${now().map(toText).join('; ')}` },
  );
  expect(
    now()
      .filter(({ isStopped }) => isStopped)
      .map(toText),
  ).toEqual([]);
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;

function toText(status: PartitionStatus): string {
  const { state, reason, lastError, recordsMirrored } = status;
  return `${nameOf(status)}: ${recordsMirrored}, ${state}, ${reason ?? lastError}`;
}

/** What the cluster says now, not what our client remembers. */
async function partitionsOf(cluster: Cluster, topic: string) {
  const { topics } = await cluster.metadata({ topics: [topic] });
  return topics.get(topic)!.partitions;
}

async function inSync(topics: readonly string[], replicas: number): Promise<void> {
  await waitFor(
    async () => {
      for (const topic of topics)
        for (const { isr } of await partitionsOf(destinationCluster, topic))
          if (isr.length < replicas) return false;
      return true;
    },
    { deadlineMs, describe: `${replicas} replicas of ${topics.join()} to be in sync` },
  );
}

async function expectIdentical(link: AgentFixtureOptions, load: JavaLoad): Promise<void> {
  const compared = [];
  for (const topic of link.topics)
    compared.push(await oracle.expectSame({ source, destination, topic, waitMs: deadlineMs }));
  expect(compared.reduce((sum, { records }) => sum + records, 0)).toBe(load.records);
  expect(load.aborted).toBeGreaterThan(0);
  const verified = await lockstepCommand('verify', await writeTopology(link));
  expect(verified.stdout).not.toMatch(/different|incomplete/);
  expect(verified).toMatchObject({ exitCode: 0 });
}

it('stays identical while the leader is killed again and again', async () => {
  const { topics, link, agent, load } = await startMirror('killed');
  await using _agent = agent;
  await using _load = load;
  await moreArrives(agent, 100);
  const hits: { killed: number; next: number }[] = [];
  for (let round = 0; round < kills; round++) {
    await inSync(topics, 3); // or the next one to die leaves fewer than min.insync.replicas
    const topic = topics[round % 2]!;
    const partition = round % partitions;
    await moreArrives(agent, 20, { topic, partition });
    const { leaderId } = (await partitionsOf(destinationCluster, topic))[partition]!;
    const broker = destination.brokers.find(({ id }) => id === leaderId)!;
    const killedAtMs = Date.now();
    await broker.kill();
    // The load goes on, and the agent runs into the dead leader.
    await waitFor(() => (agent.partition(topic, partition)?.lastErrorAtMs ?? 0) >= killedAtMs, {
      deadlineMs,
      describe: `the mirror of ${topic}-${partition} to notice that broker ${leaderId} is dead`,
    });
    const next = await waitFor(
      async () => {
        const now = (await partitionsOf(destinationCluster, topic))[partition]!.leaderId;
        return now > 0 && now !== leaderId ? now : undefined;
      },
      { deadlineMs, describe: `another leader of ${topic}-${partition} than ${leaderId}` },
    );
    hits.push({ killed: leaderId, next });
    // Its follower comes back while the new leader is written to.
    await Promise.all([broker.start(), moreArrives(agent, 20, { topic, partition })]);
  }
  await moreArrives(agent, 50);
  await load.stop();
  expect(hits).toHaveLength(kills);
  await expectIdentical(link, load);
  expectOnlyMirroring(agent);
});

function expectOnlyMirroring(agent: RunningAgent): void {
  const states = agent.status()?.links[0]?.partitions.map(({ state, reason }) => ({ state, reason }));
  expect(states).toHaveLength(2 * partitions);
  expect(new Set(states?.map(({ state }) => state))).toEqual(new Set(['Mirroring']));
}

it('follows partitions that are reassigned, to brokers that are added and away from brokers that go', async () => {
  const { topics, link, agent, load } = await startMirror('moved');
  await using _agent = agent;
  await using _load = load;
  await moreArrives(agent, 50);

  const [addedToSource, addedToDestination] = [source.brokers[1]!, destination.brokers[3]!];
  await Promise.all([addedToSource.start(), addedToDestination.start()]);
  await Promise.all([
    reassign(source, sourceCluster, topics, [2]),
    reassign(destination, destinationCluster, topics, [4, 2, 3]),
  ]);
  await moreArrives(agent, 50);

  await Promise.all([
    reassign(source, sourceCluster, topics, [1]),
    reassign(destination, destinationCluster, topics, [1, 3, 2]),
  ]);
  await Promise.all([remove(source, addedToSource), remove(destination, addedToDestination)]);
  await moreArrives(agent, 50);

  await load.stop();
  await expectIdentical(link, load);
  expectOnlyMirroring(agent);
});

/** Moves every partition to these brokers with Kafka's own tool; the first one leads at the end. */
async function reassign(
  region: Region,
  cluster: Cluster,
  topics: readonly string[],
  replicas: readonly number[],
): Promise<void> {
  const file = path.join(folder.path, `reassignment-${region.name}.json`);
  const each = topics.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition, replicas })),
  );
  await writeFile(file, JSON.stringify({ version: 1, partitions: each }));
  await kafkaTool(region, 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand', [
    ...['--bootstrap-server', region.bootstrap[0]!, '--reassignment-json-file', file, '--execute'],
  ]);
  await rm(file);
  await waitFor(
    async () => {
      for (const topic of topics)
        for (const now of await partitionsOf(cluster, topic))
          if (now.replicas.join() !== replicas.join() || !replicas.includes(now.leaderId)) return false;
      return true;
    },
    { deadlineMs, describe: `${topics.join()} of ${region.name} to be on brokers ${replicas}` },
  );
}

/** A broker that has no partition of ours any more leaves its cluster for good. */
async function remove(region: Region, broker: Broker): Promise<void> {
  await broker.stop();
  await kafkaTool(region, 'org.apache.kafka.tools.ClusterTool', [
    ...['unregister', '--bootstrap-server', region.bootstrap[0]!, '--id', String(broker.id)],
  ]);
}
