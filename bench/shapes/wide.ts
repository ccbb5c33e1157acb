// Wide: thousands of partitions in one agent, of which a hundred are active. What do the idle ones cost, and does an active
// one cost more because of them?
//
// The links of three agents, one after the other, are 100, 1,000 and 10,000 partitions wide; the hundred partitions of the
// same topic are active in each. For each:
//
//   1. the very first time: from the start of the process until every partition mirrors, its mirror made on the way
//   2. stopped and started again, with the mirrors there
//   3. nothing happens: CPU and memory, half a minute behind the start, when what is done again and again is compiled
//   4. a thousand records a second into the active ones: how old they are when a consumer has them, and what they cost
//
// A broker's work for a fetch of many partitions costs several times as much until its JVM has compiled it, so the source
// is warmed first with the same traffic without a mirror, which is told, too; each destination is new, and has its part
// of the warm-up behind its agent's start.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../../test/client/support.ts';
import { bareCreationSeconds, makeTopics, type NewTopics } from '../bare-creation.ts';
import { startLockstep } from '../contestants/lockstep.ts';
import type { Figures } from '../figures.ts';
import { LatencyProbe } from '../latency-probe.ts';
import { allMirror } from '../mirroring-watch.ts';
import { readProcessCost } from '../process-cost.ts';
import { benchRegion, brokersCpuSeconds } from '../regions.ts';
import type { ContestantRuns, Shape, ShapeOptions, ShapeResult } from '../shape.ts';
import { endRunning } from '../throughput.ts';
import { ratio, seen } from '../wanted.ts';

const widths = [100, 1_000, 10_000] as const;
const partitionsPerTopic = 100;
const recordsPerSecond = 1_000;
const recordBytes = 200;
const startMsMax = 120_000;
/** Behind its start an agent collects the garbage of it, and V8 compiles what is done again and again, for half a minute. */
const restMs = 30_000;
const warmUpMs = 20_000;
/** No link takes it. */
const straightTopic = 'straight';
/** Made with one request. */
const topicsAtOnce = 20;
const brokerConfig = {
  // Two index files of each partition are mapped at their full size, 10 MiB by default.
  'log.index.size.max.bytes': '65536',
};
/** A broker says that it has made a topic long before its partitions are there: a look at their ends waits for them. */
const settleMs = 15_000;

interface Sides {
  readonly source: Region;
  readonly destination: Region;
}

export const wide: Shape = {
  name: 'wide',
  title: `${widths.at(-1)!.toLocaleString('en')} partitions in one agent, 100 of them active`,
  plot: ['corePercent', 'rssMb', 'latencyP99Ms'],
  run: async (options) => {
    const rows = new Map<string, { contestant: string; title: string; runs: Figures[] }>();
    if (options.contestants !== null && !options.contestants.includes('lockstep'))
      return { rows: [], wanted: [], notes: ['only Lockstep is measured'] };
    for (let run = 1; run <= options.runs; run++) {
      const directory = path.join(options.directory, `run-${run}`);
      const source = await region('us-east', directory);
      try {
        await source.start();
        await makeTopics(source, newTopics([...topicNames(widths.at(-1)!), straightTopic]));
        await sleep(settleMs);
        const straight = await measureStraight(source, options);
        options.say(lineOfStraight(straight));
        const known = rows.get('straight')?.runs ?? [];
        rows.set('straight', { contestant: 'straight', title: straightTitle, runs: [...known, straight] });
        const bare = await measureBareCreation(directory);
        const bareRuns = rows.get('bare creation')?.runs ?? [];
        rows.set('bare creation', {
          contestant: 'bare creation',
          title: bareTitle,
          runs: [...bareRuns, bare],
        });
        options.say(`${bareTitle}: ${bare.firstStartSeconds.toFixed(1)} s`);
        for (const width of widths) {
          const name = contestantOf(width);
          const title = `Lockstep, ${width.toLocaleString('en')} partitions`;
          options.say(`${title}: starting (run ${run} of ${options.runs})`);
          // One that knows of no other link, and has no mirrors.
          const destination = await region('eu-west', path.join(directory, name.replace(' ', '-')));
          try {
            await destination.start();
            await makeInternalTopics(destination);
            const figures = await measure({ source, destination }, { width, directory, options });
            options.say(lineOf(title, figures));
            rows.set(name, { contestant: name, title, runs: [...(rows.get(name)?.runs ?? []), figures] });
          } finally {
            await destination.destroy();
          }
        }
      } finally {
        await source.destroy();
      }
    }
    return resultOf([...rows.values()]);
  },
};

