// Clients that live through a move, each a process of its own that finds the region by a name: Kafka's Java clients, kcat
// and confluent-kafka. None of them shares code with us.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installKafka, type Region, spawnKafkaTool, type WrapCommand } from '../../src/regions/index.ts';
import type { ConsumedRecord } from '../groups/consumers.ts';

export interface MovingConsumer extends AsyncDisposable {
  readonly name: string;
  readonly group: string;
  readonly records: readonly ConsumedRecord[];
  /** How often it ended by itself and was started anew, as a supervisor does. */
  restarts(): number;
  /** What it said besides, newest last. */
  words(): string;
}

export interface MovingProducer extends AsyncDisposable {
  readonly name: string;
  /** Values that were acknowledged; null where the client does not tell. */
  readonly acknowledged: readonly string[] | null;
  write(values: readonly string[]): void;
  words(): string;
}

interface Where {
  /** name:port */
  readonly bootstrap: string;
  readonly topic: string;
  readonly wrap: WrapCommand;
}

const script = fileURLToPath(new URL('moving_client.py', import.meta.url));
const python = fileURLToPath(new URL('../../.kafka/python/confluent-kafka/bin/python', import.meta.url));

/** Kafka's console consumer, of the region's version; it commits every second and when it is stopped. */
export async function javaConsumer(
  region: Region,
  { bootstrap, topic, wrap }: Where,
  options: { group: string; protocol: 'classic' | 'consumer'; settings?: Readonly<Record<string, string>> },
): Promise<MovingConsumer> {
  const { group, protocol, settings = {} } = options;
  const installation = await installKafka({ version: region.kafkaVersion });
  const all = {
    ...{ 'auto.offset.reset': 'earliest', 'auto.commit.interval.ms': '1000', 'group.protocol': protocol },
    ...settings,
  };
  const args = [
    ...['--bootstrap-server', bootstrap, '--topic', topic, '--group', group],
    ...Object.entries(all).flatMap(([key, value]) => ['--command-property', `${key}=${value}`]),
    ...['print.partition', 'print.offset', 'print.value'].flatMap((key) => [
      '--formatter-property',
      `${key}=true`,
    ]),
  ];
  const tool = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
  const run = () => spawnKafkaTool(installation, tool, args, { wrap });
  return consumer(run, { name: `Java, group.protocol=${protocol}`, group }, (line) => {
    const [, partition, offset, value] = /^Partition:(\d+)\tOffset:(\d+)\t(.*)$/.exec(line) ?? [];
    return value === undefined ? null : { partition: Number(partition), offset: Number(offset), value };
  });
}

/** `-E`: it ends itself when no broker is left, unless it is told not to. */
export function kcatConsumer({ bootstrap, topic, wrap }: Where, group: string): MovingConsumer {
  const settings = { 'auto.offset.reset': 'earliest', 'auto.commit.interval.ms': '1000' };
  const args = ['-b', bootstrap, '-E', '-G', group, '-u', '-f', '%p\\t%o\\t%s\\n'];
  const run = () => start(wrap, 'kcat', [...args, ...librdkafka(settings), topic]);
  return consumer(run, { name: 'kcat', group }, tabbed);
}

export function pythonConsumer(
  { bootstrap, topic, wrap }: Where,
  group: string,
  protocol: string,
): MovingConsumer {
  const settings = { 'bootstrap.servers': bootstrap, 'group.id': group, 'group.protocol': protocol };
  const run = () => start(wrap, python, [script, 'consume', topic, JSON.stringify(settings)]);
  return consumer(run, { name: `confluent-kafka, group.protocol=${protocol}`, group }, tabbed);
}

/**
 * kcat reads its input to the end before it sends anything: so there is one for each of so many writes, all connected from
 * the beginning.
 */
export function kcatProducer({ bootstrap, topic, wrap }: Where, writeCount: number): MovingProducer {
  const settings = librdkafka({ 'enable.idempotence': 'true' });
  const args = ['-b', bootstrap, '-E', '-P', '-t', topic, ...settings];
  const all = Array.from({ length: writeCount }, () => producer(start(wrap, 'kcat', args), 'kcat', null));
  let next = 0;
  return {
    ...all[0]!,
    words: () => all.map(({ words }) => words()).join(''),
    write: (values) => {
      const one = all[next++]!;
      one.write(values);
      one.end();
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of all) await one[Symbol.asyncDispose]();
    },
  };
}

export function pythonProducer(
  { bootstrap, topic, wrap }: Where,
  more: Readonly<Record<string, unknown>> = {},
): MovingProducer {
  const settings = { 'bootstrap.servers': bootstrap, 'enable.idempotence': true, ...more };
  const child = start(wrap, python, [script, 'produce', topic, JSON.stringify(settings)]);
  return producer(child, 'confluent-kafka', (line) => tabbed(line)?.value ?? null);
}

function librdkafka(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([key, value]) => ['-X', `${key}=${value}`]);
}

function start(wrap: WrapCommand, command: string, args: readonly string[]): ChildProcess {
  return spawn(...wrap(command, args), { stdio: 'pipe' });
}

function tabbed(line: string): ConsumedRecord | null {
  const [partition, offset, value] = line.split('\t');
  return /^\d+$/.test(partition ?? '') && value !== undefined
    ? { partition: Number(partition), offset: Number(offset), value }
    : null;
}

function consumer(
  run: () => ChildProcess,
  about: { readonly name: string; readonly group: string },
  parse: (line: string) => ConsumedRecord | null,
): MovingConsumer {
  const records: ConsumedRecord[] = [];
  const said: (() => string)[] = [];
  let child: ChildProcess;
  let isOver = false;
  const begin = (): void => {
    child = run();
    said.push(
      listen(child, (line) => {
        const record = parse(line);
        if (record !== null) records.push(record);
      }),
    );
    child.once('exit', () => {
      if (!isOver && said.length < 5) begin();
    });
  };
  begin();
  return {
    ...{ ...about, records },
    restarts: () => said.length - 1,
    words: () => said.map((words) => words()).join('\n--\n'),
    [Symbol.asyncDispose]: () => {
      isOver = true;
      return end(child);
    },
  };
}

function producer(
  child: ChildProcess,
  name: string,
  parse: ((line: string) => string | null) | null,
): MovingProducer & { end(): void } {
  const acknowledged: string[] = [];
  const words = listen(child, (line) => {
    const value = parse?.(line) ?? null;
    if (value !== null) acknowledged.push(value);
  });
  return {
    ...{ name, words },
    acknowledged: parse === null ? null : acknowledged,
    write: (values) => child.stdin?.write(values.map((value) => `${value}\n`).join('')),
    end: () => child.stdin?.end(),
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** Lines of stdout as they come; what is not a record, and stderr, are words. */
function listen(child: ChildProcess, onLine: (line: string) => void): () => string {
  let words = '';
  let rest = '';
  child.stdin?.on('error', () => {});
  child.stdout?.on('data', (bytes) => {
    const lines = `${rest}${bytes}`.split('\n');
    rest = lines.pop()!;
    lines.forEach(onLine);
  });
  child.stderr?.on('data', (bytes) => {
    words = `${words}${bytes}`.slice(-3_000);
  });
  return () => words;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
