// The stage of a throughput shape: a source of one broker with topics that every contestant mirrors, and one or several
// destinations, all on this machine.
import path from 'node:path';
import { installKafka, type KafkaInstallation, type Region } from '../src/regions/index.ts';
import { Offsets } from './offsets.ts';
import { benchRegion, flushLog, logBytes, waitForDeletions } from './regions.ts';
import { type Workload, writeLog } from './write-log.ts';

export interface StageOptions {
  /** How many destinations there are; default 1. */
  readonly destinations?: number;
  /** Brokers of each destination; default 1. */
  readonly brokers?: number;
  /** Contestants speak TLS with every broker. */
  readonly tls?: boolean;
}

/** A topic of the source that is to be mirrored. */
export interface Log extends Workload {
  readonly topic: string;
  /** Without transaction markers. */
  readonly records: number;
  /** End offset of each partition. */
  readonly ends: ReadonlyMap<number, bigint>;
  /** Bytes of the source's log: what there is to mirror. */
  readonly bytes: number;
}

export interface Stage {
  readonly directory: string;
  readonly installation: KafkaInstallation;
  readonly tls: boolean;
  readonly source: Region;
  readonly destinations: readonly Region[];
  /** Asks each destination, in their order. */
  readonly destinationOffsets: readonly Offsets[];
  /** Creates a topic in the source and fills it. */
  write(topic: string, workload: Workload & { readonly bytes: number }): Promise<Log>;
  close(): Promise<void>;
}

/** Written to each destination first, replicated where it has several brokers, so that no contestant meets cold ones. */
const warmUp: Workload & { readonly bytes: number } = {
  ...{ partitions: 8, recordBytes: 1024, batchBytes: 131_072, compression: 'none', markerEveryRecords: null },
  bytes: 800e6,
};

export async function setStage(
  { destinations: destinationCount = 1, brokers = 1, tls = false }: StageOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Stage> {
  const installation = await installKafka({
    version: '4.3.1',
    onProgress: ({ step, message }) => say(`${step}: ${message}`),
  });
  const make = (name: string, count: number) =>
    benchRegion({ name, directory: path.join(directory, name), brokers: count, tls });
  const source = await make('us-east', 1);
  const destinations: Region[] = [];
  for (let index = 1; index <= destinationCount; index++)
    destinations.push(await make(index === 1 ? 'eu-west' : `eu-west-${index}`, brokers));
  const regions = [source, ...destinations];
  const clients: Offsets[] = [];
  const close = async () => {
    await Promise.allSettled(clients.map((client) => client.close()));
    await Promise.allSettled(regions.map((region) => region.destroy()));
  };
  try {
    say(`starting ${regions.map(({ name }) => name).join(', ')} (Kafka 4.3.1)`);
    await Promise.all(regions.map((region) => region.start()));
    for (const { bootstrap } of regions) clients.push(new Offsets(bootstrap));
    const [sourceOffsets, ...destinationOffsets] = clients;
    for (const [index, destination] of destinations.entries()) {
      await destinationOffsets[index]!.createTopic('warm-up', warmUp.partitions, brokers);
      await writeLog(destination, 'warm-up', warmUp);
      await destinationOffsets[index]!.deleteTopics(['warm-up']);
    }
    await waitForDeletions(destinations);
    return {
      ...{ directory, installation, tls, source, destinations, destinationOffsets, close },
      async write(topic, workload) {
        say(`writing ${(workload.bytes / 1e9).toFixed(1)} GB into ${topic} of us-east`);
        await sourceOffsets!.createTopic(topic, workload.partitions);
        const { records } = await writeLog(source, topic, workload);
        await flushLog(source, topic);
        const ends = (await sourceOffsets!.ends(topic, workload.partitions)) ?? new Map<number, bigint>();
        const { bytes: _wanted, ...rest } = workload;
        return { ...rest, topic, records, ends, bytes: await logBytes(source, topic) };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
