// What changes at the source while the link runs, and has to be followed: partitions, topics, settings, rights.
import { expect } from 'vitest';
import {
  createAcls,
  createPartitions,
  deleteAcls,
  describeConfigs,
  describeTopics,
  unwrap,
} from '../../src/client/index.ts';
import { alterTopic } from '../support/alter-topic.ts';
import { reading, refused } from './rights-probes.ts';
import { allows } from './secured-regions.ts';
import { createAtSource, eventually, type Story } from './story.ts';
import type { LoadedTopic } from './story-load.ts';

/** One topic grows, one more comes that the filter takes, and one that it leaves out. */
export async function topicsAndPartitionsAreAdded(story: Story, growing: LoadedTopic): Promise<void> {
  const { admins, topics, load, fleet } = story;
  const partitionCount = growing.partitions + 2;
  unwrap(
    (await createPartitions(admins['us-east'], [{ topic: growing.name, partitionCount }])).get(growing.name)!,
  );
  growing.partitions = partitionCount;
  const added = { name: 'story.added', partitions: 2 };
  await createAtSource(story, [added, { name: 'story.scratch', partitions: 1 }]);
  topics.push(added);
  load.add(added);
  await fleet.reachesMirroring(topics);
  const left = (await describeTopics(admins['eu-west'], ['story.scratch'])).get('story.scratch')!;
  expect(left.ok, 'a mirror of a topic that the filter leaves out').toBe(false);
}

export async function settingsChange({ regions, admins }: Story, topic: string): Promise<void> {
  const wanted = { 'max.message.bytes': '2000000', 'retention.ms': '86400000' };
  await alterTopic(regions['us-east'], topic, wanted);
  await eventually('the settings to be followed', async () => {
    const [found] = await describeConfigs(admins['eu-west'], [{ type: 'topic', name: topic }]);
    const settings = unwrap(found!.outcome);
    return Object.entries(wanted).every(([name, value]) => settings.get(name)?.value === value);
  });
}

/** Somebody gets a right at the source, and loses it. */
export async function rightsChange({ oracle, regions, admins }: Story, topic: string): Promise<void> {
  const right = allows('app-auditor', 'TOPIC', topic, 'READ');
  const auditor = () => reading(oracle, regions['eu-west'], 'app-auditor', topic);
  expect(await auditor()).toBe(refused);
  for (const outcome of await createAcls(admins['us-east'], right)) unwrap(outcome);
  await eventually('the new right to be followed', async () => (await auditor()) === 'allowed');
  for (const outcome of await deleteAcls(admins['us-east'], right)) unwrap(outcome);
  await eventually('its end to be followed', async () => (await auditor()) === refused);
}
