// Topics: list, describe, create, delete, add partitions.
import { apis, zeroUuid } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { kafkaFailure } from '../kafka-failure.ts';
import type { TopicMetadata } from '../metadata.ts';
import { errorOfAll, failed, type Outcome, outcomeOf, succeeded, unwrap } from './outcome.ts';

/** How long the controller may take, ms: less than we wait for its answer. */
const controllerTimeoutMs = 20_000;
const notController = 41;
const unknownTopicId = 100;
/** CreateTopics can be tried again when another broker should have been asked. */
const isWrongController = (number: number) => number === notController;

/** Every topic that this user may describe, internal ones too, by name. */
export async function listTopics(cluster: Cluster): Promise<ReadonlyMap<string, TopicMetadata>> {
  return (await cluster.metadata()).topics;
}

/** Topics by name, freshly asked for. An unknown topic is a failed outcome, at once. */
export async function describeTopics(
  cluster: Cluster,
  names: readonly string[],
): Promise<ReadonlyMap<string, Outcome<TopicMetadata>>> {
  const { topics, topicErrors } = await cluster.metadata({ topics: names });
  return new Map(
    names.map((name) => [name, describedTopic(cluster, name, topics.get(name), topicErrors.get(name))]),
  );
}

function describedTopic(
  cluster: Cluster,
  name: string,
  topic: TopicMetadata | undefined,
  errorCode: number | undefined,
): Outcome<TopicMetadata> {
  if (errorCode === undefined && topic !== undefined) return succeeded(topic);
  const right = { operation: 'Describe', resource: { topic: name } } as const;
  return failed(
    kafkaFailure(errorCode ?? 3, { cluster: cluster.name, what: `describing topic ${name}`, right }),
  );
}

/** A topic by its id (Metadata v12 and newer, Kafka 3.1); null when no topic has it (any more). */
export async function describeTopicById(cluster: Cluster, topicId: string): Promise<TopicMetadata | null> {
  const answer = await cluster.request(
    apis.Metadata,
    { topics: [{ topicId, name: null }], allowAutoTopicCreation: false },
    { versionMin: 12, what: `describing the topic with id ${topicId}` },
  );
  const name = answer.topics[0]?.name ?? null;
  const errorCode = answer.topics[0]?.errorCode ?? unknownTopicId;
  if (errorCode === unknownTopicId || name === null) return null;
  const topic = unwrap((await describeTopics(cluster, [name])).get(name)!);
  return topic.topicId === topicId ? topic : null;
}

export interface NewTopic {
  readonly name: string;
  /** Default: the broker's num.partitions. Not with `assignments`. */
  readonly partitionCount?: number;
  /** Default: the broker's default.replication.factor. Not with `assignments`. */
  readonly replicationFactor?: number;
  /** Broker ids of the replicas of partition 0, 1, ...; the first is the preferred leader. */
  readonly assignments?: readonly (readonly number[])[];
  readonly configs?: Readonly<Record<string, string>>;
}

export interface CreatedTopic {
  /** The zero id before Kafka 2.8, and when only validated. */
  readonly topicId: string;
  /** -1 where the broker does not tell (before 2.4, or without the right to describe configs). */
  readonly partitionCount: number;
  readonly replicationFactor: number;
}

