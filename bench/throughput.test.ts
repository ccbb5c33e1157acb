import { expect, test } from 'vitest';
import { logBytesFor, warmUpSeconds } from './throughput.ts';

test('there is log for the warm-up, too, and never more than the page cache holds', () => {
  expect(warmUpSeconds(30)).toBe(5);
  expect(warmUpSeconds(10)).toBe(2);
  expect(logBytesFor(30, 100e6)).toBe(3.5e9);
  expect(logBytesFor(600, 400e6)).toBe(8e9);
  expect(logBytesFor(600, 400e6, 2e9)).toBe(2e9);
});
