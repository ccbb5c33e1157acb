// Measures contestants at catching up with logs: each in turn, alone, on the same brokers and data, into topics of its own.
//
// What is measured of a run:
//
//    start            first records          warm                             `seconds` later, or all is copied
//    ├────────────────┼──────────────────────┼────────────────────────────────┤
//    start-up         compilers warm up      steady: records, time, CPU       the contestant is ended
//
// Where it counts when all is copied (`toTheEnd`), from the first records on, and no longer than `seconds`.
//
// Records are counted by the destinations' end offsets, CPU by /proc. Bytes are those of the source's log: each contestant
// is credited with the share of the log whose records it has copied, however it batches and compresses them.
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../src/errors.ts';
import type { Region } from '../src/regions/index.ts';
import type { Contestant, Job, Running } from './contestants/contestant.ts';
import { presentContestants } from './contestants/index.ts';
import type { Figures } from './figures.ts';
import { figuresOf, finishOf, type Look } from './look.ts';
import { sumOf } from './offsets.ts';
import { readProcessCost } from './process-cost.ts';
import { benchCluster, brokersCpuSeconds, waitForDeletions } from './regions.ts';
import { type ContestantRuns, type ShapeOptions, takesPart } from './shape.ts';
import type { Log, Stage } from './stage.ts';

/** What contestants are to copy, in one row each. */
export interface Part {
  readonly log: Log;
  /** As typed; others can't run it or say nothing there. */
  readonly contestants: readonly string[];
  /** Of the stage's destinations, the first so many; default 1. */
  readonly destinations?: number;
  /** Of the copies; default 1. */
  readonly replicationFactor?: number;
  /** What counts is when all of it is copied: there is no warm-up, and figures tell how long it took. */
  readonly toTheEnd?: boolean;
  /** Told behind the contestant's title and name, where a shape has several parts: `3 destinations`. */
  readonly called?: string;
  /** Asked after the steady part, while it still runs: what a shape wants to know beside the figures. */
  readonly ask?: (running: Running, contestant: Contestant) => Promise<void>;
}

const pollMs = 50;
/** Between looks in the steady part, where each costs the brokers something. */
const steadyPollMs = 100;
/** Where the moment of the last record counts. */
const endPollMs = 20;
/** A contestant that copies nothing for so long is stuck. */
const standstillMsMax = 120_000;
const progressEveryMs = 5_000;
const endWaitMs = 15_000;
/**
 * Source and copy of a larger one push each other out of 24 GB beside brokers and contestants, and disks are measured: with
 * 12 GB everybody stood at 350 to 390 MB/s, which was what the disk wrote and read (docs/performance-log.md).
 */
export const logBytesMax = 8e9;

/** After the first records: a JVM compiles what is hot, and connections reach their speed. */
export function warmUpSeconds(seconds: number): number {
  return Math.min(5, seconds / 5);
}

/** So much log that the fastest contestant has work for `seconds`, where disk and page cache allow. */
export function logBytesFor(seconds: number, bytesPerSecondMax: number, max = logBytesMax): number {
  return Math.min(max, bytesPerSecondMax * (seconds + warmUpSeconds(seconds)));
}

/**
 * Rounds take turns, so that a slow minute of the machine meets everybody; every second one goes backwards, so that nobody
 * always follows the same contestant.
 */
export async function measureParts(
  stage: Stage,
  parts: readonly Part[],
  options: ShapeOptions,
): Promise<{ rows: ContestantRuns[]; notes: string[] }> {
  const all = [...new Set(parts.flatMap(({ contestants }) => contestants))];
  const { present, notes } = await presentContestants(all, options);
  const rows = new Map<string, { contestant: string; title: string; runs: Figures[] }>();
  const said = new Set(notes);
  const pairs = parts.flatMap((part) =>
    present.filter(({ name }) => part.contestants.includes(name)).map((contestant) => ({ part, contestant })),
  );
  for (let run = 1; run <= options.runs; run++) {
    for (const { part, contestant } of run % 2 === 1 ? pairs : pairs.toReversed()) {
      if (!takesPart(contestant.name, run, options)) continue;
      const [behindName, behindTitle] =
        part.called === undefined ? ['', ''] : [` ${part.called}`, `, ${part.called}`];
      const row = { contestant: contestant.name + behindName, title: contestant.title + behindTitle };
      options.say(`${row.title}: starting (run ${run} of ${options.runs})`);
      const { figures, note } = await measure(contestant, part, { stage, options, run, title: row.title });
      if (note !== null) said.add(note);
      if (figures === null) continue;
      options.say(lineOf(row.title, figures));
      const runs = [...(rows.get(row.contestant)?.runs ?? []), figures];
      rows.set(row.contestant, { ...row, runs });
    }
  }
  return { rows: [...rows.values()], notes: [...said] };
}

