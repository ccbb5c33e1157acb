// A client's cluster in the two shapes that links and mirrors ask for: few functions, nothing else.
import { type Cluster, createPartitions, createTopics, describeConfigs, unwrap } from '../client/index.ts';
import type { LockstepError } from '../errors.ts';
import type {
  LinkDestination,
  NewMirrorTopic,
  TopicFacts,
  TopicSetting,
  TopicSettings,
} from '../link/index.ts';
import type { MirrorCluster } from '../mirror/index.ts';
import type { Api, Input } from '../protocol/index.ts';

/** How long one question to one broker may take before the partition tries again, in ms. */
const questionTimeoutMs = 15_000;
/** Brokers answer large config requests slowly; this many topics at a time. */
const topicsPerRequest = 200;
/** UNKNOWN_TOPIC_OR_PARTITION */
const unknownTopic = 3;

/** What a mirror needs. Connections are its own; metadata is the cluster's. */
export function mirrorCluster(
  cluster: Cluster,
  options: { purpose: string; readBufferBytes: number },
): MirrorCluster {
  // Topics that a partition has asked about: what metadata is refreshed for. A topic that was just created can be
  // unknown to the broker that answers, and has to be asked for again.
  const wanted = new Set<string>();
  return {
    leaderOf: ({ topic, partition }) => {
      wanted.add(topic);
      const known = cluster.knownMetadata.topics.get(topic);
      const found = known?.partitions[partition];
      if (known === undefined || found === undefined || found.leaderId < 0) return null;
      const { topicId } = known;
      return { topic, topicId, partition, leader: found.leaderId, leaderEpoch: found.leaderEpoch };
    },
    refreshMetadata: async () => {
      await cluster.metadata({ topics: [...wanted] });
    },
    ask:
      (broker) =>
      <Req, Res>(api: Api<Req, Res>, input: Input<Req>) =>
        cluster.request(api, input, { to: broker, retry: false, timeoutMs: questionTimeoutMs }),
    openConnection: (broker) => cluster.openConnection(broker, options),
  };
}

/** What a link needs of either side; only the destination is written to. */
export function linkCluster(cluster: Cluster): LinkDestination {
  return {
    name: cluster.name,
    clusterId: cluster.clusterId,
    get brokerCount() {
      return cluster.brokers.length;
    },
    listTopics: () => listTopics(cluster),
    topicSettings: (topics) => topicSettings(cluster, topics),
    createTopic: (topic) => createTopic(cluster, topic),
    addPartitions: (topic, partitionCount) => addPartitions(cluster, topic, partitionCount),
  };
}

async function listTopics(cluster: Cluster): Promise<TopicFacts[]> {
  const { topics } = await cluster.metadata();
  return Array.from(topics.values(), ({ name, topicId, partitions }) => ({
    topic: name,
    topicId,
    partitionCount: partitions.length,
  }));
}

async function topicSettings(
  cluster: Cluster,
  topics: readonly string[],
): Promise<Map<string, TopicSettings | LockstepError>> {
  const settings = new Map<string, TopicSettings | LockstepError>();
  for (let i = 0; i < topics.length; i += topicsPerRequest) {
    const resources = topics.slice(i, i + topicsPerRequest).map((name) => ({ type: 'topic', name }) as const);
    for (const { resource, outcome } of await describeConfigs(cluster, resources)) {
      if (!outcome.ok) {
        if (outcome.error.detail.number !== unknownTopic) settings.set(resource.name, outcome.error);
        continue;
      }
      const values = Array.from(unwrap(outcome).values(), (entry): [string, TopicSetting] => [
        entry.name,
        { value: entry.value ?? '', isSetOnTopic: entry.source === 'DYNAMIC_TOPIC_CONFIG' },
      ]);
      settings.set(resource.name, new Map(values));
    }
  }
  return settings;
}

async function createTopic(
  cluster: Cluster,
  { name, partitionCount, replicationFactor, settings }: NewMirrorTopic,
): Promise<{ replicationFactor: number }> {
  const outcomes = await createTopics(cluster, [
    { name, partitionCount, replicationFactor, configs: settings },
  ]);
  // TOPIC_ALREADY_EXISTS is thrown like any other: another agent was faster, or an answer was lost. The next look then
  // finds the topic and checks its settings before anything is copied.
  const created = unwrap(outcomes.get(name)!);
  const { topics } = await cluster.metadata({ topics: [name] });
  const replicas = topics.get(name)?.partitions[0]?.replicas.length ?? -1;
  return {
    replicationFactor: created.replicationFactor > 0 ? created.replicationFactor : replicas,
  };
}

async function addPartitions(cluster: Cluster, topic: string, partitionCount: number): Promise<void> {
  const outcomes = await createPartitions(cluster, [{ topic, partitionCount }]);
  unwrap(outcomes.get(topic)!);
  await cluster.metadata({ topics: [topic] });
}
