// What the tests of moving over need: a MirrorMaker 2 that can be killed, a source under load, and both logs as lists.
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Cluster, createTopics, describeGroups, unwrap } from '../../src/client/index.ts';
import { logsOf } from '../../src/migrate/seen-records.ts';
import { encodeBatch, type RecordView, readRecords } from '../../src/records/index.ts';
import { installKafka, type Region, spawnKafkaTool } from '../../src/regions/index.ts';
import { readLog } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { sendBatch } from '../support/send-batch.ts';
import { waitFor } from '../support/wait-for.ts';

export const deadlineMs = 90_000;

/** The file of connect-mirror-maker.sh for one flow; the brokers are alone, and offsets are committed every 2 s. */
export function mm2Properties(source: Region, destination: Region, lines: readonly string[] = []): string {
  const [from, to] = [source.name, destination.name];
  return [
    `clusters = ${from}, ${to}`,
    `${from}.bootstrap.servers = ${source.bootstrap.join(',')}`,
    `${to}.bootstrap.servers = ${destination.bootstrap.join(',')}`,
    `${from}->${to}.enabled = true`,
    `${to}->${from}.enabled = false`,
    `${to}->${from}.emit.heartbeats.enabled = false`,
    'tasks.max = 2',
    'refresh.topics.interval.seconds = 5',
    'sync.group.offsets.enabled = true',
    'replication.factor = 1',
    'checkpoints.topic.replication.factor = 1',
    'heartbeats.topic.replication.factor = 1',
    'offset-syncs.topic.replication.factor = 1',
    'offset.storage.replication.factor = 1',
    'status.storage.replication.factor = 1',
    'config.storage.replication.factor = 1',
    `${to}.offset.flush.interval.ms = 2000`,
    ...lines,
    '',
  ].join('\n');
}

export interface RunningMirrorMaker extends AsyncDisposable {
  /** What it printed last, for messages. */
  told(): string;
  /** SIGKILL: what it copied since it last wrote offsets down, it does not remember. */
  kill(): Promise<void>;
  /** SIGTERM: it writes down how far it is. */
  stop(): Promise<void>;
}

const logging = `status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
`;

