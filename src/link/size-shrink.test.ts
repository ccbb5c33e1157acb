import { beforeEach, expect, it } from 'vitest';
import { FakeCluster } from '../../test/support/fake-link-cluster.ts';
import { SizeShrink } from './size-shrink.ts';

const known = { topic: 't', placements: [{ shift: 5n, startOffset: 0n }] };
let source: FakeCluster;
let destination: FakeCluster;
let nowMs: number;
let shrink: SizeShrink;
beforeEach(() => {
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  source.ranges.set('t-0', { start: 5n, end: 105n });
  destination.ranges.set('t-0', { start: 0n, end: 99n });
  nowMs = 0;
  shrink = new SizeShrink({ source, destination, nowMs: () => nowMs });
});

async function lookAfter(ms: number, bytes = 1_000): Promise<boolean> {
  nowMs += ms;
  return shrink.isSafe(known, bytes);
}

it('waits until the mirror has what the source held when the lower limit was in force', async () => {
  expect([await lookAfter(0), await lookAfter(5_000)]).toEqual([false, false]);
  // What comes from now on is small.
  source.ranges.set('t-0', { start: 5n, end: 1_000n });
  expect(await lookAfter(5_000)).toBe(false);
  destination.ranges.set('t-0', { start: 0n, end: 100n });
  expect(await lookAfter(5_000)).toBe(true);
});

it('begins anew for another limit', async () => {
  destination.ranges.set('t-0', { start: 0n, end: 100n });
  expect([await lookAfter(0), await lookAfter(5_000)]).toEqual([false, true]);
  expect([await lookAfter(0, 900), await lookAfter(5_000, 900)]).toEqual([false, true]);
});

it('is not safe while a leader does not answer', async () => {
  source.ranges.clear();
  expect([await lookAfter(0), await lookAfter(5_000)]).toEqual([false, false]);
});
