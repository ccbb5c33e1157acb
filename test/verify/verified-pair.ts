// Two real regions, Kafka 4.3.1 and Kafka 3.9.2, with topics that are the same in both or not, for tests of the verifier.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { type PartitionVerdict, type VerifyTopicsOptions, verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { plainRecords } from './corruptions.ts';
import { append, batchesOf, makeTopic } from './kafka-copy.ts';

/** Regions that run during the tests of the calling file. `source` and `destination` are there from the first test on. */
export function useVerifiedPair() {
  const folder = useTemporaryFolder();
  const brokerConfig = { 'log.cleaner.backoff.ms': '200' };
  const regions = useRegions({
    'us-east': { brokerConfig },
    'eu-west': { kafkaVersion: '3.9.2', brokerConfig },
  });
  let source: Cluster;
  let destination: Cluster;

  beforeAll(async () => {
    source = await Cluster.connect(configOf(regions['us-east']));
    destination = await Cluster.connect(configOf(regions['eu-west']));
  });
  afterAll(() => {
    source?.close();
    destination?.close();
  });

  async function verify(
    topic: string,
    options: Partial<VerifyTopicsOptions> = {},
  ): Promise<PartitionVerdict[]> {
    const link = await verifyLink({
      source,
      destination,
      topics: [{ source: topic, destination: topic }],
      waitMsMax: 0,
      ...options,
    });
    return link.partitions;
  }

  /** The same records in a topic of each region, the destination's as `change` makes them. */
  async function copied(name: string, change: (batches: Buffer[]) => Buffer[]): Promise<string> {
    const topic = uniqueTopic(name);
    await Promise.all([makeTopic(source, topic), makeTopic(destination, topic)]);
    const records = plainRecords(24);
    await append(
      source,
      topic,
      [0, 8, 16].map((at) => encodeBatch(records.slice(at, at + 8), { compression: 'lz4' })),
    );
    await append(destination, topic, change(await batchesOf(source, topic)));
    return topic;
  }

  /** A lockstep.yaml with one link, us-to-eu; `options` are lines of the link. */
  async function topologyFile(name: string, topics: string[], options: string): Promise<string> {
    const file = path.join(folder.path, name);
    const addresses = (cluster: 'us-east' | 'eu-west') => JSON.stringify(regions[cluster].bootstrap);
    await writeFile(
      file,
      `version: 1
clusters:
  us-east: { bootstrap: ${addresses('us-east')} }
  eu-west: { bootstrap: ${addresses('eu-west')} }
links:
  us-to-eu:
    source: us-east
    destination: eu-west
    topics: [${topics.join(', ')}]
${options}`,
    );
    return file;
  }

  return {
    regions,
    verify,
    copied,
    topologyFile,
    get source(): Cluster {
      return source;
    },
    get destination(): Cluster {
      return destination;
    },
  };
}
