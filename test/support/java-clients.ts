// Kafka's own Java clients for tests and for the soak: one JVM that runs test/oracle/java and is spoken to in lines
// of JSON. Its sources are compiled once per content and Kafka version, and kept beside Kafka's jars.
// In tests see read-committed-oracle.ts; elsewhere:
//
//     await using clients = await JavaClients.start();
//     const verdict = await clients.compare({ source, destination, topic: 'orders' });
//     const workload = clients.workload(source);
import type { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import {
  defaultKafkaVersion,
  installKafka,
  type KafkaInstallation,
  spawnKafkaTool,
  type WrapCommand,
} from '../../src/regions/index.ts';
import { runChild } from './child-output.ts';
import { JavaWorkload } from './java-workload.ts';
import { waitFor } from './wait-for.ts';

/** A region of the test, or any cluster by its addresses. */
export interface JavaSide {
  readonly bootstrap: readonly string[];
  /** Properties of the Java client, for example its security. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface CompareOptions {
  readonly source: JavaSide;
  readonly destination: JavaSide;
  readonly topic: string;
  /** The topic's name at the destination, where it is another one. */
  readonly destinationTopic?: string;
  /** All of the source's by default. */
  readonly partitions?: readonly number[];
  /** Destination offset = source offset - shift; 0 by default. */
  readonly shift?: bigint;
  /** How long the destination may take to arrive at the source's last stable offset; 30 s by default. */
  readonly waitMs?: number;
  /** The source is being written to: what the destination holds beyond the cut is no difference. */
  readonly isGrowing?: boolean;
  /** Retention runs on both sides: only what both still hold is compared. */
  readonly startAtLater?: boolean;
  /** The cleaner runs on both sides: a record may be on one side only where a newer one of its key supersedes it. */
  readonly isCompacted?: boolean;
  /** read_committed by default. */
  readonly isolation?: Isolation;
}
export type Isolation = 'read_committed' | 'read_uncommitted';

/** What was compared of one partition; `difference` names the first one. */
export interface ComparedPartition {
  readonly partition: number;
  readonly sourceStart?: number;
  readonly sourceEnd?: number;
  readonly destinationStart?: number;
  readonly destinationEnd?: number;
  readonly records: number;
  readonly bytes?: number;
  /** Runs of offsets without a record for this consumer, and how many offsets they are. */
  readonly holes?: number;
  readonly holeOffsets?: number;
  /** With isCompacted: superseded records and tombstones that one side only still has. */
  readonly oneSided?: number;
  readonly difference?: string;
}

export interface JavaTopic {
  readonly name: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface JavaEnds {
  readonly partition: number;
  readonly start: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
}

export interface JavaRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [string, Buffer | null])[];
}

export interface ReadLog {
  readonly start: number;
  /** The last stable offset for read_committed, the high watermark for read_uncommitted. */
  readonly end: number;
  readonly records: readonly JavaRecord[];
}

const sources = path.resolve(import.meta.dirname, '..', 'oracle', 'java');
/** Both sides' fetched records, at most a few MiB each, and producers; a 10 MiB record fits. */
const jvmFlags = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const commandWaitMs = 180_000;

