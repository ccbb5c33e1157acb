// One Kafka process of a region: format its folder, start it, wait until it serves, and everything that a
// test or a drill does to it. It keeps its folder, ports and id over every restart.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../errors.ts';
import { guardChild, withParentDeathSignal } from './child-guard.ts';
import type { KafkaInstallation } from './install.ts';
import { explainFailure } from './log-tail.ts';
import {
  type ClientListener,
  host,
  loggingFlag,
  type NodeConfig,
  nodeProperties,
  renderLogging,
  renderProperties,
} from './node-config.ts';
import { probeBrokerIds } from './probe.ts';
import { classArchiveFlags, runKafkaTool } from './tools.ts';

/** How a broker's JVM is set up. */
export type JvmProfile = 'quick' | 'throughput';

export type BrokerOptions = {
  readonly regionName: string;
  readonly clusterId: string;
  readonly installation: KafkaInstallation;
  /** Folder of this process: properties, logs and data. */
  readonly directory: string;
  readonly config: NodeConfig;
  readonly heapMb: number;
  readonly jvm: JvmProfile;
  /** Extra arguments of StorageTool's format, for example SCRAM users. */
  readonly formatArgs: readonly string[];
  /** Whether the process lives on when ours ends. */
  readonly outlive: boolean;
};

const startWaitMs = 60_000;
/** A clean stop takes about a second; one that hangs (its quorum is gone, say) ends with SIGKILL. */
const stopWaitMs = 20_000;
const pollMs = 50;

/** 'quick' starts fast and stays small; 'throughput' is the JVM as production brokers run it. */
const jvmFlags = {
  quick: ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-XX:-UsePerfData'],
  throughput: ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-Xshare:auto'],
} as const;

