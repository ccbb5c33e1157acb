import { beforeEach, expect, it } from 'vitest';
import type { TopicPartition } from '../mirror/index.ts';
import { Share } from './share.ts';

const placements = [0, 1, 2].map(() => ({ shift: 0n, startOffset: 0n }));
const left = { topicId: 'id', leaderEpoch: 3, logEnd: 7n };
let running: Set<string>;
let owned: Set<number>;
/** Ends the stops that are under way. */
let stops: (() => void)[];
let share: Share;
beforeEach(() => {
  running = new Set();
  owned = new Set([0, 1]);
  stops = [];
  const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;
  const mirror = {
    add: (partition: TopicPartition) => void running.add(nameOf(partition)),
    remove: async (partition: TopicPartition) => {
      if (!running.delete(nameOf(partition))) return null;
      await new Promise<void>((resolve) => stops.push(resolve));
      return partition.partition === 0 ? left : null;
    },
  };
  share = new Share({ mirror, owns: ({ partition }) => owned.has(partition) });
});

it('runs what is ours, and stops what is not any more', () => {
  share.apply('t', placements);
  expect([...running]).toEqual(['t-0', 't-1']);
  owned = new Set([1, 2]);
  share.apply('t', placements);
  expect([...running].sort()).toEqual(['t-1', 't-2']);
});

it('stops all of a topic that is not to be copied', () => {
  share.apply('t', placements);
  share.apply('t', []);
  expect([...running]).toEqual([]);
});

it('does not begin what was released before it is told to look at ownership again', async () => {
  share.apply('t', placements);
  const released = share.release([{ topic: 't', partition: 0 }]);
  for (const stop of stops) stop();
  expect(await released).toEqual([{ topic: 't', partition: 0, left }]);
  share.apply('t', placements);
  expect([...running]).toEqual(['t-1']);
  share.forgetReleased();
  share.apply('t', placements);
  expect([...running].sort()).toEqual(['t-0', 't-1']);
});

it('is at rest only when every stop is over', async () => {
  share.apply('t', placements);
  share.apply('t', []);
  let isOver = false;
  const stopped = share.untilStopped().then(() => {
    isOver = true;
  });
  stops[0]!();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  stops[1]!();
  await stopped;
});
