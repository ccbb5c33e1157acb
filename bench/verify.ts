// npm run bench:verify: how fast `lockstep verify` is, and how much memory it takes, on two real regions.
//
// 1. start two regions, write the data, copy it batch for batch
// 2. verify it with the command as users run it: where all batches are equal, their bytes are compared
// 3. copy it again in batches twice as large, and verify that: every record is compared
// 4. write batches of 10 MB on both sides, and verify those
// 5. the same of 10 MB that compress well, with another codec on each side: both are decompressed
//
// MB are of the source's log (1e6 bytes); the command reads as many again from the destination.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster, deleteTopics } from '../src/client/index.ts';
import { LockstepError } from '../src/errors.ts';
import { BatchView, type Compression, encodeBatch, mergeBatches } from '../src/records/index.ts';
import { clusterLogs, readLog } from '../src/verify/index.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { append, makeTopic } from '../test/verify/kafka-copy.ts';
import { readProcessCost } from './process-cost.ts';
import { type Log, type Stage, setStage } from './stage.ts';

const root = path.resolve(import.meta.dirname, '..');
const startedAt = performance.now();
const say = (line: string) =>
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${line}`);

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '1.5' },
    partitions: { type: 'string', default: '8' },
    'record-bytes': { type: 'string', default: '1024' },
    'batch-kib': { type: 'string', default: '128' },
    runs: { type: 'string', default: '3' },
  },
});
const partitions = Number(values.partitions);
const recordBytes = Number(values['record-bytes']);
const sampleMs = 50;
const topic = 'bench';
const equal = 'equal batches';
const largeMessages = { 'max.message.bytes': '20000000' };
const hugeTopic = 'huge';
const packedTopic = 'packed';
const hugeBytes = 10_000_000;
const hugeCount = 20;

interface Figure {
  what: string;
  seconds: number;
  cpuSeconds: number;
  mbPerSecond: number;
  mbPerCpuSecond: number;
  peakRssMb: number;
  loadAverage: number;
}

const directory = mkdtempSync(path.join(os.tmpdir(), 'lockstep-bench-verify-'));
let stage: Stage | null = null;
const cleanUp = async () => {
  await stage?.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void cleanUp().finally(() => process.exit(1)));

try {
  stage = await setStage({}, directory, say);
  const log = await stage.write(topic, {
    bytes: Number(values.gib) * 2 ** 30,
    recordBytes,
    batchBytes: Number(values['batch-kib']) * 1024,
    partitions,
    compression: 'none',
    markerEveryRecords: null,
  });
  const figures = await measureAll(stage, log);
  console.table(figures);
  const load = os.loadavg().map((value) => value.toFixed(1));
  console.log(JSON.stringify({ date: new Date().toISOString(), cores: os.cpus().length, load, figures }));
} finally {
  await cleanUp();
}

async function measureAll({ source, destinations }: Stage, { bytes: logBytes }: Log): Promise<Figure[]> {
  const [destination] = destinations;
  if (destination === undefined) throw new LockstepError('INTERNAL', 'a stage without a destination');
  const file = path.join(directory, 'verify.yaml');
  await writeFile(
    file,
    `version: 1
clusters:
  us-east: { bootstrap: ${JSON.stringify(source.bootstrap)} }
  eu-west: { bootstrap: ${JSON.stringify(destination.bootstrap)} }
links:
  us-to-eu: { source: us-east, destination: eu-west, topics: [${topic}, ${hugeTopic}, ${packedTopic}] }
