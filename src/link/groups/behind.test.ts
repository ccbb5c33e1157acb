import { expect, test } from 'vitest';
import { noteBehind } from './behind.ts';
import type { PositionStatus } from './types.ts';

const position = (changes: Partial<PositionStatus>): PositionStatus => ({
  ...{ topic: 'orders', mirrorTopic: 'orders', partition: 0, source: '120', wanted: '120' },
  ...{ destination: '100', state: 'waiting', isBelowMirrorStart: false },
  ...changes,
});

async function noted(groups: Parameters<typeof noteBehind>[1], former: Record<string, unknown> = {}) {
  const written: [string, object | null][] = [];
  const store = {
    entries: () => new Map(Object.entries(former)),
    put: async (entries: ReadonlyMap<string, object | null>) => void written.push(...entries),
  };
  await noteBehind(store, groups, { sourceTopics: ['orders', 'bills'], atMs: 9, sourceHeardAtMs: 4 });
  return Object.fromEntries(written);
}

test('positions that are not the source’s are noted by topic, synced ones are not', async () => {
  const groups = [
    { group: 'a', positions: [position({}), position({ partition: 1, state: 'synced' })] },
    { group: 'b', positions: [position({ destination: null, state: 'behind' })] },
  ];
  expect(await noted(groups)).toEqual({
    orders: {
      ...{ v: 1, atMs: 9, sourceHeardAtMs: 4 },
      positions: [
        { group: 'a', partition: 0, source: '120', wanted: '120', destination: '100' },
        { group: 'b', partition: 0, source: '120', wanted: '120', destination: null },
      ],
    },
  });
});

test('what was behind at a former promotion is forgotten, and nothing is written where nothing is behind', async () => {
  expect(await noted([], { orders: {}, other: {} })).toEqual({ orders: null });
  expect(await noted([])).toEqual({});
});
