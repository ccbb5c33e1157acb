// npm run demo: two real regions, a mirror that is killed under load, and proof that nothing was lost.
//
// 1. start us-east and eu-west, real Apache Kafka
// 2. fill five topics of different shapes, and keep writing
// 3. start the agent; kill it with SIGKILL, and start it again
// 4. kill the destination's broker, and start it again
// 5. kill the source's broker, and start it again
// 6. stop writing, and compare both regions record by record
//
// Exit code 0 only if every check held.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { createRegion, type Region } from '../src/regions/index.ts';
import { createTopics, shapes, Workload } from './demo/workload.ts';

const lockstep = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const startedAtMs = Date.now();
const isTerminal = process.stdout.isTTY === true;
let stepNumber = 0;

function step(text: string): void {
  stepNumber += 1;
  console.log(`${isTerminal ? styleText('bold', `\n${stepNumber}. ${text}`) : `\n${stepNumber}. ${text}`}`);
}

function say(text: string): void {
  console.log(`   ${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(5)} s  ${text}`);
}

/** The agent as its own process, so that SIGKILL means what it means in an outage. */
class Agent {
  #child: ChildProcess | null = null;
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  start(): void {
    const child = spawn(process.execPath, [lockstep, 'run', this.#file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.split('\n')) if (line.trim() !== '') say(`│ ${line}`);
      });
    }
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    this.#child = null;
    if (child.exitCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return ended;
  }
}

async function killAndRestart(region: Region): Promise<void> {
  const [broker] = region.brokers;
  await broker!.kill();
  say(`${region.name}: the broker was killed (SIGKILL); writers and the agent see a dead region`);
  await pause(2_000);
  await broker!.start();
  say(`${region.name}: the broker is back`);
}

/** Runs `lockstep verify` and shows its table; true when every partition is identical. */
async function verify(file: string): Promise<boolean> {
  const child = spawn(process.execPath, [lockstep, 'verify', file], { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return code === 0;
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-demo-'));
  const regions: Region[] = [];
  let agent: Agent | null = null;
  let workload: Workload | null = null;
  const cleanUp = async (): Promise<void> => {
    await agent?.end('SIGKILL');
    await Promise.all(regions.map((region) => region.destroy()));
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  }
  try {
    step('Two regions, each a real Apache Kafka cluster');
    for (const name of ['us-east', 'eu-west']) {
      const onProgress = ({ message }: { message: string }): void => say(message);
      regions.push(await createRegion({ name, directory: path.join(folder, name), onProgress }));
    }
    const [source, destination] = regions as [Region, Region];
    await Promise.all(regions.map((region) => region.start()));
    for (const region of regions) say(`${region.name} answers on ${region.bootstrap.join(', ')}`);

    step('Five topics of different shapes in us-east, filled by an independent client');
    await createTopics(source.bootstrap);
    for (const { topic, partitions, says } of shapes)
      say(`${topic.padEnd(10)} ${partitions} partitions, ${says}`);
    workload = new Workload(source.bootstrap);
    await workload.fill(() => {});
    workload.start();
    say(`${workload.total.toLocaleString('en')} records written; the producers keep writing`);

    step('The agent mirrors us-east to eu-west');
    const file = path.join(folder, 'lockstep.yaml');
    await writeFile(file, topology(source, destination));
    agent = new Agent(file);
    agent.start();
    await pause(6_000);

    step('The agent is killed with SIGKILL and started again');
    await agent.end('SIGKILL');
    say('agent killed in the middle of its work');
    agent.start();
    await pause(4_000);

    step('The destination’s broker is killed and started again');
    await killAndRestart(destination);
    await pause(3_000);

    step('The source’s broker is killed and started again');
    await killAndRestart(source);
    await pause(4_000);

    step('The producers stop; are both regions identical?');
    await workload.stop();
    say(
      `${workload.total.toLocaleString('en')} records were acknowledged, ${workload.failedSends} sends failed while brokers were down`,
    );
    const isIdentical = await verify(file);
    const code = await agent.end('SIGTERM');
    say(`the agent stopped with exit code ${code}`);
    return isIdentical && code === 0;
  } finally {
    await cleanUp();
  }
}

function topology(source: Region, destination: Region): string {
  return `version: 1
clusters:
  us-east:
    bootstrap: [${source.bootstrap.map((address) => `"${address}"`).join(', ')}]
  eu-west:
    bootstrap: [${destination.bootstrap.map((address) => `"${address}"`).join(', ')}]
links:
  us-to-eu:
    source: us-east
    destination: eu-west
    topics: [orders, payments, clicks, documents, profiles]
`;
}

const isIdentical = await main();
const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
console.log(
  isIdentical
    ? `\nEvery partition is identical, offset for offset, after three kills. (${seconds} s)`
    : `\nThe demo FAILED: see above. (${seconds} s)`,
);
process.exitCode = isIdentical ? 0 : 1;
