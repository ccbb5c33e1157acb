// A fleet of agents that are processes (agent-process.ts), and what each of them told: who copied what, from when to when.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { guardChild, type Region, withParentDeathSignal } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { waitFor } from '../support/wait-for.ts';
import type { AgentProcessOptions, ToldLine } from './agent-process.ts';

const script = fileURLToPath(new URL('agent-process.ts', import.meta.url));
const startWaitMs = 60_000;
const stopWaitMs = 30_000;

export class ChildAgent {
  readonly id: string;
  /** In the order in which they were told. */
  readonly told: ToldLine[] = [];
  /** Partitions that it copies, as it believes. */
  readonly copies = new Set<string>();
  isReady = false;
  isLeader = false;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #lastWords = '';

  constructor(options: AgentProcessOptions) {
    this.id = options.id;
    const [command, args] = withParentDeathSignal(process.execPath, [script, JSON.stringify(options)]);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    guardChild(child);
    createInterface({ input: child.stdout! }).on('line', (line) => this.#hear(JSON.parse(line) as ToldLine));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-2_000);
    });
    this.#exited = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get notices(): string[] {
    return this.told.flatMap(({ notice }) => notice ?? []);
  }

  /** When it told of that for the first time since a moment; undefined: not yet. */
  when(sinceMs: number, is: (line: ToldLine) => boolean): number | undefined {
    return this.told.find((line) => line.atMs >= sinceMs && is(line))?.atMs;
  }

  async ready(): Promise<this> {
    await waitFor(() => this.isReady || !this.isRunning, {
      deadlineMs: startWaitMs,
      describe: () => `${this.id} to be ready; ${this.notices.join('\n')}`,
    });
    if (!this.isRunning) throw new Error(`${this.id} ended at once: ${this.#lastWords}`);
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM; resolves with the exit code. One that does not end in time is killed, which gives null. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const timer = setTimeout(() => this.signal('SIGKILL'), stopWaitMs);
    this.signal(signal);
    this.signal('SIGCONT');
    const code = await this.#exited;
    clearTimeout(timer);
    this.copies.clear();
    return code;
  }

  #hear(line: ToldLine): void {
    this.told.push(line);
    for (const key of line.began ?? []) this.copies.add(key);
    for (const key of line.ended ?? []) this.copies.delete(key);
    this.isReady = line.isReady ?? this.isReady;
    this.isLeader = line.isLeader ?? this.isLeader;
  }
}

export class ChildAgents implements AsyncDisposable {
  readonly all: ChildAgent[] = [];
  readonly #destination: Region;

  constructor(destination: Region) {
    this.#destination = destination;
  }

  /** Resolves when the group has counted it in. */
  start(id: string, options: { isNext?: boolean } = {}): Promise<ChildAgent> {
    const { name, bootstrap } = configOf(this.#destination);
    const agent = new ChildAgent({ id, destination: { name, bootstrap }, ...options });
    this.all.push(agent);
    return agent.ready();
  }

  get running(): ChildAgent[] {
    return this.all.filter(({ isRunning }) => isRunning);
  }

  /** Who copies what: agents by partition. */
  get owners(): ReadonlyMap<string, readonly string[]> {
    const owners = new Map<string, string[]>();
    for (const { id, copies } of this.running)
      for (const key of copies) owners.set(key, [...(owners.get(key) ?? []), id]);
    return owners;
  }

  /** Waits until each of so many partitions has one owner, and each running agent a share. */
  async sharedOut(partitionCount: number, deadlineMs = 60_000): Promise<void> {
    await waitFor(
      () => {
        const { owners } = this;
        const isWhole =
          owners.size === partitionCount && [...owners.values()].every(({ length }) => length === 1);
        return isWhole && this.running.every(({ copies }) => copies.size > 0);
      },
      {
        deadlineMs,
        describe: () =>
          `${partitionCount} partitions to be shared out: ${this.running.map(({ id, copies, notices }) => `${id}: ${copies.size}; ${notices.slice(-3).join('; ')}`).join('\n')}`,
      },
    );
  }

  /** When each of these partitions began at an agent that runs now, ms after a moment; Infinity: not yet. */
  beganAfter(keys: Iterable<string>, sinceMs: number): number[] {
    return Array.from(keys, (key) => {
      const times = this.running.flatMap(
        (agent) => agent.when(sinceMs, ({ began = [] }) => began.includes(key)) ?? [],
      );
      return Math.min(...times) - sinceMs;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((agent) => agent.kill()));
  }
}
