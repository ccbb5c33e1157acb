// Two brokers of one source: one reader has live partitions that take all they are given, the other catches up.
import { expect, test } from 'vitest';
import { ReadLimit } from './read-limit.ts';

const answerBytesMax = 4 * 1024 * 1024;

/** What each of them has read after `forMs`, and how long the live one was kept waiting at most. */
function sideBySide(
  bytesPerSecond: number,
  { batchBytes = 0, forMs = 120_000 }: { batchBytes?: number; forMs?: number } = {},
): { live: number; behind: number; longestMs: number } {
  let nowMs = 0;
  const limit = new ReadLimit(() => nowMs);
  limit.set({ bytesPerSecondMax: bytesPerSecond, share: 1 });
  const read = { live: 0, behind: 0 };
  const readers = (['live', 'behind'] as const).map((kind) => ({ kind, reader: {}, atMs: 0 }));
  let [lastLiveMs, longestMs] = [0, 0];
  while (nowMs < forMs) {
    const next = readers.reduce((one, other) => (other.atMs < one.atMs ? other : one));
    nowMs = next.atMs;
    const wish = { hasLive: next.kind === 'live', hasBehind: next.kind === 'behind', answerBytesMax };
    const plan = limit.plan(next.reader, wish)!;
    if (plan.kind === 'pause') {
      next.atMs += plan.pauseMs;
      continue;
    }
    const bytes = next.kind === 'live' ? plan.bytesMax : Math.max(plan.bytesMax, batchBytes);
    read[next.kind] += bytes;
    if (next.kind === 'live') {
      longestMs = Math.max(longestMs, nowMs - lastLiveMs);
      lastLiveMs = nowMs;
    }
    limit.spend({ bytes, behindBytes: next.kind === 'behind' ? bytes : 0, scope: plan.scope });
    next.atMs += 5;
  }
  return { ...read, longestMs: Math.max(longestMs, nowMs - lastLiveMs) };
}

test.each([10_000, 1_000_000, 100_000_000])(
  'at %d bytes a second what catches up at one broker has its tenth although live ones of another take the rest',
  (rate) => {
    const { live, behind, longestMs } = sideBySide(rate);
    const possible = Math.min(rate * 120, live + behind);
    expect(behind).toBeGreaterThan(possible * 0.07);
    expect(live).toBeGreaterThan(possible * 0.5);
    expect(longestMs).toBeLessThan(1_000);
  },
);

test('and live ones wait for two batches at most where each is worth seconds of the limit', () => {
  const { live, longestMs } = sideBySide(10_000, { batchBytes: 100_000 });
  expect(longestMs).toBeLessThan(21_000);
  expect(live).toBeGreaterThan(0);
});
