// What a group that moves must see, shared by the tests of several pairs of versions.
import { expect } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import type { ConsumedRecord, ConsumerMake } from './consumers.ts';
import type { TestKeeper } from './keepers.ts';

export interface Move {
  readonly make: ConsumerMake;
  readonly from: Region;
  readonly to: Region;
  readonly topic: string;
  readonly group: string;
  /** Every record of the topic, in the order of its partitions. */
  readonly all: readonly ConsumedRecord[];
  readonly test: TestKeeper;
}

const firstCount = 300;
const unsyncedCount = 100;

/**
 * The group reads at `from`, is synced, reads on unsynced, and goes on at `to`: what it read since the sync comes again,
 * exactly that, and nothing is left out.
 */
export async function movesWithoutGap({ make, from, to, topic, group, all, test }: Move): Promise<void> {
  const first = await make.read({ region: from, topic, group, count: firstCount });
  await test.keeper.lookNow();
  expect(test.keeper.status().groups.find((entry) => entry.group === group)).toMatchObject({
    state: 'Synced',
    reason: null,
  });
  const unsynced = await make.read({ region: from, topic, group, count: unsyncedCount });
  const rest = await make.read({ region: to, topic, group, count: all.length - firstCount });
  expect(sorted([...first, ...rest])).toEqual(all);
  const again = rest.filter((record) => unsynced.some((other) => isSame(other, record)));
  expect(again).toHaveLength(unsyncedCount);
  expectInOrder(rest);
}

/** The same with the last sync before a promotion: nothing comes again. */
export async function movesExactly({ make, from, to, topic, group, all, test }: Move): Promise<void> {
  const first = await make.read({ region: from, topic, group, count: firstCount });
  await test.keeper.lookNow();
  const second = await make.read({ region: from, topic, group, count: unsyncedCount });
  const report = await test.keeper.syncTopics([topic]);
  expect(report.groups.find((entry) => entry.group === group)).toEqual({
    group,
    state: 'Synced',
    reason: null,
    isComplete: true,
    missing: [],
  });
  const count = all.length - firstCount - unsyncedCount;
  const rest = await make.read({ region: to, topic, group, count });
  expect(sorted([...first, ...second, ...rest])).toEqual(all);
  expectInOrder(rest);
}

/** Each partition's records without a gap, ascending. */
function expectInOrder(records: readonly ConsumedRecord[]): void {
  const last = new Map<number, number>();
  for (const { partition, offset } of records) {
    const before = last.get(partition);
    if (before !== undefined) expect(offset).toBe(before + 1);
    last.set(partition, offset);
  }
}

export function sorted(records: readonly ConsumedRecord[]): ConsumedRecord[] {
  return [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function isSame(one: ConsumedRecord, other: ConsumedRecord): boolean {
  return one.partition === other.partition && one.offset === other.offset;
}
