// A day's outage, scaled down to minutes: topics that are gigabytes behind catch up, while others are written live. How old
// are live records when they arrive meanwhile, and does the memory stay flat?
//
// There is no limit in bytes a second here: with one, live topics come first by what it keeps back for them.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../../src/errors.ts';
import type { Contestant, Job } from '../contestants/contestant.ts';
import { presentContestants } from '../contestants/index.ts';
import type { Figures } from '../figures.ts';
import { LiveTraffic } from '../live-traffic.ts';
import { Offsets, sumOf } from '../offsets.ts';
import { readProcessCost } from '../process-cost.ts';
import { benchCluster, brokersCpuSeconds, waitForDeletions } from '../regions.ts';
import { type ContestantRuns, type Shape, type ShapeOptions, takesPart } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import type { Log, Stage } from '../stage.ts';
import { endRunning, logBytesFor } from '../throughput.ts';
import { ratio, seen } from '../wanted.ts';
import type { Workload } from '../write-log.ts';

/** Of every topic, as contestants want it. */
const partitions = 16;
const backlogTopics = ['backlog-1', 'backlog-2', 'backlog-3', 'backlog-4'];
const liveTopics = ['live-1', 'live-2', 'live-3'];
const liveRecordsPerSecond = 200;
const liveRecordBytes = 200;
const backlog: Workload = {
  ...{ partitions, recordBytes: 1024, batchBytes: 131_072, compression: 'none', markerEveryRecords: null },
};
/** What the fastest contestant was seen to copy beside live traffic, and some more. */
const backlogBytesPerSecond = 300e6;
const backlogBytesMax = 8e9;
const pollMs = 250;
/** Live topics begin with what they have so far, which takes a moment. */
const warmUpMs = 5_000;
const startMsMax = 120_000;

export const outage: Shape = {
  name: 'outage',
  title: `64 partitions gigabytes behind catch up beside ${liveTopics.length} live topics of ${liveRecordsPerSecond} records/s`,
  run: (options) =>
    shapeOnStage(options, {}, async (stage) => {
      const bytes = logBytesFor(options.seconds, backlogBytesPerSecond, backlogBytesMax);
      const logs: Log[] = [];
      for (const topic of backlogTopics)
        logs.push(await stage.write(topic, { ...backlog, bytes: bytes / backlogTopics.length }));
      const sourceOffsets = new Offsets(stage.source.bootstrap);
      try {
        for (const topic of liveTopics) await sourceOffsets.createTopic(topic, partitions);
      } finally {
        await sourceOffsets.close();
      }
      const { present, notes } = await presentContestants(['mm2-tuned', 'lockstep'], options);
      const rows = new Map<string, { contestant: string; title: string; runs: Figures[] }>();
      for (let run = 1; run <= options.runs; run++) {
        for (const contestant of present.filter((each) => takesPart(each.name, run, options))) {
          const { name, title } = contestant;
          options.say(`${title}: starting (run ${run} of ${options.runs})`);
          const figures = await measure(contestant, { stage, logs, options, run });
          options.say(lineOf(title, figures));
          const runs = [...(rows.get(name)?.runs ?? []), figures];
          rows.set(name, { contestant: name, title, runs });
        }
      }
      return resultOf([...rows.values()], logs, notes);
    }),
};

function resultOf(rows: ContestantRuns[], logs: readonly Log[], notes: readonly string[]) {
  const bytes = logs.reduce((sum, log) => sum + log.bytes, 0);
  return {
    rows,
    notes: [
      `${(bytes / 1e9).toFixed(2)} GB behind in ${backlogTopics.length * partitions} partitions`,
      'lag: the age of the oldest record that a live topic lacks; no limit in bytes a second is set',
      ...notes,
    ],
    wanted: [
      {
        ...{ what: 'largest lag of a live topic, s', measured: seen(rows, 'lockstep', 'lagSecondsMax') },
        ...{ limit: 1, is: 'atMost' as const },
      },
      {
        what: 'RSS, the largest of the last two thirds, of the largest of the first third',
        measured: seen(rows, 'lockstep', 'rssGrowth'),
        ...{ limit: 1.1, is: 'atMost' as const },
      },
      {
        what: "MB/s of catching up, of tuned MirrorMaker 2's",
        measured: ratio(rows, 'megabytesPerSecond', { to: 'mm2-tuned' }),
        ...{ limit: 1, is: 'atLeast' as const },
      },
    ],
  };
}

interface Setting {
  readonly stage: Stage;
  readonly logs: readonly Log[];
  readonly options: ShapeOptions;
  readonly run: number;
}

