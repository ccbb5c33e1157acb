// The stage of the benchmark: two real one-broker regions set up as production brokers are, and the data that
// every contestant mirrors, written once by Kafka's own ProducerPerformance.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { LockstepError } from '../src/errors.ts';
import {
  createRegion,
  installKafka,
  type KafkaInstallation,
  type Region,
  runKafkaTool,
} from '../src/regions/index.ts';
import { Offsets } from './offsets.ts';
import type { BenchOptions } from './options.ts';

export const topic = 'bench';

export type Stage = {
  readonly directory: string;
  readonly installation: KafkaInstallation;
  readonly source: Region;
  readonly destination: Region;
  readonly sourceOffsets: Offsets;
  readonly destinationOffsets: Offsets;
  /** End offset of each partition of the source. */
  readonly ends: ReadonlyMap<number, bigint>;
  /** Bytes of the source's log: what there is to mirror. */
  readonly logBytes: number;
  close(): Promise<void>;
};

const produceMsMax = 20 * 60_000;
/** Records sent to a scratch topic of the destination first, so that no contestant meets a cold broker. */
const warmUpRecords = 200_000;

/** As much as a broker for this load needs; the page cache does the rest. */
const brokerHeapMb = 1024;
const brokerConfig = {
  // Kafka's own values, where our test regions set smaller or shorter ones.
  'num.network.threads': '3',
  'num.io.threads': '8',
  'broker.session.timeout.ms': '9000',
  'broker.heartbeat.interval.ms': '2000',
  // Deleted topics free the disk at once.
  'file.delete.delay.ms': '1000',
};

export async function setStage(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Stage> {
  const installation = await installKafka({
    version: '4.3.1',
    onProgress: ({ step, message }) => say(`${step}: ${message}`),
  });
  const make = (name: string) =>
    createRegion({
      name,
      directory: path.join(directory, name),
      heapMb: brokerHeapMb,
      jvm: 'throughput',
      brokerConfig,
    });
  const [source, destination] = [await make('us-east'), await make('eu-west')];
  say('starting us-east and eu-west (Kafka 4.3.1, one broker each)');
  await Promise.all([source.start(), destination.start()]);
  const [sourceOffsets, destinationOffsets] = [
    new Offsets(source.bootstrap),
    new Offsets(destination.bootstrap),
  ];
  await sourceOffsets.createTopic(topic, options.partitions);
  await destinationOffsets.createTopic('warm-up', options.partitions);
  const { recordCount, recordBytes, batchBytes, partitions } = options;
  const mib = Math.round((recordCount * recordBytes) / 2 ** 20);
  say(
    `writing ${recordCount} records of ${recordBytes} B (${mib} MiB) into ${partitions} partitions of us-east`,
  );
  await produce(installation, source, topic, recordCount, recordBytes, batchBytes);
  await produce(installation, destination, 'warm-up', warmUpRecords, 1024, batchBytes);
  await destinationOffsets.deleteTopic('warm-up');
  return {
    directory,
    installation,
    source,
    destination,
    sourceOffsets,
    destinationOffsets,
    ends: (await sourceOffsets.ends(topic, partitions)) ?? new Map(),
    logBytes: await logBytes(source, topic),
    close: async () => {
      await Promise.allSettled([sourceOffsets.close(), destinationOffsets.close()]);
      await Promise.all([source.destroy(), destination.destroy()]);
    },
  };
}

/** Bytes of a topic's log segments on the disk of a one-broker region. */
export async function logBytes(region: Region, name: string): Promise<number> {
  const data = path.join(region.directory, 'broker-1', 'data');
  let total = 0;
  for (const folder of await readdir(data)) {
    if (folder.replace(/-\d+$/, '') !== name || !/-\d+$/.test(folder)) continue;
    for (const file of await readdir(path.join(data, folder))) {
      if (file.endsWith('.log')) total += (await stat(path.join(data, folder, file))).size;
    }
  }
  return total;
}

async function produce(
  installation: KafkaInstallation,
  region: Region,
  name: string,
  recordCount: number,
  recordBytes: number,
  batchBytes: number,
): Promise<void> {
  const done = await runKafkaTool(
    installation,
    'org.apache.kafka.tools.ProducerPerformance',
    [
      ...['--topic', name, '--num-records', String(recordCount), '--record-size', String(recordBytes)],
      ...['--throughput', '-1', '--command-property', `bootstrap.servers=${region.bootstrap.join(',')}`],
      ...['acks=1', `batch.size=${batchBytes}`, 'linger.ms=100'],
    ],
    { timeoutMs: produceMsMax, jvmFlags: ['-Xmx512m'] },
  );
  if (done.code !== 0) {
    throw new LockstepError(
      'REGION_FAILED',
      `ProducerPerformance failed: ${(done.stderr || done.stdout).slice(0, 1000)}`,
    );
  }
}
