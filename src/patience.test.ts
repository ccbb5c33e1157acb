import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { orPatience, within } from './patience.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new Promise<never>(() => {});
/** Rejects, but not before somebody listens. */
const failing = () => Promise.reject(new Error('refused'));

describe('work with a deadline', () => {
  test('gives what it resolves with, and leaves no timer behind', async () => {
    expect(await within(Promise.resolve(7), 1_000, 'a look')).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is given up when it is late, which the error names', async () => {
    const late = within(never, 1_500, 'a look at the source');
    const told = expect(late).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      message: 'a look at the source has not ended within 1.5 s',
    });
    await vi.advanceTimersByTimeAsync(1_500);
    await told;
  });

  test('fails as it fails itself', async () => {
    await expect(within(failing(), 1_000, 'a look')).rejects.toThrow('refused');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('work that is waited for with patience', () => {
  test('is waited for no longer than that, and what it comes to is nobody’s business', async () => {
    const waited = orPatience(never, 2_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waited).toBeUndefined();
  });

  test('ends the waiting', async () => {
    await orPatience(Promise.resolve(), 2_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('fails as it fails itself', async () => {
    await expect(orPatience(failing(), 2_000)).rejects.toThrow('refused');
    expect(vi.getTimerCount()).toBe(0);
  });
});
