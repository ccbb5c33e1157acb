// The world in which the commands of docs/failover.md are typed: two real regions, a folder with the page's lockstep.yaml,
// agents as processes, `lockstep` on the PATH, and a terminal, since a person is asked.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cluster, commitGroupOffsets, createTopics, listOffsets, unwrap } from '../../src/client/index.ts';
import { ControlTopic } from '../../src/control/index.ts';
import { guardChild, type Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { waitFor } from '../support/wait-for.ts';
import { block } from './runbook-page.ts';

const program = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));
const topics = ['orders', 'payments'];
const partitions = [0, 1];
const group = 'billing';

export interface Printed {
  readonly exitCode: number | null;
  /** As they stand on the terminal in the end: what was drawn over is gone. */
  readonly lines: readonly string[];
}

interface Agent {
  readonly child: ChildProcess;
  readonly region: string;
  said: string;
}

export class RunbookWorld implements AsyncDisposable {
  readonly folder: string;
  readonly #regions: Readonly<Record<string, Region>>;
  readonly #agents: Agent[] = [];
  #producer: { stop: () => Promise<void> } | null = null;
  #agentsAt: readonly string[] = [];

  private constructor(folder: string, regions: Readonly<Record<string, Region>>) {
    this.folder = folder;
    this.#regions = regions;
  }

  static async open(regions: Readonly<Record<string, Region>>): Promise<RunbookWorld> {
    const world = new RunbookWorld(await mkdtemp(path.join(tmpdir(), 'lockstep-runbook-')), regions);
    await world.#write('lockstep', `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
    await world.#write('switch-dns.sh', '#!/bin/sh\necho "kafka.shop.example is $LOCKSTEP_TO now"\n');
    let file = block('yaml');
    for (const { name, bootstrap } of Object.values(regions))
      file = file.replace(`${name}-kafka:9092`, bootstrap[0]!);
    await world.#write('lockstep.yaml', file);
    return world;
  }

