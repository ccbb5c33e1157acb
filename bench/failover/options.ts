// The command line of `npm run bench -- failover`.
import { parseArgs } from 'node:util';
import { wholeNumber, wrongUsage } from '../numbers.ts';

export interface FailoverBenchOptions {
  /** Sizes of the moves, in partitions. */
  readonly partitions: readonly number[];
  /** Of each; medians are reported. */
  readonly runs: number;
  readonly withMoves: boolean;
  readonly withRestore: boolean;
  /** CPU profiles of the agents go here; null: none. They cost a few percent. */
  readonly profileFolder: string | null;
}

export const usage = `npm run bench -- failover [options]

--partitions LIST  sizes of the moves (10,100,1000)
--runs N           runs of each; medians are reported (1)
--only WHAT        moves or restore; both by default
--profile FOLDER   write CPU profiles of the agents (the figures are then a little worse)`;

const partitionsMax = 5_000;
const runsMax = 20;

/** Throws USAGE for what makes no sense. */
export function parseFailoverOptions(args: readonly string[]): FailoverBenchOptions {
  const { partitions, runs, only, profile } = readArguments(args);
  const isKnown = only === undefined || only === 'moves' || only === 'restore';
  if (!isKnown) throw wrongUsage(`--only ${only}: expected moves or restore`, usage);
  return {
    partitions: partitions
      .split(',')
      .map((text) => wholeNumber('partitions', text, { max: partitionsMax, usage })),
    runs: wholeNumber('runs', runs, { max: runsMax, usage }),
    withMoves: only !== 'restore',
    withRestore: only !== 'moves',
    profileFolder: profile ?? null,
  };
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        partitions: { ...text, default: '10,100,1000' },
        runs: { ...text, default: '1' },
        only: text,
        profile: text,
      },
    }).values;
  } catch (error) {
    throw wrongUsage((error as Error).message, usage);
  }
}
