// What changes under a mirror while it runs, or while its agent is away: topics that grow, get other settings, are
// deleted and created again; brokers killed in the middle of a hole or of a transaction; retention that overtakes.
// Leaders that move and partitions that are reassigned: replicated.test.ts; unclean elections: unclean-source.test.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Cluster,
  createPartitions,
  deleteTopics,
  describeConfigs,
  logEndOffsets,
  unwrap,
} from '../../src/client/index.ts';
import type { TopicStatus } from '../../src/link/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { alterTopic } from '../support/alter-topic.ts';
import type { JavaRecordToWrite } from '../support/java-workload.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const folder = useTemporaryFolder();
/** Retention and the cleaner wait for half a minute after a start, and for minutes between two looks. */
const quickRetention = { 'log.retention.check.interval.ms': '200', 'log.initial.task.delay.ms': '100' };
const regions = useRegions({ 'us-east': { brokerConfig: quickRetention }, 'eu-west': {} });
const oracle = useOracle();
const deadlineMs = 60_000;

const link = (topics: readonly string[], extra = '') => ({
  oracle,
  folder: folder.path,
  source: regions['us-east'],
  destination: regions['eu-west'],
  topics,
  extra,
});
const mirror = (topics: readonly string[], extra = ''): Promise<RunningAgent> =>
  startAgent(link(topics, extra));
const workload = () => oracle.workload(regions['us-east']);

async function topicOf(
  prefix: string,
  options: { partitions?: number; configs?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const name = uniqueTopic(prefix);
  await oracle.createTopics(regions['us-east'], [{ name, partitions: 1, ...options }]);
  return name;
}

function records(topic: string, text: string, count: number, partition = 0): JavaRecordToWrite[] {
  return Array.from({ length: count }, (_, index) => ({ topic, partition, value: `${text} ${index}` }));
}

async function write(topic: string, count: number, partition = 0): Promise<void> {
  await workload().produce({
    producer: `${topic} plain`,
    records: records(topic, 'plain', count, partition),
  });
}

async function ask<T>(region: Region, question: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    return await question(cluster);
  } finally {
    cluster.close();
  }
}

/** Log ends of each partition, read on the leader. */
function logEnds(region: Region, topic: string, partitions = 1): Promise<bigint[]> {
  const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  return ask(region, async (cluster) =>
    (await logEndOffsets(cluster, asked)).map(({ outcome }) => unwrap(outcome).logEndOffset),
  );
}

function deleteTopic(region: Region, topic: string): Promise<void> {
  return ask(region, async (cluster) => {
    unwrap((await deleteTopics(cluster, [topic])).get(topic)!);
    await waitFor(async () => !(await cluster.metadata()).topics.has(topic), {
      deadlineMs,
      describe: `${topic} to be gone`,
    });
  });
}