function lineOf(title: string, figures: Figures): string {
  const {
    cpuSecondsPerGb = NaN,
    megabytesPerSecond = NaN,
    recordsPerSecond = NaN,
    peakRssMb = NaN,
  } = figures;
  return `${title}: ${cpuSecondsPerGb.toFixed(2)} CPU-s per GB, ${megabytesPerSecond.toFixed(0)} MB/s, ${recordsPerSecond.toFixed(0)} records/s, peak RSS ${peakRssMb.toFixed(0)} MB, ${figures.seconds?.toFixed(1)} s measured`;
}

interface Setting {
  readonly stage: Stage;
  readonly options: ShapeOptions;
  readonly run: number;
  readonly title: string;
}

async function measure(
  contestant: Contestant,
  part: Part,
  setting: Setting,
): Promise<{ figures: Figures | null; note: string | null }> {
  const { stage, options, title } = setting;
  const { log, ask, replicationFactor = 1 } = part;
  const destinations = stage.destinations.slice(0, part.destinations ?? 1);
  const job = await jobOf(contestant, part, setting);
  const why = contestant.whyNot?.(job) ?? null;
  if (why !== null) return { figures: null, note: `${title}: not measured: ${why}` };
  const copy = contestant.copyOf(log.topic, job);
  const offsets = stage.destinationOffsets.slice(0, destinations.length);
  if (!contestant.createsTopics)
    for (const each of offsets) await each.createTopic(copy, log.partitions, replicationFactor);
  const totalOffsets = contestant.hasEqualOffsets ? sumOf(log.ends) : log.records;
  const startedAt = performance.now();
  const running = await contestant.start(job);
  const pids = childrenOf(running).flatMap(({ pid }) => pid ?? []);
  if (pids.length < childrenOf(running).length)
    throw new LockstepError('INTERNAL', `${title} could not be started.`);
  try {
    const progress = new Progress(title, totalOffsets * destinations.length, options.say);
    const how = {
      bytesPerOffset: log.bytes / totalOffsets,
      recordsPerOffset: log.records / totalOffsets,
    };
    if (part.toTheEnd) {
      const first = await until((ends) => ends.every((end) => end > 0), endPollMs);
      const giveUpAt = first.at + options.seconds * 1000;
      const last = await until((ends, at) => at >= giveUpAt || isAll(ends), endPollMs);
      return finishOf({
        first,
        last,
        startedAt,
        wantedOffsets: totalOffsets * destinations.length,
        how,
        title,
      });
    }
    const first = await until((ends) => ends.every((end) => end > 0), pollMs);
    const warmAt = first.at + warmUpSeconds(options.seconds) * 1000;
    const warm = await until((ends, at) => at >= warmAt || isAll(ends), steadyPollMs);
    const isWarm = warm.offsets < totalOffsets * destinations.length;
    const from = isWarm ? warm : first;
    const endsAt = from.at + options.seconds * 1000;
    const last = await until((ends, at) => at >= endsAt || isAll(ends), steadyPollMs);
    await ask?.(running, contestant);
    const wasCutShort = last.at < endsAt - steadyPollMs * 5;
    const figures = figuresOf(from, last, { ...how, startSeconds: (first.at - startedAt) / 1000 });
    const note = isWarm
      ? `${title}: done with the log ${((last.at - from.at) / 1000).toFixed(0)} s after it was warm`
      : `${title}: done with the log before it was warm: measured from its first records on`;
    return { figures, note: wasCutShort ? note : null };

    function isAll(ends: readonly number[]): boolean {
      return ends.every((end) => end >= totalOffsets);
    }
    /** Polls the destinations until `is`; throws when the contestant ends or stands still. */
    async function until(
      is: (ends: readonly number[], at: number) => boolean,
      everyMs: number,
    ): Promise<Look> {
      for (;;) {
        const ends = await Promise.all(
          offsets.map(async (each) => sumOf(await each.ends(copy, log.partitions))),
        );
        const at = performance.now();
        const copied = ends.reduce((sum, end) => sum + end, 0);
        if (is(ends, at)) return look(pids, { at, copied, stage, destinations });
        const why =
          childrenOf(running)
            .map(problemOf)
            .find((each) => each !== null) ?? progress.problemAt(at, copied);
        if (why !== null)
          throw new LockstepError('INTERNAL', `${title} ${why}. ${await lastWords(running.logFile)}`);
        await sleep(everyMs);
      }
    }
  } finally {
    await Promise.all(childrenOf(running).map(endRunning));
    for (const each of offsets) await each.deleteTopics([copy, ...(contestant.leftovers ?? [])]);
    if (!(await waitForDeletions(destinations))) options.say('deleted topics are still on the disks');
  }
}