/** The real one, of the same Kafka release. */
export async function startMirrorMaker(file: string): Promise<RunningMirrorMaker> {
  const installation = await installKafka({ version: '4.3.1' });
  const loggingFile = path.join(path.dirname(file), 'mm2-logging.properties');
  await writeFile(loggingFile, logging);
  const child = spawnKafkaTool(installation, 'org.apache.kafka.connect.mirror.MirrorMaker', [file], {
    jvmFlags: ['-Xmx512M', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${loggingFile}`],
  });
  const lines: string[] = [];
  const keep = (chunk: Buffer): void => {
    lines.push(...chunk.toString().split('\n'));
    lines.splice(0, lines.length - 60);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const end = (signal: NodeJS.Signals): Promise<void> => ended(child, signal);
  return {
    told: () => lines.join('\n'),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}

function ended(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.kill(signal);
  });
}

/** Kafka forgets a worker that was killed after its session time-out. */
export async function untilConnectIsEmpty(destination: Region, group: string): Promise<void> {
  const cluster = await Cluster.connect(configOf(destination));
  try {
    await waitFor(
      async () => unwrap((await describeGroups(cluster, [group])).get(group)!).members.length === 0,
      { deadlineMs, describe: `group ${group} to be empty`, pollMs: 300 },
    );
  } finally {
    cluster.close();
  }
}

export async function makeTopic(
  region: Region,
  name: string,
  partitionCount: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    const created = await createTopics(cluster, [{ name, partitionCount, replicationFactor: 1, configs }]);
    unwrap(created.get(name)!);
  } finally {
    cluster.close();
  }
}

/** Writes records with keys and headers, numbered on per partition. */
export class Load implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #counts: number[];
  #isStopped = true;
  #running: Promise<void> = Promise.resolve();

  private constructor(cluster: Cluster, topic: string, partitionCount: number) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#counts = Array.from({ length: partitionCount }, () => 0);
  }

  static async to(region: Region, topic: string, partitionCount: number): Promise<Load> {
    return new Load(await Cluster.connect(configOf(region)), topic, partitionCount);
  }

  /** How many were written, by partition. */
  get counts(): readonly number[] {
    return this.#counts;
  }

  async write(countEach: number): Promise<void> {
    for (const partition of this.#counts.keys()) await this.#append(partition, countEach);
  }

  start(countEach = 40): void {
    this.#isStopped = false;
    this.#running = (async () => {
      while (!this.#isStopped) {
        await this.write(countEach);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#cluster.close();
  }

  async #append(partition: number, count: number): Promise<void> {
    const topic = this.#topic;
    const first = this.#counts[partition]!;
    const now = BigInt(Date.now());
    const records = Array.from({ length: count }, (_, index) => ({
      ...{ offset: BigInt(index), timestamp: now },
      key: Buffer.from(`k${(first + index) % 7}`),
      value: Buffer.from(`${partition}/${first + index}`),
      headers: [{ key: Buffer.from('n'), value: Buffer.from(String(first + index)) }],
    }));
    await sendBatch(this.#cluster, topic, encodeBatch(records), { partition });
    this.#counts[partition] = first + count;
  }
}

export interface ListedRecord {
  readonly offset: number;
  readonly text: string;
}

/** What a read_committed consumer finds, as text: value, key and headers. */
export async function listLog(region: Region, topic: string, partition: number): Promise<ListedRecord[]> {
  const cluster = await Cluster.connect(configOf(region));
  const logs = logsOf(cluster);
  try {
    const { committed } = logs.of(topic, partition);
    const { logStartOffset, lastStableOffset } = await committed.offsets();
    const found: ListedRecord[] = [];
    for await (const { view, isAborted } of readLog(committed, logStartOffset, lastStableOffset)) {
      if (view.isControl || isAborted) continue;
      for (const { offset, key, value, headers, timestamp } of readRecords(view))
        found.push({
          offset: Number(offset),
          text: `${value} ${key} ${headers.map((header) => `${header.key}=${header.value}`)} ${timestamp}`,
        });
    }
    return found;
  } finally {
    logs.close();
    cluster.close();
  }
}

/** The high watermark of each partition. */
export async function endsOf(region: Region, topic: string, partitionCount: number): Promise<number[]> {
  const cluster = await Cluster.connect(configOf(region));
  const logs = logsOf(cluster);
  try {
    const ends: number[] = [];
    for (let partition = 0; partition < partitionCount; partition++)
      ends.push(Number((await logs.of(topic, partition).uncommitted.offsets()).highWatermark));
    return ends;
  } finally {
    logs.close();
    cluster.close();
  }
}

export interface CopyAs {
  readonly from: Region;
  readonly topic: string;
  readonly to: Region;
  readonly remote: string;
  /** Of the source, in the order in which they are copied. */
  readonly offsets: readonly number[] | 'all';
  /** Values of records of nobody's that follow. */
  readonly more: readonly string[];
}

/** Copies records of partition 0 as MirrorMaker 2 does, read_uncommitted and without markers, in batches of ten. */
export async function copyAs({ from, topic, to, remote, offsets, more }: CopyAs): Promise<void> {
  const [source, destination] = [await Cluster.connect(configOf(from)), await Cluster.connect(configOf(to))];
  const logs = logsOf(source);
  try {
    const { uncommitted } = logs.of(topic, 0);
    const { highWatermark } = await uncommitted.offsets();
    const found = new Map<number, RecordView>();
    for await (const { view } of readLog(uncommitted, 0n, highWatermark)) {
      if (view.isControl) continue;
      for (const { offset, key, value, headers, timestamp } of readRecords(view))
        found.set(Number(offset), {
          ...{ offset, timestamp },
          key: key && Buffer.from(key),
          value: value && Buffer.from(value),
          headers: headers.map((header) => ({
            key: Buffer.from(header.key),
            value: header.value && Buffer.from(header.value),
          })),
        });
    }
    const wanted = offsets === 'all' ? [...found.values()] : offsets.map((offset) => found.get(offset)!);
    const others = more.map((value) => ({
      ...{ offset: 0n, timestamp: BigInt(Date.now()), key: null, value: Buffer.from(value), headers: [] },
    }));
    const all = [...wanted, ...others];
    for (let at = 0; at < all.length; at += 10) {
      const records = all.slice(at, at + 10).map((record, index) => ({ ...record, offset: BigInt(index) }));
      await sendBatch(destination, remote, encodeBatch(records));
    }
  } finally {
    logs.close();
    source.close();
    destination.close();
  }
}