/** Creates topics; one outcome per name. TOPIC_ALREADY_EXISTS (36) is a failed outcome. */
export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
  options: { validateOnly?: boolean } = {},
): Promise<ReadonlyMap<string, Outcome<CreatedTopic>>> {
  const answer = await cluster.request(
    apis.CreateTopics,
    {
      topics: topics.map((topic) => ({
        name: topic.name,
        numPartitions: topic.assignments === undefined ? (topic.partitionCount ?? -1) : -1,
        replicationFactor: topic.assignments === undefined ? (topic.replicationFactor ?? -1) : -1,
        assignments: (topic.assignments ?? []).map((brokerIds, partitionIndex) => ({
          partitionIndex,
          brokerIds: [...brokerIds],
        })),
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: controllerTimeoutMs,
      validateOnly: options.validateOnly ?? false,
    },
    {
      to: 'controller',
      what: `creating topics ${nameSome(topics.map(({ name }) => name))}`,
      errorOf: (body) => errorOfAll(body.topics, isWrongController),
    },
  );
  return new Map(
    answer.topics.map((entry) => [
      entry.name,
      outcomeOf(
        cluster,
        entry,
        `creating topic ${entry.name}`,
        () => ({
          topicId: entry.topicId ?? zeroUuid,
          partitionCount: entry.numPartitions,
          replicationFactor: entry.replicationFactor,
        }),
        { operation: 'Create', resource: { topic: entry.name } },
      ),
    ]),
  );
}

/** Deletes topics by name. Resolves when the controller has taken it; brokers drop the data a moment later. */
export async function deleteTopics(
  cluster: Cluster,
  names: readonly string[],
): Promise<ReadonlyMap<string, Outcome<void>>> {
  const answer = await cluster.request(
    apis.DeleteTopics,
    { topicNames: [...names], timeoutMs: controllerTimeoutMs },
    {
      to: 'controller',
      // From version 6 on topics are structures; for names the older form says the same.
      versionMax: 5,
      what: `deleting topics ${nameSome(names)}`,
      errorOf: (body) => errorOfAll(body.responses, isWrongController),
    },
  );
  return new Map(
    answer.responses.map((entry) => [
      entry.name ?? '',
      outcomeOf(cluster, entry, `deleting topic ${entry.name}`, () => undefined, {
        operation: 'Delete',
        resource: { topic: entry.name ?? '' },
      }),
    ]),
  );
}

/** Deletes exactly the topic with this id (Kafka 2.8 and newer): never a successor under the same name. */
export async function deleteTopicById(
  cluster: Cluster,
  topicId: string,
  { name }: { name?: string } = {},
): Promise<void> {
  const what = `deleting the topic${name === undefined ? '' : ` ${name}`} with id ${topicId}`;
  const right =
    name === undefined ? undefined : ({ operation: 'Delete', resource: { topic: name } } as const);
  const answer = await cluster.request(
    apis.DeleteTopics,
    { topics: [{ topicId, name: null }], timeoutMs: controllerTimeoutMs },
    {
      to: 'controller',
      versionMin: 6,
      what,
      errorOf: (body) => errorOfAll(body.responses, isWrongController),
    },
  );
  const entry = answer.responses[0];
  unwrap(outcomeOf(cluster, { errorCode: unknownTopicId, ...entry }, what, () => undefined, right));
}

export interface PartitionIncrease {
  readonly topic: string;
  /** How many there are to be in all. */
  readonly partitionCount: number;
  /** Broker ids of the replicas of each new partition. */
  readonly assignments?: readonly (readonly number[])[];
}

/** Adds partitions; INVALID_PARTITIONS (37) when there are that many or more. */
export async function createPartitions(
  cluster: Cluster,
  increases: readonly PartitionIncrease[],
  options: { validateOnly?: boolean } = {},
): Promise<ReadonlyMap<string, Outcome<void>>> {
  const answer = await cluster.request(
    apis.CreatePartitions,
    {
      topics: increases.map(({ topic, partitionCount, assignments }) => ({
        name: topic,
        count: partitionCount,
        assignments:
          assignments === undefined ? null : assignments.map((brokerIds) => ({ brokerIds: [...brokerIds] })),
      })),
      timeoutMs: controllerTimeoutMs,
      validateOnly: options.validateOnly ?? false,
    },
    {
      to: 'controller',
      what: `adding partitions to ${nameSome(increases.map(({ topic }) => topic))}`,
      errorOf: (body) => errorOfAll(body.results, isWrongController),
    },
  );
  return new Map(
    answer.results.map((entry) => [
      entry.name,
      outcomeOf(cluster, entry, `adding partitions to ${entry.name}`, () => undefined, {
        operation: 'Alter',
        resource: { topic: entry.name },
      }),
    ]),
  );
}

function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
