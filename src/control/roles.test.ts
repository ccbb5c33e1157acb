// Whether a link copies a topic, as the roles of its group say.
import { describe, expect, test } from 'vitest';
import type { RolesRecord } from './records/index.ts';
import { roleOf } from './roles.ts';
import { followed, historyAfter, roleChanges, saySame } from './roles-change.ts';
import { testRoles } from './test-roles.ts';

const all = (roles: RolesRecord) => new Map([[roles.group, roles]]);
const forth = { name: 'us-to-eu', destination: 'eu', source: { name: 'us' } };
const back = { name: 'eu-to-us', destination: 'us', source: { name: 'eu' } };
const eu = (sinceGeneration: number) => ({ region: 'eu', sinceGeneration });
/** After a failover to eu that took place as generation 4. */
const failedOver = testRoles({
  generation: 4,
  primary: eu(4),
  awaitsRestore: { us: ['orders'] },
  changedBy: 'failover',
  moveId: 'f1',
});

describe('a link', () => {
  test('of no group is free', () => {
    expect(roleOf(all(testRoles()), { ...forth, name: 'other' }, 'orders')).toEqual({ kind: 'free' });
  });

  test('from the primary copies, the other way stands by', () => {
    expect(roleOf(all(testRoles()), forth, 'orders')).toEqual({ kind: 'copies', incarnation: 0 });
    expect(roleOf(all(testRoles()), back, 'orders')).toEqual({
      kind: 'standby',
      primary: 'us',
      group: 'shop',
    });
  });

  test('has the direction of each topic', () => {
    const roles = all(testRoles({ generation: 3, topics: { bills: eu(3) } }));
    expect(roleOf(roles, back, 'bills')).toEqual({ kind: 'copies', incarnation: 2 });
    expect(roleOf(roles, forth, 'bills')).toEqual({ kind: 'standby', primary: 'eu', group: 'shop' });
    expect(roleOf(roles, forth, 'orders').kind).toBe('copies');
    expect(roleOf(roles, forth, 'toString').kind).toBe('copies');
  });

  test('copies nothing into a region that awaits a restore of the topic', () => {
    expect(roleOf(all(failedOver), back, 'orders')).toEqual({
      kind: 'awaitsRestore',
      region: 'us',
      group: 'shop',
    });
    expect(roleOf(all(failedOver), back, 'bills')).toEqual({ kind: 'copies', incarnation: 3 });
    expect(roleOf(all(failedOver), forth, 'orders').kind).toBe('standby');
  });
});

test('what turns is told in words, and a topic that turns with all others is not told again', () => {
  expect(roleChanges(testRoles(), failedOver)).toEqual([
    'primary: us -> eu',
    'us awaits a restore of orders',
  ]);
  const apart = testRoles({ generation: 2, topics: { bills: eu(2) } });
  expect(roleChanges(testRoles(), apart)).toEqual(['primary of bills: us -> eu']);
  expect(roleChanges(apart, failedOver)).toEqual(['primary: us -> eu', 'us awaits a restore of orders']);
  expect(roleChanges(failedOver, { ...failedOver, awaitsRestore: {} })).toEqual([
    'us does not await a restore of orders any more',
  ]);
});