export class Broker {
  readonly id: number;
  readonly host = host;
  readonly directory: string;
  #options: BrokerOptions;
  #child: ChildProcess | null = null;
  #paused = false;
  #logBytesBefore = new Map<string, number>();

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.id = options.config.id;
    this.directory = options.directory;
  }

  /** The port of the first listener for clients; 0 on a process that is only a controller. */
  get port(): number {
    return Object.values(this.#options.config.ports)[0] ?? 0;
  }

  /** The port of one listener, if this process opens it. */
  portOf(listener: ClientListener): number | undefined {
    return this.#options.config.ports[listener];
  }

  /** The process id while it runs, paused included. */
  get pid(): number | null {
    return this.isRunning ? (this.#child?.pid ?? null) : null;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get isPaused(): boolean {
    return this.#paused && this.isRunning;
  }

  get logFile(): string {
    return path.join(this.directory, 'server.log');
  }

  get #consoleFile(): string {
    return path.join(this.directory, 'console.log');
  }

  /** Starts the process and waits until it serves. Throws REGION_FAILED with the log's last lines. */
  async start(): Promise<void> {
    await this.launch();
    await this.ready();
  }

  /** Starts the process without waiting; brokers of one quorum have to be launched together. */
  async launch(): Promise<void> {
    if (this.isRunning) return;
    await this.format();
    const { installation, heapMb, jvm, outlive } = this.#options;
    const { flavour, loggingFile } = {
      flavour: installation.logging,
      loggingFile: path.join(this.directory, 'logging.properties'),
    };
    const javaArgs = [
      `-Xmx${heapMb}m`,
      ...jvmFlags[jvm],
      ...classArchiveFlags(installation),
      '-Djava.awt.headless=true',
      loggingFlag(flavour, loggingFile),
      '-cp',
      installation.classPath,
      'kafka.Kafka',
      path.join(this.directory, 'server.properties'),
    ];
    const [command, args] = outlive
      ? [installation.java, javaArgs]
      : withParentDeathSignal(installation.java, javaArgs);
    for (const file of [this.logFile, this.#consoleFile]) {
      this.#logBytesBefore.set(file, existsSync(file) ? statSync(file).size : 0);
    }
    const console = openSync(this.#consoleFile, 'a');
    try {
      const child = spawn(command, args, {
        cwd: this.directory,
        stdio: ['ignore', console, console],
        detached: true,
      });
      child.on('error', () => {}); // a java that vanished shows as a process without a pid in ready()
      this.#child = child;
      this.#paused = false;
      if (outlive) child.unref();
      else guardChild(child);
    } finally {
      closeSync(console);
    }
  }

  /** Waits until the launched process serves. */
  async ready(): Promise<void> {
    const deadline = Date.now() + startWaitMs;
    while (!(await this.#answers())) {
      if (!this.isRunning) throw await this.#failure('ended while it was starting');
      if (Date.now() > deadline) throw await this.#failure(`did not answer within ${startWaitMs} ms`);
      await sleep(pollMs);
    }
  }

  /** Stops the process as an operator does (SIGTERM) and waits for its end. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    if (this.isPaused) this.resume();
    await this.#end('SIGTERM');
  }

  /** Ends the process at once (SIGKILL) and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Freezes the process (SIGSTOP): its connections stay open and nothing is answered. */
  pause(): void {
    this.#signal('SIGSTOP');
    this.#paused = true;
  }

  /** Lets a frozen process go on (SIGCONT). */
  resume(): void {
    this.#signal('SIGCONT');
    this.#paused = false;
  }

  /** Writes the files and formats the data folder, once. */
  async format(): Promise<void> {
    const { config, installation, clusterId, formatArgs } = this.#options;
    await mkdir(config.dataDirectory, { recursive: true });
    const properties = path.join(this.directory, 'server.properties');
    await writeFile(properties, renderProperties(nodeProperties(config)), { mode: 0o600 });
    await writeFile(
      path.join(this.directory, 'logging.properties'),
      renderLogging(installation.logging, this.logFile),
    );
    if (existsSync(path.join(config.dataDirectory, 'meta.properties'))) return;
    const args = ['format', '--cluster-id', clusterId, '--config', properties, ...formatArgs];
    const done = await runKafkaTool(installation, 'kafka.tools.StorageTool', args);
    if (done.code !== 0) {
      throw new LockstepError(
        'REGION_FAILED',
        `Region ${this.#options.regionName}: Kafka could not format the folder of broker ${this.id}: ${explainFailure(done.stderr || done.stdout)}`,
      );
    }
  }

  /** A PLAINTEXT listener is asked; without one, Kafka's own word in the log of this run is taken. */
  async #answers(): Promise<boolean> {
    const port = this.portOf('PLAINTEXT');
    if (port !== undefined) return (await probeBrokerIds(port, host))?.includes(this.id) ?? false;
    return (await this.#thisRun(this.logFile)).includes('Kafka Server started');
  }

  /** What a log file got since the last launch; all of it where the file was rolled since. */
  async #thisRun(file: string): Promise<string> {
    const text = await readText(file);
    const before = this.#logBytesBefore.get(file) ?? 0;
    const bytes = Buffer.from(text);
    return bytes.length >= before ? bytes.subarray(before).toString() : text;
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.isRunning) {
      throw new LockstepError(
        'REGION_FAILED',
        `Region ${this.#options.regionName}: broker ${this.id} does not run, so it cannot get ${signal}.`,
      );
    }
    this.#child?.kill(signal);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWaitMs);
    await exited;
    clearTimeout(timer);
    this.#paused = false;
  }

  async #failure(what: string): Promise<LockstepError> {
    await this.kill();
    const log = explainFailure(
      (await this.#thisRun(this.logFile)) + (await this.#thisRun(this.#consoleFile)),
    );
    const { regionName } = this.#options;
    return new LockstepError(
      'REGION_FAILED',
      `Region ${regionName}: broker ${this.id} (port ${this.port}) ${what}. Its log ${this.logFile} says:\n${log}`,
      { detail: { region: regionName, broker: this.id, port: this.port } },
    );
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return '';
  }
}