async function jobOf(
  contestant: Contestant,
  { log, destinations = 1, replicationFactor = 1, called }: Part,
  { stage, options, run }: Setting,
): Promise<Job> {
  const words = called === undefined ? '' : `-${called.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
  const label = `${contestant.name}${words}-${run}`;
  const directory = path.join(stage.directory, label);
  await mkdir(directory, { recursive: true });
  const { installation, tls } = stage;
  return {
    ...{ directory, label, installation, replicationFactor },
    source: benchCluster(stage.source, { tls }),
    destinations: stage.destinations.slice(0, destinations).map((region) => benchCluster(region, { tls })),
    topics: [log.topic],
    partitions: log.partitions,
    compression: log.compression,
    isLive: false,
    profileFile:
      options.profile && contestant.name === 'lockstep'
        ? path.resolve(import.meta.dirname, 'results', `${label}.cpuprofile`)
        : null,
  };
}

function childrenOf({ child, beside = [] }: Running): readonly ChildProcess[] {
  return [child, ...beside];
}

function look(
  pids: readonly number[],
  {
    at,
    copied,
    stage,
    destinations,
  }: { at: number; copied: number; stage: Stage; destinations: readonly Region[] },
): Look {
  const costs = pids.map((pid) => readProcessCost(pid));
  return {
    ...{ at, offsets: copied },
    cpuSeconds: costs.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    peakRssBytes: costs.reduce((sum, { peakRssBytes }) => sum + peakRssBytes, 0),
    sourceCpuSeconds: brokersCpuSeconds([stage.source]),
    destinationCpuSeconds: brokersCpuSeconds(destinations),
  };
}

/** Says how far a contestant is, and notices when it stands still. */
class Progress {
  readonly #title: string;
  readonly #total: number;
  readonly #say: (line: string) => void;
  #copied = -1;
  #grewAt = performance.now();
  #saidAt = performance.now();

  constructor(title: string, total: number, say: (line: string) => void) {
    this.#title = title;
    this.#total = total;
    this.#say = say;
  }

  problemAt(at: number, copied: number): string | null {
    if (copied > this.#copied) this.#grewAt = at;
    this.#copied = copied;
    if (at - this.#saidAt > progressEveryMs) {
      this.#saidAt = at;
      this.#say(`${this.#title}: ${((100 * copied) / this.#total).toFixed(0)} %`);
    }
    return at - this.#grewAt > standstillMsMax ? `copied nothing for ${standstillMsMax} ms` : null;
  }
}

function problemOf({ exitCode, signalCode }: ChildProcess): string | null {
  return exitCode !== null || signalCode !== null ? `ended with ${exitCode ?? signalCode}` : null;
}

/** SIGTERM, then SIGKILL. */
export async function endRunning(child: ChildProcess): Promise<void> {
  if (problemOf(child) !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), endWaitMs);
  await exited;
  clearTimeout(timer);
}

async function lastWords(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return `Its output ended with:\n${text.trimEnd().split('\n').slice(-10).join('\n')}`;
}
