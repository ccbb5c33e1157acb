import { describe, expect, test } from 'vitest';
import type { KeeperStore } from '../keeper-store.ts';
import { planDeletions } from './deletions.ts';
import type { Look } from './look.ts';
import { OwnPositions } from './own-positions.ts';
import type { Position, SeenGroup } from './plan.ts';
import type { GroupMirror } from './types.ts';

const at = (topic: string, offset: bigint): Position => ({ topic, partition: 0, offset, metadata: '' });

function seen(groupId: string, positions: readonly Position[], changes: Partial<SeenGroup> = {}): SeenGroup {
  return {
    ...{ groupId, positions, type: 'classic', protocolType: 'consumer', state: 'Empty', problem: null },
    ...changes,
  };
}

function look(...groups: SeenGroup[]): Look {
  const present = groups.filter(({ state }) => state !== 'Absent').map(({ groupId }) => groupId);
  return { listed: new Set(present), groups: new Map(groups.map((group) => [group.groupId, group])) };
}

async function written(positions: Record<string, Position[]>, store?: KeeperStore): Promise<OwnPositions> {
  const own = new OwnPositions(store);
  await own.add(new Map(Object.entries(positions)));
  return own;
}

const mirrors = new Map<string, GroupMirror>([
  ['us.orders', { sourceTopic: 'orders', mirrorTopic: 'us.orders', partitionCount: 1, shiftOf: () => 0n }],
]);

function plan(
  source: Look,
  destination: Look,
  own: OwnPositions,
  selects: (group: string) => boolean = () => true,
) {
  return planDeletions({ source, destination, own, mirrors, selects });
}

describe('a group that the source does not list', () => {
  const here = seen('g', [at('us.orders', 5n)]);

  test('goes when every position is as we wrote it', async () => {
    const own = await written({ g: [at('us.orders', 5n)] });
    expect(plan(look(), look(here), own)).toEqual({ gone: [], groups: ['g'], offsets: [] });
  });

  test.each<[string, SeenGroup]>([
    ['somebody moved it', seen('g', [at('us.orders', 9n)])],
    ['it has a position of its own', seen('g', [at('us.orders', 5n), at('local', 1n)])],
    ['it has members', seen('g', [at('us.orders', 5n)], { state: 'Stable' })],
    ['its state is not told', seen('g', [at('us.orders', 5n)], { state: '' })],
    ['it could not be read', seen('g', [], { problem: { state: 'Failed', reason: 'no' } })],
  ])('stays when %s', async (_why, changed) => {
    const own = await written({ g: [at('us.orders', 5n)] });
    expect(plan(look(), look(changed), own).groups).toEqual([]);
  });

  test('stays when we did not write it, or the link does not take care of it any more', async () => {
    expect(plan(look(), look(here), await written({})).groups).toEqual([]);
    const own = await written({ g: [at('us.orders', 5n)] });
    expect(plan(look(), look(here), own, () => false).groups).toEqual([]);
  });

  test('is forgotten when it is gone here, too', async () => {
    const own = await written({ g: [at('us.orders', 5n)] });
    expect(plan(look(), look(seen('g', [], { state: 'Absent' })), own)).toMatchObject({
      gone: ['g'],
      groups: [],
    });
  });

  test('is known to the next leader by the store, and goes if it stands on mirrors only and nobody used it here', async () => {
    const store = { entries: () => new Map([['g', { v: 1 }]]), put: async () => {} };
    const unused = seen('g', [at('us.orders', 5n)], { protocolType: '' });
    expect(plan(look(), look(unused), await written({}, store)).groups).toEqual(['g']);
    const mixed = seen('g', [at('us.orders', 5n), at('local', 1n)], { protocolType: '' });
    expect(plan(look(), look(mixed), await written({}, store)).groups).toEqual([]);
    // It has moved here, and its consumers are away for a moment.
    expect(plan(look(), look(here), await written({}, store)).groups).toEqual([]);
  });
});

describe('a position that the source does not have', () => {
  const there = seen('g', []);

  test('goes where it is as we wrote it', async () => {
    const own = await written({ g: [at('us.orders', 5n)] });
    expect(plan(look(there), look(seen('g', [at('us.orders', 5n)])), own).offsets).toEqual([
      { groupId: 'g', partitions: [{ topic: 'us.orders', partition: 0 }] },
    ]);
  });

  test('stays where somebody moved it, or it is not on a mirror, or the source could not be read', async () => {
    const own = await written({ g: [at('us.orders', 5n), at('local', 1n)] });
    const offsetsOf = (source: SeenGroup, ...positions: Position[]) =>
      plan(look(source), look(seen('g', positions)), own).offsets;
    expect(offsetsOf(there, at('us.orders', 6n))).toEqual([]);
    expect(offsetsOf(there, at('local', 1n))).toEqual([]);
    expect(offsetsOf(seen('g', [at('orders', 5n)]), at('us.orders', 5n))).toEqual([]);
    const unread = seen('g', [], { problem: { state: 'NotAuthorized', reason: 'no' } });
    expect(offsetsOf(unread, at('us.orders', 5n))).toEqual([]);
  });
});
