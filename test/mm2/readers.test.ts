// What others read from MirrorMaker 2 stays there: Kafka's own RemoteClusterUtils, MirrorClient and console consumer are
// pointed at regions that Lockstep feeds, and have to find what they find behind MirrorMaker 2.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JavaClients } from '../support/java-clients.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Mirrors, type MirrorsOptions, mirrorsAt } from './mirror-client.ts';
import { commitPositions, positionsOf, type RunningFile, runText } from './reading-regions.ts';

const deadlineMs = 90_000;
const regions = useRegions({ 'us-east': {}, 'eu-west': {}, 'ap-south': {} });
type Name = keyof typeof regions;
const folder = useTemporaryFolder();
let clients: JavaClients;
beforeAll(async () => {
  clients = await JavaClients.start();
});
afterAll(() => clients?.[Symbol.asyncDispose]());

/** Waits until Java's clients say this of a region, and shows what they say if they never do. */
async function finds(
  region: Name,
  asked: MirrorsOptions,
  wanted: Partial<Mirrors>,
  running: RunningFile,
): Promise<void> {
  let found: Mirrors | null = null;
  let problem: unknown = null;
  const seen = () =>
    Object.fromEntries(Object.keys(wanted).map((key) => [key, found?.[key as keyof Mirrors]]));
  await waitFor(
    async () => {
      try {
        found = await mirrorsAt(clients, regions[region], asked);
        problem = null;
      } catch (error) {
        problem = error;
      }
      return problem === null && isDeepStrictEqual(seen(), wanted);
    },
    {
      ...{ deadlineMs, pollMs: 500 },
      describe: () =>
        `${region} to look so to MirrorClient: ${JSON.stringify(wanted)}, not ${JSON.stringify(seen())} ${problem}\n${running.told()}`,
    },
  );
}

/** The console consumer with a formatter of MirrorMaker 2. */
async function formatted(region: Name, topic: string, formatter: string, count: number): Promise<string[]> {
  const done = await kafkaTool(regions[region], 'org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', regions[region].bootstrap.join(','), '--topic', topic, '--from-beginning'],
    ...['--max-messages', String(count), '--timeout-ms', '20000'],
    ...['--formatter', `org.apache.kafka.connect.mirror.formatters.${formatter}`],
  ]);
  return done.stdout.split('\n').filter((line) => line !== '');
}

const clustersText = (): string =>
  [
    'clusters:',
    ...Object.values(regions).map(
      ({ name, bootstrap }) => `  ${name}: {bootstrap: [${bootstrap.join(', ')}]}`,
    ),
  ].join('\n');

/** A file of connect-mirror-maker.sh with one flow, from us-east to ap-south, under these aliases. */
const properties = (source: string, destination: string, lines: readonly string[]): string =>
  [
    `clusters = ${source}, ${destination}`,
    `${source}.bootstrap.servers = ${regions['us-east'].bootstrap.join(',')}`,
    `${destination}.bootstrap.servers = ${regions['ap-south'].bootstrap.join(',')}`,
    `${source}->${destination}.enabled = true`,
    'replication.factor = 1',
    'heartbeats.topic.replication.factor = 1',
    'checkpoints.topic.replication.factor = 1',
    'emit.checkpoints.interval.seconds = 1',
    'refresh.topics.interval.seconds = 1',
    'refresh.groups.interval.seconds = 1',
    ...lines,
    '',
  ].join('\n');

/** One topic with 20 records at the source, and a group that has read 12 of them. */
async function oneTopic(source: Name, topic: string, group: string): Promise<void> {
  await clients.createTopics(regions[source], [{ name: topic }]);
  const records = Array.from({ length: 20 }, (_, index) => ({ topic, value: `${index}` }));
  await clients.workload(regions[source]).produce({ producer: 'plain', records });
  await commitPositions(regions[source], group, { [`${topic}-0`]: [12, ''] });
}

