// A producer of live records, in a process of its own: node bench/live-producer.ts BOOTSTRAP TOPIC PARTITIONS PER_SECOND BYTES
//
// An ordinary client that waits for nothing (no linger), with acks=all. Records go to the partitions in turn, as many a
// second as asked for. Timestamps are whole milliseconds, so each value begins with the machine's monotonic clock in
// nanoseconds, read at the same moment: 8 bytes, which every process here can compare with its own.
//
// It ends with its standard input.
import { ProduceAcks, Producer, stringSerializers } from '@platformatic/kafka';

const [bootstrap, topic, partitions, perSecond, recordBytes] = process.argv.slice(2) as [
  string,
  string,
  ...string[],
];
const [partitionCount, recordsPerSecond, bytes] = [partitions, perSecond, recordBytes].map(Number) as [
  number,
  number,
  number,
];
/** Timers are no finer. */
const tickMs = 1;

const producer = new Producer<string, Buffer, string, string>({
  clientId: 'bench-live',
  bootstrapBrokers: bootstrap.split(','),
  serializers: { ...stringSerializers, value: (value?: Buffer) => value },
  maxInflights: 100,
});
let sentCount = 0;
let failed: unknown = null;
const beganAt = performance.now();
const timer = setInterval(() => {
  if (failed !== null) throw failed;
  const due = Math.floor(((performance.now() - beganAt) * recordsPerSecond) / 1000) - sentCount;
  if (due <= 0) return;
  const messages = Array.from({ length: due }, (_, index) => {
    const value = Buffer.alloc(bytes, 'l');
    value.writeBigInt64BE(process.hrtime.bigint(), 0);
    const partition = (sentCount + index) % partitionCount;
    return { topic, partition, value, timestamp: BigInt(Date.now()) };
  });
  sentCount += due;
  producer.send({ messages, acks: ProduceAcks.ALL }).catch((error: unknown) => {
    failed = error;
  });
}, tickMs);
process.stdin.resume();
process.stdin.on('end', () => {
  clearInterval(timer);
  void producer.close(true).finally(() => process.exit());
});
