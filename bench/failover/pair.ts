// Two regions in a replication group as people have them: brokers with an authorizer, a lockstep.yaml, an agent for each
// region, and an application that may write where its region is primary. Agents and commands are processes, compiled as
// npm ships them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  Cluster,
  createAcls,
  createTopics,
  describeAcls,
  logEndOffsets,
  unwrap,
} from '../../src/client/index.ts';
import { createRegion, guardChild, type Region } from '../../src/regions/index.ts';
import { configOf } from '../../test/client/support.ts';
import { platformaticProduce } from '../../test/support/platformatic.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { startLockstep } from '../contestants/lockstep.ts';
import { program } from '../program.ts';

/** Who writes; may do so by the rules of us-east, and at eu-west when that is primary. */
export const application = { username: 'shop', password: 'shop-secret' };
const principal = `User:${application.username}`;
const settledMsMax = 240_000;
const commandMsMax = 300_000;
const agentStopMsMax = 15_000;

export interface PairShape {
  readonly topicCount: number;
  readonly partitionsPerTopic: number;
}

/** What a command has printed with --json, and when it was typed and ended (ms since the epoch). */
export interface Typed<T> {
  readonly typedAtMs: number;
  readonly endedAtMs: number;
  readonly json: T;
}

export class Pair implements AsyncDisposable {
  readonly topics: readonly string[];
  readonly shape: PairShape;
  readonly #folder: string;
  readonly #profileFolder: string | null;
  readonly #regions: Region[] = [];
  readonly #clusters = new Map<Region, Cluster>();
  readonly #agents = new Map<Region, ChildProcess>();
  readonly #commands = new Set<ChildProcess>();

  private constructor(shape: PairShape, folder: string, profileFolder: string | null) {
    this.shape = shape;
    this.topics = Array.from({ length: shape.topicCount }, (_, index) => `topic-${index}`);
    this.#folder = folder;
    this.#profileFolder = profileFolder;
  }

