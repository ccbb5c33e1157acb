// A writer of transactions: two of three are committed, the third is aborted. Aborted records and the markers at the end
// of each transaction take up offsets too, so a mirror has to keep their places.
import { setTimeout as pause } from 'node:timers/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { until } from './until.ts';

export const transfers = { topic: 'transfers', partitions: 2, says: 'transactions, every third one aborted' };

const recordsPerPartition = 5;
const abortEvery = 3;
/** The client asks with producer id 0 otherwise, which the cluster refuses to a producer that comes back. */
const noProducer = { producerId: -1n, producerEpoch: -1 };

export class TransactionWriter {
  /** Records of committed transactions. */
  written = 0;
  committed = 0;
  aborted = 0;
  failed = 0;
  readonly #bootstrap: string[];
  #producer: Producer | null = null;
  #isRunning = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(bootstrap: string[]) {
    this.#bootstrap = bootstrap;
  }

  start(): void {
    this.#isRunning = true;
    this.#writing = this.#write();
  }

  /** Its last transaction is one that ended: no open one may hold up those who read committed records. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#writing;
    await until('a last transaction to end', async () => ((await this.#transaction()) ? true : null));
    await this.#giveUp();
  }

  /** For a region that is gone: its last transaction stays open there. */
  abandon(): void {
    this.#isRunning = false;
  }

  async #write(): Promise<void> {
    while (this.#isRunning) await pause((await this.#transaction()) ? 100 : 300);
  }

  /** Writes one; false when a broker was away. */
  async #transaction(): Promise<boolean> {
    try {
      this.#producer ??= new Producer({
        clientId: 'demo-transfers',
        bootstrapBrokers: this.#bootstrap,
        transactionalId: 'demo-transfers',
        idempotent: true,
        acks: ProduceAcks.ALL,
        retries: 3,
        retryDelay: 200,
        connectTimeout: 2_000,
        timeout: 15_000,
      });
      const messages = this.#messages();
      const transaction = await this.#producer.beginTransaction(noProducer);
      await transaction.send({ messages, acks: ProduceAcks.ALL });
      if ((this.committed + this.aborted) % abortEvery === abortEvery - 1) {
        await transaction.abort();
        this.aborted += 1;
      } else {
        await transaction.commit();
        this.committed += 1;
        this.written += messages.length;
      }
      return true;
    } catch {
      // The broker is down on purpose. How far it came is unknown: a new producer of the same id ends what is open.
      this.failed += 1;
      await this.#giveUp();
      return false;
    }
  }

  #messages() {
    const number = this.committed + this.aborted;
    return Array.from({ length: recordsPerPartition * transfers.partitions }, (_, index) => ({
      topic: transfers.topic,
      partition: index % transfers.partitions,
      key: Buffer.from(`account-${index}`),
      value: Buffer.from(`transfer ${number}, line ${index}`),
    }));
  }

  async #giveUp(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.close(true).catch(() => {});
  }
}
