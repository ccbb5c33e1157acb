// What a row of the benchmark's table is: a shape of work, who is measured with it, and what is to be reached.
import type { Figures } from './figures.ts';

export interface ShapeOptions {
  /** A folder of the run's own; removed afterwards. */
  readonly directory: string;
  /** Times each contestant is measured; medians and spread are reported. */
  readonly runs: number;
  /** Length of the steady part that is measured, s. Contestants that are done with the data before end earlier. */
  readonly seconds: number;
  /** Who is measured, out of those that the shape knows; null for all of them. */
  readonly contestants: readonly string[] | null;
  /** Those of them who take part in the first run alone. */
  readonly once: readonly string[];
  /** Writes a CPU profile of Lockstep; its figures are then a little worse. */
  readonly profile: boolean;
  readonly say: (line: string) => void;
}

/** Whether a contestant is measured in a run, counted from 1. */
export function takesPart(name: string, run: number, { once }: Pick<ShapeOptions, 'once'>): boolean {
  return run === 1 || !once.includes(name);
}

/** What one contestant was measured with, in the order of the runs. */
export interface ContestantRuns {
  /** `lockstep`, `mm2-tuned`, `franz-go`, ... */
  readonly contestant: string;
  /** For the table. */
  readonly title: string;
  readonly runs: readonly Figures[];
}

/** Something that the issue asks of a shape, and what was seen. `measured` is NaN where it could not be measured. */
export interface Wanted {
  /** `CPU per GB, share of tuned MirrorMaker 2's`. */
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  readonly is: 'atMost' | 'atLeast';
  /** Why it was missed, or what to know of the figure. */
  readonly note?: string;
}

export interface ShapeResult {
  readonly rows: readonly ContestantRuns[];
  readonly wanted: readonly Wanted[];
  /** Facts of the run that belong beside the table: bytes, partitions, what was cut short. */
  readonly notes: readonly string[];
}

export interface Shape {
  /** As typed: `npm run bench -- NAME`. */
  readonly name: string;
  /** What the work is: `8 partitions, records of 1 KiB, batches of 128 KiB, no compression`. */
  readonly title: string;
  /** Figures of the plot, at most three; by default the most telling of those that the rows have. */
  readonly plot?: readonly (keyof Figures)[];
  /** Starts what it needs, measures, ends all of it, also when it fails. */
  run(options: ShapeOptions): Promise<ShapeResult>;
}
