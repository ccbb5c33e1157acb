import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { ActiveLane } from './active-lane.ts';
import { followedCountMin, quietMs } from './active-partitions.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { Lane } from './lane.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(1);

function activeLane(
  open: () => Promise<Connection> = async () => ({ isOpen: true, close() {} }) as Connection,
) {
  const opened = vi.fn(open);
  const retired = vi.fn(async () => {});
  const moves: [string, 'active' | 'back'][] = [];
  const active = new ActiveLane({
    ...{ open: opened, fetchResponseBytesMax: 1_000, fetchBytesMax: 100, fetchWaitMsMax: 500 },
    newLane: ({ slot, pace }) =>
      ({ slot, paced: { pace }, keys: new Map(), reader: { retire: retired } }) as unknown as Lane,
    move(key, to) {
      moves.push([key, to === null ? 'back' : 'active']);
      if (to === null) active.lane?.keys.delete(key);
      else to.keys.set(key, { isLive: true } as FetchTarget);
    },
    isClosed: () => false,
  });
  /** Two answers with records: a partition is active from the second one on. */
  const brings = (key: string) => {
    for (let answers = 0; answers < 2; answers++) active.noted(key, followedCountMin);
  };
  const look = (isFar = false) => active.look(performance.now(), { isFar });
  return { active, opened, retired, moves, brings, look };
}

test('it is there as soon as somebody is active, and takes whoever became so meanwhile', async () => {
  const { active, opened, moves, brings } = activeLane();
  active.noted('a', followedCountMin);
  expect(opened).not.toHaveBeenCalled();
  brings('a');
  brings('b');
  await settle();
  expect(opened).toHaveBeenCalledTimes(1);
  brings('c');
  expect(moves).toEqual([
    ['a', 'active'],
    ['b', 'active'],
    ['c', 'active'],
  ]);
});

test('it is gone when all of them have fallen quiet', async () => {
  const { active, retired, moves, brings, look } = activeLane();
  brings('a');
  await settle();
  look();
  expect(active.lane).not.toBeNull();
  await vi.advanceTimersByTimeAsync(quietMs);
  look();
  expect(moves.at(-1)).toEqual(['a', 'back']);
  expect(active.lane).toBeNull();
  expect(retired).toHaveBeenCalledTimes(1);
});

test('a broker that refuses its connection is not asked again for a minute, and the others read on', async () => {
  const { active, opened, moves, brings } = activeLane(() => Promise.reject(new Error('too many')));
  brings('a');
  await settle();
  expect(active.lane).toBeNull();
  expect(moves).toEqual([['a', 'back']]);
  brings('a');
  await vi.advanceTimersByTimeAsync(59_000);
  brings('a');
  await settle();
  expect(opened).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1_000);
  brings('a');
  expect(opened).toHaveBeenCalledTimes(2);
});

test('far away, who catches up goes back: lanes share that out', async () => {
  const { active, moves, brings, look } = activeLane();
  brings('a');
  brings('b');
  await settle();
  active.lane!.keys.set('b', { isLive: false } as FetchTarget);
  look();
  expect(moves.slice(2)).toEqual([]);
  look(true);
  expect(moves.slice(2)).toEqual([['b', 'back']]);
});

test('a broker waits the longer for news the more of them there are, within the wait of the link', async () => {
  const { active, brings, look } = activeLane();
  brings('a');
  await settle();
  expect(active.lane!.paced.pace).toEqual({ answerBytesMax: 1_000, partitionBytesMax: 100, waitMsMax: 50 });
  for (let i = 0; i < 200; i++) for (let answers = 0; answers < 2; answers++) active.noted(`p${i}`, 10_000);
  look();
  expect(active.lane!.paced.pace.waitMsMax).toBe(101);
  for (let i = 200; i < 2_000; i++)
    for (let answers = 0; answers < 2; answers++) active.noted(`p${i}`, 10_000);
  look();
  expect(active.lane!.paced.pace.waitMsMax).toBe(500);
});
