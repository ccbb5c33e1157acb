// npm run bench -- limits: what a link with bytesPerSecondMax takes from the source, counted on real sockets by a proxy in
// front of it, and how long records of a live topic take meanwhile.
//
// 1. a source with a backlog; for each limit a destination of its own, and agents as processes
// 2. every 100 ms a record for the live topic, and who waits at the destination; each second the bytes that passed the proxy
// 3. a table, a JSON file in bench/results/, one JSON line at the end
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Consumer, MessagesStreamModes, ProduceAcks, Producer } from '@platformatic/kafka';
import { type ProxiedRegion, startProxiedRegion } from '../../scripts/soak/regions.ts';
import { Cluster, createTopics, logEndOffsets, unwrap } from '../../src/client/index.ts';
import { LockstepError } from '../../src/errors.ts';
import { createRegion, type Region } from '../../src/regions/index.ts';
import { formatBytesPerSecond } from '../../src/units.ts';
import { configOf } from '../../test/client/support.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { commitOf } from '../commit.ts';
import { startLockstep } from '../contestants/lockstep.ts';
import { makeProgram } from '../program.ts';
import type { LimitsBenchOptions } from './options.ts';

interface Round {
  readonly bytesPerSecondMax: number | null;
  /** Mean of all counted seconds. */
  readonly bytesPerSecond: number;
  /** The largest of them. */
  readonly bytesInASecondMax: number;
  readonly liveMs: {
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
    readonly records: number;
  };
  /** Records of the backlog that were still missing at the end. */
  readonly backlogRecords: number;
}

const root = path.resolve(import.meta.dirname, '../..');
const backlogPartitions = 4;
const recordBytes = 16 * 1024;
const liveEveryMs = 100;
/** What may be read at once at the start is not what a limit is measured by. */
const warmUpMs = 3_000;
/** A round without a limit ends when there is nothing left to catch up with; with one the backlog lasts. */
const backlogBytesMin = 64 * 1024 * 1024;

export async function benchLimits(options: LimitsBenchOptions, say: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new LockstepError('USAGE', 'The benchmark runs on Linux only.');
  const loadAverageBefore = os.loadavg()[0] ?? 0;
  makeProgram(say);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'lockstep-limits-'));
  const rounds: Round[] = [];
  const stack = new AsyncDisposableStack();
  try {
    stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    const source = stack.use(
      await startProxiedRegion({
        ...{ name: 'us-east', folder, brokers: 1, brokerConfig: {}, random: Math.random },
      }),
    );
    const largest = Math.max(...options.limits.map((limit) => limit ?? 0));
    const backlogBytes = Math.max(backlogBytesMin, largest * (options.seconds + 15));
    await writeBacklog(source.region, backlogBytes);
    say(`a backlog of ${(backlogBytes / 2 ** 20).toFixed(0)} MiB is in us-east`);
    for (const limit of options.limits) {
      const round = await measureRound(limit, { ...{ source, options, folder, say }, index: rounds.length });
      rounds.push(round);
    }
  } finally {
    await stack.disposeAsync();
  }
  await report(rounds, { options, loadAverageBefore });
}

async function writeBacklog(region: Region, bytes: number): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  await createTopics(cluster, [
    { name: 'backlog', partitionCount: backlogPartitions, replicationFactor: 1 },
    { name: 'live', partitionCount: 1, replicationFactor: 1 },
  ]);
  cluster.close();
  const producer = new Producer({ clientId: 'backlog', bootstrapBrokers: [...region.bootstrap] });
  for (let sent = 0; sent < bytes; sent += 128 * recordBytes) {
    const messages = Array.from({ length: 128 }, (_none, index) => ({
      ...{ topic: 'backlog', partition: index % backlogPartitions, value: randomBytes(recordBytes) },
    }));
    await producer.send({ acks: ProduceAcks.ALL, messages });
  }
  await producer.close(true);
}

async function measureRound(
  bytesPerSecondMax: number | null,
  {
    source,
    options,
    folder,
    say,
    index,
  }: {
    source: ProxiedRegion;
    options: LimitsBenchOptions;
    folder: string;
    say: (line: string) => void;
    index: number;
  },
): Promise<Round> {
  const destination = await createRegion({
    ...{ name: `eu-west-${index}`, directory: path.join(folder, `eu-west-${index}`), heapMb: 320 },
  });
  const agents: ChildProcess[] = [];
  const [proxy] = source.proxies;
  try {
    await destination.start();
    const file = path.join(folder, `limit-${index}.yaml`);
    await writeFile(file, yaml(source.bootstrap, destination.bootstrap, bytesPerSecondMax));
    for (let agent = 0; agent < options.agents; agent++)
      agents.push(startLockstep(file, path.join(folder, `agent-${index}-${agent}.log`), []));
    const live = await startLive(source.region, destination, `round ${index} `);
    await pause(warmUpMs);
    live.start();
    const perSecond: number[] = [];
    const beganAt = performance.now();
    const bytesBefore = proxy!.counts.bytesDown;
    for (let second = 1, last = bytesBefore; second <= options.seconds; second++) {
      await pause(Math.max(0, beganAt + second * 1_000 - performance.now()));
      perSecond.push(proxy!.counts.bytesDown - last);
      last = proxy!.counts.bytesDown;
    }
    const seconds = (performance.now() - beganAt) / 1_000;
    const round = {
      bytesPerSecondMax,
      bytesPerSecond: Math.round((proxy!.counts.bytesDown - bytesBefore) / seconds),
      bytesInASecondMax: Math.max(...perSecond),
      backlogRecords: await missing(source.region, destination),
      liveMs: await live.stop(),
    };
    say(lineOf(round));
    return round;
  } finally {
    for (const agent of agents) agent.kill('SIGKILL');
    await destination.destroy();
  }
}

