// A replication group as people have it: regions, a lockstep.yaml, an agent for each region as a process, and `lockstep`
// typed as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cluster, createTopics, listOffsets, unwrap } from '../../src/client/index.ts';
import { ControlTopic, type FleetState, type MoveRecord } from '../../src/control/index.ts';
import { readRecords } from '../../src/records/index.ts';
import { guardChild, type Region, withParentDeathSignal } from '../../src/regions/index.ts';
import { clusterLogs, readLog } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { waitFor } from '../support/wait-for.ts';

const command = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));
let startedCount = 0;

export interface Typed {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Null: it was killed. */
  readonly ended: Promise<number | null>;
}

function start(args: readonly string[]): Typed {
  const [program, all] = withParentDeathSignal(process.execPath, [command, ...args]);
  const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'pipe'] });
  guardChild(child);
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]!.on('data', (bytes) => {
      printed[name] += String(bytes);
    });
  const ended = (once(child, 'close') as Promise<[number | null]>).then(([code]) => code);
  return { child, stdout: () => printed.stdout, stderr: () => printed.stderr, ended };
}

export interface MovableOptions {
  /** The first is primary at the beginning. */
  readonly regions: readonly Region[];
  readonly topics: readonly string[];
  readonly partitions?: number;
  /** Added to `replicationGroups.shop`. */
  readonly group?: object;
  /** Added to each link. */
  readonly link?: object;
  /** Where others reach a region; default: where it is. */
  readonly bootstrap?: (region: Region) => readonly string[];
}