  /** What the page's stage directions say. @throws for one that is not known. */
  async stage(words: string): Promise<void> {
    const [verb, ...rest] = words.split(' ');
    const region = (): Region => this.#regions[rest.at(-1)!]!;
    if (verb === 'topics') await this.#createTopics(region());
    else if (verb === 'agents') this.#agentsAt = rest;
    else if (verb === 'write') await this.#write80(region());
    else if (verb === 'producer') this.#startProducer(region());
    else if (verb === 'stopped') await this.#producer?.stop();
    else if (verb === 'safe') await this.#safe();
    else if (verb === 'lose') await this.#lose(region());
    else if (verb === 'return') await region().start();
    else if (verb === 'learnt')
      await this.#until(({ regions, links }) => {
        const told = regions.find(({ name }) => name === rest[0])!;
        const isThere = told.livingAgents === 1 && told.rolesGeneration !== null;
        return (
          isThere && told.awaitsRestore.length > 0 && links.every(({ conditions }) => conditions.length === 0)
        );
      });
    else throw new Error(`docs/failover.md: stage direction "${words}"`);
  }

  /** Starts what goes on, where the last stage direction `agents` says. */
  begin(command: string): void {
    for (const region of this.#agentsAt) {
      const child = spawn('sh', ['-c', `exec ${command}`], {
        ...this.#surroundings,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      guardChild(child);
      const agent: Agent = { child, region, said: '' };
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', (bytes) => {
          agent.said += String(bytes);
        });
      this.#agents.push(agent);
    }
  }

  /** Types a command at a terminal, and the answer when it asks. */
  async type(command: string, answer: string | null): Promise<Printed> {
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      ...this.#surroundings,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    guardChild(child);
    let text = '';
    let isAnswered = false;
    child.stdout!.on('data', (bytes) => {
      text += String(bytes);
      if (isAnswered || !text.includes('to go on: ')) return;
      isAnswered = true;
      child.stdin!.write(`${answer ?? ''}\n`);
    });
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, lines: onTerminal(text) };
  }

  /** For a test that fails. */
  get said(): string {
    return this.#agents.map(({ region, said }) => `--- agent at ${region}\n${said.slice(-3_000)}`).join('\n');
  }

  get #surroundings() {
    const env = { ...process.env, PATH: `${this.folder}:${process.env.PATH}`, NO_COLOR: '1', TERM: 'xterm' };
    return { cwd: this.folder, env };
  }

  async #write(name: string, content: string): Promise<void> {
    await writeFile(path.join(this.folder, name), content);
    await chmod(path.join(this.folder, name), 0o755);
  }

  async #createTopics(region: Region): Promise<void> {
    const cluster = await Cluster.connect(configOf(region));
    const created = await createTopics(
      cluster,
      topics.map((name) => ({ name, partitionCount: partitions.length, replicationFactor: 1 })),
    );
    for (const outcome of created.values()) unwrap(outcome);
    cluster.close();
    await this.#produce(region, topics, 500);
    await this.#consume(region);
  }

  #write80(region: Region): Promise<void> {
    return this.#produce(region, topics, 80);
  }

  /** One that nobody has stopped. */
  #startProducer(region: Region): void {
    let isStopped = false;
    const ended = (async () => {
      while (!isStopped) await this.#produce(region, ['payments'], 2);
    })();
    this.#producer = {
      stop: async () => {
        isStopped = true;
        await ended;
      },
    };
  }

  /** 120 records and what was read of them never leave the region; then its brokers and its agents are gone. */
  async #lose(region: Region): Promise<void> {
    for (const { child } of this.#agents) child.kill('SIGKILL');
    await this.#produce(region, ['orders'], 120);
    await this.#consume(region);
    await Promise.all(region.brokers.map((broker) => broker.kill()));
    this.#agentsAt = Object.keys(this.#regions).filter((name) => name !== region.name);
    this.begin('lockstep run lockstep.yaml');
    await this.#until(
      ({ regions, links }) =>
        regions.every(({ name, livingAgents }) => name === region.name || livingAgents === 1) &&
        links.some(({ source, conditions }) => source === region.name && conditions.length > 0),
    );
  }

  async #produce({ bootstrap }: Region, names: readonly string[], count: number): Promise<void> {
    for (const topic of names)
      await platformaticProduce({
        ...{ bootstrap, topic },
        messages: Array.from({ length: count }, (_none, i) => ({
          partition: i % 2,
          value: Buffer.from(`${i}`),
        })),
      });
  }

  /** A group has read all orders. */
  async #consume(region: Region): Promise<void> {
    const cluster = await Cluster.connect(configOf(region));
    const asked = partitions.map((partition) => ({ topic: 'orders', partition, at: 'latest' as const }));
    const ends = await listOffsets(cluster, asked);
    const offsets = ends.map(({ item, outcome }) => ({
      ...{ topic: item.topic, partition: item.partition },
      offset: unwrap(outcome).offset,
    }));
    for (const { outcome } of await commitGroupOffsets(cluster, group, offsets)) unwrap(outcome);
    cluster.close();
  }

  /** In order, and told by the agents: they say every few seconds who leads and whom they hear. */
  async #safe(): Promise<void> {
    await this.#until((status) => status.isSafe === true);
    await using stack = new AsyncDisposableStack();
    const states = await Promise.all(
      Object.values(this.#regions).map(async (region) => {
        const cluster = stack.adopt(await Cluster.connect(configOf(region)), (each) => each.close());
        const control = await ControlTopic.open(cluster, { mayCreate: false, onWarning: () => {} });
        stack.defer(() => control.close());
        return control.state;
      }),
    );
    const agents = () => states.map((state) => [...state.agents.values()]);
    await waitFor(
      () =>
        agents().every((some) => some.some(({ isLeader }) => isLeader)) &&
        agents().some((some) => some.some(({ heardAtMs = {} }) => Object.keys(heardAtMs).length > 0)),
      { deadlineMs: 60_000, describe: () => `agents to tell who leads: ${JSON.stringify(agents())}` },
    );
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a program would read
  async #until(isSo: (status: { isSafe: boolean; regions: any[]; links: any[] }) => boolean): Promise<void> {
    let seen = '';
    const looks = async () => {
      seen = (await this.type('lockstep status lockstep.yaml --json', null)).lines.join('\n');
      return isSo(JSON.parse(seen));
    };
    await waitFor(looks, {
      deadlineMs: 120_000,
      pollMs: 500,
      describe: () => `${isSo}: ${seen}\n${this.said}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer?.stop().catch(() => {});
    const living = this.#agents.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    for (const { child } of living) child.kill('SIGKILL');
    await Promise.all(living.map(({ child }) => once(child, 'close')));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Lines as they stand when all is printed: control sequences clear what was drawn in a line before. */
function onTerminal(text: string): string[] {
  // biome-ignore-start lint/suspicious/noControlCharactersInRegex: a terminal speaks in them
  const plain = (piece: string): string => piece.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '');
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map(
      (line) =>
        line
          .split(/\r?\u001b\[(?:2?K|1G)/)
          .map(plain)
          .findLast((piece) => piece.trim() !== '') ?? '',
    )
    .filter((line) => line.trim() !== '');
  // biome-ignore-end lint/suspicious/noControlCharactersInRegex: a terminal speaks in them
}