export class JavaClients implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly #waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  #nextId = 1;
  #lastWords = '';

  private constructor(child: ReturnType<typeof spawnKafkaTool>) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#onLine(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-4000);
    });
    child.stdin.on('error', () => {});
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the JVM of the Java clients ended: ${this.#lastWords}`));
      this.#waiting.clear();
    });
  }

  static async start(options: { readonly wrap?: WrapCommand } = {}): Promise<JavaClients> {
    const installation = await installKafka({ version: defaultKafkaVersion });
    const classes = await compile(installation);
    // Behind Kafka's jars: the JVM's shared archive wants the path it was made with in front.
    const classPath = `${installation.classPath}${path.delimiter}${classes}`;
    return new JavaClients(
      spawnKafkaTool({ ...installation, classPath }, 'Main', [], { jvmFlags, ...options }),
    );
  }

  /** Compares a topic on both sides as a consumer sees it; differences are answers, not errors. */
  async compare(options: CompareOptions): Promise<readonly ComparedPartition[]> {
    const { source, destination, topic, destinationTopic = topic, shift, ...rest } = options;
    const answer = await this.call('compare', {
      ...rest,
      shift: Number(shift ?? 0n),
      source: sideOf(source, topic),
      destination: sideOf(destination, destinationTopic),
    });
    return (answer as { partitions: ComparedPartition[] }).partitions;
  }

  /** Records of one partition, at most `recordsMax` (10 000). */
  async read(options: {
    readonly region: JavaSide;
    readonly topic: string;
    readonly partition?: number;
    readonly isolation: Isolation;
    readonly from?: number;
    readonly recordsMax?: number;
  }): Promise<ReadLog> {
    const { region, topic, ...rest } = options;
    const answer = (await this.call('read', { ...rest, side: sideOf(region, topic) })) as {
      start: number;
      end: number;
      records: (Omit<JavaRecord, 'key' | 'value' | 'headers'> & {
        key: string | null;
        value: string | null;
        headers: [string, string | null][];
      })[];
    };
    const bytes = (base64: string | null): Buffer | null =>
      base64 === null ? null : Buffer.from(base64, 'base64');
    const records = answer.records.map((record) => ({
      ...record,
      key: bytes(record.key),
      value: bytes(record.value),
      headers: record.headers.map(([name, value]) => [name, bytes(value)] as const),
    }));
    return { ...answer, records };
  }

  /** Creates topics at once; a tenth of the time that one of Kafka's command line tools takes for each. */
  async createTopics(region: JavaSide, topics: readonly JavaTopic[]): Promise<void> {
    await this.call('createTopics', { ...clientOf(region), topics });
    // A producer that meets a partition before its leader leads can be long in finding it.
    for (const { name, partitions = 1 } of topics) {
      await waitFor(
        async () => {
          try {
            return (await this.ends(region, name)).length === partitions;
          } catch {
            return false;
          }
        },
        { deadlineMs: 30_000, describe: `every partition of ${name} to be led` },
      );
    }
  }

  /** Where each partition starts and ends; empty where the topic does not exist. */
  async ends(region: JavaSide, topic: string): Promise<readonly JavaEnds[]> {
    return (await this.call('ends', { ...clientOf(region), topic })) as JavaEnds[];
  }

  /** Records below these offsets (by partition; -1 is the end) are gone from the log's start; answers with the new starts. */
  async deleteRecords(
    region: JavaSide,
    topic: string,
    before: Readonly<Record<number, number>>,
  ): Promise<Readonly<Record<number, number>>> {
    const answer = await this.call('deleteRecords', { ...clientOf(region), topic, before });
    return answer as Record<number, number>;
  }

  /** Java producers that write to that region. */
  workload(region: JavaSide): JavaWorkload {
    return new JavaWorkload((command, request: { properties?: JavaSide['properties'] }) => {
      const properties = { ...region.properties, ...request.properties };
      return this.call(command, { ...request, ...clientOf({ bootstrap: region.bootstrap, properties }) });
    });
  }

  /** One command of test/oracle/java/Main.java. Throws what Kafka's client threw, or after three minutes. */
  call(command: string, request: object): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          settle(reject)(new Error(`the Java clients did not finish '${command}' in ${commandWaitMs} ms`)),
        commandWaitMs,
      );
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          then(value);
        };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        return settle(reject)(new Error(`the JVM of the Java clients has ended: ${this.#lastWords}`));
      this.#child.stdin?.write(`${JSON.stringify({ id, command, ...request })}\n`);
    });
  }

  #onLine(line: string): void {
    const reply = JSON.parse(line) as { id: number; answer?: unknown; error?: string };
    const waiting = this.#waiting.get(reply.id);
    if (reply.error === undefined) waiting?.resolve(reply.answer);
    else waiting?.reject(new Error(reply.error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

function clientOf(side: JavaSide): object {
  return {
    bootstrap: side.bootstrap.join(','),
    ...(side.properties !== undefined && { properties: side.properties }),
  };
}

function sideOf(side: JavaSide, topic: string): object {
  return { ...clientOf(side), topic };
}

/** The folder of the compiled classes. A folder that is there is whole: it gets its name last. */
async function compile(installation: KafkaInstallation): Promise<string> {
  const files = (await readdir(sources)).filter((file) => file.endsWith('.java')).sort();
  const hash = createHash('sha256').update(installation.version);
  for (const file of files) hash.update(await readFile(path.join(sources, file)));
  const folder = path.join(
    path.dirname(installation.directory),
    'java-clients',
    hash.digest('hex').slice(0, 12),
  );
  if (existsSync(folder)) return folder;
  const incoming = `${folder}.${process.pid}`;
  await mkdir(incoming, { recursive: true });
  const done = await runChild(
    installation.java,
    [
      ...['-m', 'jdk.compiler/com.sun.tools.javac.Main', '-nowarn', '-cp', installation.classPath],
      ...['-d', incoming, ...files.map((file) => path.join(sources, file))],
    ],
    { timeoutMs: 120_000 },
  );
  if (done.code !== 0) throw new Error(`the Java clients do not compile: ${done.stdout}${done.stderr}`);
  try {
    await rename(incoming, folder);
  } catch (error) {
    await rm(incoming, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another process was faster
  }
  return folder;
}
