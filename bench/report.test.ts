import { expect, test } from 'vitest';
import { renderPlot } from './plot.ts';
import { recordOf, renderTable, renderVerdict, shortNumber } from './report.ts';
import type { ContestantRuns, Wanted } from './shape.ts';

const ours: ContestantRuns = {
  contestant: 'lockstep',
  title: 'Lockstep',
  runs: [
    { cpuSecondsPerGb: 0.9, megabytesPerSecond: 240, peakRssMb: 100 },
    { cpuSecondsPerGb: 0.7, megabytesPerSecond: 260, peakRssMb: 110 },
    { cpuSecondsPerGb: 0.8, megabytesPerSecond: 250, peakRssMb: 90 },
  ],
};
const tuned: ContestantRuns = {
  contestant: 'mm2-tuned',
  title: 'MirrorMaker 2 <tuned>',
  runs: [{ cpuSecondsPerGb: 16, megabytesPerSecond: 62.5, recordsPerSecond: 12_345 }],
};
const bar = (measured: number, is: Wanted['is'] = 'atMost'): Wanted => ({
  ...{ what: 'CPU', measured, limit: 0.1, is },
});

test('the table has medians with their spread, one column for each figure that somebody has, and lines up', () => {
  const lines = renderTable([ours, tuned]).split('\n');
  expect(lines).toHaveLength(4);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells[0]!.slice(1, -1)).toEqual(['', 'CPU-s/GB', 'MB/s', 'records/s', 'peak RSS MB']);
  expect(cells[2]!.slice(1, -1)).toEqual([
    ...['Lockstep', '0.80 (0.70..0.90)', '250 (240..260)', '-', '100 (90..110)'],
  ]);
  expect(cells[3]!.slice(2, -1)).toEqual(['16.00', '63', '12,345', '-']);
});

test('the verdict says of each bar whether it was met, missed, or not measured', () => {
  expect(
    renderVerdict([bar(0.05), bar(0.2), bar(Number.NaN), { ...bar(0.2, 'atLeast'), note: 'why' }]),
  ).toEqual([
    'CPU: 0.0500 (bar: at most 0.100: met)',
    'CPU: 0.200 (bar: at most 0.100: MISSED)',
    'CPU: - (bar: at most 0.100: not measured)',
    'CPU: 0.200 (bar: at least 0.100: met); why',
  ]);
});

test('the record keeps every run, medians and verdicts, and unknown figures as null', () => {
  const record = recordOf(
    { name: 'plain', title: 'plain' },
    { rows: [ours], wanted: [bar(0.05), bar(Number.NaN)], notes: ['n'] },
    {
      ...{ date: 'd', commit: 'c', command: 'x', versions: {}, runs: 3, seconds: 30 },
      machine: { cpu: 'x', cores: 2, memoryGb: 25, loadAverageBefore: 0 },
    },
  );
  expect(record.rows[0]!.runs).toHaveLength(3);
  expect(record.rows[0]!.medians.cpuSecondsPerGb).toEqual({ median: 0.8, min: 0.7, max: 0.9 });
  expect(record.wanted.map(({ measured, isMet }) => [measured, isMet])).toEqual([
    [0.05, true],
    [null, null],
  ]);
  expect(JSON.parse(JSON.stringify(record))).toEqual(record);
});

test('the largest value of a panel, spread included, fills it, and names are escaped', () => {
  const svg = renderPlot([ours, tuned], 'caption', ['cpuSecondsPerGb', 'megabytesPerSecond']);
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));
  expect(widths).toEqual([19.5, 390, 375, 93.8]);
  // 240 to 260 MB/s behind the labels of 320; one run alone has no spread.
  expect([...svg.matchAll(/<path d="([^"]+)"/g)].map((match) => match[1])).toEqual([
    ...['M337.1 81H341.9', 'M680.0 193H710.0'],
  ]);
  expect(svg).toContain('MirrorMaker 2 &lt;tuned&gt;');
});

test('a plot shows no more than three figures, and none that nobody has', () => {
  const svg = renderPlot([ours, tuned], 'caption');
  expect([...svg.matchAll(/class="head">([^<]+) </g)].map((match) => match[1])).toEqual([
    ...['CPU-s/GB', 'MB/s', 'peak RSS MB'],
  ]);
});

test('numbers keep three digits that matter', () => {
  expect([1 / 15, 0.123, 1.094, 33.33, 12_345, 3, Number.NaN].map(shortNumber)).toEqual([
    ...['0.0667', '0.123', '1.09', '33.3', '12,345', '3', 'NaN'],
  ]);
});
