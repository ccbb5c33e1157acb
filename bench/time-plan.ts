// How long a run takes, judged by how long its shapes took when they were measured last. Pure.
import type { BenchOptions } from './options.ts';
import type { ShapeRecord } from './report.ts';

/** Around what is measured of a contestant: its start, its warm-up, its end, and what it wrote is deleted. */
const aroundSecondsDefault = 18;
/** Regions and logs of a shape take as long as around so many contestants. */
const setUpShare = 2;
/** Measured for less than this share of what was wanted: the log ended. */
const endedShare = 0.95;

export type Known = Pick<ShapeRecord, 'rows' | 'runs' | 'seconds'> & { readonly tookSeconds?: number };

/** Of one shape, s; null where it was never measured. */
export function estimateSeconds(
  known: Known | null,
  { runs, seconds, contestants, once }: Pick<BenchOptions, 'runs' | 'seconds' | 'contestants' | 'once'>,
): number | null {
  if (known === null || known.rows.length === 0) return null;
  const lengths = known.rows.map((row) => ({
    name: nameOf(row.contestant),
    measured: row.runs.map((run) => run.seconds ?? 0),
  }));
  const all = lengths.flatMap(({ measured }) => measured);
  const around =
    known.tookSeconds === undefined
      ? aroundSecondsDefault
      : Math.max(0, known.tookSeconds - sumOf(all)) / (all.length + setUpShare);
  const rows = lengths.filter(({ name }) => contestants === null || contestants.includes(name));
  const rowsSeconds = rows.map(({ name, measured }) => {
    const share = Math.max(...measured) / known.seconds;
    return (once.includes(name) ? 1 : runs) * (around + seconds * (share < endedShare ? share : 1));
  });
  return setUpShare * around + sumOf(rowsSeconds);
}

/** Rows are called `lockstep`, or `lockstep 3 destinations`. */
function nameOf(row: string): string {
  return row.split(' ')[0]!;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Tells how much of a run is left, and follows the pace that it has. */
export class TimeLeft {
  readonly #estimates: Map<string, number>;
  #estimatedDone = 0;
  #took = 0;
  #current: { readonly shape: string; readonly atMs: number } | null = null;

  /** Estimates in seconds, of every shape that is to come. */
  constructor(estimates: ReadonlyMap<string, number>) {
    this.#estimates = new Map(estimates);
  }

  /** One that failed before ends here. */
  begin(shape: string, nowMs: number): void {
    if (this.#current !== null) this.end(nowMs);
    this.#current = { shape, atMs: nowMs };
  }

  /** What the shape took, s. */
  end(nowMs: number): number {
    const { shape, atMs } = this.#current!;
    const took = (nowMs - atMs) / 1000;
    this.#estimatedDone += this.#estimates.get(shape) ?? 0;
    this.#took += took;
    this.#estimates.delete(shape);
    this.#current = null;
    return took;
  }

  seconds(nowMs: number): number {
    const pace = this.#estimatedDone === 0 ? 1 : this.#took / this.#estimatedDone;
    const elapsed = this.#current === null ? 0 : (nowMs - this.#current.atMs) / 1000;
    const ofCurrent = (this.#estimates.get(this.#current?.shape ?? '') ?? 0) * pace;
    return sumOf([...this.#estimates.values()]) * pace - Math.min(ofCurrent, elapsed);
  }
}

/** `about 12 min`; `under a minute`. */
export function aboutMinutes(seconds: number): string {
  return seconds < 60 ? 'under a minute' : `about ${Math.round(seconds / 60)} min`;
}
