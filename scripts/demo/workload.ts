// What the demo writes: topics of different shapes, and producers of an independent client (@platformatic/kafka)
// that keep writing while things break.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Admin, ProduceAcks, Producer } from '@platformatic/kafka';
import { TransactionWriter, transfers } from './transactions.ts';

type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** One topic of the demo. */
export interface TopicShape {
  readonly topic: string;
  readonly partitions: number;
  readonly compression: Codec;
  /** Sizes of values, in bytes, from ... to. */
  readonly valueBytes: readonly [number, number];
  readonly records: number;
  readonly recordsPerBatch: number;
  /** What is special about it, for the table. */
  readonly says: string;
  readonly hasHeaders?: boolean;
  readonly hasNulls?: boolean;
}

export const shapes: readonly TopicShape[] = [
  {
    topic: 'orders',
    partitions: 6,
    compression: 'none',
    valueBytes: [200, 400],
    records: 30_000,
    recordsPerBatch: 200,
    says: 'keyed, uncompressed',
  },
  {
    topic: 'payments',
    partitions: 3,
    compression: 'lz4',
    valueBytes: [100, 900],
    records: 12_000,
    recordsPerBatch: 100,
    says: 'lz4',
  },
  {
    topic: 'clicks',
    partitions: 4,
    compression: 'snappy',
    valueBytes: [10, 10],
    records: 20_000,
    recordsPerBatch: 250,
    says: '10 bytes each, snappy',
  },
  {
    topic: 'documents',
    partitions: 2,
    compression: 'zstd',
    valueBytes: [50_000, 900_000],
    records: 60,
    recordsPerBatch: 1,
    says: 'up to 900 KB, zstd',
  },
  {
    topic: 'profiles',
    partitions: 2,
    compression: 'gzip',
    valueBytes: [0, 300],
    records: 5_000,
    recordsPerBatch: 50,
    says: 'gzip, headers, empty and null values',
    hasHeaders: true,
    hasNulls: true,
  },
];

/** Every topic of the demo. */
export const topics: readonly Pick<TopicShape, 'topic' | 'partitions' | 'says'>[] = [...shapes, transfers];

/** A few bytes of the value are random, the rest repeats, so that codecs have something to do. */
function makeValue(shape: TopicShape, index: number): Buffer | undefined {
  const [min, max] = shape.valueBytes;
  if (shape.hasNulls && index % 7 === 0) return undefined;
  const sizeBytes = min + Math.floor(Math.random() * (max - min + 1));
  const value = Buffer.alloc(sizeBytes, `${shape.topic}:${index} `);
  randomBytes(Math.min(8, sizeBytes)).copy(value);
  return value;
}

function messageOf(shape: TopicShape, index: number) {
  const value = makeValue(shape, index);
  return {
    topic: shape.topic,
    partition: index % shape.partitions,
    ...(shape.hasNulls && index % 11 === 0 ? {} : { key: Buffer.from(`key-${index % 1000}`) }),
    ...(value === undefined ? {} : { value }),
    ...(shape.hasHeaders
      ? {
          headers: new Map([
            [Buffer.from('trace'), randomBytes(8)],
            [Buffer.from('empty'), Buffer.alloc(0)],
          ]),
        }
      : {}),
  };
}

export async function createTopics(bootstrap: string[]): Promise<void> {
  const admin = new Admin({ clientId: 'demo-admin', bootstrapBrokers: bootstrap });
  try {
    for (const { topic, partitions } of topics)
      await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  } finally {
    await admin.close();
  }
}

/** Writers that go on through broker failures: a failed send is counted and the next one tried. */
export class Workload {
  readonly written = new Map<string, number>();
  readonly transactions: TransactionWriter;
  readonly #producer: Producer;
  #failedSends = 0;
  #isRunning = false;
  #writers: Promise<void>[] = [];

  constructor(bootstrap: string[]) {
    this.transactions = new TransactionWriter(bootstrap);
    this.#producer = new Producer({
      clientId: 'demo-producer',
      bootstrapBrokers: bootstrap,
      retries: 3,
      retryDelay: 200,
      connectTimeout: 2_000,
      timeout: 15_000,
    });
  }

  /** Writes every shape's records once, as fast as it goes. */
  async fill(onProgress: (done: number, total: number) => void): Promise<void> {
    const total = shapes.reduce((sum, shape) => sum + shape.records, 0);
    let done = 0;
    for (const shape of shapes) {
      for (let index = 0; index < shape.records; index += shape.recordsPerBatch * shape.partitions) {
        done += await this.#send(
          shape,
          index,
          Math.min(shape.recordsPerBatch * shape.partitions, shape.records - index),
        );
        onProgress(done, total);
      }
    }
  }

  /** Keeps writing small amounts to every topic until `stop`. */
  start(): void {
    this.#isRunning = true;
    this.#writers = shapes.map((shape) => this.#write(shape));
    this.transactions.start();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all([...this.#writers, this.transactions.stop()]);
    await this.#producer.close(true);
  }

  /** For a region that is gone: what was acknowledged counts, nothing else is waited for. */
  async abandon(): Promise<void> {
    this.#isRunning = false;
    this.transactions.abandon();
    await Promise.all(this.#writers);
    await this.#producer.close(true).catch(() => {});
  }

  /** Whether every topic has got records. */
  get isWrittenTo(): boolean {
    return this.written.size === shapes.length && this.transactions.written > 0;
  }

  get total(): number {
    return [...this.written.values()].reduce((sum, count) => sum + count, this.transactions.written);
  }

  get failedSends(): number {
    return this.#failedSends + this.transactions.failed;
  }

  async #write(shape: TopicShape): Promise<void> {
    let index = shape.records;
    while (this.#isRunning) {
      const count = Math.min(shape.recordsPerBatch, 50);
      try {
        await this.#send(shape, index, count);
      } catch {
        // The broker is down on purpose. What was acknowledged counts; the rest is tried again as new records.
        this.#failedSends += 1;
        await pause(300);
      }
      index += count;
      await pause(100);
    }
  }

  async #send(shape: TopicShape, index: number, count: number): Promise<number> {
    const messages = Array.from({ length: count }, (_, i) => messageOf(shape, index + i));
    await this.#producer.send({ messages, acks: ProduceAcks.ALL, compression: shape.compression });
    this.written.set(shape.topic, (this.written.get(shape.topic) ?? 0) + count);
    return count;
  }
}
