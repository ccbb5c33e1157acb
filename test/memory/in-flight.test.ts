// A fast source and a slow destination: what an agent of several links has in flight stays within its budget, its memory
// stays flat, and what arrives is the same as ever. Real brokers; the agent is a process of its own, asked by its metrics.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { writeCompactedLog } from '../../bench/compacted-log.ts';
import { readProcessCost } from '../../bench/process-cost.ts';
import { type Workload, writeLog } from '../../bench/write-log.ts';
import { type ProxiedRegion, startProxiedRegion } from '../../scripts/soak/regions.ts';
import { Cluster, createTopics, unwrap } from '../../src/client/index.ts';
import { findFreePort, guardChild } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': { heapMb: 384 } });
const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** As bin/lockstep.mjs runs it. */
const leanFlags = ['--max-semi-space-size=2', '--heap-growing-percent=30'];

const mib = 1024 * 1024;
const budgetBytes = 64 * mib;
/** A large batch for each reader that did not expect one. */
const overshootBytes = 4 * mib;
/** Beside what is in flight: buffers kept for reuse, garbage that is not collected yet, what V8 compiles meanwhile. */
const rssSpareBytes = 80 * mib;
const links = ['one', 'two', 'three', 'four', 'five', 'six'];
const partitions = 4;
const plain = { partitions, compression: 'none', markerEveryRecords: null } as const;
const shapes: Record<string, Workload & { readonly bytes: number }> = {
  large: { ...plain, recordBytes: 900_000, batchBytes: 950_000, bytes: 40 * mib },
  small: { ...plain, recordBytes: 1_000, batchBytes: 16_384, bytes: 12 * mib },
  tiny: { ...plain, recordBytes: 200, batchBytes: 100, bytes: mib },
};
const transactions = {
  ...plain,
  recordBytes: 1_000,
  batchBytes: 10_500,
  bytes: 3 * mib,
  markerEveryRecords: 50,
};
/** Of one link alone, since a cleaner takes its time: fifty copies of each record that it leaves. */
const cleaned = { partitions, offsets: 200_000, keys: 4_000, valueBytes: 64 };

async function fill(): Promise<void> {
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  const topics = links.flatMap((link) => [...Object.keys(shapes), 'paid'].map((shape) => `${link}-${shape}`));
  const made = await createTopics(
    cluster,
    topics.map((name) => ({ name, partitionCount: partitions, replicationFactor: 1 })),
  );
  for (const [, outcome] of made) unwrap(outcome);
  cluster.close();
  for (const link of links) {
    for (const [shape, workload] of Object.entries(shapes))
      await writeLog(regions['us-east'], `${link}-${shape}`, workload);
    await writeLog(regions['us-east'], `${link}-paid`, transactions);
  }
  const { live } = await writeCompactedLog(regions['us-east'], `${links[0]}-cleaned`, cleaned);
  expect(live).toBeLessThan(cleaned.offsets / 20);
}

beforeAll(fill, 180_000);

function topology(destination: ProxiedRegion): string {
  const list = (items: readonly string[]): string => JSON.stringify(items);
  const link = (name: string): string =>
    `  ${name}: { source: us-east, destination: eu-west, topics: ["prefix:${name}-"], inFlightBytesMax: ${16 * mib}, compactionGaps: copies }\n`;
  return `version: 1
clusters:
  us-east: { bootstrap: ${list(regions['us-east'].bootstrap)} }
  eu-west: { bootstrap: ${list(destination.bootstrap)} }
links:
${links.map(link).join('')}`;
}

class AgentProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #url: string;
  #output = '';

  constructor(file: string, port: number) {
    const args = [...leanFlags, program, 'run', file, '--http', `127.0.0.1:${port}`];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    guardChild(this.#child);
    this.#url = `http://127.0.0.1:${port}/metrics`;
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4_000);
      });
  }

  get output(): string {
    return this.#output;
  }

  get rssBytes(): number {
    return readProcessCost(this.#child.pid!).rssBytes;
  }

  /** Null while it does not answer yet. */
  async metrics(): Promise<Map<string, number> | null> {
    const answer = await fetch(this.#url).catch(() => null);
    if (answer === null || !answer.ok) return null;
    const lines = (await answer.text()).split('\n').filter((line) => !line.startsWith('#'));
    return new Map(
      lines.map((line): [string, number] => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(timer);
  }
}

it('holds what six links have in flight within one budget, however slow the destination is', async () => {
  await using destination = await startProxiedRegion({
    ...{ name: 'eu-west', folder: folder.path, brokers: 1, brokerConfig: {}, random: Math.random },
  });
  const [proxy] = destination.proxies;
  const file = path.join(folder.path, 'six-links.yaml');
  await writeFile(file, topology(destination));
  await using agent = new AgentProcess(file, await findFreePort());
  const rss: number[] = [];
  const held: number[] = [];
  const look = async (): Promise<Map<string, number> | null> => {
    const metrics = await agent.metrics();
    if (metrics === null) return null;
    expect(metrics.get('lockstep_agent_held_bytes_max')).toBe(budgetBytes);
    expect(metrics.get('lockstep_agent_held_bytes_peak')).toBeLessThanOrEqual(budgetBytes + overshootBytes);
    rss.push(agent.rssBytes);
    held.push(metrics.get('lockstep_agent_held_bytes')!);
    return metrics;
  };
  const copied = (metrics: Map<string, number>): number =>
    links.reduce((sum, link) => sum + (sumOf(metrics, 'lockstep_mirrored_bytes_total', link) ?? 0), 0);
  const until = (what: string, is: (metrics: Map<string, number>) => boolean, deadlineMs = 90_000) =>
    waitFor(
      async () => {
        const metrics = await look();
        return metrics !== null && is(metrics);
      },
      { deadlineMs, describe: () => `${what}; held ${held.at(-1)}\n${agent.output}` },
    );

  // From the first bytes on the destination takes 3 MB/s of each connection, for long enough to fill every queue.
  await until('something to be copied', (metrics) => copied(metrics) > 0);
  proxy!.setFault({ kind: 'bandwidth', bytesPerSecond: 3_000_000, direction: 'up' });
  const before = copied((await look())!);
  await until('20 MiB to trickle through', (metrics) => copied(metrics) - before > 20 * mib);
  expect(proxy!.counts.slowedChunks).toBeGreaterThan(0);
  // The shape is one that fills it: else nothing was tested.
  expect(Math.max(...held)).toBeGreaterThan(budgetBytes / 3);
  // Then nothing at all for a while, and then all of it.
  proxy!.setFault({ kind: 'stall', direction: 'up' });
  const looks = rss.length;
  await until('ten looks at a destination that stands still', () => rss.length > looks + 10);
  proxy!.setFault({ kind: 'none' });

  const verified = await lockstepCommand('verify', file, '--wait', '120');
  expect(verified, verified.stdout + verified.stderr).toMatchObject({ exitCode: 0 });
  await look();
  expect(Math.max(...rss)).toBeLessThanOrEqual(rss[0]! + budgetBytes + overshootBytes + rssSpareBytes);
});

function sumOf(metrics: Map<string, number>, name: string, link: string): number | null {
  let sum: number | null = null;
  for (const [series, value] of metrics)
    if (series.startsWith(`${name}{`) && series.includes(`link="${link}"`)) sum = (sum ?? 0) + value;
  return sum;
}
