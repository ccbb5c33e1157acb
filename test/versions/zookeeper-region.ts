// A region as it was before KRaft: one ZooKeeper and one broker. Only for sources older than the regions of
// src/regions can be (2.8 is the first version with KRaft); both end with the test.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Cluster } from '../../src/client/index.ts';
import { findFreePort, installKafka, spawnKafkaTool } from '../../src/regions/index.ts';
import { waitFor } from '../support/wait-for.ts';

export interface ZooKeeperRegion {
  readonly name: string;
  readonly bootstrap: readonly string[];
  /** Kills both processes and removes the folder. */
  destroy(): Promise<void>;
}

/** Starts both and waits until the broker serves. */
export async function startZooKeeperRegion(options: {
  name: string;
  kafkaVersion: string;
  directory: string;
  brokerConfig?: Readonly<Record<string, string>>;
}): Promise<ZooKeeperRegion> {
  const { name, kafkaVersion, directory, brokerConfig } = options;
  const installation = await installKafka({ version: kafkaVersion });
  const [zooKeeperPort, port] = [await findFreePort(), await findFreePort()];
  await mkdir(directory, { recursive: true });
  const file = async (fileName: string, settings: Readonly<Record<string, string>>) => {
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(path.join(directory, fileName), lines.join(''));
    return path.join(directory, fileName);
  };
  const zooKeeper = await file('zookeeper.properties', {
    dataDir: path.join(directory, 'zookeeper'),
    clientPort: String(zooKeeperPort),
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': 'false',
  });
  const broker = await file('server.properties', {
    'broker.id': '1',
    'zookeeper.connect': `127.0.0.1:${zooKeeperPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': path.join(directory, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'log.cleaner.dedupe.buffer.size': String(16 * 1024 * 1024),
    ...brokerConfig,
  });
  const children = [
    spawnKafkaTool(installation, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', [zooKeeper]),
    spawnKafkaTool(installation, 'kafka.Kafka', [broker]),
  ];
  let lastWords = '';
  for (const child of children)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        lastWords = (lastWords + text).slice(-2000);
      });
  const destroy = async () => {
    const ended = children.map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ended);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await waitFor(async () => (await brokerIds(port)).includes(1), {
      deadlineMs: 60_000,
      describe: () => `Kafka ${kafkaVersion} with ZooKeeper to serve; it says: ${lastWords}`,
    });
  } catch (error) {
    await destroy();
    throw error;
  }
  return { name, bootstrap: [`127.0.0.1:${port}`], destroy };
}

/** A broker lists itself once it is in service. */
async function brokerIds(port: number): Promise<number[]> {
  const cluster = await Cluster.connect({ name: 'starting', bootstrap: [{ host: '127.0.0.1', port }] });
  try {
    return cluster.brokers.map(({ id }) => id);
  } finally {
    cluster.close();
  }
}
