// A client's cluster in the two shapes that links and mirrors ask for: few functions, nothing else.
import {
  type Cluster,
  type ClusterMetadata,
  createPartitions,
  deleteRecords,
  incrementalAlterConfigs,
  listOffsets,
  type Outcome,
  sleep,
  systemClock,
  type TopicMetadata,
  unwrap,
} from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkDestination, LogRange, SettingChanges, StartAt, TopicFacts } from '../link/index.ts';
import type { LedLog, MirrorCluster, TopicPartition } from '../mirror/index.ts';
import type { Api, Input } from '../protocol/index.ts';
import { allowReading, denyReading, isReadingDenied } from './reading-denial.ts';
import { topicCreation } from './topic-creation.ts';
import { topicSettings } from './topic-settings.ts';

/** How long one question to one broker may take before the partition tries again, in ms. */
const questionTimeoutMs = 15_000;
/** UNKNOWN_TOPIC_OR_PARTITION */
const unknownTopic = 3;
/** TOPIC_AUTHORIZATION_FAILED */
const topicAuthorizationFailed = 29;
/** POLICY_VIOLATION: the leader does not know yet that cleanup.policy is another one now. */
const policyViolation = 44;
const policyMs = { deadline: 15_000, poll: 50 } as const;

/** The logs of a topic as metadata had them. */
interface TopicLogs {
  readonly metadata: ClusterMetadata;
  /** What they were made of. */
  readonly of: TopicMetadata | undefined;
  readonly logs: readonly (LedLog | null)[];
}

/** The same name on both sides. */
const sameName = (topic: string): string => topic;

/**
 * What a mirror needs. Connections are its own; metadata is the cluster's. `topicName`: what this cluster calls a topic;
 * the logs that are found have its own names, and every question about them does.
 */
export function mirrorCluster(
  cluster: Cluster,
  options: { purpose: string; readBufferBytes: number; topicName?: (topic: string) => string },
): MirrorCluster {
  const { topicName = sameName, ...connectionOptions } = options;
  const logOf = ledLogs(cluster);
  return {
    leaderOf: ({ topic, partition }) => logOf(topicName(topic), partition),
    refreshMetadata: async (topics) => {
      await cluster.metadata({ topics: Array.from(topics, (topic) => topicName(topic)) });
    },
    ask:
      (broker) =>
      <Req, Res>(api: Api<Req, Res>, input: Input<Req>) =>
        cluster.request(api, input, { to: broker, retry: false, timeoutMs: questionTimeoutMs }),
    openConnection: (broker) => cluster.openConnection(broker, connectionOptions),
  };
}

/**
 * The log of a partition by the newest metadata; null while nobody leads it. Thousands are asked for with every fetch, so
 * each is made once and given again until it is another one: who is given the same one has nothing to follow.
 */
export function ledLogs(
  cluster: Pick<Cluster, 'knownMetadata'>,
): (topic: string, partition: number) => LedLog | null {
  let metadata = cluster.knownMetadata;
  const known = new Map<string, TopicLogs>();
  const logsOf = (topic: string, of: TopicMetadata | undefined): TopicLogs => {
    const former = known.get(topic)?.logs ?? [];
    const { topicId = '', partitions = [] } = of ?? {};
    const logs = partitions.map(({ leaderId, leaderEpoch }, partition) => {
      if (leaderId < 0) return null;
      const log = former[partition];
      const isSame = log?.leader === leaderId && log.leaderEpoch === leaderEpoch && log.topicId === topicId;
      return isSame ? log : { topic, topicId, partition, leader: leaderId, leaderEpoch };
    });
    return { metadata, of, logs };
  };
  return (topic, partition) => {
    metadata = cluster.knownMetadata;
    let found = known.get(topic);
    if (found?.metadata !== metadata) {
      const of = metadata.topics.get(topic);
      found = found !== undefined && found.of === of ? { ...found, metadata } : logsOf(topic, of);
      known.set(topic, found);
    }
    return found.logs[partition] ?? null;
  };
}

