// Agents as processes of their own (`lockstep run`), so that kill -9 and SIGSTOP mean what they mean in an outage.
// One that ends without being told is started again, as systemd or Kubernetes would.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { exitCodes } from '../../src/errors.ts';
import { guardChild, withParentDeathSignal } from '../../src/regions/index.ts';

const main = path.resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const restartMs = 500;
const stopWaitMs = 30_000;
const lastLinesMax = 6;
/** `soak: orders-3 and 2 more partitions: Diverged at offset 5: ...`; one that goes on again says so. */
const partitionLine = /^(?!lockstep: )[^ :]+: (\S+-\d+)( and \d+ more partitions?)?: ((\w+).*)$/;
/** States that pass by themselves. All others wait for a person. */
const passing = new Set([
  ...[
    'ReadingDestination',
    'Settling',
    'WaitingForReplicas',
    'ComparingTail',
    'FillingStart',
    'CuttingStart',
  ],
  ...['Mirroring', 'Recovering', 'WaitingForTransaction', 'WaitingAtHole', 'ClaimingHole', 'FillingHole'],
]);
/** A topic that is being prepared is tried again; every other state of a topic waits for a person. */
const topicLine = /^[^ :]+: (topic \S+: (?!Preparing).*)$/;
const summaryLine = /^\d\S+ {2}(\S+ {2}.*)$/;
const shareInSummary = /(?:^|\s)[\d,]+ of ([\d,]+) partitions? mirroring/;
const leadsLine = /^lockstep: this agent leads the fleet$/;
const lostLine = /^lockstep: warning: lost its place in group/;
/** An agent that starts may find no destination; every other end that nobody asked for is a defect. */
const isDefect = (code: number | null): boolean => code !== exitCodes.cluster;

export class SoakAgent {
  readonly name: string;
  /** States that a person would have to look at, as the agent said them. */
  readonly complaints: string[] = [];
  readonly #stopped = new Set<string>();
  /** Partitions stopped for one and the same reason: a line names the first of them only. */
  #stoppedOthers = false;
  /** Its newest status line. */
  summary = 'not started';
  summaryAtMs = 0;
  /** What it printed last. */
  lastLines: readonly string[] = [];
  starts = 0;
  /** Times that it began to lead its fleet, and that it learned to have lost its place there. */
  terms = 0;
  losses = 0;
  /** Times that it ended by itself. */
  unwantedEnds = 0;
  readonly #file: string;
  readonly #logFile: string;
  readonly #args: readonly string[];
  #child: ChildProcess | null = null;
  #isWanted = false;

  /** @param args further words of the command line, as `--alone` */
  constructor(name: string, file: string, logFile: string, args: readonly string[] = []) {
    this.name = name;
    this.#args = args;
    this.#file = file;
    this.#logFile = logFile;
  }

  start(): void {
    this.#isWanted = true;
    this.starts++;
    this.#stopped.clear();
    this.#stoppedOthers = false;
    this.summary = 'starting';
    const [command, args] = withParentDeathSignal(process.execPath, [main, 'run', this.#file, ...this.#args]);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    guardChild(child);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream! }).on('line', (line) => this.hear(line));
    child.on('exit', (code, signal) => {
      appendFileSync(this.#logFile, `-- ended: ${code ?? signal}\n`);
      if (this.#child !== child || !this.#isWanted) return;
      this.unwantedEnds++;
      if (isDefect(code)) this.complaints.push(`${this.name}: ended by itself: ${code ?? signal}`);
      setTimeout(() => this.#isWanted && this.#child === child && this.start(), restartMs);
    });
  }

  /** A line that it printed. */
  hear(line: string): void {
    this.lastLines = [...this.lastLines.slice(1 - lastLinesMax), line];
    appendFileSync(this.#logFile, `${new Date().toISOString()} ${line}\n`);
    const summary = summaryLine.exec(line)?.[1];
    if (summary !== undefined) {
      this.summary = summary;
      this.summaryAtMs = Date.now();
    }
    const partition = partitionLine.exec(line);
    if (partition !== null) {
      const [, place, others, words, state] = partition;
      this.#onPartition({ place: place!, others, words: words!, state: state! });
    }
    if (leadsLine.test(line)) this.terms++;
    if (lostLine.test(line)) this.losses++;
    const topic = topicLine.exec(line);
    if (topic !== null) this.complaints.push(`${this.name}: ${topic[1]}`);
  }

  #onPartition(told: { place: string; others: string | undefined; words: string; state: string }): void {
    const { place, others = '', words, state } = told;
    if (words.endsWith(' again')) {
      this.#stopped.delete(place);
      return;
    }
    if (passing.has(state)) return;
    this.#stopped.add(place);
    if (others !== '') this.#stoppedOthers = true;
    this.complaints.push(`${this.name}: ${place}${others}: ${words}`);
  }

  /** Partitions that it works on, by its newest status line. */
  get share(): number {
    return Number((shareInSummary.exec(this.summary)?.[1] ?? '0').replaceAll(',', ''));
  }

  /** Whether this run of the agent has stopped the partition for good. */
  isStopped(place: string): boolean {
    return this.#stopped.has(place) || this.#stoppedOthers;
  }

  /** SIGKILL; nothing follows before `start`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** As an operator stops it; answers with its exit code. */
  async stop(): Promise<number | null> {
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), stopWaitMs);
    try {
      return await this.#end('SIGTERM');
    } finally {
      clearTimeout(timer);
    }
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    this.#isWanted = false;
    const child = this.#child;
    if (child === null) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    // One that is told before it listens ends as any process does.
    const codeOf = (code: number | null, by: NodeJS.Signals | null) => (by === 'SIGTERM' ? 0 : code);
    const ended = new Promise<number | null>((resolve) =>
      child.once('exit', (code, by) => resolve(codeOf(code, by))),
    );
    child.kill(signal);
    child.kill('SIGCONT');
    return ended;
  }
}

/** The agent of a link that works alone, and those that it took over from. */
export class SoakAgents {
  readonly all: SoakAgent[] = [];
  readonly #file: string;
  readonly #folder: string;
  readonly #args: readonly string[];

  constructor(file: string, folder: string, args: readonly string[] = []) {
    this.#file = file;
    this.#folder = folder;
    this.#args = args;
  }

  /** The one that is meant to copy. */
  get current(): SoakAgent {
    return this.all.at(-1)!;
  }

  startNext(): SoakAgent {
    const number = this.all.length + 1;
    const agent = new SoakAgent(
      `agent ${number}`,
      this.#file,
      path.join(this.#folder, `agent-${number}.log`),
      this.#args,
    );
    this.all.push(agent);
    agent.start();
    return agent;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.all.map((agent) => agent.kill()));
  }

  get complaints(): string[] {
    return this.all.flatMap(({ complaints }) => complaints);
  }
}

/** `lockstep verify`, as a person runs it. */
export function verifyProgram(file: string): { command: string; args: string[] } {
  return { command: process.execPath, args: [main, 'verify', file, '--json'] };
}
