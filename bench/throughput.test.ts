import { expect, test } from 'vitest';
import { figuresOf, type Look, logBytesFor, warmUpSeconds } from './throughput.ts';

const look = (at: number, offsets: number, cpuSeconds: number): Look => ({
  ...{ at, offsets, cpuSeconds, peakRssBytes: 150e6 },
  ...{ sourceCpuSeconds: 10 + cpuSeconds / 2, destinationCpuSeconds: 20 + cpuSeconds * 2 },
});

test('figures are what happened between two looks, and nothing before', () => {
  const figures = figuresOf(look(2_000, 1_000_000, 30), look(12_000, 3_000_000, 34), {
    ...{ startSeconds: 7, bytesPerOffset: 1_000, recordsPerOffset: 1 },
  });
  expect(figures).toEqual({
    ...{ seconds: 10, megabytesPerSecond: 200, recordsPerSecond: 200_000, startSeconds: 7 },
    ...{ cpuSecondsPerGb: 2, cpuMicrosecondsPerRecord: 2, corePercent: 40, peakRssMb: 150 },
    ...{ sourceBrokerCpuSecondsPerGb: 1, destinationBrokerCpuSecondsPerGb: 4 },
  });
});

test('markers are offsets, but no records', () => {
  const how = { startSeconds: 0, bytesPerOffset: 1_000, recordsPerOffset: 100 / 101 };
  const { recordsPerSecond, megabytesPerSecond } = figuresOf(look(0, 0, 0), look(1_000, 1_010, 1), how);
  expect(recordsPerSecond).toBeCloseTo(1_000);
  expect(megabytesPerSecond).toBeCloseTo(1.01);
});

test('there is log for the warm-up, too, and never more than the page cache holds', () => {
  expect(warmUpSeconds(30)).toBe(5);
  expect(warmUpSeconds(10)).toBe(2);
  expect(logBytesFor(30, 100e6)).toBe(3.5e9);
  expect(logBytesFor(600, 400e6)).toBe(12e9);
  expect(logBytesFor(600, 400e6, 2e9)).toBe(2e9);
});