describe('two hops under the default policy, and the way back', () => {
  let running: RunningFile;

  beforeAll(async () => {
    const workload = clients.workload(regions['us-east']);
    await clients.createTopics(regions['us-east'], [{ name: 'orders', partitions: 2 }]);
    await clients.createTopics(regions['eu-west'], [{ name: 'bills' }]);
    const records = (count: number, partition: number) =>
      Array.from({ length: count }, (_, index) => ({ topic: 'orders', partition, value: `${index}` }));
    await workload.produce({ producer: 'plain', records: [...records(40, 0), ...records(9, 1)] });
    // Offsets without records for consumers: MirrorMaker 2 would be off from here on.
    await workload.transaction({ producer: 'aborted', records: records(10, 0), end: 'abort' });
    await workload.transaction({ producer: 'committed', records: records(10, 0), end: 'commit' });
    await commitPositions(regions['us-east'], 'app', { 'orders-0': [57, 'by app'], 'orders-1': [4, ''] });
    await commitPositions(regions['us-east'], 'console-consumer-1', { 'orders-0': [1, ''] });
    const link = (source: Name, destination: Name): string =>
      `  ${source}-to-${destination}: {source: ${source}, destination: ${destination}, topics: [".*"], groups: [".*"], excludeGroups: ["console-consumer-.*"], ` +
      'sync: {topics: {every: 1s}, groups: {every: 1s}}, mirrorMaker: {checkpoints: {every: 1s}}}';
    running = await runText(
      folder.path,
      'hops.yaml',
      `version: 1
${clustersText()}
links:
${link('us-east', 'eu-west')}
${link('eu-west', 'ap-south')}
${link('eu-west', 'us-east')}
heartbeats:
  - {sourceAlias: us-east, destination: eu-west}
  - {sourceAlias: eu-west, destination: us-east}
  - {sourceAlias: eu-west, destination: ap-south, every: 2s}
  - {sourceAlias: ap-south, destination: eu-west}
`,
    );
  });
  afterAll(() => running?.[Symbol.asyncDispose]());

  test('one hop: clusters, topics and offsets', async () => {
    await finds(
      'eu-west',
      { aliases: ['us-east', 'ap-south', 'nowhere'], groups: { 'us-east': 'app' } },
      {
        upstreamClusters: ['us-east'],
        hops: { 'us-east': 1, 'ap-south': -1, nowhere: -1 },
        heartbeatTopics: ['heartbeats', 'us-east.heartbeats'],
        checkpointTopics: ['us-east.checkpoints.internal'],
        // Never `us-east.eu-west.bills`, which came from here.
        allRemoteTopics: ['us-east.heartbeats', 'us-east.orders'],
        remoteTopics: { 'us-east': ['us-east.heartbeats', 'us-east.orders'], 'ap-south': [], nowhere: [] },
        offsets: { 'us-east': { 'us-east.orders-0': [57, 'by app'], 'us-east.orders-1': [4, ''] } },
      },
      running,
    );
  });

  test('two hops: clusters, topics and offsets', async () => {
    await finds(
      'ap-south',
      { aliases: ['us-east', 'eu-west'], groups: { 'eu-west': 'app' } },
      {
        upstreamClusters: ['eu-west', 'us-east'],
        hops: { 'us-east': 2, 'eu-west': 1 },
        heartbeatTopics: ['eu-west.heartbeats', 'eu-west.us-east.heartbeats', 'heartbeats'],
        checkpointTopics: ['eu-west.checkpoints.internal'],
        allRemoteTopics: [
          'eu-west.bills',
          'eu-west.heartbeats',
          'eu-west.us-east.heartbeats',
          'eu-west.us-east.orders',
        ],
        offsets: {
          'eu-west': { 'eu-west.us-east.orders-0': [57, 'by app'], 'eu-west.us-east.orders-1': [4, ''] },
        },
      },
      running,
    );
  });

  test('the way back: what came from there does not return', async () => {
    await finds(
      'us-east',
      { aliases: ['eu-west', 'us-east'] },
      {
        upstreamClusters: ['eu-west'],
        hops: { 'eu-west': 1, 'us-east': -1 },
        heartbeatTopics: ['eu-west.heartbeats', 'heartbeats'],
        allRemoteTopics: ['eu-west.bills', 'eu-west.heartbeats'],
      },
      running,
    );
  });

  test('the copies are identical, holes included', async () => {
    const [source, middle, far] = [regions['us-east'], regions['eu-west'], regions['ap-south']];
    const far2 = {
      source,
      destination: far,
      topic: 'orders',
      destinationTopic: 'eu-west.us-east.orders',
      waitMs: deadlineMs,
    };
    const near = {
      source,
      destination: middle,
      topic: 'orders',
      destinationTopic: 'us-east.orders',
      waitMs: deadlineMs,
    };
    for (const options of [near, far2]) {
      const rows = await clients.compare(options);
      expect(rows.map(({ difference }) => difference ?? 'none')).toEqual(['none', 'none']);
    }
  });

  test("MirrorMaker 2's own formatters read the records", async () => {
    const beats = await formatted('eu-west', 'heartbeats', 'HeartbeatFormatter', 6);
    expect(beats).toHaveLength(6);
    for (const line of beats)
      expect(line).toMatch(
        /^Heartbeat\{sourceClusterAlias=(us-east|ap-south), targetClusterAlias=eu-west, timestamp=\d{13}\}$/,
      );
    const topic = 'us-east.checkpoints.internal';
    const [ends] = await clients.ends(regions['eu-west'], topic);
    const checkpoints = await formatted('eu-west', topic, 'CheckpointFormatter', ends?.highWatermark ?? 0);
    // The newest of each partition counts; before it there may be one that the mirror's end held back.
    const newest = new Map(checkpoints.map((line) => [/topicPartition=([^,]+)/.exec(line)?.[1], line]));
    expect(newest).toEqual(
      new Map([
        [
          'us-east.orders-0',
          'Checkpoint{consumerGroupId=app, topicPartition=us-east.orders-0, upstreamOffset=57, downstreamOffset=57, metadata=by app}',
        ],
        [
          'us-east.orders-1',
          'Checkpoint{consumerGroupId=app, topicPartition=us-east.orders-1, upstreamOffset=4, downstreamOffset=4, metadata=}',
        ],
      ]),
    );
  });

  test('MirrorMaker 2 begins from them: its CheckpointStore loads them as its own', async () => {
    const bootstrap = regions['eu-west'].bootstrap.join(',');
    const asked = { bootstrap, group: 'app', sourceAlias: 'us-east', destinationAlias: 'eu-west' };
    expect(await clients.call('checkpointStore', asked)).toEqual({
      isLoaded: true,
      checkpoints: { 'us-east.orders-0': [57, 57, 'by app'], 'us-east.orders-1': [4, 4, ''] },
    });
  });

  test('the topics are compacted and have one partition', async () => {
    for (const topic of ['heartbeats', 'us-east.checkpoints.internal']) {
      const told = await kafkaTool(regions['eu-west'], 'org.apache.kafka.tools.TopicCommand', [
        ...['--bootstrap-server', regions['eu-west'].bootstrap.join(','), '--describe', '--topic', topic],
      ]);
      expect(told.stdout).toMatch(/PartitionCount: 1\b.*Configs:.*cleanup\.policy=compact/);
    }
  });

  test('a position that goes on, and one that goes back, are told', async () => {
    for (const [first, second] of [
      [60, 9],
      [3, 1],
    ] as const) {
      await commitPositions(regions['us-east'], 'app', {
        'orders-0': [first, ''],
        'orders-1': [second, 'x'],
      });
      await finds(
        'eu-west',
        { aliases: [], groups: { 'us-east': 'app' } },
        { offsets: { 'us-east': { 'us-east.orders-0': [first, ''], 'us-east.orders-1': [second, 'x'] } } },
        running,
      );
    }
  });
});

