import { expect, test } from 'vitest';
import { fillTemplate } from './contestants/mirror-maker.ts';
import type { Measurement } from './measure.ts';
import { parseBenchOptions } from './options.ts';
import { renderPlot } from './plot.ts';
import { medianRun, ratiosOf, renderTable, renderVerdict } from './report.ts';

const row = (
  title: string,
  cpuSecondsPerGb: number,
  megabytesPerSecond: number,
  peakRssMb: number,
): Measurement => ({
  title,
  cpuSecondsPerGb,
  megabytesPerSecond,
  peakRssMb,
  startSeconds: 1,
  startCpuSeconds: 1,
  seconds: 10,
  records: 1000,
  bytes: 1e9,
  cpuSeconds: cpuSecondsPerGb,
  recordsPerSecond: 123_456,
  sourceBrokerCpuSecondsPerGb: 1,
  destinationBrokerCpuSecondsPerGb: 2,
  isComplete: true,
  copyLogBytes: 1e9,
});
const ours = row('Lockstep', 0.8, 240, 100);
const tuned = row('MirrorMaker 2 <tuned>', 20, 60, 1400);

test('ratios are ours divided by theirs', () => {
  expect(ratiosOf(ours, tuned)).toEqual({ cpuWithStart: 1.8 / 21, cpu: 0.04, speed: 4, peakRss: 100 / 1400 });
});

test('the verdict says of each bar whether it was met', () => {
  const withBar = (lines: string[]) => lines.filter((line) => line.includes('(bar:'));
  const good = withBar(renderVerdict(ours, tuned));
  expect(good).toHaveLength(3);
  expect(good.every((line) => line.endsWith('met)'))).toBe(true);
  const slow = withBar(renderVerdict(row('Lockstep', 2.1, 119, 151), tuned));
  expect(slow.every((line) => line.endsWith('MISSED)'))).toBe(true);
});

test('the median run is the middle one by CPU', () => {
  const runs = [row('c', 3, 1, 1), row('a', 1, 1, 1), row('b', 2, 1, 1)];
  expect(medianRun(runs).title).toBe('b');
  expect(medianRun(runs.slice(0, 2)).title).toBe('a');
});

test('the table has a row for each contestant and lines up', () => {
  const lines = renderTable([ours, { ...tuned, isComplete: false }]).split('\n');
  expect(lines).toHaveLength(4);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  expect(lines[2]).toMatch(/Lockstep .* 0\.80 \| +240 \| +123,456 \| .* yes \|$/);
  expect(lines[3]).toMatch(/ NO \|$/);
});

test('the longest bar of each panel is the largest value, and names are escaped', () => {
  const svg = renderPlot([ours, tuned], 'caption');
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));
  expect(widths).toEqual([17.2, 430, 430, 107.5, 30.7, 430]);
  expect(svg).toContain('MirrorMaker 2 &lt;tuned&gt;');
});

test('a template without a value for one of its names is refused', () => {
  expect(fillTemplate('a=${x},${x}', { x: '1' })).toBe('a=1,1');
  expect(() => fillTemplate('a=${y}', { x: '1' })).toThrow(/\$\{y\}/);
});

test('options: defaults, sizes and names', () => {
  expect(parseBenchOptions([])).toMatchObject({
    recordCount: 1_572_864,
    partitions: 8,
    batchBytes: 131_072,
    runs: 1,
  });
  expect(parseBenchOptions(['lockstep', '--gib', '0.5']).contestants).toEqual(['lockstep']);
  for (const wrong of [['flink'], ['--gib', '-1'], ['--gib', 'x'], ['--nothing']]) {
    expect(() => parseBenchOptions(wrong)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  }
});
