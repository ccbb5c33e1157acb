// node scripts/start.mjs bench/control.ts [KAFKA_VERSION]
//
// What the control topic costs, on a region of one broker that it starts: how long a record takes to be seen, how fast
// the leader writes, what an idle reader costs, and that a million status changes compact to the size of the state.
// A table on stderr, one line of JSON on stdout.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../src/client/index.ts';
import { ControlTopic, LeaderWriter, recordVersion, statusKey } from '../src/control/index.ts';
import { createRegion, defaultKafkaVersion, type Region } from '../src/regions/index.ts';
import { formatBytes, formatCount, formatDuration } from '../src/units.ts';

const changes = 1_000_000;
const partitions = 1_000;
const writes = 200;
const idleMs = 20_000;
/** The cleaner looks every 15 s (log.cleaner.backoff.ms) and takes a moment. */
const compactedWithinMs = 180_000;
const lookEveryMs = 1_000;
/** Looks without a change after which the cleaner has nothing more to do. */
const quietLooks = 40;

const kafkaVersion = process.argv[2] ?? defaultKafkaVersion;
const clusters: Cluster[] = [];
const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-control-'));
const region = await createRegion({
  ...{ name: 'control', directory: path.join(folder, 'control'), kafkaVersion, heapMb: 512 },
});
try {
  await region.start();
  console.log(JSON.stringify(await measure(region)));
} finally {
  for (const cluster of clusters) cluster.close();
  await region.destroy();
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function measure({ brokers, directory }: Region): Promise<Record<string, string | number>> {
  const [writer, reader] = [await open(brokers), await open(brokers)];
  const seenMs = await seenAfterMs(writer.control, reader.control);
  const leader = await LeaderWriter.take(writer.control);
  const writeMs = await eachMs(writes, (n) => leader.write(new Map([['acl/bench/1', { n }]])));
  say(
    `a record is seen after ${median(seenMs).toFixed(1)} ms (median), ${worst(seenMs).toFixed(1)} ms (p99)`,
  );
  say(
    `a write of the leader takes ${median(writeMs).toFixed(1)} ms (median), ${worst(writeMs).toFixed(1)} ms (p99)`,
  );

  const startMs = performance.now();
  for (let change = 0; change < changes; change += partitions) {
    const last = await writer.control.put(new Map(statuses(change)));
    await writer.control.until(last);
  }
  const changesMs = performance.now() - startMs;
  await reader.control.refresh();
  const stateBytes = Buffer.byteLength(JSON.stringify([...reader.control.state.entries('')]));
  const writtenBytes = await topicBytes(directory);
  say(
    `${formatCount(changes)} status changes of ${formatCount(partitions)} partitions in ${formatDuration(changesMs)}: ${formatBytes(writtenBytes)} of log then`,
  );

  const compactedBytes = await compacted(directory, writtenBytes);
  say(
    `compacted to ${formatBytes(compactedBytes)}; the state is ${formatBytes(stateBytes)}, an open segment up to 4 MiB`,
  );
  const openMs = await eachMs(1, async () => void (await open(brokers)));
  say(`read from the start in ${formatDuration(openMs[0]!)}`);

  const before = process.cpuUsage();
  await sleep(idleMs);
  const { user, system } = process.cpuUsage(before);
  const idleCorePercent = (user + system) / 10 / idleMs;
  say(`three idle readers: ${idleCorePercent.toFixed(2)}% of a core`);
  return {
    bench: 'control',
    kafkaVersion,
    seenAfterMsMedian: median(seenMs),
    seenAfterMsP99: worst(seenMs),
    leaderWriteMsMedian: median(writeMs),
    leaderWriteMsP99: worst(writeMs),
    changes,
    changesMs,
    writtenBytes,
    compactedBytes,
    stateBytes,
    openMs: openMs[0]!,
    idleCorePercent,
  };
}

async function open(brokers: Region['brokers']): Promise<{ control: ControlTopic }> {
  const bootstrap = brokers.map(({ host, port }) => ({ host, port }));
  const cluster = await Cluster.connect({ name: 'control', bootstrap });
  clusters.push(cluster);
  return { control: await ControlTopic.open(cluster, { mayCreate: true, onWarning: say }) };
}

function seenAfterMs(writer: ControlTopic, reader: ControlTopic): Promise<number[]> {
  let atMs = 0;
  let seen = Promise.withResolvers<number>();
  reader.onChange(() => seen.resolve(performance.now() - atMs));
  return times(writes, async (n) => {
    seen = Promise.withResolvers();
    atMs = performance.now();
    await writer.put(new Map([['status/bench/latency/0', { n }]]));
    return seen.promise;
  });
}

function eachMs(count: number, run: (n: number) => Promise<void>): Promise<number[]> {
  return times(count, async (n) => {
    const startMs = performance.now();
    await run(n);
    return performance.now() - startMs;
  });
}

async function times<T>(count: number, run: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let n = 0; n < count; n += 1) results.push(await run(n));
  return results;
}

function statuses(change: number): [string, object][] {
  return Array.from({ length: partitions }, (_, partition) => [
    statusKey({ link: 'us-to-eu', topic: `topic-${partition % 20}`, partition }),
    {
      v: recordVersion,
      agent: 'agent-1',
      atMs: Date.now(),
      state: 'Mirroring',
      reason: null,
      sinceMs: 1,
      sourceEnd: String(change + 5),
      mirrorEnd: String(change),
      lagRecords: '5',
      behindMs: 12,
      lastFetchAtMs: Date.now(),
      lastError: null,
      shift: '0',
    },
  ]);
}

/** Bytes of the log once the cleaner has nothing more to do. */
async function compacted(directory: string, writtenBytes: number): Promise<number> {
  const untilMs = performance.now() + compactedWithinMs;
  let [bytes, quiet] = [writtenBytes, 0];
  while (performance.now() < untilMs && (quiet < quietLooks || bytes === writtenBytes)) {
    await sleep(lookEveryMs);
    const now = await topicBytes(directory);
    quiet = now === bytes ? quiet + 1 : 0;
    bytes = now;
  }
  return bytes;
}

/** Segments of the partition, those that are about to be deleted left out. */
async function topicBytes(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true });
  const segments = files.filter((file) => /__lockstep-0\/\d+\.log$/.test(file));
  // One that the cleaner replaces just now is gone.
  const sizes = segments.map((file) =>
    stat(path.join(directory, file)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The 99th percentile. */
function worst(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)]!;
}

function say(line: string): void {
  console.error(line);
}