const straightTitle = 'no mirror: the active ones at one cluster';

function lineOfStraight({ latencyP50Ms = Number.NaN, latencyP99Ms = Number.NaN }: Figures): string {
  return `${straightTitle}: p50 ${latencyP50Ms.toFixed(1)}, p99 ${latencyP99Ms.toFixed(1)} ms`;
}

function region(name: string, directory: string): Promise<Region> {
  return benchRegion({ name, directory: path.join(directory, name), brokerConfig });
}

function contestantOf(width: number): string {
  return `lockstep ${width}`;
}

function topicNames(width: number): string[] {
  return Array.from(
    { length: width / partitionsPerTopic },
    (_, index) => `wide-${String(index).padStart(3, '0')}`,
  );
}

function newTopics(names: readonly string[]): NewTopics {
  return { names, partitionsPerTopic, topicsAtOnce };
}

const bareTitle = `no mirror: a new broker makes ${widths.at(-1)!.toLocaleString('en')} logs`;

/** What a first start can't be quicker than: a region like the destinations, of which nobody asks anything else. */
async function measureBareCreation(directory: string): Promise<{ firstStartSeconds: number }> {
  const bare = await region('eu-west', path.join(directory, 'bare'));
  try {
    await bare.start();
    await makeInternalTopics(bare);
    return { firstStartSeconds: await bareCreationSeconds(bare, newTopics(topicNames(widths.at(-1)!))) };
  } finally {
    await bare.destroy();
  }
}

/** Those of groups and transactions, which a cluster in use has: making them takes a new broker seconds. */
async function makeInternalTopics(region: Region): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  const [group, transaction] = (['group', 'transaction'] as const).map((type) => ({ type, key: 'bench' }));
  const describe = async () => {
    await cluster.request(apis.DescribeGroups, { groups: ['bench'] }, { to: { coordinatorOf: group! } });
    const ids = { transactionalIds: ['bench'] };
    await cluster.request(apis.DescribeTransactions, ids, { to: { coordinatorOf: transaction! } });
  };
  await cluster.retry(describe, { timeoutMs: startMsMax });
  cluster.close();
}

/** The same producer and consumer at the source alone. */
async function measureStraight(source: Region, { seconds }: ShapeOptions): Promise<Figures> {
  const topic = straightTopic;
  const probe = new LatencyProbe({
    ...{ source, destination: source, topic, copy: topic, partitions: partitionsPerTopic },
    ...{ recordsPerSecond, recordBytes },
  });
  try {
    await probe.untilFlowing(startMsMax);
    await sleep(warmUpMs);
    probe.begin();
    await sleep(seconds * 1_000);
    const { exact } = probe.seen();
    return {
      recordsPerSecond: exact.count / seconds,
      latencyP50Ms: exact.p50,
      latencyP90Ms: exact.p90,
      latencyP99Ms: exact.p99,
      latencyMaxMs: exact.max,
      seconds,
    };
  } finally {
    await probe.end();
  }
}