describe('topics that change, each beside the others in one link', () => {
  const topics = { grows: '', steady: '', settings: '', source: '', destination: '', deleted: '' };
  let agent: RunningAgent;

  beforeAll(async () => {
    for (const name of Object.keys(topics) as (keyof typeof topics)[]) {
      topics[name] = await topicOf(`changes-${name}`, { configs: { 'retention.ms': '111111111' } });
      await write(topics[name], 3);
    }
    agent = await mirror(Object.values(topics));
    for (const topic of Object.values(topics)) await agent.mirrorsUpTo(topic, 3n);
  });
  afterAll(() => agent?.stop());

  function topicReaches(topic: string, state: string): Promise<TopicStatus> {
    const seen = () => agent.status()?.links[0]?.topics.find((each) => each.topic === topic);
    return waitFor(() => (seen()?.state === state ? seen() : undefined), {
      deadlineMs,
      describe: () => `${topic} to be ${state}; it is ${seen()?.state} (${seen()?.reason})`,
    });
  }

  it.concurrent('picks up partitions that are added', async () => {
    const topic = topics.grows;
    await ask(regions['us-east'], async (cluster) =>
      unwrap((await createPartitions(cluster, [{ topic, partitionCount: 3 }])).get(topic)!),
    );
    await write(topic, 7, 2);
    await agent.mirrorsUpTo(topic, 7n, 2);
    await agent.mirrorsUpTo(topic, 0n, 1);
    await write(topic, 2, 1);
    await write(topic, 1, 0);
    expect(await expectIdentical(link([topic]))).toBe(3 + 7 + 2 + 1);
  });

  it.concurrent('makes changed settings its own, and goes on with records that are allowed now', async () => {
    const topic = topics.settings;
    await alterTopic(regions['us-east'], topic, {
      'retention.ms': '222222222',
      'max.message.bytes': '3000000',
    });
    const producer = uniqueTopic('large');
    await workload().producer(producer, {
      transactionalId: null,
      properties: { 'max.request.size': '3000000' },
    });
    const value = Buffer.alloc(2_000_000, 'x');
    await workload().produce({ producer, records: [{ topic, partition: 0, value }] });
    await agent.mirrorsUpTo(topic, 4n);
    const shown = (name: string) =>
      ask(regions['eu-west'], async (cluster) => {
        const [described] = await describeConfigs(cluster, [{ type: 'topic', name: topic }]);
        return unwrap(described!.outcome).get(name)?.value;
      });
    expect(await shown('max.message.bytes')).toBe('3000000');
    await waitFor(async () => (await shown('retention.ms')) === '222222222', {
      deadlineMs,
      describe: 'the mirror to have the source’s new retention',
      pollMs: 500,
    });
    expect(agent.notices.map(({ text }) => text).join('\n')).toContain(`retention.ms 111111111 -> 222222222`);
    expect(await expectIdentical(link([topic]))).toBe(4);
  });

  it.concurrent.each(['source', 'destination'] as const)(
    'leaves the mirror as it is when the topic is deleted and created again at the %s',
    async (side) => {
      const topic = topics[side];
      const region = regions[side === 'source' ? 'us-east' : 'eu-west'];
      await deleteTopic(region, topic);
      await oracle.createTopics(region, [{ name: topic, partitions: 1 }]);
      await write(topic, 8);
      const state = side === 'source' ? 'SourceRecreated' : 'DestinationRecreated';
      expect(await agent.reaches(topic, state)).toMatchObject({ isStopped: true, mirrorEnd: 3n });
      expect((await topicReaches(topic, state)).reason).toContain('topic id');
      expect(await logEnds(regions['eu-west'], topic)).toEqual([side === 'source' ? 3n : 0n]);
    },
  );

  it.concurrent('leaves the mirror as it is when the source topic is deleted for good', async () => {
    const topic = topics.deleted;
    await deleteTopic(regions['us-east'], topic);
    expect((await topicReaches(topic, 'SourceDeleted')).reason).toContain('its mirror stays as it is');
    expect(await logEnds(regions['eu-west'], topic)).toEqual([3n]);
  });

  it('goes on with what nobody touched', async () => {
    await write(topics.steady, 4);
    expect(await expectIdentical(link([topics.steady]))).toBe(7);
  });
});

it('is identical when the destination’s broker is killed while markers are written', async () => {
  const partitions = 8;
  /** Markers of one hole go into one request: sent once more, they would reach beyond its end. */
  const aborted = 8_000;
  const topic = await topicOf('killed-in-a-hole', { partitions });
  const java = workload();
  const toAll = (text: string, count: number) =>
    Array.from({ length: partitions }, (_, partition) => records(topic, text, count, partition)).flat();
  const producer = `${topic} a`;
  await java.transaction({ producer, records: toAll('before', 2), end: 'commit' });
  await java.transaction({ producer, records: toAll('', aborted), end: 'abort' });
  await java.transaction({ producer, records: toAll('behind', 3), end: 'commit' });
  await using agent = await mirror([topic]);
  const statuses = () => agent.status()?.links[0]?.partitions ?? [];
  const filled = () => statuses().filter(({ holeOffsetsCount }) => holeOffsetsCount > BigInt(aborted)).length;
  await waitFor(() => filled() > 0, {
    deadlineMs,
    describe: () => `markers; states: ${statuses().map(({ state }) => state)}`,
    pollMs: 5,
  });
  const broker = regions['eu-west'].brokers[0]!;
  await broker.kill();
  expect(filled()).toBeLessThan(partitions - 1);
  await broker.start();
  expect(await expectIdentical(link([topic]))).toBe(5 * partitions);
  expect(await logEnds(regions['eu-west'], topic, partitions)).toEqual(
    await logEnds(regions['us-east'], topic, partitions),
  );
});