export class MovableRegions implements AsyncDisposable {
  readonly file: string;
  readonly options: MovableOptions;
  /** Of its own, so that tests can share regions. */
  readonly group: string;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'lockstep-move-'));
  readonly #agents = new Map<string, Typed[]>();
  readonly clusters = new Map<string, Cluster>();
  readonly #controls = new Map<string, ControlTopic>();
  readonly #typed = new Set<Typed>();

  private constructor(options: MovableOptions) {
    this.options = options;
    this.group = `shop${++startedCount}`;
    this.file = path.join(this.#folder, 'lockstep.yaml');
  }

  /** Resolves when everything is mirrored. */
  static async start(options: MovableOptions): Promise<MovableRegions> {
    const movable = new MovableRegions(options);
    try {
      await movable.#write();
      const { regions, topics, partitions = 2 } = options;
      for (const region of regions)
        movable.clusters.set(region.name, await Cluster.connect(configOf(region)));
      const created = await createTopics(
        movable.clusters.get(regions[0]!.name)!,
        topics.map((name) => ({ name, partitionCount: partitions, replicationFactor: 1 })),
      );
      for (const outcome of created.values()) unwrap(outcome);
      for (const region of regions)
        for (const source of regions) if (source !== region) movable.startAgent(region, source);
      for (const region of regions) {
        const cluster = movable.clusters.get(region.name)!;
        movable.#controls.set(
          region.name,
          await ControlTopic.open(cluster, { mayCreate: false, onWarning: () => {} }),
        );
      }
      await movable.mirrored(regions[0]!);
      return movable;
    } catch (error) {
      await movable[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** An agent process more for a region, with the link from another one (default: the first other). */
  startAgent(
    region: Region,
    source: Region = this.options.regions.find((other) => other !== region)!,
  ): Typed {
    const agent = start(['run', this.file, '--link', this.link(source, region)]);
    this.#agents.set(region.name, [...(this.#agents.get(region.name) ?? []), agent]);
    return agent;
  }

  agentsOf(region: Region): readonly Typed[] {
    return (this.#agents.get(region.name) ?? []).filter(
      ({ child }) => child.exitCode === null && child.signalCode === null,
    );
  }

  link(source: Region, destination: Region): string {
    return `${source.name}-to-${destination.name}-${this.group}`;
  }

  state(region: Region): FleetState {
    return this.#controls.get(region.name)!.state;
  }

  /** The newest move that any region knows. */
  move(region: Region): MoveRecord | undefined {
    return this.moves(region).sort((a, b) => b.startedAtMs - a.startedAtMs)[0];
  }

  moves(region: Region): MoveRecord[] {
    return [...this.state(region).moves.values()].filter(({ group }) => group === this.group);
  }

  primary(region: Region): string | undefined {
    return this.state(region).roles.get(this.group)?.primary.region;
  }

  /** Types a command. */
  begin(...args: string[]): Typed {
    const [name, ...rest] = args;
    return this.beginWords(name!, this.file, ...rest);
  }

  /** The same with all words as they are; `begin` puts the file behind the first. */
  beginWords(...words: string[]): Typed {
    const typed = start(words);
    this.#typed.add(typed);
    return typed;
  }

  async type(...args: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
    const typed = this.begin(...args);
    const exitCode = await typed.ended;
    return { exitCode, stdout: typed.stdout(), stderr: typed.stderr() };
  }

  async typeWords(...words: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
    const typed = this.beginWords(...words);
    const exitCode = await typed.ended;
    return { exitCode, stdout: typed.stdout(), stderr: typed.stderr() };
  }

  async produce(region: Region, topic: string, values: readonly string[]): Promise<void> {
    const { partitions = 2 } = this.options;
    await platformaticProduce({
      ...{ bootstrap: region.bootstrap, topic },
      messages: values.map((value, index) => ({ partition: index % partitions, value: Buffer.from(value) })),
    });
  }

  /** Log ends, high watermarks, of every partition. */
  async ends(region: Region): Promise<string[]> {
    const { topics, partitions = 2 } = this.options;
    const asked = topics.flatMap((topic) =>
      Array.from({ length: partitions }, (_none, partition) => ({ topic, partition, at: 'latest' as const })),
    );
    const found = await listOffsets(this.clusters.get(region.name)!, asked, { timeoutMs: 5_000 });
    return found.map(({ item, outcome }) => `${item.topic}-${item.partition}: ${unwrap(outcome).offset}`);
  }

  /** Every value of a topic that a consumer of committed records reads, in the order of each partition. */
  async values(region: Region, topic: string): Promise<string[]> {
    const logs = clusterLogs(this.clusters.get(region.name)!);
    const values: string[] = [];
    try {
      for (let partition = 0; partition < (this.options.partitions ?? 2); partition++) {
        const log = logs.partitionLog(topic, partition);
        const { logStartOffset, lastStableOffset } = await log.offsets();
        for await (const { view, isAborted } of readLog(log, logStartOffset, lastStableOffset))
          if (!view.isControl && !isAborted)
            for (const { value } of readRecords(view)) values.push(String(value));
      }
      return values;
    } finally {
      logs.close();
    }
  }

  /** Waits until the other regions mirror all that this one has. */
  async mirrored(primary: Region, deadlineMs = 60_000): Promise<void> {
    const { regions, topics } = this.options;
    for (const region of regions.filter((other) => other !== primary)) {
      const link = this.link(primary, region);
      let seen: unknown;
      await waitFor(
        async () => {
          const states = topics.map((topic) => this.state(region).mirrors.get(`${link}/${topic}`)?.state);
          const [wanted, held] = await Promise.all([this.ends(primary), this.ends(region)]);
          seen = { states, wanted, held };
          return states.every((state) => state === 'Mirroring') && String(wanted) === String(held);
        },
        {
          deadlineMs,
          describe: () => `${region.name} to mirror ${primary.name}: ${JSON.stringify(seen)}\n${this.logs()}`,
        },
      );
    }
  }

  logs(): string {
    return [...this.#agents]
      .flatMap(([name, agents]) => agents.map((agent) => `--- ${name}\n${agent.stderr().slice(-3_000)}`))
      .join('\n');
  }

  async #write(): Promise<void> {
    const { regions, topics, group, link, bootstrap = (region: Region) => region.bootstrap } = this.options;
    const pairs = regions.flatMap((source) =>
      regions
        .filter((destination) => destination !== source)
        .map((destination) => [source, destination] as const),
    );
    const content = {
      version: 1,
      clusters: Object.fromEntries(regions.map((region) => [region.name, { bootstrap: bootstrap(region) }])),
      links: Object.fromEntries(
        pairs.map(([source, destination]) => [
          this.link(source, destination),
          { source: source.name, destination: destination.name, topics, ...link },
        ]),
      ),
      replicationGroups: {
        [this.group]: { regions: regions.map(({ name }) => name), primary: regions[0]!.name, ...group },
      },
    };
    await writeFile(this.file, JSON.stringify(content));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#typed, ...[...this.#agents.values()].flat()];
    for (const { child } of all) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(all.map(({ ended }) => ended));
    await Promise.all([...this.#controls.values()].map((control) => control.close().catch(() => {})));
    for (const cluster of this.clusters.values()) cluster.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
