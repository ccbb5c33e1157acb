// Mirrors that are to begin where the logs part, rather than at the start of the new primary's log.
//
// A link decides where a mirror begins when it creates it, and writes that down for the mirror's life (link/start-at.ts).
// Here it is decided before: the topic is created as the link would, with the mark that somebody has to decide, and the
// record is written that the link looks for. The link then finds a mirror of its own, fills the offsets below, and
// copies the rest. This is done while roles still keep the link from the topic.
import { type Cluster, createTopics, describeConfigs, describeTopics, unwrap } from '../../client/index.ts';
import { LazyControlTopic } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import {
  formatStart,
  isAbout,
  mirrorSettings,
  settingNames,
  startKey,
  startTagSetting,
  startTags,
  type TopicSetting,
} from '../../link/index.ts';
import type { FoundTopic } from './facts.ts';
import type { RestoreGround } from './ground.ts';

const topicAlreadyExists = 36;

/** Topics that were made here before are found, and keep the offsets that were written first. */
export async function beginMirrors(
  ground: RestoreGround,
  topics: readonly FoundTopic[],
  onWarning: (text: string) => void,
): Promise<void> {
  const { lost, home, link } = ground;
  const control = new LazyControlTopic(lost.cluster, { onWarning });
  try {
    await control.refresh();
    for (const { topic, beginsAt } of topics) {
      const source = unwrap((await describeTopics(home.cluster, [topic])).get(topic)!);
      const destinationTopicId = await createMarked(ground, topic, source.partitions.length);
      const starts = source.partitions.map((_, partition) => beginsAt?.[partition] ?? 0n);
      const value = formatStart({ sourceTopicId: source.topicId, destinationTopicId, starts });
      await control.putIfAbsent(startKey(link.name, topic), value, isAbout(destinationTopicId));
    }
  } finally {
    await control.close();
  }
}

/** @returns the topic's id at the restored region. */
async function createMarked(
  { lost, home, link }: RestoreGround,
  name: string,
  partitionCount: number,
): Promise<string> {
  const [described] = await describeConfigs(home.cluster, [{ type: 'topic', name }], { names: settingNames });
  const settings = new Map(
    Array.from(unwrap(described!.outcome).values(), (entry): [string, TopicSetting] => [
      entry.name,
      { value: entry.value ?? '', isSetOnTopic: entry.source === 'DYNAMIC_TOPIC_CONFIG' },
    ]),
  );
  const configs = { ...mirrorSettings(settings), [startTagSetting]: startTags.undecided };
  const replicationFactor = link.replicationFactor ?? -1;
  const created = (
    await createTopics(lost.cluster, [{ name, partitionCount, replicationFactor, configs }])
  ).get(name)!;
  if (created.ok) return created.value.topicId;
  if (created.error.detail.number !== topicAlreadyExists) throw created.error;
  return markedTopicId(lost.cluster, name);
}

/** One that was made here before. @throws LockstepError for one that somebody else made: it would be filled as a mirror. */
function markedTopicId(cluster: Cluster, name: string): Promise<string> {
  // Brokers learn of a topic one after the other.
  return cluster.retry(async () => {
    const [found] = await describeConfigs(cluster, [{ type: 'topic', name }], { names: [startTagSetting] });
    const described = (await describeTopics(cluster, [name])).get(name)!;
    if (!found!.outcome.ok || !described.ok)
      throw new LockstepError('KAFKA_ERROR', `cluster ${cluster.name}: topic ${name} is not known yet`, {
        retriable: true,
      });
    if (found!.outcome.value.get(startTagSetting)?.value === startTags.undecided)
      return described.value.topicId;
    throw new LockstepError(
      'KAFKA_ERROR',
      `cluster ${cluster.name}: topic ${name} was created by somebody else meanwhile; delete it, and go on with the restore`,
    );
  });
}