describe('an mm2.properties file with a separator of its own', () => {
  const policy = { 'replication.policy.separator': '_' };

  test('clients with that separator find clusters, topics and offsets; groups are not committed, which is the default', async () => {
    await oneTopic('us-east', 'payments', 'payer');
    const file = properties('east', 'south', ['topics = payments', 'replication.policy.separator = _']);
    await using running = await runText(folder.path, 'separator.properties', file);
    await finds(
      'ap-south',
      { aliases: ['east'], groups: { east: 'payer' }, properties: policy },
      {
        upstreamClusters: ['east'],
        hops: { east: 1 },
        heartbeatTopics: ['east_heartbeats', 'heartbeats'],
        checkpointTopics: ['east_checkpoints_internal'],
        remoteTopics: { east: ['east_heartbeats', 'east_payments'] },
        offsets: { east: { 'east_payments-0': [12, ''] } },
      },
      running,
    );
    expect(await positionsOf(regions['ap-south'], 'payer')).toEqual([]);
  });
});

describe('an mm2.properties file with IdentityReplicationPolicy', () => {
  const identity = 'org.apache.kafka.connect.mirror.IdentityReplicationPolicy';

  test('mirrors have the names of their topics, heartbeats the alias', async () => {
    await oneTopic('us-east', 'ledger', 'reader');
    const lines = [
      'topics = ledger',
      `replication.policy.class = ${identity}`,
      'sync.group.offsets.enabled = true',
    ];
    const file = properties('us-east', 'ap-south', [...lines, 'sync.group.offsets.interval.seconds = 1']);
    await using running = await runText(folder.path, 'identity.properties', file);
    await finds(
      'ap-south',
      {
        ...{ aliases: ['us-east'], groups: { 'us-east': 'reader' } },
        properties: { 'replication.policy.class': identity, 'source.cluster.alias': 'us-east' },
      },
      {
        hops: { 'us-east': 1 },
        offsets: { 'us-east': { 'ledger-0': [12, ''] } },
      },
      running,
    );
    expect(await clients.ends(regions['ap-south'], 'us-east.heartbeats')).toHaveLength(1);
    await waitFor(async () => (await positionsOf(regions['ap-south'], 'reader')).includes('ledger-0=12'), {
      ...{ deadlineMs, describe: () => `the group's position to be committed\n${running.told()}` },
    });
  });
});