/** What a link needs of either side; only the destination is written to. `mirrorName`: what it calls a topic. */
export function linkCluster(
  cluster: Cluster,
  { mirrorName = sameName }: { mirrorName?: (topic: string) => string } = {},
): LinkDestination {
  const createTopic = topicCreation(cluster);
  const settingsOf = topicSettings(cluster);
  const own = ({ topic, partition }: TopicPartition): TopicPartition => ({
    topic: mirrorName(topic),
    partition,
  });
  return {
    mirrorName,
    name: cluster.name,
    clusterId: cluster.clusterId,
    get brokerCount() {
      return cluster.brokers.length;
    },
    listTopics: () => listTopics(cluster),
    whyUnlisted: (topics) => whyUnlisted(cluster, topics),
    topicSettings: async (topics) => {
      const found = await settingsOf(topics.map(mirrorName));
      return new Map(
        topics.flatMap((topic) => {
          const settings = found.get(mirrorName(topic));
          return settings === undefined ? [] : [[topic, settings] as const];
        }),
      );
    },
    createTopic: (topic) => createTopic({ ...topic, name: mirrorName(topic.name) }),
    addPartitions: (topic, partitionCount) => addPartitions(cluster, mirrorName(topic), partitionCount),
    logRanges: (topic, partitionCount) => logRanges(cluster, mirrorName(topic), partitionCount),
    firstOffsetSince: (partition, timestampMs) => firstOffsetSince(cluster, own(partition), timestampMs),
    startOffsets: (topic, partitionCount, startAt) =>
      startOffsets(cluster, mirrorName(topic), partitionCount, startAt),
    alterTopic: (topic, changes) => alterTopic(cluster, mirrorName(topic), changes),
    isReadingDenied: (topic) => isReadingDenied(cluster, mirrorName(topic)),
    denyReading: (topic) => denyReading(cluster, mirrorName(topic)),
    allowReading: (topic) => allowReading(cluster, mirrorName(topic)),
    holdsTimedRecords: async (partition) => (await firstOffsetSince(cluster, own(partition), 0n)) !== null,
    checkCutRight: (partition) => checkCutRight(cluster, own(partition)),
    untilCuttable: (partition) => untilCuttable(cluster, own(partition)),
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

async function whyUnlisted(
  cluster: Cluster,
  topics: readonly string[],
): Promise<Map<string, 'gone' | 'hidden'>> {
  const { topicErrors } = await cluster.metadata({ topics });
  const found = new Map<string, 'gone' | 'hidden'>();
  for (const topic of topics) {
    const error = topicErrors.get(topic);
    if (error === unknownTopic) found.set(topic, 'gone');
    if (error === topicAuthorizationFailed) found.set(topic, 'hidden');
  }
  return found;
}

async function addPartitions(cluster: Cluster, topic: string, partitionCount: number): Promise<void> {
  const outcomes = await createPartitions(cluster, [{ topic, partitionCount }]);
  unwrap(outcomes.get(topic)!);
  await cluster.metadata({ topics: [topic] });
}

async function logRanges(
  cluster: Cluster,
  topic: string,
  partitionCount: number,
): Promise<Map<number, LogRange>> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }));
  const [starts, ends] = await Promise.all(
    (['earliest', 'latest'] as const).map((at) =>
      listOffsets(
        cluster,
        partitions.map((partition) => ({ ...partition, at })),
        { timeoutMs: questionTimeoutMs },
      ),
    ),
  );
  const ranges = new Map<number, LogRange>();
  for (const { partition } of partitions) {
    const [start, end] = [starts![partition]!.outcome, ends![partition]!.outcome];
    for (const outcome of [start, end]) if (!outcome.ok && !outcome.error.retriable) throw outcome.error;
    if (start.ok && end.ok) ranges.set(partition, { start: start.value.offset, end: end.value.offset });
  }
  return ranges;
}

