// npm run bench:idle -- [--partitions N] [--seconds S] [--records R]: what one agent costs that has nothing to do, and
// how long new records then take.
//
// 1. two regions, a topic of N partitions (default 1,000), one agent
// 2. when every partition mirrors, and ten seconds later: CPU and memory of the agent over S seconds (default 60) without
//    any record
// 3. R records (default 500), one at a time, each into another partition, so that each is the first of a quiet one: time
//    from the acknowledgement at the source until who waits at that partition of the destination has the record
// 4. the same with a topic of the destination alone: what the machine and both clients take of that, without a mirror
//
// As many records go ahead of those that count: both clients and both brokers are warm then. A broker takes several times
// as long for a fetch of many partitions until its JVM has compiled it; what the first of them took is told as `cold`.
//
// Two brokers and both clients run on the same machine. One JSON line at the end.
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { Cluster, type Connection, createTopics, logEndOffsets, unwrap } from '../src/client/index.ts';
import { ControlTopic } from '../src/control/index.ts';
import { apis } from '../src/protocol/index.ts';
import { createRegion, type Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { startLockstep } from './contestants/lockstep.ts';
import { readProcessCost } from './process-cost.ts';
import { makeProgram } from './program.ts';

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
/** At the destination; no link takes it. */
const straightTopic = 'straight';
/** Each before the records that count; of partitions that they don't use, as long as there are any. */
const warmUpCount = Math.max(20, Math.min(500, partitionCount - recordCount));
/** V8 compiles what is done again and again, and collects the garbage of the start, for a while. */
const restMs = 10_000;
const fetchWaitMs = 5_000;
const fetchBytesMax = 1024 * 1024;
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
  makeProgram(say);
  for (const name of ['us-east', 'eu-west'])
    regions.push(await createRegion({ name, directory: path.join(directory, name), jvm: 'throughput' }));
  await Promise.all(regions.map((region) => region.start()));
  const [source, destination] = regions as [Region, Region];
  await makeTopic(source, topic);
  const file = path.join(directory, 'lockstep.yaml');
  await writeFile(file, yaml(source, destination));
  const child = startLockstep(file, path.join(directory, 'lockstep.log'), []);
  kill = () => child.kill('SIGKILL');
  await allMirror(destination);
  say(`${partitionCount} partitions mirror; nothing happens for ${restMs / 1_000} and ${idleMs / 1_000} s`);
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const before = readProcessCost(child.pid!);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const after = readProcessCost(child.pid!);
  const idle = {
    corePercent: Number((((after.cpuSeconds - before.cpuSeconds) * 100_000) / idleMs).toFixed(2)),
    rssMb: Math.round(after.rssBytes / 1e6),
    peakRssMb: Math.round(after.peakRssBytes / 1e6),
  };
  say(`idle: ${idle.corePercent}% of a core, RSS ${idle.rssMb} MB (peak ${idle.peakRssMb} MB)`);
  const latencyMs = await latencies(topic, { from: source, to: destination });
  await makeTopic(destination, straightTopic);
  const straightMs = await latencies(straightTopic, { from: destination, to: destination });
  console.log(JSON.stringify({ partitionCount, idle, latencyMs, straightMs, loadAverage: os.loadavg()[0] }));
}

async function makeTopic(region: Region, name: string): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  unwrap((await createTopics(cluster, [{ name, partitionCount }])).get(name)!);
  // A busy broker knows the partitions before it can take records for them.
  const ends = Array.from({ length: partitionCount }, (_, partition) => ({ topic: name, partition }));
  for (const { outcome } of await logEndOffsets(cluster, ends, { timeoutMs: 60_000 })) unwrap(outcome);
  cluster.close();
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

async function latencies(topic: string, { from, to }: { from: Region; to: Region }) {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [...from.bootstrap] });
  const cluster = await Cluster.connect(configOf(to));
  const { topicId } = (await cluster.metadata({ topics: [topic] })).topics.get(topic)!;
  const { leaderId } = await cluster.leaderOf(topic, 0);
  const connection = await cluster.openConnection(leaderId, { purpose: 'bench' });
  const counts = new Map<number, number>();
  const tookMs: number[] = [];
  const coldMs: number[] = [];
  const order = shuffled(partitionCount);
  for (let index = 0; index < warmUpCount + recordCount; index++) {
    const partition = order[index % partitionCount]!;
    const offset = counts.get(partition) ?? 0;
    counts.set(partition, offset + 1);
    const arrival = arrivalAt(connection, { topic, topicId, partition, offset: BigInt(offset) });
    arrival.catch(() => {}); // told where it is awaited
    await producer.send({
      acks: ProduceAcks.ALL,
      messages: [{ topic, partition, value: Buffer.from(String(index)) }],
    });
    const acknowledgedAt = performance.now();
    const ms = Math.max(0, (await arrival) - acknowledgedAt);
    (index < warmUpCount ? coldMs : tookMs).push(ms);
  }
  await producer.close(true);
  connection.close();
  cluster.close();
  const found = { ...percentiles(tookMs), cold: percentiles(coldMs) };
  const shown = ({ p50, p99, max }: Percentiles) => `p50 ${p50} ms, p99 ${p99} ms, slowest ${max} ms`;
  say(`${recordCount} records, ${topic}: ${shown(found)}; the ${warmUpCount} before: ${shown(found.cold)}`);
  return found;
}

type Percentiles = ReturnType<typeof percentiles>;

function percentiles(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** All partitions in an order of chance. */
function shuffled(count: number): number[] {
  const all = Array.from({ length: count }, (_, partition) => partition);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [all[last], all[other]] = [all[other]!, all[last]!];
  }
  return all;
}

/** Waits at a partition's end, as a consumer that has read everything; resolves with when the record was there. */
async function arrivalAt(
  connection: Connection,
  {
    topic,
    topicId,
    partition,
    offset,
  }: { topic: string; topicId: string; partition: number; offset: bigint },
): Promise<number> {
  const position = { partition, fetchOffset: offset, partitionMaxBytes: fetchBytesMax };
  const limits = { maxWaitMs: fetchWaitMs, minBytes: 1, maxBytes: fetchBytesMax, isolationLevel: 1 };
  for (;;) {
    const { responses } = await connection.send(
      apis.Fetch,
      { ...limits, topics: [{ topic, topicId, partitions: [position] }] },
      { timeoutMs: 2 * fetchWaitMs },
    );
    if ((responses[0]?.partitions[0]?.records?.length ?? 0) > 0) return performance.now();
  }
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
