// Kafka's own command line programs as witnesses: what they print about a topic or a log segment owes nothing
// to our code. Their class names moved between 3.9 and 4.x.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { installKafka, type Region, runKafkaTool, type ToolResult } from '../../src/regions/index.ts';
import { waitFor } from './wait-for.ts';

const isOld = (region: Region) => region.kafkaVersion.startsWith('3.');
const dumpLogSegments = (region: Region) =>
  isOld(region) ? 'kafka.tools.DumpLogSegments' : 'org.apache.kafka.tools.DumpLogSegments';
const consoleProducer = (region: Region) =>
  isOld(region) ? 'kafka.tools.ConsoleProducer' : 'org.apache.kafka.tools.ConsoleProducer';

/** Runs one of Kafka's programs against a region and insists that it succeeds. */
export async function kafkaTool(
  region: Region,
  className: string,
  args: readonly string[],
  options: { stdin?: string; timeoutMs?: number } = {},
): Promise<ToolResult> {
  const installation = await installKafka({ version: region.kafkaVersion });
  const done = await runKafkaTool(installation, className, args, options);
  if (done.code !== 0)
    throw new Error(`${className} ${args.join(' ')} failed: ${done.stderr || done.stdout}`);
  return done;
}

export async function createTopic(
  region: Region,
  topic: string,
  options: {
    partitions?: number;
    replicationFactor?: number;
    configs?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  const { partitions = 1, replicationFactor = 1, configs = {} } = options;
  await kafkaTool(region, 'org.apache.kafka.tools.TopicCommand', [
    ...['--bootstrap-server', region.bootstrap.join(','), '--create', '--topic', topic],
    ...['--partitions', String(partitions), '--replication-factor', String(replicationFactor)],
    ...Object.entries(configs).flatMap(([name, value]) => ['--config', `${name}=${value}`]),
  ]);
}

/** Waits until every replica of the topic is in sync again. */
export async function waitUntilInSync(region: Region, topic: string): Promise<void> {
  let lagging = '';
  await waitFor(
    async () => {
      const done = await kafkaTool(region, 'org.apache.kafka.tools.TopicCommand', [
        ...['--bootstrap-server', region.bootstrap.join(','), '--describe', '--under-replicated-partitions'],
        ...['--topic', topic],
      ]);
      lagging = done.stdout.trim();
      return lagging === '';
    },
    { deadlineMs: 30_000, describe: () => `all replicas of ${topic} to be in sync; last seen: ${lagging}` },
  );
}

/** End offsets per partition, by Kafka's GetOffsetShell. */
export async function endOffsets(
  region: Region,
  topic: string,
  options: { timeoutMs?: number } = {},
): Promise<Map<number, bigint>> {
  const done = await kafkaTool(
    region,
    'org.apache.kafka.tools.GetOffsetShell',
    [...['--bootstrap-server', region.bootstrap.join(','), '--topic', topic, '--time', '-1']],
    options,
  );
  const ends = new Map<number, bigint>();
  for (const line of done.stdout.trim().split('\n')) {
    const [, partition, offset] = /^.*:(\d+):(\d+)$/.exec(line) ?? [];
    if (partition !== undefined && offset !== undefined) ends.set(Number(partition), BigInt(offset));
  }
  return ends;
}

/** Produces lines of `key:value` with the Java producer. */
export async function javaProduce(
  region: Region,
  topic: string,
  lines: readonly string[],
  properties: Readonly<Record<string, string>> = {},
): Promise<void> {
  const producerFlag = isOld(region) ? '--producer-property' : '--command-property';
  const readerFlag = isOld(region) ? '--property' : '--reader-property';
  await kafkaTool(
    region,
    consoleProducer(region),
    [
      ...['--bootstrap-server', region.bootstrap.join(','), '--topic', topic],
      ...[readerFlag, 'parse.key=true', readerFlag, 'key.separator=:'],
      ...Object.entries(properties).flatMap(([name, value]) => [producerFlag, `${name}=${value}`]),
    ],
    { stdin: `${lines.join('\n')}\n` },
  );
}

/** `count` records of a topic from its start as the Java consumer prints them: one line each. */
export async function javaConsume(region: Region, topic: string, count: number): Promise<string[]> {
  const flag = isOld(region) ? '--property' : '--formatter-property';
  const shown = [
    'print.partition',
    'print.offset',
    'print.timestamp',
    'print.headers',
    'print.key',
    'print.value',
  ];
  const done = await kafkaTool(region, 'org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', region.bootstrap.join(','), '--topic', topic, '--from-beginning'],
    ...['--max-messages', String(count), '--timeout-ms', '20000'],
    ...shown.flatMap((name) => [flag, `${name}=true`]),
  ]);
  return done.stdout.split('\n').filter((line) => line !== '');
}

/** What kafka-dump-log prints about a partition's log on the disk of one broker. */
export async function dumpLog(
  region: Region,
  topic: string,
  partition: number,
  options: { brokerIndex?: number; records?: boolean } = {},
): Promise<string> {
  const broker = region.brokers[options.brokerIndex ?? 0];
  if (!broker) throw new Error(`region ${region.name} has no broker number ${options.brokerIndex}`);
  const folder = path.join(broker.directory, 'data', `${topic}-${partition}`);
  if (!existsSync(folder)) throw new Error(`broker ${broker.id} has no log of ${topic}-${partition}`);
  const segments = (await readdir(folder)).filter((file) => file.endsWith('.log')).sort();
  const files = segments.map((file) => path.join(folder, file)).join(',');
  const print = options.records === false ? [] : ['--print-data-log'];
  return (await kafkaTool(region, dumpLogSegments(region), ['--files', files, ...print])).stdout;
}