describe('the roles of another region', () => {
  test('are taken over where there are none, and where theirs are newer', () => {
    expect(followed(undefined, testRoles())).toEqual({ kind: 'take', roles: testRoles() });
    expect(followed(testRoles(), failedOver)).toEqual({ kind: 'take', roles: failedOver });
  });

  test('are left alone where they are older or say the same', () => {
    expect(followed(failedOver, testRoles())).toEqual({ kind: 'none' });
    expect(followed(testRoles(), testRoles({ by: 'bob@host', atMs: 7 }))).toEqual({ kind: 'none' });
  });

  test('of one generation that say something else are a split, also where only a restore is awaited', () => {
    const other = testRoles({ generation: 4, primary: { region: 'us', sinceGeneration: 4 }, moveId: 'f2' });
    expect(followed(failedOver, other)).toEqual({
      kind: 'split',
      differences: ['primary: eu -> us', 'us does not await a restore of orders any more'],
    });
    expect(followed(failedOver, { ...failedOver, awaitsRestore: {} }).kind).toBe('split');
    const since = { ...failedOver, primary: eu(3) };
    expect(saySame(failedOver, since)).toBe(false);
    expect(followed(failedOver, since).kind).toBe('split');
  });

  test('that grew from ours are taken over, and those that know nothing of our last move are not', () => {
    const ours = testRoles({ generation: 2, moveId: 'a', history: [{ generation: 1, moveId: null }] });
    const history = [
      { generation: 1, moveId: null },
      { generation: 2, moveId: 'a' },
    ];
    const grown = testRoles({ generation: 3, primary: eu(3), moveId: 'b', history });
    expect(followed(ours, grown)).toEqual({ kind: 'take', roles: grown });
    expect(followed(grown, ours)).toEqual({ kind: 'none' });
    const apart = { ...grown, history: [history[0]!, { generation: 2, moveId: 'x' }] };
    expect(followed(ours, apart)).toEqual({ kind: 'split', differences: ['primary: us -> eu'] });
    expect(followed(apart, ours)).toEqual({ kind: 'split', differences: ['primary: eu -> us'] });
    // Away for so long that nobody remembers.
    const later = { ...grown, generation: 90, history: [{ generation: 70, moveId: 'y' }] };
    expect(followed(ours, later).kind).toBe('take');
  });

  test('that a move has made win over a file that only added a link meanwhile', () => {
    const ours = testRoles({ generation: 2, links: ['us-to-eu', 'eu-to-us', 'new'] });
    const theirs = testRoles({
      ...{ generation: 2, primary: eu(2), moveId: 'f', history: [{ generation: 1, moveId: null }] },
    });
    const result = followed(ours, theirs);
    expect(result).toMatchObject({ kind: 'take', roles: { generation: 3, moveId: 'f', links: ours.links } });
    expect(followed(theirs, ours)).toEqual({ kind: 'none' });
  });

  test.each([
    [null, undefined],
    ['m', [{ generation: 1, moveId: null }]],
  ])('that a file has made newer, time and again, do not undo a move (last move %s)', (moveId, history) => {
    const links = ['us-to-eu', 'eu-to-us', 'new', 'newer'];
    const common = { generation: 2, moveId, ...(history && { history }) };
    const byFile = testRoles({ ...common, generation: 5, links });
    const before = testRoles(common);
    const after = { ...before, generation: 3, primary: eu(3), moveId: 'f' };
    const moved = { ...after, history: historyAfter(before, after) };
    expect(followed(moved, byFile)).toEqual({ kind: 'none' });
    const here = followed(byFile, moved);
    expect(here).toMatchObject({
      kind: 'take',
      roles: { generation: 6, primary: eu(3), moveId: 'f', links },
    });
    if (here.kind !== 'take') throw new Error('not taken over');
    expect(followed(moved, here.roles)).toEqual({ kind: 'take', roles: here.roles });
    expect(followed(here.roles, moved)).toEqual({ kind: 'none' });
  });

  test('are remembered to have grown from ours, the newest 20', () => {
    let roles = testRoles();
    for (let generation = 2; generation <= 40; generation++) {
      const after = { ...roles, generation, moveId: `m${generation}` };
      roles = { ...after, history: historyAfter(roles, after) };
    }
    expect(roles.history).toHaveLength(20);
    expect(roles.history!.at(-1)).toEqual({ generation: 39, moveId: 'm39' });
    expect(roles.history![0]).toEqual({ generation: 20, moveId: 'm20' });
  });

  test('and ours that each name a link which the other lacks become the same on both sides', () => {
    const one = testRoles({ links: ['us-to-eu', 'eu-to-us', 'a'] });
    const other = testRoles({ links: ['us-to-eu', 'eu-to-us', 'b'] });
    const [here, there] = [followed(one, other), followed(other, one)];
    if (here.kind !== 'take' || there.kind !== 'take') throw new Error('not taken over');
    expect([here.roles.generation, there.roles.generation]).toEqual([2, 2]);
    expect(followed(here.roles, there.roles)).toEqual({ kind: 'none' });
  });
});