`,
  );
  const [from, to] = [
    await connect('us-east', source.bootstrap),
    await connect('eu-west', destination.bootstrap),
  ];
  const figures: Figure[] = [];
  try {
    const verifyAll = async (name: string, what: string, bytes: number) => {
      for (let run = 0; run < Number(values.runs); run++) {
        const figure = await verifyOnce(file, name, what, bytes);
        const { mbPerSecond, mbPerCpuSecond, peakRssMb } = figure;
        say(`${what}: ${mbPerSecond} MB/s, ${mbPerCpuSecond} MB per CPU second, ${peakRssMb} MB RSS`);
        figures.push(figure);
      }
    };
    say(`copying ${(logBytes / 1e9).toFixed(2)} GB batch for batch`);
    await copyAll(from, to, topic, 1);
    await verifyAll(topic, equal, logBytes);

    // Under the same name, so that one file names all topics.
    await renewTopic(to, topic);
    say('copying it in batches twice as large');
    await copyAll(from, to, topic, 2);
    await verifyAll(topic, 'other batches', logBytes);

    say('writing batches of 10 MB');
    await writeHuge(from, to, hugeTopic, () => ({
      value: randomBytes(hugeBytes),
      compressions: ['none', 'none'],
    }));
    await verifyAll(hugeTopic, `${equal} of 10 MB`, 4 * hugeBytes * hugeCount);
    await writeHuge(from, to, packedTopic, (offset) => ({
      value: Buffer.alloc(hugeBytes, `value ${offset} `),
      compressions: ['gzip', 'zstd'],
    }));
    await verifyAll(packedTopic, 'other codecs, 10 MB each', 4 * hugeBytes * hugeCount);
  } finally {
    from.close();
    to.close();
  }
  return figures;
}

/** Four partitions of batches with one record of 10 MB, compressed as told on each side. */
async function writeHuge(
  from: Cluster,
  to: Cluster,
  name: string,
  make: (offset: bigint) => { value: Buffer; compressions: [Compression, Compression] },
): Promise<void> {
  for (const cluster of [from, to]) await makeTopic(cluster, name, 4, largeMessages);
  for (let offset = 0n; offset < hugeCount; offset++) {
    const { value, compressions } = make(offset);
    for (const [side, cluster] of [from, to].entries()) {
      const record = { offset, timestamp: 1n, key: null, value, headers: [] };
      const batch = encodeBatch([record], { compression: compressions[side]! });
      for (let partition = 0; partition < 4; partition++) await append(cluster, name, [batch], { partition });
    }
  }
}

/** A topic that was just deleted may be known for a moment. */
async function renewTopic(cluster: Cluster, name: string): Promise<void> {
  await deleteTopics(cluster, [name]);
  await waitFor(async () => !(await cluster.metadata({ topics: [name] })).topics.has(name), {
    deadlineMs: 30_000,
    describe: `${name} to be gone`,
  });
}

async function copyAll(from: Cluster, to: Cluster, name: string, together: number): Promise<void> {
  await makeTopic(to, name, partitions, largeMessages);
  await Promise.all(
    Array.from({ length: partitions }, (_, partition) => copy(from, to, partition, together)),
  );
}

function connect(name: string, bootstrap: readonly string[]): Promise<Cluster> {
  const brokers = bootstrap.map((address) => {
    const [host = '', port] = address.split(':');
    return { host, port: Number(port) };
  });
  return Cluster.connect({ name, bootstrap: brokers });
}

/** Copies a partition, `together` batches into one. */
async function copy(from: Cluster, to: Cluster, partition: number, together: number): Promise<void> {
  const logs = clusterLogs(from);
  const log = logs.partitionLog(topic, partition);
  const { logStartOffset, highWatermark } = await log.offsets();
  let gathered: Buffer[] = [];
  const flush = async () => {
    if (gathered.length === 0) return;
    const views = gathered.map((bytes) => new BatchView(bytes, 0));
    gathered = [];
    await append(to, topic, [views.length === 1 ? views[0]!.bytes : mergeBatches(views)], { partition });
  };
  for await (const { view } of readLog(log, logStartOffset, highWatermark)) {
    gathered.push(Buffer.from(view.bytes));
    if (gathered.length === together) await flush();
  }
  await flush();
  logs.close();
}

/** Runs the command in a process of its own and reads what it cost until it ended. */
async function verifyOnce(file: string, name: string, what: string, logBytes: number): Promise<Figure> {
  const child = spawn(
    process.execPath,
    [path.join(root, 'src/cli/main.ts'), 'verify', file, '--topic', name, '--json'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let printed = '';
  child.stdout.on('data', (bytes) => {
    printed += String(bytes);
  });
  let cost = { cpuSeconds: 0, peakRssBytes: 0 };
  const sample = () => {
    try {
      const now = readProcessCost(child.pid!);
      // A process that has just ended has no memory any more.
      if (Number.isFinite(now.peakRssBytes)) cost = now;
    } catch {
      // It has ended; the sample before stands.
    }
  };
  const sampling = setInterval(sample, sampleMs);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(sampling);
  const report = JSON.parse(printed) as {
    outcome: string;
    elapsedMs: number;
    partitions: { compared: { equalBatches: number; openedBatches: number } }[];
  };
  if (code !== 0 || report.outcome !== 'identical')
    throw new LockstepError('INTERNAL', `verify ended with ${code}: ${report.outcome}`);
  const wasOpened = report.partitions.some(({ compared }) => compared.openedBatches > 0);
  if (wasOpened === what.startsWith(equal)) throw new LockstepError('INTERNAL', 'not the batches meant');
  const seconds = report.elapsedMs / 1000;
  return {
    what,
    seconds,
    cpuSeconds: cost.cpuSeconds,
    mbPerSecond: Math.round(logBytes / 1e6 / seconds),
    mbPerCpuSecond: Math.round(logBytes / 1e6 / cost.cpuSeconds),
    peakRssMb: Math.round(cost.peakRssBytes / 1e6),
    loadAverage: Number(os.loadavg()[0]!.toFixed(1)),
  };
}