async function measure(
  { source, destination }: Sides,
  { width, directory: parent, options }: { width: number; directory: string; options: ShapeOptions },
): Promise<Figures> {
  const directory = path.join(parent, `agent-${width}`);
  await mkdir(directory, { recursive: true });
  const file = path.join(directory, 'lockstep.yaml');
  await writeFile(file, yaml(source, destination, topicNames(width)));
  const profile = path.resolve('bench/results');
  const flags = options.profile
    ? ['--cpu-prof', `--cpu-prof-name=wide-${width}.cpuprofile`, `--cpu-prof-dir=${profile}`]
    : [];
  const start = async () => {
    const fromMs = Date.now();
    const child = startLockstep(file, path.join(directory, 'lockstep.log'), flags);
    try {
      const { sinceMs } = await allMirror(destination, { count: width, fromMs, deadlineMs: startMsMax });
      return { child, seconds: (sinceMs - fromMs) / 1_000 };
    } catch (error) {
      await endRunning(child);
      throw error;
    }
  };
  const first = await start();
  await endRunning(first.child);
  const { child, seconds: startSeconds } = await start();
  try {
    await sleep(restMs);
    const cost = () => ({
      ...readProcessCost(child.pid!),
      brokers: brokersCpuSeconds([source, destination]),
      at: performance.now(),
    });
    const idleFrom = cost();
    await sleep(options.seconds * 1_000);
    const idleTo = cost();
    const topic = topicNames(width)[0]!;
    const probe = new LatencyProbe({
      ...{ source, destination, topic, copy: topic, partitions: partitionsPerTopic },
      ...{ recordsPerSecond, recordBytes },
    });
    try {
      await probe.untilFlowing(startMsMax);
      await sleep(warmUpMs);
      const activeFrom = cost();
      probe.begin();
      await sleep(options.seconds * 1_000);
      const { exact } = probe.seen();
      const activeTo = cost();
      const percent = (from: typeof activeFrom, to: typeof activeFrom, what: 'cpuSeconds' | 'brokers') =>
        ((to[what] - from[what]) * 100_000) / (to.at - from.at);
      return {
        firstStartSeconds: first.seconds,
        startSeconds,
        corePercent: percent(idleFrom, idleTo, 'cpuSeconds'),
        rssMb: idleTo.rssBytes / 1e6,
        peakRssMb: activeTo.peakRssBytes / 1e6,
        cpuMicrosecondsPerRecord: ((activeTo.cpuSeconds - activeFrom.cpuSeconds) * 1e6) / exact.count,
        brokersCorePercent: percent(idleFrom, idleTo, 'brokers'),
        recordsPerSecond: (exact.count * 1_000) / (activeTo.at - activeFrom.at),
        latencyP50Ms: exact.p50,
        latencyP90Ms: exact.p90,
        latencyP99Ms: exact.p99,
        latencyMaxMs: exact.max,
        seconds: (activeTo.at - activeFrom.at) / 1_000,
      };
    } finally {
      await probe.end();
    }
  } finally {
    await endRunning(child);
  }
}

function resultOf(rows: ContestantRuns[]): ShapeResult {
  const of = contestantOf(widths.at(-1)!);
  const atMost = (what: string, measured: number, limit: number, note?: string) => ({
    ...{ what, measured, limit, is: 'atMost' as const, ...(note !== undefined && { note }) },
  });
  return {
    rows,
    wanted: [
      atMost('10,000 idle partitions, % of a core', seen(rows, of, 'corePercent'), 5),
      atMost('RSS with them, MB', seen(rows, of, 'rssMb'), 300),
      atMost('p99 of the active ones, ms', seen(rows, of, 'latencyP99Ms'), 50),
      atMost('start until all mirror, mirrors are there, s', seen(rows, of, 'startSeconds'), 10),
      atMost(
        'start until all mirror, the very first time, s',
        seen(rows, of, 'firstStartSeconds'),
        10,
        `the destination broker makes 10,000 logs meanwhile; one that is asked for nothing else takes ${seen(rows, 'bare creation', 'firstStartSeconds').toFixed(1)} s`,
      ),
      atMost(
        'CPU per record, of that with 100 partitions',
        ratio(rows, 'cpuMicrosecondsPerRecord', { of, to: contestantOf(widths[0]) }),
        1.2,
      ),
    ],
    notes: [
      `topics of ${partitionsPerTopic} partitions; CPU, RSS and the brokers' CPU with nothing to do, ${restMs / 1_000} s behind the start; CPU per record with ${recordsPerSecond} records/s into 100 partitions, idle cost included`,
    ],
  };
}

function lineOf(title: string, figures: Figures): string {
  const shown = (name: keyof Figures, digits = 1) => (figures[name] ?? Number.NaN).toFixed(digits);
  return (
    `${title}: all mirror after ${shown('firstStartSeconds')} s the first time, ${shown('startSeconds')} s again; ` +
    `idle ${shown('corePercent')}% of a core, ${shown('rssMb', 0)} MB; active p50 ${shown('latencyP50Ms')}, ` +
    `p99 ${shown('latencyP99Ms')} ms, ${shown('cpuMicrosecondsPerRecord', 0)} µs a record`
  );
}

function yaml(source: Region, destination: Region, topics: readonly string[]): string {
  return `version: 1
clusters:
  us-east: { bootstrap: ${JSON.stringify(source.bootstrap)} }
  eu-west: { bootstrap: ${JSON.stringify(destination.bootstrap)} }
links:
  wide: { source: us-east, destination: eu-west, topics: ${JSON.stringify(topics)} }
`;
}
