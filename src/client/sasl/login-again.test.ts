import { expect, test } from 'vitest';
import { loginAgainAfterMs, loginsApartMs } from './login-again.ts';

const cases: [sessionMs: number, random: number, afterMs: number][] = [
  [3_600_000, 0, 3_060_000], // 85 %, as Kafka's Java client
  [3_600_000, 0.999_999, 3_420_000], // 95 %
  [60_000, 0, 50_000], // ten seconds for what is in flight
  [15_000, 0, 7_500], // but not before the half
  [2_000, 0, 1_000],
  [2_000, 0.5, 1_100],
  [10 ** 11, 0, 2 ** 31 - 1], // setTimeout's limit
];

test.each(cases)('a session of %i ms (random %f) is renewed after %i ms', (sessionMs, random, afterMs) => {
  expect(Math.round(loginAgainAfterMs(sessionMs, () => random))).toBe(afterMs);
});

test('brokers take one login a second', () => {
  expect(loginsApartMs).toBeGreaterThan(1_000);
});