/** A producer at the source and a consumer at the destination of the live topic; counts from `start` on. */
async function startLive(source: Region, destination: Region, tag: string) {
  const producer = new Producer({ clientId: 'live', bootstrapBrokers: [...source.bootstrap] });
  const send = (value: string) =>
    producer.send({
      acks: ProduceAcks.ALL,
      messages: [{ topic: 'live', partition: 0, value: Buffer.from(value) }],
    });
  await send('first');
  const cluster = await Cluster.connect(configOf(destination));
  await waitFor(
    async () => {
      const [end] = await logEndOffsets(cluster, [{ topic: 'live', partition: 0 }]);
      return unwrap(end!.outcome).logEndOffset > 0n;
    },
    { deadlineMs: 60_000, describe: 'the mirror of the live topic' },
  );
  cluster.close();
  const consumer = new Consumer({
    ...{ clientId: 'live', groupId: 'live', bootstrapBrokers: [...destination.bootstrap] },
  });
  const stream = await consumer.consume({
    ...{ topics: ['live'], mode: MessagesStreamModes.EARLIEST, autocommit: false, maxWaitTime: 1_000 },
  });
  const tookMs: number[] = [];
  let isCounting = false;
  let pending = 0;
  stream.on('data', ({ value }: { value: Buffer | null }) => {
    const text = value?.toString() ?? '';
    // The topic begins with the records of former rounds.
    if (!text.startsWith(tag)) return;
    const sentAtMs = Number(text.slice(tag.length));
    pending -= 1;
    tookMs.push(Date.now() - sentAtMs);
  });
  const timer = setInterval(() => {
    if (!isCounting) return;
    pending += 1;
    void send(`${tag}${Date.now()}`);
  }, liveEveryMs);
  return {
    start: () => {
      isCounting = true;
    },
    stop: async (): Promise<Round['liveMs']> => {
      clearInterval(timer);
      await waitFor(() => pending <= 0, { deadlineMs: 30_000, describe: () => `${pending} live records` });
      await consumer.close(true);
      await producer.close(true);
      const sorted = tookMs.toSorted((a, b) => a - b);
      const at = (share: number) =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      return { p50: at(0.5), p99: at(0.99), max: at(1), records: sorted.length };
    },
  };
}

async function missing(source: Region, destination: Region): Promise<number> {
  const partitions = Array.from({ length: backlogPartitions }, (_none, partition) => ({
    topic: 'backlog',
    partition,
  }));
  const sums = await Promise.all(
    [source, destination].map(async (region) => {
      const cluster = await Cluster.connect(configOf(region));
      const ends = await logEndOffsets(cluster, partitions);
      cluster.close();
      return ends.reduce((sum, { outcome }) => sum + Number(unwrap(outcome).logEndOffset), 0);
    }),
  );
  return sums[0]! - sums[1]!;
}

function lineOf({
  bytesPerSecondMax,
  bytesPerSecond,
  bytesInASecondMax,
  liveMs,
  backlogRecords,
}: Round): string {
  const limit = bytesPerSecondMax === null ? 'no limit' : `limit ${formatBytesPerSecond(bytesPerSecondMax)}`;
  return (
    `${limit}: ${formatBytesPerSecond(bytesPerSecond)} on the wire, at most ${formatBytesPerSecond(bytesInASecondMax)} in a second; ` +
    `live records p50 ${liveMs.p50} ms, p99 ${liveMs.p99} ms, slowest ${liveMs.max} ms (${liveMs.records}); ` +
    `${backlogRecords} records of the backlog missing at the end`
  );
}

async function report(
  rounds: readonly Round[],
  { options, loadAverageBefore }: { options: LimitsBenchOptions; loadAverageBefore: number },
): Promise<void> {
  const record = {
    date: new Date().toISOString(),
    machine: { cpu: os.cpus()[0]?.model ?? 'unknown', cores: os.cpus().length, loadAverageBefore },
    node: process.versions.node,
    commit: commitOf(root),
    options,
    rounds,
  };
  await mkdir(path.join(root, 'bench', 'results'), { recursive: true });
  await writeFile(path.join(root, 'bench', 'results', 'limits.json'), `${JSON.stringify(record, null, 2)}\n`);
  for (const round of rounds) console.log(lineOf(round));
  console.log(JSON.stringify(record));
}

function yaml(source: readonly string[], destination: readonly string[], limit: number | null): string {
  const list = (items: readonly string[]) => items.map((item) => `"${item}"`).join(', ');
  return `version: 1
clusters:
  us-east: { bootstrap: [${list(source)}] }
  eu-west: { bootstrap: [${list(destination)}] }
links:
  limited:
    source: us-east
    destination: eu-west
    topics: [backlog, live]
${limit === null ? '' : `    bytesPerSecondMax: ${limit}\n`}`;
}
