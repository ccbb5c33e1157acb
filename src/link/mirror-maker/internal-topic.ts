// A compacted topic of one partition that MirrorMaker 2's readers know by its name: made where it is not there, as
// MirrorUtils.createSinglePartitionCompactedTopic does, and appended to. Written twice, a record says the same as once:
// the newest of a key counts, so a lost answer is simply asked for again.
import {
  type Cluster,
  createTopics,
  describeTopics,
  isAuthorizationError,
  kafkaFailure,
} from '../../client/index.ts';
import { apis } from '../../protocol/index.ts';
import { encodeBatch, type RecordView } from '../../records/index.ts';
import type { InternalRecord } from './records.ts';

const partition = 0;
const topicAlreadyExists = 36;
/** Bytes of keys and values in one batch, far below what any broker takes; one larger record goes alone. */
const batchBytesMax = 256 * 1024;
const ackTimeoutMs = 10_000;
/** For an append with all its retries, ms. */
const appendMsMax = 20_000;

/** What writes needs of it. */
export type TopicWriter = Pick<InternalTopic, 'name' | 'append'>;

export class InternalTopic {
  readonly #cluster: Cluster;
  readonly name: string;
  readonly #replicationFactor: number | undefined;
  #isThere = false;

  constructor(cluster: Cluster, name: string, replicationFactor?: number) {
    this.#cluster = cluster;
    this.name = name;
    this.#replicationFactor = replicationFactor;
  }

  /**
   * Resolves when every in-sync replica has the records.
   * @returns the topic's id, which changes when somebody deletes the topic and it is made anew.
   * @throws LockstepError NOT_AUTHORIZED, and whatever keeps the destination from answering.
   */
  async append(records: readonly InternalRecord[], timestampMs: number): Promise<string> {
    try {
      if (!this.#isThere) await this.#create();
      this.#isThere = true;
      let topicId = '';
      for (const batch of batchesOf(records, BigInt(timestampMs))) topicId = await this.#append(batch);
      return topicId;
    } catch (error) {
      this.#isThere = false;
      throw error;
    }
  }

  async #create(): Promise<void> {
    const found = (await describeTopics(this.#cluster, [this.name])).get(this.name)!;
    if (found.ok) return;
    if (isAuthorizationError(Number(found.error.detail.number)))
      throw this.#denied(Number(found.error.detail.number));
    const created = await createTopics(this.#cluster, [
      {
        name: this.name,
        partitionCount: 1,
        configs: { 'cleanup.policy': 'compact' },
        ...(this.#replicationFactor !== undefined && { replicationFactor: this.#replicationFactor }),
      },
    ]);
    const outcome = created.get(this.name)!;
    if (!outcome.ok && outcome.error.detail.number !== topicAlreadyExists) throw outcome.error;
  }

  /** Write is what is needed, and with it comes Describe. */
  #denied(number: number) {
    return kafkaFailure(number, {
      cluster: this.#cluster.name,
      what: `writing to topic ${this.name}`,
      right: { operation: 'Write', resource: { topic: this.name } },
    });
  }

  async #append(records: readonly RecordView[]): Promise<string> {
    const { name } = this;
    // A topic that was just created is not known to every broker yet.
    const { topicId } = await this.#cluster.retry(() => this.#cluster.leaderOf(name, partition), {
      timeoutMs: appendMsMax,
    });
    await this.#cluster.request(
      apis.Produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: ackTimeoutMs,
        topicData: [{ name, topicId, partitionData: [{ index: partition, records: encodeBatch(records) }] }],
      },
      {
        to: { leaderOf: { topic: name, partition } },
        timeoutMs: appendMsMax,
        what: `writing to topic ${name}`,
        right: { operation: 'Write', resource: { topic: name } },
        errorOf: ({ responses }) => {
          const answer = responses[0]?.partitionResponses[0];
          return { number: answer?.errorCode ?? -1, message: answer?.errorMessage ?? null };
        },
      },
    );
    return topicId;
  }
}

function batchesOf(records: readonly InternalRecord[], timestamp: bigint): RecordView[][] {
  const batches: RecordView[][] = [];
  let sizeBytes = batchBytesMax;
  for (const { key, value } of records) {
    const recordBytes = key.length + value.length;
    if (sizeBytes + recordBytes > batchBytesMax) {
      batches.push([]);
      sizeBytes = 0;
    }
    const batch = batches.at(-1)!;
    batch.push({ offset: BigInt(batch.length), timestamp, key, value, headers: [] });
    sizeBytes += recordBytes;
  }
  return batches;
}
