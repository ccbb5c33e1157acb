// The topic itself: whether it is there, how it is created, and which settings it must have.
//
// One partition, so that all agents see the same order. Compacted, because what it holds must not grow with time: a
// segment is cleaned only once it is closed, so segments are small; and cleaning begins while little is dirty.
import { type Cluster, createTopics, describeConfigs, kafkaFailure, unwrap } from '../client/index.ts';
import { LockstepError } from '../errors.ts';

export const controlTopic = '__lockstep';
export const controlPartition = 0;

/** A broker of Kafka 4 takes no less than 1 MiB (KIP-1030), and no batch may be larger than a segment. */
const segmentBytes = 4 * 1024 * 1024;
const messageBytesMax = segmentBytes - 64 * 1024;
/** A quiet topic closes its segment all the same, so that what a person asked for is not kept for days. */
const segmentMs = 60 * 60 * 1000;
const dirtyRatioMin = 0.1;
/** As many copies as Kafka's own topics have, where there are brokers for them. */
const replicasMax = 3;
const brokersDefault = -1;

const topicAlreadyExists = 36;
const unknownTopic = 3;

/** The topic's id; null while there is no such topic. */
export async function findTopic(cluster: Cluster): Promise<string | null> {
  const { topics, topicErrors } = await cluster.metadata({ topics: [controlTopic] });
  const found = topics.get(controlTopic);
  if (found !== undefined) return found.topicId;
  const errorCode = topicErrors.get(controlTopic) ?? unknownTopic;
  if (errorCode === unknownTopic) return null;
  // Describe would be enough for this answer, and for nothing that comes after it.
  throw kafkaFailure(errorCode, {
    cluster: cluster.name,
    what: `describing topic ${controlTopic}`,
    right: { operation: 'Read', resource: { topic: controlTopic } },
  });
}

/** Creates the topic, unless somebody else is faster. */
export async function createTopic(cluster: Cluster, wantedReplicas = brokersDefault): Promise<void> {
  const replicas =
    wantedReplicas === brokersDefault ? Math.min(replicasMax, cluster.brokers.length) : wantedReplicas;
  const topic = {
    name: controlTopic,
    partitionCount: 1,
    replicationFactor: replicas,
    configs: {
      'cleanup.policy': 'compact',
      'unclean.leader.election.enable': 'false',
      'segment.bytes': String(segmentBytes),
      'segment.ms': String(segmentMs),
      'max.message.bytes': String(messageBytesMax),
      'min.cleanable.dirty.ratio': String(dirtyRatioMin),
      // What was acknowledged survives the loss of any one broker.
      ...(replicas >= replicasMax ? { 'min.insync.replicas': '2' } : {}),
    },
  };
  const outcome = (await createTopics(cluster, [topic])).get(controlTopic)!;
  if (outcome.ok || outcome.error.detail.number === topicAlreadyExists) return;
  throw outcome.error;
}

/** With another policy Kafka deletes what has to be remembered for the life of a mirror; null when all is well. */
export async function policyProblem(cluster: Cluster): Promise<LockstepError | null> {
  const resource = { type: 'topic', name: controlTopic } as const;
  const [described] = await describeConfigs(cluster, [resource], { names: ['cleanup.policy'] });
  const policy = unwrap(described!.outcome).get('cleanup.policy')?.value;
  if (policy === 'compact') return null;
  return new LockstepError(
    'CONFIG_INVALID',
    `cluster ${cluster.name}: topic ${controlTopic} has cleanup.policy=${policy}, under which state is lost; set it ` +
      `with kafka-configs --alter --entity-type topics --entity-name ${controlTopic} --add-config cleanup.policy=compact`,
  );
}