  /** Resolves when all is mirrored, and the application is shut out of the mirror. us-east is primary. */
  static async start(
    shape: PairShape,
    options: { readonly folder: string; readonly profileFolder: string | null; readonly valueBytes: number },
  ): Promise<Pair> {
    const pair = new Pair(shape, options.folder, options.profileFolder);
    try {
      await pair.#start(options.valueBytes);
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  get us(): Region {
    return this.#regions[0]!;
  }

  get eu(): Region {
    return this.#regions[1]!;
  }

  get file(): string {
    return path.join(this.#folder, 'lockstep.yaml');
  }

  get partitionCount(): number {
    return this.shape.topicCount * this.shape.partitionsPerTopic;
  }

  agentOf(region: Region): ChildProcess {
    return this.#agents.get(region)!;
  }

  /** Types a command, and waits for its end. */
  async type<T>(...words: readonly string[]): Promise<Typed<T>> {
    const typedAtMs = Date.now();
    const flags =
      this.#profileFolder === null
        ? []
        : [
            '--cpu-prof',
            `--cpu-prof-dir=${this.#profileFolder}`,
            `--cpu-prof-name=${words[0]}-${this.partitionCount}.cpuprofile`,
          ];
    const child = spawn(process.execPath, [...flags, program, ...words, '--yes', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // As bin/lockstep.mjs keeps it.
      env: { ...process.env, NODE_COMPILE_CACHE: path.join(this.#folder, 'compiled') },
    });
    guardChild(child);
    this.#commands.add(child);
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        printed[name] += text;
      });
    const timer = setTimeout(() => child.kill('SIGKILL'), commandMsMax);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    if (code !== 0)
      throw new Error(`lockstep ${words.join(' ')}: exit ${code}\n${printed.stderr}\n${await this.logs()}`);
    return { typedAtMs, endedAtMs: Date.now(), json: JSON.parse(printed.stdout) as T };
  }

  /** One call for each topic; the value is the same in every partition. */
  async produce(
    region: Region,
    topics: readonly string[],
    { value, count }: { value: Buffer; count: number },
  ): Promise<void> {
    const { partitionsPerTopic } = this.shape;
    for (const topic of topics) {
      const messages = Array.from({ length: partitionsPerTopic * count }, (_, index) => ({
        ...{ partition: index % partitionsPerTopic, value },
      }));
      await platformaticProduce({ bootstrap: region.bootstrap, topic, messages });
    }
  }

  /** Waits until the mirror has what the primary has, and nobody but the agent may write there. */
  async settled(primary: Region, mirror: Region): Promise<void> {
    const seen = { open: this.partitionCount, unprotected: this.topics.length };
    await waitFor(
      async () => {
        const [wanted, held] = await Promise.all([this.#ends(primary), this.#ends(mirror)]);
        seen.open = wanted.filter((end, index) => end === null || end !== held[index]).length;
        seen.unprotected = await this.#unprotectedCount(mirror);
        return seen.open === 0 && seen.unprotected === 0;
      },
      {
        ...{ deadlineMs: settledMsMax, pollMs: 500 },
        describe: () => `${mirror.name} to mirror ${primary.name}: ${JSON.stringify(seen)}`,
      },
    );
  }

  /** Of the agents, newest last. */
  async logs(): Promise<string> {
    const texts = this.#regions.map(({ name }) =>
      readFile(this.#log(name), 'utf8').then(
        (text) => `--- agent of ${name}\n${text.slice(-3_000)}`,
        () => '',
      ),
    );
    return (await Promise.all(texts)).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#commands) child.kill('SIGKILL');
    await Promise.all(
      Array.from(this.#agents.values(), async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'close');
        // A clean end writes its profile.
        const timer = setTimeout(() => child.kill('SIGKILL'), agentStopMsMax);
        child.kill(this.#profileFolder === null ? 'SIGKILL' : 'SIGTERM');
        await ended;
        clearTimeout(timer);
      }),
    );
    for (const cluster of this.#clusters.values()) cluster.close();
    await Promise.all(this.#regions.map((region) => region.destroy()));
  }

  async #start(valueBytes: number): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const security = { sasl: { users: [application] }, authorizer: {} };
    for (const name of ['us-east', 'eu-west'])
      this.#regions.push(
        await createRegion({
          ...{ name, directory: path.join(this.#folder, name), jvm: 'throughput', heapMb: 768, security },
          brokerConfig: { 'num.network.threads': '3', 'num.io.threads': '8' },
        }),
      );
    await Promise.all(this.#regions.map((region) => region.start()));
    for (const region of this.#regions) this.#clusters.set(region, await Cluster.connect(configOf(region)));
    await writeFile(this.file, JSON.stringify(this.#yaml()));
    await this.#makeTopics();
    await this.produce(this.us, this.topics, { value: Buffer.alloc(valueBytes, 'x'), count: 1 });
    for (const [source, destination] of [
      [this.us, this.eu],
      [this.eu, this.us],
    ] as const)
      this.#agents.set(destination, this.#startAgent(source, destination));
    await this.settled(this.us, this.eu);
  }

  async #makeTopics(): Promise<void> {
    const cluster = this.#clusters.get(this.us)!;
    const created = await createTopics(
      cluster,
      this.topics.map((name) => ({
        name,
        partitionCount: this.shape.partitionsPerTopic,
        replicationFactor: 1,
      })),
    );
    for (const outcome of created.values()) unwrap(outcome);
    // A busy broker knows the partitions before it can take records for them.
    await waitFor(async () => (await this.#ends(this.us)).every((end) => end !== null), {
      ...{ deadlineMs: settledMsMax, pollMs: 500, describe: 'the topics' },
    });
    const rule = { resourceType: 'TOPIC', patternType: 'LITERAL', host: '*', permission: 'ALLOW' } as const;
    const acls = this.topics.flatMap((resourceName) =>
      (['WRITE', 'DESCRIBE'] as const).map((operation) => ({ ...rule, resourceName, operation, principal })),
    );
    for (const outcome of await createAcls(cluster, acls)) unwrap(outcome);
  }

  #startAgent(source: Region, destination: Region): ChildProcess {
    const flags =
      this.#profileFolder === null
        ? []
        : [
            '--cpu-prof',
            `--cpu-prof-dir=${this.#profileFolder}`,
            `--cpu-prof-name=agent-${destination.name}-${this.partitionCount}.cpuprofile`,
          ];
    const { name } = destination;
    return startLockstep(this.file, this.#log(name), flags, ['--link', linkName(source.name, name)]);
  }

  #log(region: string): string {
    return path.join(this.#folder, `agent-${region}.log`);
  }

  async #ends(region: Region): Promise<(bigint | null)[]> {
    const { partitionsPerTopic } = this.shape;
    const asked = this.topics.flatMap((topic) =>
      Array.from({ length: partitionsPerTopic }, (_, partition) => ({ topic, partition })),
    );
    const found = await logEndOffsets(this.#clusters.get(region)!, asked, { timeoutMs: 60_000 });
    return found.map(({ outcome }) => (outcome.ok ? outcome.value.logEndOffset : null));
  }

  /** Topics that the application may write to, and whose rules the agent has not brought over yet. */
  async #unprotectedCount(region: Region): Promise<number> {
    const rules = await describeAcls(this.#clusters.get(region)!, { principal });
    const of = (topic: string, is: (rule: (typeof rules)[number]) => boolean) =>
      rules.some((rule) => rule.resourceName === topic && is(rule));
    return this.topics.filter(
      (topic) =>
        !of(topic, ({ operation }) => operation === 'DESCRIBE') ||
        (of(topic, ({ operation, permission }) => operation === 'WRITE' && permission === 'ALLOW') &&
          !of(topic, ({ operation, permission }) => operation === 'WRITE' && permission === 'DENY')),
    ).length;
  }

  #yaml(): object {
    const [us, eu] = this.#regions.map(({ name }) => name) as [string, string];
    const sync = { acls: { every: '1s', principals: [principal], resources: ['topic'] } };
    const link = (source: string, destination: string) => ({
      source,
      destination,
      topics: this.topics,
      sync,
    });
    return {
      version: 1,
      clusters: Object.fromEntries(this.#regions.map(({ name, bootstrap }) => [name, { bootstrap }])),
      links: { [linkName(us, eu)]: link(us, eu), [linkName(eu, us)]: link(eu, us) },
      replicationGroups: { shop: { regions: [us, eu], primary: us } },
    };
  }
}

function linkName(source: string, destination: string): string {
  return `${source}-to-${destination}`;
}
