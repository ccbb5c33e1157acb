// Consumers of several makes that join a group, read so many records, commit and stop. None of them shares code with us.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Region } from '../../src/regions/index.ts';
import { runChild } from '../support/child-output.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { kcatIsInstalled } from '../support/kcat.ts';

export interface ConsumedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

export interface Reading {
  readonly region: Region;
  readonly topic: string;
  readonly group: string;
  readonly count: number;
  /** Who reads, and where, if not everybody over the region's first listener. */
  readonly login?: ConsumerLogin;
}

/** Settings of the Java client, and of librdkafka. */
export interface ConsumerLogin {
  readonly bootstrap: readonly string[];
  readonly java: Readonly<Record<string, string>>;
  readonly librdkafka: Readonly<Record<string, string>>;
}

export interface ConsumerMake {
  readonly name: string;
  /** Why it can't run here; null: it can. */
  readonly missing: string | null;
  /** Speaks KIP-848, which Kafka 4.0 and newer understand. */
  readonly isNewProtocol: boolean;
  read(reading: Reading): Promise<ConsumedRecord[]>;
}

/** Kafka's console consumer: when it stops it commits what it printed, no more. */
async function javaRead(
  { region, topic, group, count, login }: Reading,
  protocol: string,
): Promise<ConsumedRecord[]> {
  const isOld = region.kafkaVersion.startsWith('3.');
  const show = isOld ? '--property' : '--formatter-property';
  const client = isOld ? '--consumer-property' : '--command-property';
  const done = await kafkaTool(
    region,
    'org.apache.kafka.tools.consumer.ConsoleConsumer',
    [
      ...['--bootstrap-server', (login ?? region).bootstrap.join(','), '--topic', topic, '--group', group],
      ...['--max-messages', String(count), '--timeout-ms', '30000'],
      ...[client, 'auto.offset.reset=earliest', client, `group.protocol=${protocol}`],
      ...Object.entries(login?.java ?? {}).flatMap(([name, value]) => [client, `${name}=${value}`]),
      ...['print.partition', 'print.offset', 'print.value'].flatMap((name) => [show, `${name}=true`]),
    ],
    { timeoutMs: 90_000 },
  );
  return linesOf(done.stdout).map((line) => {
    const [, partition, offset, value] = /^Partition:(\d+)\tOffset:(\d+)\t(.*)$/.exec(line) ?? [];
    return { partition: Number(partition), offset: Number(offset), value: value ?? line };
  });
}

async function kcatRead({ region, topic, group, count, login }: Reading): Promise<ConsumedRecord[]> {
  const done = await runChild(
    'kcat',
    [
      ...['-b', (login ?? region).bootstrap.join(','), '-G', group, '-c', String(count), '-q'],
      ...['-f', '%p\\t%o\\t%s\\n', '-X', 'auto.offset.reset=earliest'],
      ...Object.entries(login?.librdkafka ?? {}).flatMap(([name, value]) => ['-X', `${name}=${value}`]),
      topic,
    ],
    { timeoutMs: 90_000 },
  );
  if (done.code !== 0) throw new Error(`kcat could not read ${topic}: ${done.stderr}`);
  return linesOf(done.stdout.toString('utf8')).map(tabbed);
}

const script = fileURLToPath(new URL('consume.py', import.meta.url));
const pythonFolder = fileURLToPath(new URL('../../.kafka/python/confluent-kafka', import.meta.url));

/** Makes the virtual environment once. Why it can't be made; null: it is there. */
async function installPython(): Promise<string | null> {
  if (existsSync(pythonFolder)) return null;
  const incoming = `${pythonFolder}.${process.pid}`;
  await mkdir(path.dirname(incoming), { recursive: true });
  const steps = [
    ['python3', '-m', 'venv', incoming],
    [path.join(incoming, 'bin', 'python'), '-m', 'pip', 'install', '-q', 'confluent-kafka'],
    [path.join(incoming, 'bin', 'python'), '-c', 'import confluent_kafka'],
  ];
  for (const [command, ...args] of steps) {
    const done = spawnSync(command!, args, { encoding: 'utf8', timeout: 120_000 });
    if (done.status === 0) continue;
    await rm(incoming, { recursive: true, force: true });
    return `confluent-kafka for Python can't be installed: ${done.error?.message ?? done.stderr.trim().slice(-200)}`;
  }
  // Whoever was faster made the same.
  await rename(incoming, pythonFolder).catch(() => rm(incoming, { recursive: true, force: true }));
  return null;
}

async function pythonRead(reading: Reading, protocol: string): Promise<ConsumedRecord[]> {
  const { region, topic, group, count, login } = reading;
  const python = path.join(pythonFolder, 'bin', 'python');
  const args = [script, (login ?? region).bootstrap.join(','), topic, group, String(count), protocol];
  if (login !== undefined) args.push(JSON.stringify(login.librdkafka));
  const done = await runChild(python, args, { timeoutMs: 90_000 });
  if (done.code !== 0) throw new Error(`confluent-kafka could not read ${topic}: ${done.stderr}`);
  return linesOf(done.stdout.toString('utf8')).map(tabbed);
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function tabbed(line: string): ConsumedRecord {
  const [partition, offset, value] = line.split('\t');
  return { partition: Number(partition), offset: Number(offset), value: value ?? '' };
}

const pythonMissing = await installPython();

export const consumerMakes: readonly ConsumerMake[] = [
  {
    name: "Kafka's Java console consumer",
    missing: null,
    isNewProtocol: false,
    read: (reading) => javaRead(reading, 'classic'),
  },
  {
    name: "Kafka's Java console consumer with group.protocol=consumer",
    missing: null,
    isNewProtocol: true,
    read: (reading) => javaRead(reading, 'consumer'),
  },
  {
    name: 'kcat',
    missing: kcatIsInstalled ? null : 'kcat is not installed',
    isNewProtocol: false,
    read: kcatRead,
  },
  {
    name: 'confluent-kafka for Python',
    missing: pythonMissing,
    isNewProtocol: false,
    read: (reading) => pythonRead(reading, 'classic'),
  },
  {
    name: 'confluent-kafka for Python with group.protocol=consumer',
    missing: pythonMissing,
    isNewProtocol: true,
    read: (reading) => pythonRead(reading, 'consumer'),
  },
];
