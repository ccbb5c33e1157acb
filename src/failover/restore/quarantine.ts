// The topic that keeps a divergent tail: `<topic>.lost-<UTC time>`, in the cluster of the restored region, for ever.
//
// The problem: saving may be interrupted anywhere, and what was sent last may arrive after somebody went on. The answer
// is that of the mirror: the log is the only checkpoint, and the broker compares. A partition holds saved records only,
// densely, so that offset and sequence of a record are its place in the tail; all who ever save this tail use one
// producer id. A late batch is then in its place, or recognised as there already, or refused.
import { createHash } from 'node:crypto';
import {
  type Cluster,
  createPartitions,
  createTopics,
  describeTopics,
  kafkaFailure,
  logEndOffset,
  type TopicMetadata,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { linkProducerId } from '../../mirror/index.ts';
import { apis } from '../../protocol/index.ts';
import { type Compression, encodeRawBatch, type RawRecord, readRawRecords } from '../../records/index.ts';
import { type LogSource, readLog } from '../../verify/index.ts';
import { originOf } from './saved-record.ts';

const nameCharactersMax = 249;
const topicAlreadyExists = 36;
const unknownTopic = 3;
/** Sequences wrap where Kafka's do. */
const sequenceCount = 1n << 31n;
const ackTimeoutMs = 30_000;

/** `orders.lost-20261121T184000Z`; a name that would be too long is cut, and told apart by a hash. */
export function quarantineName(topic: string, atMs: number): string {
  const time = new Date(atMs).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
  return fitting(topic, `.lost-${time}`);
}

/** `orders.lost-20261121T184000Z.older`: beside the tail, the history that the new primary does not have. */
export function olderName(tailName: string): string {
  const place = tailName.lastIndexOf('.lost-');
  return fitting(tailName.slice(0, place), `${tailName.slice(place)}.older`);
}

function fitting(topic: string, suffix: string): string {
  if (topic.length + suffix.length <= nameCharactersMax) return topic + suffix;
  const hash = createHash('sha256').update(topic).digest('hex').slice(0, 8);
  return `${topic.slice(0, nameCharactersMax - suffix.length - hash.length - 1)}-${hash}${suffix}`;
}

export interface QuarantineTopic {
  readonly name: string;
  readonly partitionCount: number;
  readonly replicationFactor: number;
  /** max.message.bytes of the lost topic. */
  readonly messageBytesMax: number;
  /** min.insync.replicas of the lost topic; null: the brokers' default. */
  readonly inSyncReplicasMin: string | null;
}

/** What headers add to the largest record, and another compressor than the first producer's. */
const roomBytes = 1024 * 1024;

/** Nothing is ever deleted from it, and everything lands as it is sent. */
function quarantineSettings(topic: QuarantineTopic): Record<string, string> {
  const { messageBytesMax, inSyncReplicasMin } = topic;
  return {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.after.max.ms': '9223372036854775807',
    'compression.type': 'producer',
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': String(Math.min(2 ** 31 - 1, messageBytesMax * 2 + roomBytes)),
    ...(inSyncReplicasMin !== null && { 'min.insync.replicas': inSyncReplicasMin }),
  };
}

/** Creates it where it is not there yet. @throws LockstepError what the cluster refuses. */
export async function createQuarantine(cluster: Cluster, topic: QuarantineTopic): Promise<void> {
  const { name, partitionCount, replicationFactor } = topic;
  const configs = quarantineSettings(topic);
  const created = await createTopics(cluster, [{ name, partitionCount, replicationFactor, configs }]);
  const outcome = created.get(name)!;
  if (!outcome.ok && outcome.error.detail.number !== topicAlreadyExists) throw outcome.error;
  const found = await untilLed(cluster, name, 1);
  if (found.partitions.length >= partitionCount) return;
  // The lost topic was given partitions since.
  unwrap((await createPartitions(cluster, [{ topic: name, partitionCount }])).get(name)!);
  await untilLed(cluster, name, partitionCount);
}

/** Brokers learn of it one after the other. */
function untilLed(cluster: Cluster, name: string, partitionCount: number): Promise<TopicMetadata> {
  return cluster.retry(async () => {
    const described = (await describeTopics(cluster, [name])).get(name)!;
    if (
      described.ok &&
      described.value.partitions.length >= partitionCount &&
      described.value.partitions.every(({ leaderId }) => leaderId >= 0)
    )
      return described.value;
    const isOnItsWay = described.ok || described.error.detail.number === unknownTopic;
    throw isOnItsWay
      ? new LockstepError('KAFKA_ERROR', `cluster ${cluster.name}: topic ${name} has no leaders yet`, {
          retriable: true,
        })
      : described.error;
  });
}

/** How far a partition of the tail is saved. */
export interface SavedSoFar {
  /** Records that are there, and so the place of the next one. */
  readonly count: bigint;
  /** Offset, in the lost log, of the last one; null: none. */
  readonly lastOffset: bigint | null;
}

/** @throws LockstepError KAFKA_ERROR where records stand that are not saved ones. */
export async function savedSoFar(
  cluster: Cluster,
  logs: LogSource,
  { topic, partition }: { topic: string; partition: number },
): Promise<SavedSoFar> {
  const { logEndOffset: count } = await logEndOffset(cluster, { topic, partition });
  if (count === 0n) return { count, lastOffset: null };
  const log = logs.partitionLog(topic, partition);
  // What another one sent in its last moment may be there, and not be on all replicas yet.
  await cluster.retry(async () => {
    if ((await log.offsets()).highWatermark >= count) return;
    throw new LockstepError('KAFKA_ERROR', `${topic}-${partition}: replicas lack records`, {
      retriable: true,
    });
  });
  let last: RawRecord | undefined;
  let lastOffset: bigint | null = null;
  for await (const { view } of readLog(log, count - 1n, count)) {
    last = [...readRawRecords(view)].at(-1);
    lastOffset = last === undefined ? null : (originOf(last)?.offset ?? null);
  }
  if (last?.offset === count - 1n && lastOffset !== null) return { count, lastOffset };
  throw new LockstepError(
    'KAFKA_ERROR',
    `cluster ${cluster.name}: ${topic}-${partition} holds something else than a saved tail at offset ${count - 1n}: somebody else writes there. Delete the topic if nobody needs it, and restore again`,
  );
}

/** Appends saved records to one partition, each in its place. */
export class QuarantineWriter {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #partition: number;
  readonly #producerId: bigint;

  constructor(cluster: Cluster, { topic, partition }: { topic: string; partition: number }) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#partition = partition;
    this.#producerId = linkProducerId({ sourceClusterId: cluster.clusterId, linkName: `restore ${topic}` });
  }

  /**
   * Resolves when every in-sync replica has them. The offsets of the records are their places.
   * @throws LockstepError KAFKA_ERROR when something else stands there.
   */
  async append(records: readonly RawRecord[], compression: Compression): Promise<void> {
    const topic = this.#topic;
    const index = this.#partition;
    const place = records[0]!.offset;
    const { topicId } = await this.#cluster.leaderOf(topic, index);
    const what = `saving to ${topic}-${index} at offset ${place}`;
    const batch = encodeRawBatch(
      records.map((record) => ({ ...record, offset: record.offset - place })),
      {
        compression,
        producerId: this.#producerId,
        producerEpoch: 0,
        baseSequence: Number(place % sequenceCount),
      },
    );
    const answer = await this.#cluster.request(
      apis.Produce,
      {
        acks: -1,
        timeoutMs: ackTimeoutMs,
        topicData: [{ name: topic, topicId, partitionData: [{ index, records: batch }] }],
      },
      {
        to: { leaderOf: { topic, partition: index } },
        what,
        right: { operation: 'Write', resource: { topic } },
        errorOf: ({ responses }) => {
          const told = responses[0]?.partitionResponses[0];
          return { number: told?.errorCode ?? -1, message: told?.errorMessage ?? null };
        },
      },
    );
    const { baseOffset } = answer.responses[0]!.partitionResponses[0]!;
    if (baseOffset !== place)
      throw kafkaFailure(outOfOrder, {
        cluster: this.#cluster.name,
        what: `${what}: it came to ${baseOffset}`,
      });
  }
}

/** OUT_OF_ORDER_SEQUENCE_NUMBER. */
const outOfOrder = 45;
