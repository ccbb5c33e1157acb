// npm run bench:idle -- [--partitions N] [--seconds S] [--records R]: what one agent costs that has nothing to do, and
// how long new records then take.
//
// 1. two regions, a topic of N partitions (default 1,000), one agent
// 2. when every partition mirrors: CPU and memory of the agent over S seconds (default 60) without any record
// 3. R records (default 500), one at a time, into partitions at random: time from the acknowledgement at the source
//    until a consumer that waits at the destination has the record
//
// Two brokers and both clients run on the same machine. One JSON line at the end.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Consumer, MessagesStreamModes, ProduceAcks, Producer } from '@platformatic/kafka';
import { Cluster, createTopics, unwrap } from '../src/client/index.ts';
import { ControlTopic } from '../src/control/index.ts';
import { createRegion, type Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { startLockstep } from './contestants/lockstep.ts';
import { readProcessCost } from './process-cost.ts';

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
    records: { type: 'string', default: '500' },
  },
});
const partitionCount = Number(values.partitions);
const idleMs = Number(values.seconds) * 1_000;
const recordCount = Number(values.records);
const topic = 'idle';
const root = path.resolve(import.meta.dirname, '..');
const startedAt = performance.now();
const say = (line: string) =>
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${line}`);

const directory = mkdtempSync(path.join(os.tmpdir(), 'lockstep-idle-'));
const regions: Region[] = [];
let kill = (): void => {};
try {
  await main();
} finally {
  kill();
  await Promise.all(regions.map((region) => region.destroy()));
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

async function main(): Promise<void> {
  execFileSync(path.join(root, 'node_modules', '.bin', 'tsc'), ['-b', 'tsconfig.src.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const name of ['us-east', 'eu-west'])
    regions.push(await createRegion({ name, directory: path.join(directory, name), jvm: 'throughput' }));
  await Promise.all(regions.map((region) => region.start()));
  const [source, destination] = regions as [Region, Region];
  const cluster = await Cluster.connect(configOf(source));
  unwrap((await createTopics(cluster, [{ name: topic, partitionCount }])).get(topic)!);
  cluster.close();
  const file = path.join(directory, 'lockstep.yaml');
  await writeFile(file, yaml(source, destination));
  const child = startLockstep(file, path.join(directory, 'lockstep.log'), []);
  kill = () => child.kill('SIGKILL');
  await allMirror(destination);
  say(`${partitionCount} partitions mirror; nothing happens for ${idleMs / 1_000} s`);
  const before = readProcessCost(child.pid!);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const after = readProcessCost(child.pid!);
  const idle = {
    corePercent: Number((((after.cpuSeconds - before.cpuSeconds) * 100_000) / idleMs).toFixed(2)),
    rssMb: Math.round(after.rssBytes / 1e6),
    peakRssMb: Math.round(after.peakRssBytes / 1e6),
  };
  say(`idle: ${idle.corePercent}% of a core, RSS ${idle.rssMb} MB (peak ${idle.peakRssMb} MB)`);
  const latencyMs = await latencies(source, destination);
  say(
    `${recordCount} records: p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms, slowest ${latencyMs.max} ms`,
  );
  console.log(JSON.stringify({ partitionCount, idle, latencyMs, loadAverage: os.loadavg()[0] }));
}

async function allMirror(destination: Region): Promise<void> {
  const cluster = await Cluster.connect(configOf(destination));
  let control: ControlTopic | undefined;
  await waitFor(
    async () => {
      control ??= await ControlTopic.open(cluster, { mayCreate: false, onWarning: () => {} });
      const statuses = [...control.state.statuses.values()];
      return statuses.filter(({ state }) => state === 'Mirroring').length === partitionCount;
    },
    { deadlineMs: 120_000, describe: () => `all to mirror; ${control?.state.statuses.size} are known` },
  );
  await control?.close();
  cluster.close();
}

async function latencies(source: Region, destination: Region) {
  const common = { clientId: 'bench' };
  const producer = new Producer({ ...common, bootstrapBrokers: [...source.bootstrap] });
  const consumer = new Consumer({
    ...common,
    groupId: 'bench',
    bootstrapBrokers: [...destination.bootstrap],
  });
  const arrived = new Map<number, (atMs: number) => void>();
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.EARLIEST,
    maxWaitTime: 500,
  });
  stream.on('data', ({ value }) => arrived.get(Number(value))?.(performance.now()));
  const tookMs: number[] = [];
  for (let index = 0; index < recordCount; index++) {
    const arrival = new Promise<number>((resolve) => arrived.set(index, resolve));
    const partition = Math.floor(Math.random() * partitionCount);
    await producer.send({
      acks: ProduceAcks.ALL,
      messages: [{ topic, partition, value: Buffer.from(String(index)) }],
    });
    const acknowledgedAt = performance.now();
    tookMs.push(Math.max(0, (await arrival) - acknowledgedAt));
    arrived.delete(index);
  }
  await stream.close();
  await Promise.all([producer.close(true), consumer.close(true)]);
  tookMs.sort((a, b) => a - b);
  const at = (share: number) =>
    Number(tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))]!.toFixed(1));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function yaml(source: Region, destination: Region): string {
  const list = (items: readonly string[]) => items.map((item) => `"${item}"`).join(', ');
  return `version: 1
clusters:
  us-east: { bootstrap: [${list(source.bootstrap)}] }
  eu-west: { bootstrap: [${list(destination.bootstrap)}] }
links:
  bench: { source: us-east, destination: eu-west, topics: [${topic}] }
`;
}
