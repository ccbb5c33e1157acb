// The command line of the benchmark.
import { parseArgs } from 'node:util';
import { wholeNumber, wrongUsage } from './numbers.ts';

export interface BenchOptions {
  /** Names of shapes, in the order given; empty for all. */
  readonly shapes: readonly string[];
  readonly runs: number;
  readonly seconds: number;
  /** Null for all that each shape knows. */
  readonly contestants: readonly string[] | null;
  /** Who takes part in the first run alone: one figure of a slow peer that nothing is asked of. */
  readonly once: readonly string[];
  readonly profile: boolean;
  /** Replaces the figures of bench/results/ that documents show, also by those of a short run. */
  readonly keep: boolean;
  readonly help: boolean;
}

export const runsDefault = 3;
export const secondsDefault = 30;
const runsMax = 20;
const secondsMax = 600;
const usageHint = 'See npm run bench -- --help.';

/** `shapes` and `contestants`: what there is to choose from. */
export function usage(
  shapes: readonly (readonly [string, string])[],
  contestants: readonly string[],
): string {
  const width = Math.max(...shapes.map(([name]) => name.length), 0);
  const lines = shapes.map(([name, title]) => `  ${name.padEnd(width)}  ${title}`);
  return `npm run bench [-- SHAPE ...] [options]

SHAPE              all of these by default:
${lines.join('\n')}
--runs N           runs of each contestant; medians and spread are reported (${runsDefault})
--seconds S        length of the steady part that is measured (${secondsDefault})
--contestants A,B  out of ${contestants.join(', ')}
--once A,B         those of them take part in the first run alone
--profile          write bench/results/*.cpuprofile of Lockstep (its figures are then a little worse)
--keep             let a run with fewer contestants, runs or seconds replace what bench/results/ keeps

LOCKSTEP_BENCH_DIST=FOLDER in the environment: measure this folder as it is (a bundle, or what tsc makes), instead of making bundle/.

npm run bench -- failover --help, npm run bench -- limits --help: two more, with options of their own.`;
}

/** Throws USAGE for what makes no sense; which names there are is checked by who knows them. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = readArguments(args);
  return {
    shapes: positionals,
    runs: wholeNumber('runs', values.runs ?? String(runsDefault), { max: runsMax, usage: usageHint }),
    seconds: wholeNumber('seconds', values.seconds ?? String(secondsDefault), {
      max: secondsMax,
      usage: usageHint,
    }),
    contestants: values.contestants === undefined ? null : namesIn(values.contestants),
    once: namesIn(values.once ?? ''),
    profile: values.profile ?? false,
    keep: values.keep ?? false,
    help: values.help ?? false,
  };
}

/** Whether figures are good enough to be shown: everybody took part, often and long enough. */
export function isWholeRun({ runs, seconds, contestants, once, profile, keep }: BenchOptions): boolean {
  if (keep) return true;
  return (
    contestants === null && once.length === 0 && !profile && runs >= runsDefault && seconds >= secondsDefault
  );
}

function namesIn(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    ...{ runs: text, seconds: text, contestants: text, once: text },
    ...{ profile: flag, keep: flag, help: flag },
  };
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw wrongUsage((error as Error).message, usageHint, error);
  }
}
