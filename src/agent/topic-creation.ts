// Makes mirror topics: those that are asked for together come with one request, and each is there when its logs are.
import { type Cluster, createTopics, systemClock } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkDestination, NewMirrorTopic } from '../link/index.ts';
import { Coalescer } from '../mirror/index.ts';
import { apis } from '../protocol/index.ts';
import { LedWatch, type NewLog } from './led-watch.ts';

type CreatedTopic = Awaited<ReturnType<LinkDestination['createTopic']>>;

/** How long a topic that is to be made waits for others, in ms. */
const creationWindowMs = 2;
/** Brokers answer large requests slowly. */
const topicsPerRequest = 200;
/** Controllers refuse requests for more than 10,000, and brokers take seconds for a few thousand. */
const partitionsPerRequest = 2_000;
/** How long one question to one broker may take, in ms. */
const questionTimeoutMs = 15_000;
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_LEADER_EPOCH. */
const notYet: ReadonlySet<number> = new Set([3, 5, 6, 75]);
const latestTimestamp = -1n;

/** Resolves when all logs of the topic can be used, or have been waited for long enough (led-watch.ts). */
export function topicCreation(cluster: Cluster): LinkDestination['createTopic'] {
  const watch = new LedWatch({
    metadata: (topics) => cluster.metadata({ topics }),
    missing: (leader, logs) => missingAt(cluster, leader, logs),
    clock: systemClock,
  });
  const together = new Coalescer<NewMirrorTopic, CreatedTopic>({
    windowMs: creationWindowMs,
    itemsMax: topicsPerRequest,
    run: async (topics) => {
      const created = new Map<NewMirrorTopic, CreatedTopic | Error>();
      for (const some of inRequests(topics))
        for (const [topic, outcome] of await create(cluster, some)) created.set(topic, outcome);
      return created;
    },
  });
  return async (topic) => {
    const { topicId, replicationFactor } = await together.ask(topic);
    const metadata = await watch.until(topic.name);
    const replicas = metadata?.partitions[0]?.replicas.length ?? -1;
    return { topicId, replicationFactor: replicationFactor > 0 ? replicationFactor : replicas };
  };
}

/** No more partitions at a time than a controller takes in one step. */
function inRequests(topics: readonly NewMirrorTopic[]): NewMirrorTopic[][] {
  const requests: NewMirrorTopic[][] = [];
  let count = Number.POSITIVE_INFINITY;
  for (const topic of topics) {
    count += topic.partitionCount;
    if (count > partitionsPerRequest) {
      requests.push([]);
      count = topic.partitionCount;
    }
    requests.at(-1)!.push(topic);
  }
  return requests;
}

/**
 * TOPIC_ALREADY_EXISTS is an error like any other: another agent was faster, or an answer was lost. The next look then finds
 * the topic and checks its settings before anything is copied.
 */
async function create(
  cluster: Cluster,
  topics: readonly NewMirrorTopic[],
): Promise<Map<NewMirrorTopic, CreatedTopic | Error>> {
  const named = topics.map(({ settings, ...topic }) => ({ ...topic, configs: settings }));
  const outcomes = await createTopics(cluster, named);
  return new Map(
    topics.map((topic) => {
      const outcome = outcomes.get(topic.name)!;
      return [topic, outcome.ok ? outcome.value : outcome.error];
    }),
  );
}

/** See `LedWatchOptions.missing`. */
async function missingAt(
  cluster: Cluster,
  leader: number,
  logs: readonly NewLog[],
): Promise<ReadonlySet<NewLog> | null> {
  const topics = Array.from(
    Map.groupBy(logs, ({ topic }) => topic),
    ([name, some]) => ({
      name,
      partitions: some.map(({ partition, leaderEpoch }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: leaderEpoch,
        timestamp: latestTimestamp,
      })),
    }),
  );
  try {
    const question = { replicaId: -1, isolationLevel: 0, topics };
    const options = { to: leader, retry: false, timeoutMs: questionTimeoutMs } as const;
    const answer = await cluster.request(apis.ListOffsets, question, options);
    const missing = new Set(
      answer.topics.flatMap(({ name, partitions }) =>
        partitions.flatMap(({ partitionIndex, errorCode }) =>
          notYet.has(errorCode) ? [`${name}/${partitionIndex}`] : [],
        ),
      ),
    );
    return new Set(logs.filter(({ topic, partition }) => missing.has(`${topic}/${partition}`)));
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    return error.code === 'REQUEST_TIMED_OUT' ? null : new Set();
  }
}