async function firstOffsetSince(
  cluster: Cluster,
  partition: TopicPartition,
  timestampMs: bigint,
): Promise<bigint | null> {
  // Below 0 are the names of special offsets.
  const at = timestampMs < 0n ? 0n : timestampMs;
  const [answer] = await listOffsets(cluster, [{ ...partition, at }], { timeoutMs: questionTimeoutMs });
  const { offset } = unwrap(answer!.outcome);
  return offset < 0n ? null : offset;
}

async function startOffsets(
  cluster: Cluster,
  topic: string,
  partitionCount: number,
  startAt: Exclude<StartAt, { kind: 'earliest' }>,
): Promise<Map<number, bigint>> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }));
  // With read_committed `latest` is the last stable offset: a transaction that is open is mirrored as a whole.
  const ask = (at: 'latest' | bigint) =>
    listOffsets(
      cluster,
      partitions.map((partition) => ({ ...partition, at })),
      { timeoutMs: questionTimeoutMs, isolationLevel: 'read_committed' },
    );
  const [ends, since] = await Promise.all([
    ask('latest'),
    startAt.kind === 'latest' ? null : ask(startAt.timestampMs < 0n ? 0n : startAt.timestampMs),
  ]);
  const offsets = new Map<number, bigint>();
  for (const { partition } of partitions) {
    const [end, first] = [ends[partition]!.outcome, since?.[partition]?.outcome];
    for (const outcome of [end, first])
      if (outcome?.ok === false && !outcome.error.retriable) throw outcome.error;
    if (!end.ok || first?.ok === false) continue;
    const offset = first === undefined || first.value.offset < 0n ? end.value.offset : first.value.offset;
    offsets.set(partition, offset);
  }
  return offsets;
}

async function alterTopic(cluster: Cluster, topic: string, changes: SettingChanges): Promise<void> {
  const alteration = {
    resource: { type: 'topic', name: topic } as const,
    changes: Object.entries(changes).map(([name, value]) =>
      value === null
        ? ({ operation: 'delete', name } as const)
        : ({ operation: 'set', name, value } as const),
    ),
  };
  const [altered] = await incrementalAlterConfigs(cluster, [alteration]);
  const { outcome } = altered!;
  if (outcome.ok || outcome.error.code !== 'NOT_AUTHORIZED') return unwrap(outcome);
  throw new LockstepError(
    'NOT_AUTHORIZED',
    `cluster ${cluster.name}: we may not set ${Object.keys(changes).join(', ')} on topic ${topic}; grant ALTER_CONFIGS ` +
      `on it: kafka-acls --add --allow-principal PRINCIPAL --operation AlterConfigs --topic ${topic}`,
    { cause: outcome.error, detail: outcome.error.detail },
  );
}

/** Cutting at 0 cuts nothing, and is refused as any other cut is. */
async function cutNothing(cluster: Cluster, { topic, partition }: TopicPartition): Promise<Outcome<unknown>> {
  const [answer] = await deleteRecords(cluster, [{ topic, partition, beforeOffset: 0n }]);
  return answer!.outcome;
}

async function checkCutRight(cluster: Cluster, partition: TopicPartition): Promise<void> {
  const outcome = await cutNothing(cluster, partition);
  if (outcome.ok || outcome.error.code !== 'NOT_AUTHORIZED') return;
  const { topic } = partition;
  throw new LockstepError(
    'NOT_AUTHORIZED',
    `cluster ${cluster.name}: we may not cut off the start of ${topic}-${partition.partition}; grant DELETE on the topic: ` +
      `kafka-acls --add --allow-principal PRINCIPAL --operation Delete --topic ${topic}`,
    { cause: outcome.error, detail: outcome.error.detail },
  );
}

async function untilCuttable(cluster: Cluster, partition: TopicPartition): Promise<void> {
  const deadline = systemClock.nowMs() + policyMs.deadline;
  for (;;) {
    const outcome = await cutNothing(cluster, partition);
    if (outcome.ok) return;
    if (outcome.error.detail.number !== policyViolation || systemClock.nowMs() > deadline)
      throw outcome.error;
    await sleep(systemClock, policyMs.poll);
  }
}
