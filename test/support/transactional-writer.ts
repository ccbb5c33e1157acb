// Transactions on a real broker, written batch by batch with our own client: for tests that need to hold one open, or
// to place records exactly. The Java clients of read-committed-oracle.ts are the independent ones.
import {
  addPartitionsToTransaction,
  type Cluster,
  endTransaction,
  initTransactions,
  type ProducerIdentity,
} from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';

export class TransactionalWriter {
  readonly #cluster: Cluster;
  readonly #transactionalId: string;
  readonly #producer: ProducerIdentity;
  readonly #sequences = new Map<string, number>();

  private constructor(cluster: Cluster, transactionalId: string, producer: ProducerIdentity) {
    this.#cluster = cluster;
    this.#transactionalId = transactionalId;
    this.#producer = producer;
  }

  static async start(cluster: Cluster, transactionalId: string): Promise<TransactionalWriter> {
    const producer = await initTransactions(cluster, transactionalId, { transactionTimeoutMs: 600_000 });
    return new TransactionalWriter(cluster, transactionalId, producer);
  }

  get producerId(): bigint {
    return this.#producer.producerId;
  }

  /** Appends one batch of `values`, opening a transaction when none is open. */
  async append(topic: string, partition: number, values: readonly string[]): Promise<bigint> {
    const { topicId } = await this.#cluster.leaderOf(topic, partition);
    await addPartitionsToTransaction(this.#cluster, this.#transactionalId, this.#producer, [
      { topic, partition },
    ]);
    const key = `${topic}-${partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    const records = encodeBatch(
      values.map((value, index) => ({
        offset: BigInt(index),
        timestamp: BigInt(Date.now()),
        key: Buffer.from(`k-${value}`),
        value: Buffer.from(value),
        headers: [],
      })),
      { ...this.#producer, baseSequence, isTransactional: true },
    );
    const answer = await this.#cluster.request(
      apis.Produce,
      {
        transactionalId: this.#transactionalId,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: topic, topicId, partitionData: [{ index: partition, records }] }],
      },
      {
        to: { leaderOf: { topic, partition } },
        versionMax: 11,
        errorOf: (body) => ({ number: body.responses[0]!.partitionResponses[0]!.errorCode }),
      },
    );
    this.#sequences.set(key, baseSequence + values.length);
    return answer.responses[0]!.partitionResponses[0]!.baseOffset;
  }

  end(outcome: 'commit' | 'abort'): Promise<void> {
    return endTransaction(this.#cluster, this.#transactionalId, this.#producer, outcome);
  }
}
