import { expect, test } from 'vitest';
import { BehindClock } from './behind-clock.ts';

test('a mirror that is never seen with everything is as far behind as the oldest record that it lacks', () => {
  const clock = new BehindClock();
  for (let second = 0; second < 600; second++) {
    clock.note({ sourceEnd: BigInt(second + 1), mirrorEnd: BigInt(second), nowMs: second * 1_000 });
    expect(clock.behindMs(BigInt(second), second * 1_000 + 300)).toBe(300);
  }
  expect(clock.behindMs(600n, 600_000)).toBe(0);
});

test('what is missing counts from the moment when the source was first seen with it', () => {
  const clock = new BehindClock();
  clock.note({ sourceEnd: 10n, mirrorEnd: null, nowMs: 1_000 });
  clock.note({ sourceEnd: 10n, mirrorEnd: 0n, nowMs: 5_000 });
  clock.note({ sourceEnd: 20n, mirrorEnd: 0n, nowMs: 6_000 });
  expect(clock.behindMs(9n, 7_000)).toBe(6_000);
  expect(clock.behindMs(10n, 7_000)).toBe(1_000);
  expect(clock.behindMs(20n, 7_000)).toBe(0);
  clock.note({ sourceEnd: 30n, mirrorEnd: 20n, nowMs: 9_000 });
  expect(clock.behindMs(25n, 9_500)).toBe(500);
});

test('ends in quick succession count as the first of them', () => {
  const clock = new BehindClock();
  for (let ms = 0; ms <= 400; ms += 100) clock.note({ sourceEnd: BigInt(ms), mirrorEnd: -1n, nowMs: ms });
  expect(clock.behindMs(399n, 1_000)).toBe(1_000);
  expect(clock.behindMs(400n, 1_000)).toBe(0);
});

test('a long backlog takes little memory, and is never told too short, nor by much too long', () => {
  const clock = new BehindClock();
  for (let second = 0; second <= 3_600; second++)
    clock.note({ sourceEnd: BigInt(second + 1), mirrorEnd: 0n, nowMs: second * 1_000 });
  for (let mirrorEnd = 0; mirrorEnd <= 3_600; mirrorEnd += 60) {
    const truthMs = 3_600_000 - mirrorEnd * 1_000;
    const told = clock.behindMs(BigInt(mirrorEnd), 3_600_000);
    expect(told).toBeGreaterThanOrEqual(truthMs);
    expect(told - truthMs).toBeLessThanOrEqual(256_000);
  }
});
