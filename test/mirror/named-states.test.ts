// What can't or must not be copied ends in a named state with the offset, after everything before it is in; and
// what was there before is not touched.
import { describe, expect, it } from 'vitest';
import { Cluster, describeConfigs, logEndOffsets, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticConsume, platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

async function produce(
  region: Region,
  topic: string,
  count: number,
  options: { idempotent?: boolean } = {},
): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({
    partition: 0,
    value: Buffer.from(`${topic} ${index}`),
  }));
  await platformaticProduce({ bootstrap: region.bootstrap, topic, messages, ...options });
}

function mirror(topic: string): Promise<RunningAgent> {
  const { 'us-east': source, 'eu-west': destination } = regions;
  return startAgent({ folder: folder.path, source, destination, topics: [topic] });
}

async function ask<T>(region: Region, question: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    return await question(cluster);
  } finally {
    cluster.close();
  }
}

function createTopic(
  region: Region,
  topic: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<void> {
  return ask(region, (cluster) => makeTopic(cluster, topic, partitions, configs));
}

/** The log end, not the high watermark: nothing may stand there. */
function endOf(region: Region, topic: string): Promise<bigint> {
  return ask(region, async (cluster) => {
    const [read] = await logEndOffsets(cluster, [{ topic, partition: 0 }]);
    return unwrap(read!.outcome).logEndOffset;
  });
}

it('is Blocked at a batch that the destination refuses, with size and offset', async () => {
  const topic = uniqueTopic('too-large');
  await createTopic(regions['us-east'], topic);
  await createTopic(regions['eu-west'], topic, { configs: { 'max.message.bytes': '20000' } });
  await produce(regions['us-east'], topic, 4);
  await platformaticProduce({
    bootstrap: regions['us-east'].bootstrap,
    topic,
    messages: [{ partition: 0, value: Buffer.alloc(50_000) }],
  });
  await using agent = await mirror(topic);
  const blocked = await agent.reaches(topic, 'Blocked');
  expect(blocked).toMatchObject({ mirrorEnd: 4n });
  expect(blocked.reason).toMatch(/refuses the batch of 50\d\d\d bytes at offset 4: MESSAGE_TOO_LARGE/);
});

describe('what is not ours', () => {
  it('does not touch a destination topic with foreign records', async () => {
    const topic = uniqueTopic('foreign');
    await createTopic(regions['us-east'], topic);
    await createTopic(regions['eu-west'], topic);
    await produce(regions['us-east'], topic, 9);
    await produce(regions['eu-west'], topic, 4);
    await using agent = await mirror(topic);
    await agent.reaches(topic, 'ForeignData');
    expect(await endOf(regions['eu-west'], topic)).toBe(4n);
  });

  it('refuses a destination topic that would rewrite batches', async () => {
    const topic = uniqueTopic('recompressed');
    await createTopic(regions['us-east'], topic);
    await createTopic(regions['eu-west'], topic, { configs: { 'compression.type': 'gzip' } });
    await using agent = await mirror(topic);
    const refused = await waitFor(
      () => agent.status()?.links[0]?.topics.find((entry) => entry.state === 'Refused'),
      {
        deadlineMs: 20_000,
        describe: 'the topic to be Refused',
      },
    );
    expect(refused.reason).toContain('compression.type=gzip');
    expect(agent.partition(topic)).toBeUndefined();
  });

  it('is Diverged once something else writes to the mirror', async () => {
    const topic = uniqueTopic('intruder');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 6);
    await using agent = await mirror(topic);
    await agent.mirrorsUpTo(topic, 6n);
    await produce(regions['eu-west'], topic, 1);
    await produce(regions['us-east'], topic, 1);
    const diverged = await agent.reaches(topic, 'Diverged');
    expect(diverged.reason).toContain('meant for offset 6 landed at 7');
    await produce(regions['us-east'], topic, 5);
    expect(await endOf(regions['eu-west'], topic)).toBe(8n);
  });

  it('sees at the next start that something else wrote to the mirror', async () => {
    const topic = uniqueTopic('intruder-while-away');
    await createTopic(regions['us-east'], topic);
    await produce(regions['us-east'], topic, 6);
    const first = await mirror(topic);
    await first.mirrorsUpTo(topic, 6n);
    await first.stop();
    await produce(regions['eu-west'], topic, 1);
    await produce(regions['us-east'], topic, 3);
    await using second = await mirror(topic);
    await second.reaches(topic, 'ForeignData');
    expect(await endOf(regions['eu-west'], topic)).toBe(7n);
  });
});

describe('records of an old format', () => {
  // The newest version whose brokers still write formats v0 and v1.
  const old = useRegions({ 'us-west': { kafkaVersion: '2.8.2' } });

  it('stops at a batch of format v0 or v1', async () => {
    const source = old['us-west'];
    const destination = regions['eu-west'];
    const formats = [
      { version: '0.9.0', format: 'v0', topic: uniqueTopic('format-v0') },
      { version: '0.10.0', format: 'v1', topic: uniqueTopic('format-v1') },
    ];
    for (const { topic, version } of formats) {
      await createTopic(source, topic, { configs: { 'message.format.version': version } });
      await produce(source, topic, 3, { idempotent: false });
    }
    const topics = formats.map(({ topic }) => topic);
    await using agent = await startAgent({ folder: folder.path, source, destination, topics });
    for (const { topic, format } of formats) {
      const stopped = await agent.reaches(topic, 'OldRecordFormat');
      expect(stopped).toMatchObject({ isStopped: true, stoppedAt: 0n, mirrorEnd: 0n });
      expect(stopped.reason).toContain(`record format ${format}`);
      expect(await endOf(destination, topic)).toBe(0n);
    }
  });
});

it('creates the mirror with the source’s retention and what identity needs', async () => {
  const topic = uniqueTopic('settings');
  await createTopic(regions['us-east'], topic, {
    partitions: 2,
    configs: { 'retention.ms': '123456789', 'max.message.bytes': '2000000', 'compression.type': 'lz4' },
  });
  await using agent = await mirror(topic);
  await agent.mirrorsUpTo(topic, 0n, 1);
  await ask(regions['eu-west'], async (cluster) => {
    const [described] = await describeConfigs(cluster, [{ type: 'topic', name: topic }]);
    const settings = unwrap(described!.outcome);
    const read = (name: string): string | null | undefined => settings.get(name)?.value;
    expect(read('retention.ms')).toBe('123456789');
    expect(read('max.message.bytes')).toBe('2000000');
    expect(read('compression.type')).toBe('producer');
    expect(read('message.timestamp.after.max.ms')).toBe('9223372036854775807');
    expect(read('unclean.leader.election.enable')).toBe('false');
  });
  await produce(regions['us-east'], topic, 1);
  await agent.mirrorsUpTo(topic, 1n, 0);
  expect(
    await platformaticConsume({ bootstrap: regions['eu-west'].bootstrap, topic, count: 1 }),
  ).toHaveLength(1);
});
