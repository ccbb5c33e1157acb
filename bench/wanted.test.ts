import { describe, expect, test } from 'vitest';
import type { ContestantRuns } from './shape.ts';
import { isMet, medianOf, ratio, seen, spreadOf, wantedOfBrokers } from './wanted.ts';

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[7], 7],
  [[10, 9, 100], 10],
])('the median of %j is %d', (values, median) => {
  expect(medianOf(values)).toBe(median);
});

test('the median of nothing is unknown', () => {
  expect(medianOf([])).toBeNaN();
});

test('a figure that some runs lack is the median of those that have it', () => {
  const runs = [{ megabytesPerSecond: 5 }, {}, { megabytesPerSecond: 7 }, { megabytesPerSecond: Number.NaN }];
  expect(spreadOf(runs, 'megabytesPerSecond')).toEqual({ median: 6, min: 5, max: 7 });
  expect(spreadOf(runs, 'peakRssMb')).toBeNull();
});

describe('contestants compared', () => {
  const row = (contestant: string, cpuSecondsPerGb: number, broker: number): ContestantRuns => ({
    ...{ contestant, title: contestant },
    runs: [
      {
        ...{ cpuSecondsPerGb, sourceBrokerCpuSecondsPerGb: broker },
        destinationBrokerCpuSecondsPerGb: 3 * broker,
      },
    ],
  });
  const rows = [row('lockstep', 1, 0.5), row('mm2-tuned', 20, 1)];

  test('a ratio is ours divided by theirs', () => {
    expect(ratio(rows, 'cpuSecondsPerGb', { to: 'mm2-tuned' })).toBe(0.05);
    expect(seen(rows, 'lockstep', 'cpuSecondsPerGb')).toBe(1);
  });

  test('who was not measured makes it unknown, neither met nor missed', () => {
    const measured = ratio(rows, 'cpuSecondsPerGb', { to: 'franz-go' });
    expect(isMet({ what: '', measured, limit: 1, is: 'atMost' })).toBeNull();
  });

  test("brokers' CPU is that of both sides", () => {
    expect(wantedOfBrokers(rows)).toMatchObject({ measured: 0.5, limit: 1.1, is: 'atMost' });
  });
});

test.each([
  [1, 1, 'atMost', true],
  [1.01, 1, 'atMost', false],
  [1, 1, 'atLeast', true],
  [0.99, 1, 'atLeast', false],
] as const)('%d against %d %s: %s', (measured, limit, is, met) => {
  expect(isMet({ what: '', measured, limit, is })).toBe(met);
});
