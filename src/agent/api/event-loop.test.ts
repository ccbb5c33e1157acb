import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventLoopWatch } from './event-loop.ts';

let nowMs: number;
let watch: EventLoopWatch;

/** Time goes by, and timers come when they are due. */
function turn(ms: number): void {
  for (let passed = 0; passed < ms; passed += 500) {
    nowMs += 500;
    vi.advanceTimersByTime(500);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 1_000;
  watch = new EventLoopWatch(() => nowMs);
});

afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

it('turns while its timer comes in time', () => {
  turn(30_000);
  expect([watch.isTurning, watch.delayMs]).toEqual([true, 0]);
});

it('was blocked when the timer came late, for as long as that is remembered', () => {
  turn(2_000);
  nowMs += 6_500;
  expect([watch.isTurning, watch.delayMs]).toEqual([false, 6_000]);
  vi.advanceTimersByTime(500);
  turn(9_000);
  expect([watch.isTurning, watch.delayMs]).toEqual([false, 6_000]);
  turn(2_000);
  expect([watch.isTurning, watch.delayMs]).toEqual([true, 0]);
});

it('takes a busy moment for what it is', () => {
  nowMs += 3_000;
  expect([watch.isTurning, watch.delayMs]).toEqual([true, 2_500]);
});
