// What shapes ask of figures, as comparisons of medians. Pure.
import type { Figures } from './figures.ts';
import type { ContestantRuns, Wanted } from './shape.ts';

export type FigureName = keyof Figures;

/** Median, least and greatest of some runs' figure; null where no run has it. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The middle value; of an even number the mean of the middle two. NaN of nothing. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function spreadOf(runs: readonly Figures[], figure: FigureName): Spread | null {
  const values = runs.flatMap((run) => run[figure] ?? []).filter(Number.isFinite);
  if (values.length === 0) return null;
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values) };
}

/** The median of a contestant's figure; NaN where it was not measured. */
export function seen(rows: readonly ContestantRuns[], contestant: string, figure: FigureName): number {
  const row = rows.find((each) => each.contestant === contestant);
  return (row && spreadOf(row.runs, figure)?.median) ?? Number.NaN;
}

/** One contestant's median divided by another's. */
export function ratio(
  rows: readonly ContestantRuns[],
  figure: FigureName,
  { of = 'lockstep', to }: { of?: string; to: string },
): number {
  return seen(rows, of, figure) / seen(rows, to, figure);
}

/** Brokers must not pay for what is gained: source and destination together, against the tuned MirrorMaker 2. */
export function wantedOfBrokers(
  rows: readonly ContestantRuns[],
  { of = 'lockstep', to = 'mm2-tuned' }: { of?: string; to?: string } = {},
): Wanted {
  const cost = (contestant: string) =>
    seen(rows, contestant, 'sourceBrokerCpuSecondsPerGb') +
    seen(rows, contestant, 'destinationBrokerCpuSecondsPerGb');
  return {
    what: `brokers' CPU per GB, of theirs with ${to}`,
    measured: cost(of) / cost(to),
    limit: 1.1,
    is: 'atMost',
  };
}

/** Null where it was not measured. */
export function isMet({ measured, limit, is }: Wanted): boolean | null {
  if (Number.isNaN(measured)) return null;
  return is === 'atMost' ? measured <= limit : measured >= limit;
}
