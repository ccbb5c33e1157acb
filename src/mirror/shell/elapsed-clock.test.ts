import { expect, it } from 'vitest';
import { elapsedClock } from './elapsed-clock.ts';

it('counts the time of a machine that slept, and never goes back', () => {
  let monotonicMs = 500;
  let wallMs = 1_000_000;
  const elapsedMs = elapsedClock({ nowMs: () => monotonicMs }, () => wallMs);
  monotonicMs += 10;
  wallMs += 10;
  expect(elapsedMs()).toBe(10);
  // Paused for an hour: the monotonic clock stood still.
  monotonicMs += 5;
  wallMs += 3_600_005;
  expect(elapsedMs()).toBe(3_600_015);
  // The wall clock is set back.
  monotonicMs += 20;
  wallMs -= 7_200_000;
  expect(elapsedMs()).toBe(3_600_035);
  expect(elapsedMs()).toBe(3_600_035);
});
