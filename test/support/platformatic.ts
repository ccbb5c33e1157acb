// @platformatic/kafka as an independent client: another implementation of the protocol in Node.js, used for
// steady producers and for reading records with their bytes as they are.
import { Consumer, MessagesStreamModes, ProduceAcks, Producer } from '@platformatic/kafka';

export type TestMessage = {
  readonly partition?: number;
  readonly key?: Buffer;
  readonly value?: Buffer;
  readonly headers?: ReadonlyMap<Buffer, Buffer>;
  readonly timestamp?: bigint;
};
export type ReadMessage = {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer])[];
};
type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Sends the messages in one call, acks=all. */
export async function platformaticProduce(options: {
  bootstrap: readonly string[];
  topic: string;
  messages: readonly TestMessage[];
  compression?: Compression;
  /** Brokers before 3.0 under KRaft know no producer ids. */
  idempotent?: boolean;
}): Promise<void> {
  const { bootstrap, topic, messages, compression = 'none', idempotent = true } = options;
  const producer = new Producer({ clientId: 'test-producer', bootstrapBrokers: [...bootstrap] });
  try {
    await producer.send({
      acks: ProduceAcks.ALL,
      // A batch that is sent again must not stand twice: tests count records.
      idempotent,
      compression,
      messages: messages.map(({ headers, ...message }) => ({
        topic,
        ...message,
        ...(headers && { headers: new Map(headers) }),
      })),
    });
  } finally {
    await producer.close(true);
  }
}

/** Reads `count` messages of a topic from its start, in the order of partition and offset. */
export async function platformaticConsume(options: {
  bootstrap: readonly string[];
  topic: string;
  count: number;
  deadlineMs?: number;
}): Promise<ReadMessage[]> {
  const { bootstrap, topic, count, deadlineMs = 30_000 } = options;
  const groupId = `test-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const consumer = new Consumer({ clientId: 'test-consumer', groupId, bootstrapBrokers: [...bootstrap] });
  const read: ReadMessage[] = [];
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      autocommit: false,
      maxWaitTime: 200,
    });
    const timer = setTimeout(() => {
      stream.destroy(new Error(`read ${read.length} of ${count} messages of ${topic} in ${deadlineMs} ms`));
    }, deadlineMs);
    try {
      for await (const message of count > 0 ? stream : []) {
        const { partition, offset, timestamp, headers } = message;
        // The client gives empty and null both as they are on the wire.
        read.push({
          partition,
          offset,
          timestamp,
          key: message.key,
          value: message.value,
          headers: [...headers],
        });
        if (read.length >= count) break;
      }
    } finally {
      clearTimeout(timer);
    }
  } finally {
    await consumer.close(true);
  }
  return read.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}
