// The independent judge: Kafka's own Java consumer reads a topic on both sides and compares offset, timestamp, key,
// value and headers of every record, without a line of our verifier. And Kafka's Java producers as writers, so that
// our own client is not the only one.
//
//     const oracle = useOracle();                         // one JVM per test file, ended after it
//     test('...', async () => {
//       const workload = oracle.workload(regions.source); // see java-workload.ts
//       await workload.transaction({ producer: 'a', records: [{ topic, value: 'x' }], end: 'abort' });
//       await oracle.expectSame({ source: regions.source, destination: regions.destination, topic });
//       const { records } = await oracle.read({ region, topic, isolation: 'read_uncommitted' });
//       await oracle.createTopics(region, [{ name: topic, partitions: 2, configs: {} }]);
//       await oracle.deleteRecords(region, topic, { 0: 5 });  // partition 0 starts at 5 now
//       await oracle.ends(region, topic);  // start, last stable offset, high watermark of each partition
//     });
//
// expectSame takes the source's last stable offsets, waits until the destination is there (waitMs), and compares up
// to them. Options: partitions, shift (destination offset = source offset - shift), destinationTopic, isGrowing,
// startAtLater, isCompacted; see CompareOptions.
import { afterAll, beforeAll } from 'vitest';
import { type CompareOptions, JavaClients, type ReadLog } from './java-clients.ts';
import type { JavaWorkload } from './java-workload.ts';

export interface Oracle {
  /** Throws with the first difference of each partition. */
  expectSame(options: CompareOptions): Promise<{ records: number; bytes: number; partitions: number }>;
  compare: JavaClients['compare'];
  read(options: Parameters<JavaClients['read']>[0]): Promise<ReadLog>;
  workload(region: Parameters<JavaClients['workload']>[0]): JavaWorkload;
  /** Much faster than kafka-tools' createTopic, which starts a JVM. */
  createTopics: JavaClients['createTopics'];
  deleteRecords: JavaClients['deleteRecords'];
  ends: JavaClients['ends'];
}

/** Starts before the calling file's (or describe's) tests and ends after them. */
export function useOracle(): Oracle {
  let clients: JavaClients | null = null;
  beforeAll(async () => {
    clients = await JavaClients.start();
  });
  afterAll(() => clients?.[Symbol.asyncDispose]());
  const started = (): JavaClients => {
    if (clients === null) throw new Error('the oracle is used inside of tests only');
    return clients;
  };
  return {
    expectSame: (options) => expectSame(started(), options),
    compare: (options) => started().compare(options),
    read: (options) => started().read(options),
    workload: (region) => started().workload(region),
    createTopics: (region, topics) => started().createTopics(region, topics),
    ends: (region, topic) => started().ends(region, topic),
    deleteRecords: (region, topic, before) => started().deleteRecords(region, topic, before),
  };
}

async function expectSame(
  clients: JavaClients,
  options: CompareOptions,
): Promise<{ records: number; bytes: number; partitions: number }> {
  const compared = await clients.compare(options);
  const differences = compared.filter(({ difference }) => difference !== undefined);
  if (differences.length > 0) {
    const lines = differences.map(
      ({ partition, difference }) => `${options.topic}-${partition}: ${difference}`,
    );
    throw new Error(`Kafka's Java consumer sees a difference:\n${lines.join('\n')}`);
  }
  if (compared.length === 0) throw new Error(`${options.topic}: no partition was compared`);
  const sum = (of: 'records' | 'bytes'): number => compared.reduce((total, row) => total + (row[of] ?? 0), 0);
  return { records: sum('records'), bytes: sum('bytes'), partitions: compared.length };
}
