import { expect, test } from 'vitest';
import { aboutMinutes, estimateSeconds, type Known, TimeLeft } from './time-plan.ts';

const row = (contestant: string, ...seconds: number[]) => ({
  ...{ contestant, title: contestant, medians: {} },
  runs: seconds.map((each) => ({ seconds: each })),
});
/** Two runs of two contestants, one done with the log after half of the time; 60 s measured, 120 s around it. */
const known: Known = {
  rows: [row('mm2-tuned', 20, 20), row('lockstep 3 destinations', 10, 10)],
  ...{ runs: 2, seconds: 20, tookSeconds: 180 },
};
const asBefore = { runs: 2, seconds: 20, contestants: null, once: [] };

test('the same again takes as long as it took', () => {
  expect(estimateSeconds(known, asBefore)).toBe(180);
});

test('runs, seconds and contestants count as often as they take part', () => {
  expect(estimateSeconds(known, { ...asBefore, runs: 1 })).toBe(2 * 20 + (20 + 20) + (20 + 10));
  expect(estimateSeconds(known, { ...asBefore, seconds: 40 })).toBe(2 * 20 + 2 * (20 + 40) + 2 * (20 + 20));
  expect(estimateSeconds(known, { ...asBefore, contestants: ['lockstep'] })).toBe(2 * 20 + 2 * (20 + 10));
  expect(estimateSeconds(known, { ...asBefore, once: ['mm2-tuned'] })).toBe(180 - 40);
});

test('nothing is said of a shape that was never measured', () => {
  expect(estimateSeconds(null, asBefore)).toBeNull();
});

test('what is left falls while a shape runs, and follows the pace of those that are done', () => {
  const left = new TimeLeft(
    new Map([
      ['plain', 100],
      ['lz4', 200],
    ]),
  );
  expect(left.seconds(0)).toBe(300);
  left.begin('plain', 0);
  expect(left.seconds(30_000)).toBe(270);
  // Later than expected: what comes behind is not less for it.
  expect(left.seconds(140_000)).toBe(200);
  expect(left.end(150_000)).toBe(150);
  expect(left.seconds(150_000)).toBe(300);
  left.begin('lz4', 150_000);
  expect(left.seconds(250_000)).toBe(200);
  left.end(450_000);
  expect(left.seconds(450_000)).toBe(0);
});

test('minutes are told as people would', () => {
  expect([59, 61, 2_700].map(aboutMinutes)).toEqual(['under a minute', 'about 1 min', 'about 45 min']);
});
