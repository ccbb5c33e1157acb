import { expect, test } from 'vitest';
import { LookPace } from './look-pace.ts';

/** How many seconds pass between two looks at so many partitions, by a timer that rings every second. */
function secondsBetween(count: number): number {
  const pace = new LookPace();
  expect(pace.isDue(0)).toBe(true);
  pace.looked(count, 0);
  for (let second = 1; second < 60; second++) if (pace.isDue(second * 1_000)) return second;
  return Number.NaN;
}

test('up to two thousand partitions are all looked at every second, more of them less often', () => {
  expect([0, 1, 1_000, 2_000].map(secondsBetween)).toEqual([1, 1, 1, 1]);
  expect([4_000, 8_000, 10_000].map(secondsBetween)).toEqual([2, 4, 5]);
});

test('however many there are, none is forgotten for longer than the fleet may hear nothing', () => {
  expect(secondsBetween(1_000_000)).toBe(5);
});

test('a timer that rings a little early is in time', () => {
  const pace = new LookPace();
  pace.looked(10, 0);
  expect(pace.isDue(985)).toBe(true);
});
