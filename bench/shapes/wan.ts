// A source far away: a round trip of 80 ms, and no more bytes under way to a reader than the broker's send buffer holds
// (the proxy sees to both). Beside Lockstep plain TCP sends as fast as it can through a proxy of the same kind, over as
// many connections as Lockstep read with: that is what the way carries.
import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../../src/errors.ts';
import { findFreePort, installKafka, type KafkaInstallation, type Region } from '../../src/regions/index.ts';
import { plural } from '../../src/units.ts';
import { startWanProxy, type WanOptions, type WanProxy } from '../../test/support/wan-proxy.ts';
import type { Contestant, Job } from '../contestants/contestant.ts';
import { presentContestants } from '../contestants/index.ts';
import { startLockstep } from '../contestants/lockstep.ts';
import type { Figures } from '../figures.ts';
import { Offsets, sumOf } from '../offsets.ts';
import { readProcessCost } from '../process-cost.ts';
import { benchRegion, brokersCpuSeconds, logBytes, waitForDeletions } from '../regions.ts';
import {
  type ContestantRuns,
  type Shape,
  type ShapeOptions,
  type ShapeResult,
  takesPart,
  type Wanted,
} from '../shape.ts';
import { ratio } from '../wanted.ts';
import { writeLog } from '../write-log.ts';
import { plainWorkload } from './plain.ts';

interface Row {
  readonly window: keyof typeof windows;
  readonly name: string;
  readonly title: string;
  readonly windowBytes: number;
  readonly fetchConnections: 'auto' | number;
  /** Null: as a link that says nothing. */
  readonly inFlightBytesMax: number | null;
}

const topic = 'bench';
const delayMs = 40;
/** What Kafka's brokers have where nobody set it, and what 50 MB/s over one connection take. */
const windows = { default: 102_400, tuned: 4 * 1024 * 1024 };
/** A link's default, and what lets several connections have answers of full size under way. */
const memory = { default: null, large: 64 * 2 ** 20 };
const windowTitles = { default: '100 KiB', tuned: '4 MiB' };
const stalls = { stallShare: 0.001, stallMs: 200, segmentBytes: 16 * 1024 };
const rows: readonly Row[] = [
  {
    ...{ name: 'default-1', title: '100 KiB, one connection' },
    ...{
      window: 'default',
      windowBytes: windows.default,
      inFlightBytesMax: memory.default,
      fetchConnections: 1,
    },
  },
  {
    ...{ name: 'default-auto', title: '100 KiB, auto' },
    ...{
      window: 'default',
      windowBytes: windows.default,
      inFlightBytesMax: memory.large,
      fetchConnections: 'auto',
    },
  },
  {
    ...{ name: 'tuned-1', title: '4 MiB, one connection' },
    ...{ window: 'tuned', windowBytes: windows.tuned, inFlightBytesMax: memory.large, fetchConnections: 1 },
  },
  {
    ...{ name: 'tuned-auto', title: '4 MiB, auto' },
    ...{
      window: 'tuned',
      windowBytes: windows.tuned,
      inFlightBytesMax: memory.large,
      fetchConnections: 'auto',
    },
  },
];
/** Of the source's log: the tuned rows read most of it. */
const logBytesWanted = 8e9;
const warmUpMs = { fixed: 8_000, auto: 35_000 };
const plainWarmUpMs = 2_000;
const plainSecondsMax = 10;
const pollMs = 50;
/** Copying goes on without a pause: then any moment is as good, ms. */
const burstMsMax = 1_000;
const endWaitMs = 15_000;
/** A connection that brought more than this while it was measured is one that data came over, bytes. */
const usedBytesMin = 256 * 1024;
const wantedShare = 0.9;

