// Latency: a few records a second into each of many partitions. How old are they when a consumer at the destination has them?
//
// Producer and consumer are the same for everybody (latency-probe.ts), and measured without any mirror, too: what is left
// of that is the mirror's.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Region } from '../../src/regions/index.ts';
import { installKafka } from '../../src/regions/index.ts';
import type { Contestant, Job } from '../contestants/contestant.ts';
import { presentContestants } from '../contestants/index.ts';
import type { Figures } from '../figures.ts';
import { type Latencies, LatencyProbe } from '../latency-probe.ts';
import { Offsets } from '../offsets.ts';
import { readProcessCost } from '../process-cost.ts';
import { benchCluster, benchRegion, brokersCpuSeconds, waitForDeletions } from '../regions.ts';
import {
  type ContestantRuns,
  type Shape,
  type ShapeOptions,
  type ShapeResult,
  takesPart,
  type Wanted,
} from '../shape.ts';
import { endRunning } from '../throughput.ts';
import { ratio, seen } from '../wanted.ts';

const partitions = 64;
const recordsPerSecond = 2_000;
const recordBytes = 200;
/** From the first record that arrives on: compilers, and what was written meanwhile. */
const warmUpMs = 15_000;
const startMsMax = 60_000;
const limits = { p50Ms: 3, p99Ms: 15, share: 1 / 5 };

interface Sides {
  readonly source: Region;
  readonly destination: Region;
}

export const latency: Shape = {
  name: 'latency',
  title: `${recordsPerSecond} records/s of ${recordBytes} B over ${partitions} partitions, live`,
  plot: ['latencyP50Ms', 'latencyP99Ms', 'corePercent'],
  run: async (options) => {
    const make = (name: string) => benchRegion({ name, directory: path.join(options.directory, name) });
    const [source, destination] = await Promise.all([make('us-east'), make('eu-west')]);
    try {
      await Promise.all([source.start(), destination.start()]);
      return await measureAll({ source, destination }, options);
    } finally {
      await Promise.allSettled([source.destroy(), destination.destroy()]);
    }
  },
};

async function measureAll(sides: Sides, options: ShapeOptions): Promise<ShapeResult> {
  const { present, notes } = await presentContestants(['mm2-defaults', 'mm2-tuned', 'lockstep'], options);
  const rows = new Map<string, { contestant: string; title: string; runs: Figures[] }>();
  const byTimestamp = new Map<string, Latencies>();
  const note = (name: string, title: string, { figures, timestamps }: Measured) => {
    options.say(lineOf(title, figures));
    rows.set(name, { contestant: name, title, runs: [...(rows.get(name)?.runs ?? []), figures] });
    byTimestamp.set(title, timestamps);
  };
  for (let run = 1; run <= options.runs; run++) {
    note('straight', 'no mirror: the same at one cluster', await measure(null, sides, options, run));
    for (const contestant of present.filter(({ name }) => takesPart(name, run, options))) {
      options.say(`${contestant.title}: starting (run ${run} of ${options.runs})`);
      note(contestant.name, contestant.title, await measure(contestant, sides, options, run));
    }
  }
  const told = [...byTimestamp].map(
    ([title, { p50, p99, max }]) => `${title}: ${p50}, ${p99}, at most ${max}`,
  );
  return {
    rows: [...rows.values()],
    wanted: wantedOf([...rows.values()]),
    notes: [
      `by a monotonic clock in the value; by timestamps in whole ms, p50 and p99 of the last run: ${told.join('; ')}`,
      'producer: @platformatic/kafka, acks=all, no linger; consumer: one long poll at all partitions, fetch.min.bytes=1',
      ...notes,
    ],
  };
}

interface Measured {
  readonly figures: Figures;
  readonly timestamps: Latencies;
}