it('is identical when the source’s broker is killed with transactions open', async () => {
  const topic = await topicOf('killed-in-a-transaction');
  const java = workload();
  const open = (name: string) =>
    java.transaction({
      producer: `${topic} ${name}`,
      records: records(topic, name, 10),
      end: 'open',
      flushEvery: 4,
    });
  await write(topic, 5);
  await using agent = await mirror([topic]);
  await agent.mirrorsUpTo(topic, 5n);
  for (const name of ['goes on', 'gives up', 'crashes']) await open(name);
  await agent.reaches(topic, 'WaitingForTransaction');
  const broker = regions['us-east'].brokers[0]!;
  await broker.kill();
  await broker.start();
  await agent.reaches(topic, 'WaitingForTransaction');
  expect(agent.partition(topic)).toMatchObject({ mirrorEnd: 5n });
  const end = (name: string, how: 'commit' | 'abort') =>
    java.transaction({ producer: `${topic} ${name}`, records: records(topic, `${name} again`, 2), end: how });
  await end('goes on', 'commit');
  await end('gives up', 'abort');
  await java.close(`${topic} crashes`, { isCrash: true });
  await end('crashes', 'commit'); // a new instance, which aborts what its predecessor left open
  expect(await expectIdentical(link([topic]))).toBe(5 + 12 + 2);
});

describe('retention that overtakes the mirror', () => {
  const jump = '    retentionOvertook: jump\n';

  it('stops a mirror whose agent was away, says how much is lost, and goes on behind a hole when told to', async () => {
    const topic = await topicOf('overtaken-away', { configs: { 'segment.ms': '100', 'retention.ms': '-1' } });
    await write(topic, 10);
    {
      await using agent = await mirror([topic]);
      await agent.mirrorsUpTo(topic, 10n);
    }
    await write(topic, 20);
    await alterTopic(regions['us-east'], topic, { 'retention.ms': '1' });
    await waitFor(async () => (await oracle.ends(regions['us-east'], topic))[0]?.start === 30, {
      deadlineMs,
      describe: 'retention to take all that there is',
    });
    await alterTopic(regions['us-east'], topic, { 'retention.ms': '-1' });
    await write(topic, 5);
    {
      await using agent = await mirror([topic]);
      const { reason, ...stopped } = await agent.reaches(topic, 'RetentionOvertook');
      expect(stopped).toMatchObject({ isStopped: true, stoppedAt: 10n, sourceLostCount: 0n });
      expect(reason).toContain('took 20 offsets from 10 on before they were mirrored; it starts at 30');
      expect(await logEnds(regions['eu-west'], topic)).toEqual([10n]);
    }
    await using agent = await mirror([topic], jump);
    await agent.mirrorsUpTo(topic, 35n);
    expect(agent.partition(topic)).toMatchObject({ sourceLostCount: 20n, holeOffsetsCount: 20n });
    expect(await expectIdentical(link([topic], jump))).toBe(5);
    const copied = await oracle.read({ region: regions['eu-west'], topic, isolation: 'read_uncommitted' });
    expect(copied.records.map(({ offset }) => offset)).toEqual([...range(0, 10), ...range(30, 35)]);
  });

  it('takes a running mirror over what its slow destination could not take in time', async () => {
    const topic = await topicOf('overtaken-slow');
    const count = 60;
    const value = Buffer.alloc(100_000, 'x');
    const slow = `${jump}    fetchBytesMax: 200000\n    inFlightBytesMax: 1048576\n`;
    await write(topic, 10);
    await using agent = await mirror([topic], slow);
    await agent.mirrorsUpTo(topic, 10n);
    const broker = regions['eu-west'].brokers[0]!;
    broker.pause();
    try {
      const large = Array.from({ length: count }, () => ({ topic, partition: 0, value }));
      await workload().produce({ producer: `${topic} plain`, records: large, flushEvery: 1 });
      const before = 10 + count - 5;
      expect(await oracle.deleteRecords(regions['us-east'], topic, { 0: before })).toEqual({ 0: before });
    } finally {
      broker.resume();
    }
    await agent.mirrorsUpTo(topic, BigInt(10 + count));
    expect(await expectIdentical(link([topic], slow))).toBe(5);
    const copied = await oracle.read({ region: regions['eu-west'], topic, isolation: 'read_uncommitted' });
    const lost = 10 + count - copied.records.length;
    expect(lost).toBeGreaterThan(20);
    expect(agent.partition(topic)?.sourceLostCount).toBe(BigInt(lost));
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
