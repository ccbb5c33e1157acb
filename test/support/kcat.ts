// kcat (librdkafka) as an independent client: it shares no code with us nor with Kafka's Java client.
import { spawnSync } from 'node:child_process';
import { runChild } from './child-output.ts';

/** One record as kcat prints it. */
export type KcatRecord = {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  /** name=value pairs, flat as kcat gives them: [name, value, name, value]. */
  readonly headers: readonly string[];
};

export const kcatIsInstalled = spawnSync('kcat', ['-V']).status === 0;

/** Produces records of `key:value` text, acks=all. `config` are librdkafka settings such as compression.codec. */
export async function kcatProduce(options: {
  bootstrap: readonly string[];
  topic: string;
  records: readonly { key: string; value: string }[];
  partition?: number;
  headers?: Readonly<Record<string, string>>;
  config?: Readonly<Record<string, string>>;
}): Promise<void> {
  const { bootstrap, topic, records, partition, headers = {}, config = {} } = options;
  const args = [
    '-P',
    '-b',
    bootstrap.join(','),
    '-t',
    topic,
    '-K',
    '\u0001',
    '-D',
    '\u0002',
    ...settings({ acks: 'all', ...config }),
  ];
  if (partition !== undefined) args.push('-p', String(partition));
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}=${value}`);
  const stdin = records.map(({ key, value }) => `${key}\u0001${value}`).join('\u0002');
  const done = await runChild('kcat', args, { stdin });
  if (done.code !== 0) throw new Error(`kcat could not produce to ${topic}: ${done.stderr}`);
}

/** Everything in a topic (or one partition) from its start to its present end. */
export async function kcatConsume(options: {
  bootstrap: readonly string[];
  topic: string;
  partition?: number;
  config?: Readonly<Record<string, string>>;
}): Promise<KcatRecord[]> {
  const { bootstrap, topic, partition, config = {} } = options;
  const args = [
    '-C',
    '-J',
    '-e',
    '-q',
    '-o',
    'beginning',
    '-b',
    bootstrap.join(','),
    '-t',
    topic,
    ...settings(config),
  ];
  if (partition !== undefined) args.push('-p', String(partition));
  const done = await runChild('kcat', args, { timeoutMs: 60_000 });
  if (done.code !== 0) throw new Error(`kcat could not read ${topic}: ${done.stderr}`);
  const lines = done.stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map(parseLine).sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function parseLine(line: string): KcatRecord {
  const record = JSON.parse(line) as {
    partition: number;
    offset: number;
    ts?: number;
    key: string | null;
    payload: string | null;
    headers?: string[];
  };
  return {
    partition: record.partition,
    offset: record.offset,
    timestampMs: record.ts ?? -1,
    key: record.key,
    value: record.payload,
    headers: record.headers ?? [],
  };
}

function settings(config: Readonly<Record<string, string>>): string[] {
  return Object.entries(config).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
}
