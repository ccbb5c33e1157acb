// Turns measurements into the table, the ratios and the one JSON line. Pure.
import type { Measurement } from './measure.ts';

export type Ratios = {
  /** CPU of the whole process per GB, from its start to the last record, of Lockstep divided by the other's. */
  readonly cpuWithStart: number;
  /** The same from the first record on: without start-up, which is where a JVM compiles. Smaller is better. */
  readonly cpu: number;
  /** MB/s of Lockstep divided by the other's: larger is better. */
  readonly speed: number;
  readonly peakRss: number;
};

/**
 * What Lockstep means to reach against the tuned MirrorMaker 2. The CPU bar was set from figures of whole processes,
 * start-up included; the steady ratio is shown beside it and has no bar here.
 */
export const bar = { cpuRatioMax: 0.1, speedRatioMin: 2, peakRssMbMax: 150 } as const;

const columns: readonly [string, (row: Measurement) => string][] = [
  ['', (row) => row.title],
  ['CPU-s/GB', (row) => cpuWithStartPerGb(row).toFixed(2)],
  ['steady CPU-s/GB', (row) => row.cpuSecondsPerGb.toFixed(2)],
  ['MB/s', (row) => row.megabytesPerSecond.toFixed(0)],
  ['records/s', (row) => Math.round(row.recordsPerSecond).toLocaleString('en-US')],
  ['peak RSS MB', (row) => row.peakRssMb.toFixed(0)],
  ['source broker CPU-s/GB', (row) => row.sourceBrokerCpuSecondsPerGb.toFixed(2)],
  ['destination broker CPU-s/GB', (row) => row.destinationBrokerCpuSecondsPerGb.toFixed(2)],
  ['start s', (row) => row.startSeconds.toFixed(1)],
  ['complete', (row) => (row.isComplete ? 'yes' : 'NO')],
];

/** A table for the terminal that is also Markdown. */
export function renderTable(rows: readonly Measurement[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, format]) => format(row))),
  ];
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((line) => line[index]?.length ?? 0)));
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, index) => (index === 0 ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, index) => (index === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [head, ...body] = cells.map(line);
  return [head, rule, ...body].join('\n');
}

export function ratiosOf(lockstep: Measurement, other: Measurement): Ratios {
  return {
    cpuWithStart: cpuWithStartPerGb(lockstep) / cpuWithStartPerGb(other),
    cpu: lockstep.cpuSecondsPerGb / other.cpuSecondsPerGb,
    speed: lockstep.megabytesPerSecond / other.megabytesPerSecond,
    peakRss: lockstep.peakRssMb / other.peakRssMb,
  };
}

/** CPU-seconds per GB of the whole process, from its start to the last record. */
export function cpuWithStartPerGb(row: Measurement): number {
  return (row.startCpuSeconds + row.cpuSeconds) / (row.bytes / 1e9);
}

/** One line per figure with its bar, for people. */
export function renderVerdict(lockstep: Measurement, other: Measurement): string[] {
  const { cpuWithStart, cpu, speed, peakRss } = ratiosOf(lockstep, other);
  const mark = (isMet: boolean) => (isMet ? 'met' : 'MISSED');
  return [
    `CPU per GB, whole process: ${cpuWithStart.toFixed(3)} of ${other.title} (bar: at most ${bar.cpuRatioMax}: ${mark(cpuWithStart <= bar.cpuRatioMax)})`,
    `CPU per GB, steady, without start-up: ${cpu.toFixed(3)} of ${other.title}`,
    `MB/s: ${speed.toFixed(2)} times ${other.title} (bar: at least ${bar.speedRatioMin}: ${mark(speed >= bar.speedRatioMin)})`,
    `peak RSS: ${lockstep.peakRssMb.toFixed(0)} MB, ${peakRss.toFixed(3)} of ${other.title} (bar: at most ${bar.peakRssMbMax} MB: ${mark(lockstep.peakRssMb <= bar.peakRssMbMax)})`,
  ];
}

/** The run whose CPU per GB is the median; with an even number the better of the middle two. */
export function medianRun(runs: readonly Measurement[]): Measurement {
  const sorted = [...runs].sort((a, b) => a.cpuSecondsPerGb - b.cpuSecondsPerGb);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (!middle) throw new RangeError('the median of no run');
  return middle;
}
