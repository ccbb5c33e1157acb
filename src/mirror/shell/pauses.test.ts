import { expect, test } from 'vitest';
import { pauseMs } from './pauses.ts';

const of = (random: number) => ({ settleMs: 1_000, random: () => random });

test('settling takes as long as the link says', () => {
  expect(pauseMs('settle', 1, of(0.5))).toBe(1_000);
});

test('claims are spread over one to three times that: of two workers one is done before the other looks', () => {
  expect(pauseMs('claim', 1, of(0))).toBe(1_000);
  expect(pauseMs('claim', 1, of(0.999))).toBeCloseTo(2_998);
});

test('attempts in a row come later and later, within bounds, and not all at once', () => {
  const [first, third, hundredth] = [1, 3, 100].map((attempt) => pauseMs('retry', attempt, of(0.5)));
  expect(first).toBeLessThan(third!);
  expect(third).toBeLessThan(hundredth!);
  expect(hundredth).toBeLessThanOrEqual(7_500);
  expect(pauseMs('retry', 1, of(0.1))).not.toBe(pauseMs('retry', 1, of(0.9)));
});
