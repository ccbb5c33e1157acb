// A client's cluster in the two shapes that links and mirrors ask for: few functions, nothing else.
import type { Cluster } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkDestination, TopicFacts, TopicSetting, TopicSettings } from '../link/index.ts';
import type { MirrorCluster } from '../mirror/index.ts';
import { type Api, apis, type Input, kafkaError } from '../protocol/index.ts';

/** How long one question to one broker may take before the partition tries again, in ms. */
const questionTimeoutMs = 15_000;
const adminTimeoutMs = 30_000;
/** Brokers answer large config requests slowly; this many topics at a time. */
const settingsPerRequest = 200;
const topicResource = 2;
/** ConfigSource DYNAMIC_TOPIC_CONFIG. */
const setOnTopic = 1;

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
): Promise<Map<string, TopicSettings>> {
  const settings = new Map<string, TopicSettings>();
  for (let i = 0; i < topics.length; i += settingsPerRequest) {
    const names = topics.slice(i, i + settingsPerRequest);
    const response = await cluster.request(apis.DescribeConfigs, {
      resources: names.map((resourceName) => ({
        resourceType: topicResource,
        resourceName,
        configurationKeys: null,
      })),
    });
    for (const result of response.results) {
      if (result.errorCode === unknownTopic) continue;
      if (result.errorCode !== 0) {
        throw refused(cluster, `reading the settings of topic ${result.resourceName}`, result);
      }
      const values = result.configs.map((config): [string, TopicSetting] => [
        config.name,
        { value: config.value ?? '', isSetOnTopic: config.configSource === setOnTopic },
      ]);
      settings.set(result.resourceName, new Map(values));
    }
  }
  return settings;
}

const unknownTopic = 3;
const topicExists = 36;

async function createTopic(
  cluster: Cluster,
  topic: Parameters<LinkDestination['createTopic']>[0],
): Promise<{ replicationFactor: number }> {
  const response = await cluster.request(
    apis.CreateTopics,
    {
      topics: [
        {
          name: topic.name,
          numPartitions: topic.partitionCount,
          replicationFactor: topic.replicationFactor,
          configs: Object.entries(topic.settings).map(([name, value]) => ({ name, value })),
        },
      ],
      timeoutMs: adminTimeoutMs,
    },
    { to: 'controller' },
  );
  const result = response.topics[0];
  if (result === undefined || (result.errorCode !== 0 && result.errorCode !== topicExists)) {
    throw refused(cluster, `creating topic ${topic.name}`, result ?? { errorCode: -1, errorMessage: null });
  }
  await cluster.metadata({ topics: [topic.name] });
  const replicas = cluster.knownMetadata.topics.get(topic.name)?.partitions[0]?.replicas.length;
  return { replicationFactor: result.replicationFactor > 0 ? result.replicationFactor : (replicas ?? -1) };
}

async function addPartitions(cluster: Cluster, topic: string, partitionCount: number): Promise<void> {
  const response = await cluster.request(
    apis.CreatePartitions,
    {
      topics: [{ name: topic, count: partitionCount, assignments: null }],
      timeoutMs: adminTimeoutMs,
      validateOnly: false,
    },
    { to: 'controller' },
  );
  const result = response.results[0];
  if (result === undefined || result.errorCode !== 0) {
    throw refused(
      cluster,
      `adding partitions to topic ${topic}`,
      result ?? { errorCode: -1, errorMessage: null },
    );
  }
  await cluster.metadata({ topics: [topic] });
}

const authorizationErrors = new Set([29, 30, 31]);

function refused(
  cluster: Cluster,
  what: string,
  result: { errorCode: number; errorMessage: string | null },
): LockstepError {
  const { name, retriable } = kafkaError(result.errorCode);
  const code = authorizationErrors.has(result.errorCode) ? 'NOT_AUTHORIZED' : 'KAFKA_ERROR';
  const detail = { cluster: cluster.name, kafkaError: name, number: result.errorCode };
  return new LockstepError(
    code,
    `cluster ${cluster.name}: ${what}: ${name}${result.errorMessage === null ? '' : ` (${result.errorMessage})`}`,
    {
      detail,
      retriable,
    },
  );
}
