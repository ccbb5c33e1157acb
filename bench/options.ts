// The command line of the benchmark.
import { parseArgs } from 'node:util';
import { LockstepError } from '../src/errors.ts';

export const contestantNames = ['mm2-defaults', 'mm2-tuned', 'lockstep'] as const;
export type ContestantName = (typeof contestantNames)[number];

export type BenchOptions = {
  readonly contestants: readonly ContestantName[];
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly batchBytes: number;
  readonly partitions: number;
  /** Tasks of the tuned MirrorMaker 2. */
  readonly mm2Tasks: number;
  /** Times each contestant runs; the median by CPU is reported. */
  readonly runs: number;
  /** Writes a CPU profile of Lockstep; sampling costs a few percent. */
  readonly profile: boolean;
};

export const usage = `npm run bench [-- NAME ...] [options]

NAME               ${contestantNames.join(', ')}; all of them by default
--gib N            data to mirror, in GiB (1.5)
--partitions N     partitions of the topic (8)
--record-bytes N   size of a record's value (1024)
--batch-kib N      the producer's batch size (128)
--runs N           runs of each; the one with the median CPU is reported (1)
--mm2-tasks N      tasks.max of the tuned MirrorMaker 2 (2)
--profile          write bench/results/lockstep.cpuprofile (its figures are then a little worse)`;

/** Throws USAGE for a name or a number that makes no sense. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = readArguments(args);
  const contestants = positionals.length > 0 ? positionals.map(contestantName) : [...contestantNames];
  const recordBytes = positive('record-bytes', values['record-bytes'], 1024, 1_000_000);
  const gib = positive('gib', values.gib, 1.5, 100);
  return {
    contestants,
    recordBytes,
    recordCount: Math.max(1, Math.round((gib * 2 ** 30) / recordBytes)),
    batchBytes: Math.round(positive('batch-kib', values['batch-kib'], 128, 1000) * 1024),
    partitions: Math.round(positive('partitions', values.partitions, 8, 1000)),
    runs: Math.round(positive('runs', values.runs, 1, 20)),
    profile: values.profile ?? false,
    mm2Tasks: Math.round(positive('mm2-tasks', values['mm2-tasks'], 2, 100)),
  };
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    gib: text,
    partitions: text,
    'record-bytes': text,
    'batch-kib': text,
    runs: text,
    'mm2-tasks': text,
    profile: { type: 'boolean' } as const,
  };
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new LockstepError('USAGE', `${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

function contestantName(given: string): ContestantName {
  const name = contestantNames.find((known) => known === given);
  if (name) return name;
  throw new LockstepError('USAGE', `${JSON.stringify(given)} is no contestant.\n\n${usage}`);
}

function positive(name: string, given: string | undefined, fallback: number, max: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (value > 0 && value <= max) return value;
  throw new LockstepError(
    'USAGE',
    `--${name} ${given}: expected a number above 0 and up to ${max}.\n\n${usage}`,
  );
}
