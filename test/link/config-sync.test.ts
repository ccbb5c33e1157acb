// Settings of mirrors follow their source: the three kinds, whoever changes what, and somebody who keeps changing it back.
import { describe, expect, test } from 'vitest';
import {
  createPartitions,
  createTopics,
  describeConfigs,
  incrementalAlterConfigs,
  unwrap,
} from '../../src/client/index.ts';
import { settingRules } from '../../src/link/index.ts';
import { useClusters } from '../client/support.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startLink } from './running-link.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ source: { kafkaVersion: '3.9.2' }, destination: {} });
const clusters = useClusters(regions);

const prefix = 'eu.';
const everyMs = 500;
const linkFor = (topic: string, also: readonly string[] = []) => ({
  ...{ ...regions, folder: folder.path, topics: [topic] },
  extra: `    prefix: ${prefix}\n    sync: { configs: { every: ${everyMs}ms, also: [${also.join(', ')}] } }\n`,
});

async function sourceTopic(configs: Record<string, string> = {}): Promise<string> {
  const topic = uniqueTopic('synced');
  unwrap((await createTopics(clusters.source, [{ name: topic, partitionCount: 1, configs }])).get(topic)!);
  return topic;
}

async function alter(
  side: keyof typeof clusters,
  name: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const changes = Object.entries(configs).map(
    ([setting, value]) => ({ operation: 'set', name: setting, value }) as const,
  );
  const resource = { type: 'topic', name } as const;
  unwrap((await incrementalAlterConfigs(clusters[side], [{ resource, changes }]))[0]!.outcome);
}

async function settingsOf(topic: string) {
  const resource = { type: 'topic', name: prefix + topic } as const;
  const [described] = await describeConfigs(clusters.destination, [resource]);
  return unwrap(described!.outcome);
}

async function becomes(topic: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  let settings = await settingsOf(topic);
  await waitFor(
    async () => {
      settings = await settingsOf(topic);
      return Object.entries(wanted).every(([name, value]) => settings.get(name)?.value === value);
    },
    {
      deadlineMs: 20_000,
      describe: () =>
        Object.keys(wanted)
          .map((name) => `${name} to be ${wanted[name]}, not ${settings.get(name)?.value}`)
          .join(', '),
    },
  );
}

test.each(['source', 'destination'] as const)('every setting of a topic has its rule (%s)', async (side) => {
  const topic = uniqueTopic('all');
  unwrap((await createTopics(clusters[side], [{ name: topic, partitionCount: 1 }])).get(topic)!);
  const [described] = await describeConfigs(clusters[side], [{ type: 'topic', name: topic }]);
  const rules = settingRules.map(({ name }) => name);
  expect([...unwrap(described!.outcome).keys()].filter((name) => !rules.includes(name))).toEqual([]);
});

describe('settings', () => {
  const given = {
    ...{ 'retention.ms': '1111111111', 'retention.bytes': '5000000', 'segment.bytes': '2000000' },
    ...{ 'min.compaction.lag.ms': '60000', 'min.insync.replicas': '1' },
  };

  test('are the source’s before the first record, and follow it by their kind', async () => {
    const topic = await sourceTopic(given);
    await using link = await startLink(linkFor(topic, ['retention.bytes']));
    await link.mirrorsUpTo(topic, 0n);
    const { 'min.insync.replicas': never, ...created } = given;
    await becomes(topic, created);
    expect((await settingsOf(topic)).get('min.insync.replicas')?.source).not.toBe('DYNAMIC_TOPIC_CONFIG');

    // Somebody else changes the mirror: what has to be equal, and what was asked for, is equal again.
    await alter('destination', prefix + topic, {
      ...{ 'cleanup.policy': 'compact', 'retention.bytes': '7', 'min.compaction.lag.ms': '1' },
      ...{
        'message.timestamp.type': 'LogAppendTime',
        'retention.ms': '2222222222',
        'min.insync.replicas': '1',
      },
    });
    await becomes(topic, {
      ...{ 'cleanup.policy': 'delete', 'retention.bytes': '5000000', 'min.compaction.lag.ms': '60000' },
      'message.timestamp.type': 'CreateTime',
    });
    // A user's word makes these differ.
    const settings = await settingsOf(topic);
    expect(settings.get('retention.ms')?.value).toBe('2222222222');
    expect(settings.get('min.insync.replicas')?.source).toBe('DYNAMIC_TOPIC_CONFIG');

    // The source changes: all but what a person set follows.
    await alter('source', topic, {
      ...{ 'cleanup.policy': 'compact', 'retention.ms': '3333333333', 'segment.bytes': '3000000' },
      'min.insync.replicas': '1',
    });
    await becomes(topic, { 'cleanup.policy': 'compact', 'segment.bytes': '3000000' });
    expect((await settingsOf(topic)).get('retention.ms')?.value).toBe('2222222222');
    expect(link.topic(topic)?.contest).toBeNull();

    // Asked for while it runs.
    await link.runner.alter({ configs: { everyMs, also: ['retention.ms'] } });
    await becomes(topic, { 'retention.ms': '3333333333' });
  });

  test('max.message.bytes is lowered, too, once the mirror has all that came before', async () => {
    const topic = await sourceTopic({ 'max.message.bytes': '3000000' });
    await using link = await startLink(linkFor(topic));
    await link.mirrorsUpTo(topic, 0n);
    await becomes(topic, { 'max.message.bytes': '3000000' });
    await alter('source', topic, { 'max.message.bytes': '4000000' });
    await becomes(topic, { 'max.message.bytes': '4000000' });
    await alter('source', topic, { 'max.message.bytes': '2000000' });
    await becomes(topic, { 'max.message.bytes': '2000000' });
  });

  test('that somebody else keeps changing back are not fought over: ForeignOwner', async () => {
    const topic = await sourceTopic();
    await using link = await startLink(linkFor(topic));
    await link.mirrorsUpTo(topic, 0n);
    let theirs = 0;
    await waitFor(
      async () => {
        if ((await settingsOf(topic)).get('cleanup.policy')?.value === 'delete') {
          await alter('destination', prefix + topic, { 'cleanup.policy': 'compact' });
          theirs += 1;
        }
        return link.topic(topic)?.contest?.state === 'ForeignOwner';
      },
      { deadlineMs: 60_000, describe: 'the contest to have its name' },
    );
    expect(theirs).toBeLessThan(6);
    expect(link.topic(topic)).toMatchObject({
      state: 'Mirrored',
      contest: { reason: expect.stringContaining(`keeps changing cleanup.policy of ${prefix}${topic} back`) },
    });
    expect(link.notices.filter((text) => text.includes('ForeignOwner'))).toHaveLength(1);
  });
});

test('partitions that the source gets the mirror gets, too', async () => {
  const topic = await sourceTopic();
  await using link = await startLink(linkFor(topic));
  await link.mirrorsUpTo(topic, 0n);
  unwrap((await createPartitions(clusters.source, [{ topic, partitionCount: 4 }])).get(topic)!);
  await link.mirrorsUpTo(topic, 0n, 3);
});