/** `contestant` null: the consumer reads what the producer writes. */
async function measure(
  contestant: Contestant | null,
  { source, destination }: Sides,
  options: ShapeOptions,
  run: number,
): Promise<Measured> {
  const label = `${contestant?.name ?? 'straight'}-${run}`;
  const topic = `live-${label}`;
  const directory = path.join(options.directory, label);
  await mkdir(directory);
  const job: Job = {
    ...{
      directory,
      label,
      partitions,
      topics: [topic],
      replicationFactor: 1,
      compression: 'none',
      isLive: true,
    },
    installation: await installKafka({ version: source.kafkaVersion }),
    source: benchCluster(source),
    destinations: [benchCluster(destination)],
    profileFile:
      options.profile && contestant?.name === 'lockstep'
        ? path.resolve('bench/results/latency.cpuprofile')
        : null,
  };
  const [at, to] = [new Offsets(source.bootstrap), new Offsets(destination.bootstrap)];
  const copy = contestant?.copyOf(topic, job) ?? topic;
  await at.createTopic(topic, partitions);
  if (contestant?.createsTopics === false) await to.createTopic(copy, partitions);
  const running = await contestant?.start(job);
  const readAt = contestant === null ? source : destination;
  const probe = new LatencyProbe({
    ...{ source, destination: readAt, topic, copy, partitions, recordsPerSecond, recordBytes },
  });
  try {
    await probe.untilFlowing(startMsMax);
    await sleep(warmUpMs);
    const cost = () => (running === undefined ? null : readProcessCost(running.child.pid!));
    const [before, brokersBefore] = [cost(), brokersCpuSeconds([source, destination])];
    const beganAt = performance.now();
    probe.begin();
    await sleep(options.seconds * 1_000);
    const { exact, byTimestamp } = probe.seen();
    const seconds = (performance.now() - beganAt) / 1_000;
    const after = cost();
    const brokersCpu = brokersCpuSeconds([source, destination]) - brokersBefore;
    const figures: Figures = {
      latencyP50Ms: exact.p50,
      latencyP90Ms: exact.p90,
      latencyP99Ms: exact.p99,
      latencyMaxMs: exact.max,
      recordsPerSecond: exact.count / seconds,
      ...(before !== null &&
        after !== null && {
          corePercent: ((after.cpuSeconds - before.cpuSeconds) * 100) / seconds,
          cpuMicrosecondsPerRecord: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / exact.count,
          peakRssMb: after.peakRssBytes / 1e6,
        }),
      brokersCorePercent: (brokersCpu * 100) / seconds,
      seconds,
    };
    return { figures, timestamps: byTimestamp };
  } finally {
    await probe.end();
    if (running !== undefined) await endRunning(running.child);
    await at.deleteTopics([topic]);
    await to.deleteTopics([copy, ...(contestant?.leftovers ?? [])]);
    await waitForDeletions([source, destination]);
    await Promise.allSettled([at.close(), to.close()]);
  }
}

function wantedOf(rows: readonly ContestantRuns[]): Wanted[] {
  const atMost = (what: string, measured: number, limit: number): Wanted => ({
    what,
    measured,
    limit,
    is: 'atMost',
  });
  return [
    atMost('p50, ms', seen(rows, 'lockstep', 'latencyP50Ms'), limits.p50Ms),
    atMost('p99, ms', seen(rows, 'lockstep', 'latencyP99Ms'), limits.p99Ms),
    ...(['mm2-defaults', 'mm2-tuned'] as const).flatMap((to) => [
      atMost(`p50, of ${to}'s`, ratio(rows, 'latencyP50Ms', { to }), limits.share),
      atMost(`p99, of ${to}'s`, ratio(rows, 'latencyP99Ms', { to }), limits.share),
    ]),
  ];
}

function lineOf(title: string, figures: Figures): string {
  const { latencyP50Ms: p50 = 0, latencyP99Ms: p99 = 0, latencyMaxMs: max = 0, corePercent } = figures;
  const cost = corePercent === undefined ? '' : `, ${corePercent.toFixed(1)}% of a core`;
  return `${title}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, slowest ${max.toFixed(1)} ms${cost}`;
}
