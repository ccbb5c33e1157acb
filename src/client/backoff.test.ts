import { describe, expect, it } from 'vitest';
import { backoffMs, reconnectBackoff, requestBackoff } from './backoff.ts';

const middle = () => 0.5;

describe('backoffMs', () => {
  it('doubles from 100 ms to 1000 ms for requests, as Kafka does', () => {
    const waits = [0, 1, 2, 3, 4, 5].map((attempt) => backoffMs(attempt, requestBackoff, middle));
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it('doubles from 50 ms to 1000 ms for reconnecting', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(attempt, reconnectBackoff, middle));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
  });

  it('spreads by a fifth to either side', () => {
    expect(backoffMs(1, requestBackoff, () => 0)).toBe(160);
    expect(backoffMs(1, requestBackoff, () => 0.999_999)).toBe(240);
  });

  it('never waits longer than the maximum, even with jitter and after very many attempts', () => {
    for (const attempt of [4, 50, 2000]) {
      for (const random of [0, 0.3, 0.999]) {
        const wait = backoffMs(attempt, requestBackoff, () => random);
        expect(wait).toBeLessThanOrEqual(1000);
        expect(wait).toBeGreaterThanOrEqual(800);
      }
    }
  });
});
