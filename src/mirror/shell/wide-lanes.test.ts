import { expect, it } from 'vitest';
import {
  evened,
  lanePartitionsMax,
  wideGapMs,
  wideLaneCount,
  wideLanesMax,
  wideWaitMs,
} from './wide-lanes.ts';

it.each([
  [0, 1, 1],
  [lanePartitionsMax, 1, 1],
  [lanePartitionsMax + 1, 1, 2],
  [4 * lanePartitionsMax, 1, 4],
  [100_000, 1, wideLanesMax],
  [2 * lanePartitionsMax, 4, 4],
  [lanePartitionsMax, 4, 2],
  [lanePartitionsMax / 2, 4, 1],
  [0, 4, 1],
])('%i partitions, over %i lanes until now, are spread over %i', (count, former, lanes) => {
  expect(wideLaneCount(count, former)).toBe(lanes);
});

it('asks for all partitions as often as one lane could, and for a thousand every few milliseconds', () => {
  expect(wideGapMs(1_000)).toBe(5);
  expect(wideGapMs(10_000)).toBe(50);
});

it('has a broker wait longer for news of thousands, two seconds at most', () => {
  expect(wideWaitMs(1_000)).toBe(200);
  expect(wideWaitMs(5_000)).toBe(1_000);
  expect(wideWaitMs(100_000)).toBe(2_000);
});

it.each([
  ['one lane', [1_000]],
  ['lanes that are alike', [250, 250, 249, 251]],
  ['one that has a quarter more', [300, 250, 230, 220]],
  ['lanes without partitions', [0, 0]],
])('leaves %s alone', (_name, sizes) => {
  expect(evened(sizes)).toEqual([]);
});

it.each([
  ['new lanes', [1_000, 0, 0, 0], [250, 250, 250, 250]],
  ['two that are too wide', [500, 501, 1, 0], [251, 251, 251, 249]],
  ['one that is too wide', [10, 200, 60], [90, 90, 90]],
  ['fewer partitions than lanes', [3, 0, 0, 0], [1, 1, 1, 0]],
])('evens out %s', (_name, sizes, after) => {
  const result = [...sizes];
  for (const { from, to, count } of evened(sizes)) {
    expect(count).toBeGreaterThan(0);
    result[from]! -= count;
    result[to]! += count;
  }
  expect(result).toEqual(after);
  expect(evened(result)).toEqual([]);
});