async function measure(contestant: Contestant, { stage, logs, options, run }: Setting): Promise<Figures> {
  const job = await jobOf(contestant, { stage, options, run });
  const [destination] = stage.destinations;
  const [offsets] = stage.destinationOffsets;
  const copyOf = (topic: string) => contestant.copyOf(topic, job);
  if (!contestant.createsTopics)
    for (const topic of job.topics) await offsets!.createTopic(copyOf(topic), partitions);
  const copied = async () => {
    const ends = await Promise.all(backlogTopics.map((topic) => offsets!.ends(copyOf(topic), partitions)));
    return ends.reduce((sum, each) => sum + sumOf(each), 0);
  };
  const total = logs.reduce(
    (sum, log) => sum + (contestant.hasEqualOffsets ? sumOf(log.ends) : log.records),
    0,
  );
  const bytesPerOffset = logs.reduce((sum, log) => sum + log.bytes, 0) / total;
  const traffic = new LiveTraffic({
    ...{ source: stage.source, destination: destination!, topics: liveTopics, partitions, copyOf },
    ...{ recordsPerSecond: liveRecordsPerSecond, recordBytes: liveRecordBytes },
  });
  const running = await contestant.start(job);
  const pid = running.child.pid!;
  try {
    const startedAt = performance.now();
    while ((await copied()) === 0) {
      if (performance.now() - startedAt > startMsMax)
        throw new LockstepError('INTERNAL', `${contestant.title} copied nothing; see ${running.logFile}`);
      await sleep(pollMs);
    }
    await sleep(warmUpMs);
    traffic.begin();
    const from = { at: performance.now(), copied: await copied(), ...brokersAnd(pid, stage) };
    const rss: number[] = [];
    let now = from.copied;
    while (now < total && performance.now() - from.at < options.seconds * 1000) {
      await sleep(pollMs);
      rss.push(readProcessCost(pid).rssBytes);
      now = await copied();
    }
    const last = { at: performance.now(), copied: now, ...brokersAnd(pid, stage) };
    const gb = ((last.copied - from.copied) * bytesPerOffset) / 1e9;
    const seconds = (last.at - from.at) / 1000;
    const { latenciesMs, lagMsMax } = traffic.seen();
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
    const third = Math.ceil(rss.length / 3);
    return {
      ...{ seconds, lagSecondsMax: lagMsMax / 1000 },
      ...{ latencyP50Ms: at(0.5), latencyP99Ms: at(0.99), latencyMaxMs: at(1) },
      megabytesPerSecond: (gb * 1000) / seconds,
      cpuSecondsPerGb: (last.cpuSeconds - from.cpuSeconds) / gb,
      peakRssMb: last.peakRssBytes / 1e6,
      rssGrowth: Math.max(...rss.slice(third)) / Math.max(...rss.slice(0, third)),
      sourceBrokerCpuSecondsPerGb: (last.sourceCpuSeconds - from.sourceCpuSeconds) / gb,
      destinationBrokerCpuSecondsPerGb: (last.destinationCpuSeconds - from.destinationCpuSeconds) / gb,
    };
  } finally {
    await endRunning(running.child);
    await traffic.end();
    await offsets!.deleteTopics([...job.topics.map(copyOf), ...(contestant.leftovers ?? [])]);
    if (!(await waitForDeletions(stage.destinations))) options.say('deleted topics are still on the disks');
  }
}

function brokersAnd(pid: number, stage: Stage) {
  return {
    ...readProcessCost(pid),
    sourceCpuSeconds: brokersCpuSeconds([stage.source]),
    destinationCpuSeconds: brokersCpuSeconds(stage.destinations),
  };
}

async function jobOf(contestant: Contestant, { stage, options, run }: Omit<Setting, 'logs'>): Promise<Job> {
  const label = `${contestant.name}-outage-${run}`;
  const directory = path.join(stage.directory, label);
  await mkdir(directory, { recursive: true });
  return {
    ...{ directory, label, partitions, installation: stage.installation, replicationFactor: 1 },
    source: benchCluster(stage.source),
    destinations: stage.destinations.map((region) => benchCluster(region)),
    topics: [...backlogTopics, ...liveTopics],
    ...{ compression: 'none', isLive: false },
    profileFile:
      options.profile && contestant.name === 'lockstep'
        ? path.resolve(import.meta.dirname, '../results', `${label}.cpuprofile`)
        : null,
  };
}

function lineOf(title: string, figures: Figures): string {
  const { megabytesPerSecond = NaN, lagSecondsMax = NaN, latencyP50Ms = NaN, latencyP99Ms = NaN } = figures;
  const { peakRssMb = NaN, rssGrowth = NaN, seconds = NaN } = figures;
  return (
    `${title}: ${megabytesPerSecond.toFixed(0)} MB/s of catching up over ${seconds.toFixed(0)} s; live records p50 ` +
    `${latencyP50Ms.toFixed(0)} ms, p99 ${latencyP99Ms.toFixed(0)} ms, largest lag ${lagSecondsMax.toFixed(2)} s; ` +
    `peak RSS ${peakRssMb.toFixed(0)} MB, growth ${rssGrowth.toFixed(2)}`
  );
}