/** The same losses for everybody. */
function seeded(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function way(windowBytes: number): WanOptions {
  return { delayMs, windowBytes, ...stalls, random: seeded() };
}

/** What plain TCP carries over so many connections, in bytes a second. */
async function plainTcp(windowBytes: number, connections: number, seconds: number): Promise<number> {
  const block = Buffer.alloc(256 * 1024);
  const server = createServer((socket) => {
    const send = (): void => {
      while (socket.write(block));
    };
    socket.on('error', () => {});
    socket.on('drain', send);
    send();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await using proxy = await startWanProxy({ host: '127.0.0.1', port }, way(windowBytes));
  let bytes = 0;
  const onread = {
    buffer: Buffer.alloc(64 * 1024),
    callback: (count: number) => {
      bytes += count;
      return true;
    },
  };
  const sockets = Array.from({ length: connections }, () =>
    connect({ port: proxy.port, host: proxy.host, onread }).on('error', () => {}),
  );
  await sleep(plainWarmUpMs);
  const [before, startedAt] = [bytes, performance.now()];
  await sleep(seconds * 1000);
  const rate = ((bytes - before) / (performance.now() - startedAt)) * 1000;
  for (const socket of sockets) socket.destroy();
  server.close();
  return rate;
}

interface Place {
  readonly directory: string;
  readonly proxy: WanProxy;
  readonly destination: Region;
  readonly installation: KafkaInstallation;
}

interface Stage {
  readonly options: ShapeOptions;
  readonly proxy: WanProxy;
  readonly source: Region;
  readonly destination: Region;
  readonly offsets: Offsets;
  readonly bytesPerOffset: number;
  readonly endOffsets: number;
}

interface Started {
  readonly child: ChildProcess;
  readonly logFile: string;
  readonly copy: string;
  readonly leftovers: readonly string[];
}

async function startLink(row: Row, { directory, proxy, destination }: Place): Promise<Started> {
  const file = path.join(directory, 'lockstep.yaml');
  const { fetchConnections, inFlightBytesMax } = row;
  await writeFile(
    file,
    `version: 1
clusters:
  us-east: { bootstrap: ["${proxy.host}:${proxy.port}"] }
  eu-west: { bootstrap: ${JSON.stringify(destination.bootstrap)} }
links:
  far:
    source: us-east
    destination: eu-west
    topics: [${topic}]
    fetchConnections: ${fetchConnections}
${inFlightBytesMax === null ? '' : `    inFlightBytesMax: ${inFlightBytesMax}\n`}`,
  );
  const http = `127.0.0.1:${await findFreePort()}`;
  const logFile = path.join(directory, 'lockstep.log');
  const child = startLockstep(file, logFile, [], ['--http', http]);
  return { child, logFile, copy: topic, leftovers: ['__lockstep'] };
}

async function startPeer(contestant: Contestant, label: string, place: Place): Promise<Started> {
  const { directory, proxy, destination, installation } = place;
  const job: Job = {
    ...{ directory, label, installation, topics: [topic], partitions: plainWorkload.partitions },
    source: { name: 'us-east', bootstrap: [`${proxy.host}:${proxy.port}`], tls: null },
    destinations: [{ name: 'eu-west', bootstrap: destination.bootstrap, tls: null }],
    ...{ replicationFactor: 1, compression: 'none', isLive: false, profileFile: null },
  };
  const { child, logFile } = await contestant.start(job);
  return { child, logFile, copy: contestant.copyOf(topic, job), leftovers: contestant.leftovers ?? [] };
}

/** One run; `connections` are those that brought data. */
async function measure(
  row: Pick<Row, 'title' | 'windowBytes'>,
  { warmMs, start }: { warmMs: number; start: () => Promise<Started> },
  stage: Stage,
): Promise<{ figures: Figures; connections: number }> {
  const { options, proxy, source, destination, offsets, bytesPerOffset, endOffsets } = stage;
  proxy.setWindow(row.windowBytes);
  const startedAt = performance.now();
  const { child, logFile, copy, leftovers } = await start();
  const pid = child.pid!;
  /** Looks until an answer has just been copied: they are large, and come seconds apart where little is carried. */
  const next = async (isDue: (atMs: number) => boolean) => {
    let movedAtMs: number | null = null;
    for (let former = -1; ; ) {
      const copied = sumOf(await offsets.ends(copy, plainWorkload.partitions));
      const atMs = performance.now();
      if (child.exitCode !== null) throw new LockstepError('INTERNAL', `${row.title} ended; ${logFile}`);
      if (isDue(atMs) && former >= 0 && copied > former) movedAtMs ??= atMs;
      const hasPaused = movedAtMs !== null && (copied === former || atMs - movedAtMs > burstMsMax);
      if (copied >= endOffsets || hasPaused) {
        const { cpuSeconds, peakRssBytes } = readProcessCost(pid);
        const byConnection = proxy.bytesDownByConnection();
        const [sourceCpu, destinationCpu] = [brokersCpuSeconds([source]), brokersCpuSeconds([destination])];
        return { ...{ copied, atMs, cpuSeconds, peakRssBytes, byConnection, sourceCpu, destinationCpu } };
      }
      former = copied;
      await sleep(pollMs);
    }
  };
  try {
    const first = await next(() => true);
    const from = await next((atMs) => atMs >= first.atMs + warmMs);
    const last = await next((atMs) => atMs >= from.atMs + options.seconds * 1000);
    const seconds = (last.atMs - from.atMs) / 1000;
    const bytes = (last.copied - from.copied) * bytesPerOffset;
    const [gb, cpuSeconds] = [bytes / 1e9, last.cpuSeconds - from.cpuSeconds];
    const connections = last.byConnection.filter(
      (count, index) => count - (from.byConnection[index] ?? 0) > usedBytesMin,
    ).length;
    const figures: Figures = {
      ...{ seconds, cpuSecondsPerGb: cpuSeconds / gb, corePercent: (100 * cpuSeconds) / seconds },
      megabytesPerSecond: bytes / 1e6 / seconds,
      peakRssMb: last.peakRssBytes / 1e6,
      sourceBrokerCpuSecondsPerGb: (last.sourceCpu - from.sourceCpu) / gb,
      destinationBrokerCpuSecondsPerGb: (last.destinationCpu - from.destinationCpu) / gb,
      startSeconds: (first.atMs - startedAt) / 1000,
    };
    return { figures, connections };
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), endWaitMs);
    if (child.exitCode === null) await ended;
    clearTimeout(timer);
    await offsets.deleteTopics([copy, ...leftovers]);
    await waitForDeletions([destination]);
  }
}

async function run(options: ShapeOptions): Promise<ShapeResult> {
  const { directory, say, seconds } = options;
  const installation = await installKafka({ version: '4.3.1', onProgress: ({ message }) => say(message) });
  const port = await findFreePort();
  await using proxy = await startWanProxy({ host: '127.0.0.1', port }, way(windows.default));
  const proxied = [{ port, advertisedPort: proxy.port }];
  const source = await benchRegion({ name: 'us-east', directory: path.join(directory, 'us-east'), proxied });
  const destination = await benchRegion({ name: 'eu-west', directory: path.join(directory, 'eu-west') });
  const clients: Offsets[] = [];
  try {
    say('starting us-east, 80 ms away, and eu-west (Kafka 4.3.1)');
    await Promise.all([source.start(), destination.start()]);
    const [atSource, offsets] = [new Offsets(source.bootstrap), new Offsets(destination.bootstrap)];
    clients.push(atSource, offsets);
    const { partitions } = plainWorkload;
    await atSource.createTopic(topic, partitions);
    say(`writing ${logBytesWanted / 1e9} GB into ${topic} of us-east`);
    await writeLog(source, topic, { ...plainWorkload, bytes: logBytesWanted });
    const endOffsets = sumOf(await atSource.ends(topic, partitions));
    const bytesPerOffset = (await logBytes(source, topic)) / endOffsets;
    const stage: Stage = { options, proxy, source, destination, offsets, bytesPerOffset, endOffsets };
    const results = new Map<string, { contestant: string; title: string; runs: Figures[] }>();
    const note = (contestant: string, title: string, figures: Figures): void => {
      const known = results.get(contestant) ?? { contestant, title, runs: [] };
      known.runs.push(figures);
      results.set(contestant, known);
      say(`${title}: ${figures.megabytesPerSecond?.toFixed(2)} MB/s`);
    };
    const connectionsSeen: string[] = [];
    const { present, notes } = await presentContestants(['lockstep', 'mm2-tuned'], options);
    const runOne = async (row: Row, contestant: Contestant, count: number): Promise<void> => {
      const isOurs = contestant.name === 'lockstep';
      if (!isOurs && row.fetchConnections === 'auto') return;
      if (!takesPart(contestant.name, count, options)) return;
      const title = `${contestant.title}, ${isOurs ? row.title : windowTitles[row.window]}`;
      say(`${title}: starting (run ${count} of ${options.runs})`);
      const label = `${contestant.name}-${isOurs ? row.name : row.window}-${count}`;
      const place: Place = { directory: path.join(directory, label), proxy, destination, installation };
      await mkdir(place.directory, { recursive: true });
      const warmMs = row.fetchConnections === 'auto' ? warmUpMs.auto : warmUpMs.fixed;
      const start = () => (isOurs ? startLink(row, place) : startPeer(contestant, label, place));
      const { figures, connections } = await measure({ ...row, title }, { warmMs, start }, stage);
      note(`${contestant.name} ${isOurs ? row.name : row.window}`, title, figures);
      connectionsSeen.push(`${title}, run ${count}: ${plural(connections, 'connection')} carried the data`);
      if (!isOurs) return;
      const rate = await plainTcp(row.windowBytes, connections, Math.min(seconds, plainSecondsMax));
      note(`tcp ${row.name}`, `plain TCP, ${row.title}`, { megabytesPerSecond: rate / 1e6 });
    };
    for (let count = 1; count <= options.runs; count++)
      for (const row of rows) for (const contestant of present) await runOne(row, contestant, count);
    const all: ContestantRuns[] = [...results.values()];
    const wanted = rows.map(
      ({ name, title }): Wanted => ({
        what: `MB/s of plain TCP's over as many connections, ${title}`,
        measured: ratio(all, 'megabytesPerSecond', { of: `lockstep ${name}`, to: `tcp ${name}` }),
        ...{ limit: wantedShare, is: 'atLeast' },
      }),
    );
    const { heldBytesMax, stalls: stallCount } = proxy.counts;
    return {
      rows: all,
      wanted,
      notes: [
        `80 ms round trip; ${stallCount} segments of 16 KiB, one in a thousand, came 200 ms late; at most ${heldBytesMax} bytes without an acknowledgement`,
        'a link has its default memory where it reads 100 KiB over one connection, else inFlightBytesMax: 67108864',
        ...connectionsSeen,
        ...notes,
      ],
    };
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
    await Promise.allSettled([source.destroy(), destination.destroy()]);
  }
}

export const wan: Shape = {
  name: 'wan',
  title: 'the source 80 ms away, 0.1 % of segments 200 ms late; send buffers of 100 KiB and of 4 MiB',
  run,
};
