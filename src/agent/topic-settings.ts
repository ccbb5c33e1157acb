// The settings of a link's topics, which are asked for every few seconds and seldom change.
//
// The problem: a hundred topics have two thousand settings, and to decode them all takes the time of records and fills the
// heap. The answer: the same question as before whose answer has the same bytes gives the same objects.
import {
  AnswerDigest,
  type Cluster,
  type ConfigOutcome,
  describeTopicConfigsAgain,
  unchanged,
} from '../client/index.ts';
import type { LockstepError } from '../errors.ts';
import { settingNames, type TopicSetting, type TopicSettings } from '../link/index.ts';

export type SettingsByTopic = ReadonlyMap<string, TopicSettings | LockstepError>;

/** Brokers answer large config requests slowly, and an answer is decoded in one go; only what a link looks at. */
const topicsPerRequest = 50;
/** UNKNOWN_TOPIC_OR_PARTITION */
const unknownTopic = 3;

/** What a request was answered with. */
interface Answered {
  readonly digest: string | null;
  readonly settings: SettingsByTopic;
}

/** Topics that do not exist are left out; one that can't be described comes with the reason. */
export function topicSettings(
  cluster: Cluster,
): (topics: readonly string[]) => Promise<Map<string, TopicSettings | LockstepError>> {
  /** By the names that were asked for: of the newest question about several topics, which is the one that comes again. */
  let known = new Map<string, Answered>();
  return async (topics) => {
    const answered = new Map<string, Answered>();
    for (let i = 0; i < topics.length; i += topicsPerRequest) {
      const names = topics.slice(i, i + topicsPerRequest);
      const key = names.join(' ');
      answered.set(key, await describe(cluster, names, known.get(key)));
    }
    if (topics.length > 1) known = answered;
    return new Map(answered.values().flatMap(({ settings }) => settings));
  };
}

async function describe(
  cluster: Cluster,
  topics: readonly string[],
  former: Answered | undefined,
): Promise<Answered> {
  const digest = new AnswerDigest(former?.digest ?? null);
  const outcomes = await describeTopicConfigsAgain(cluster, topics, { names: settingNames, digest });
  if (outcomes === unchanged) return former!;
  return { digest: digest.value, settings: settingsOf(outcomes) };
}

function settingsOf(outcomes: readonly ConfigOutcome[]): SettingsByTopic {
  const settings = new Map<string, TopicSettings | LockstepError>();
  for (const { resource, outcome } of outcomes) {
    if (!outcome.ok) {
      if (outcome.error.detail.number !== unknownTopic) settings.set(resource.name, outcome.error);
      continue;
    }
    const values = Array.from(outcome.value.values(), (entry): [string, TopicSetting] => [
      entry.name,
      { value: entry.value ?? '', isSetOnTopic: entry.source === 'DYNAMIC_TOPIC_CONFIG' },
    ]);
    settings.set(resource.name, new Map(values));
  }
  return settings;
}
