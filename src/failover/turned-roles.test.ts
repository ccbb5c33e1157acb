import { describe, expect, test } from 'vitest';
import { primaryOf, type RolesRecord } from '../control/index.ts';
import { movesFrom, type Turn, turnedRoles } from './turned-roles.ts';

const roles = (given: Partial<RolesRecord> = {}): RolesRecord => ({
  ...{ v: 1, group: 'shop', generation: 4, regions: ['us', 'eu', 'ap'], links: [] },
  ...{ primary: { region: 'us', sinceGeneration: 1 }, topics: {}, awaitsRestore: {} },
  ...{ changedBy: 'declared', moveId: null, by: 'file', atMs: 0 },
  ...given,
});
const turn = (given: Partial<Turn> = {}): Turn => ({
  ...{ kind: 'switchover', from: 'us', to: 'eu', topics: null, awaitsRestore: [] },
  ...{ moveId: 'm', by: 'ann', atMs: 9 },
  ...given,
});
const at = (region: string, sinceGeneration: number) => ({ region, sinceGeneration });

describe('the roles after a move', () => {
  test('of everything: the new primary since the next generation', () => {
    expect(turnedRoles(roles(), turn())).toMatchObject({
      ...{ generation: 5, primary: at('eu', 5), topics: {}, awaitsRestore: {} },
      ...{ changedBy: 'switchover', moveId: 'm', by: 'ann', atMs: 9 },
    });
  });

  test('topics that had the former primary by name go along; those of others stay, with their generation', () => {
    const before = roles({ topics: { a: at('us', 3), b: at('ap', 2), c: at('eu', 4) } });
    const after = turnedRoles(before, turn());
    expect(after.topics).toEqual({ b: at('ap', 2), c: at('eu', 4) });
    expect(primaryOf(after, 'a')).toEqual(at('eu', 5));
  });

  test('of some topics: they alone, even back to where the group is', () => {
    const after = turnedRoles(roles(), turn({ topics: ['a'] }));
    expect([after.primary, after.topics]).toEqual([at('us', 1), { a: at('eu', 5) }]);
    const back = turnedRoles(after, turn({ from: 'eu', to: 'us', topics: ['a'] }));
    // Its mirrors have lived since: it must not take over the generation of the others.
    expect(primaryOf(back, 'a')).toEqual(at('us', 6));
  });

  test('of the topics that are elsewhere', () => {
    const before = roles({ primary: at('eu', 3), topics: { a: at('us', 3), b: at('ap', 2) } });
    expect(turnedRoles(before, turn())).toMatchObject({
      primary: at('eu', 3),
      topics: { a: at('eu', 5), b: at('ap', 2) },
    });
  });

  test('of a failover: every other region awaits a restore, beside what it awaits already; the new primary none', () => {
    const before = roles({ awaitsRestore: { eu: ['a', 'z'], ap: ['q'] }, topics: { z: at('ap', 2) } });
    const after = turnedRoles(before, turn({ kind: 'failover', awaitsRestore: ['a', 'b'] }));
    expect(after.awaitsRestore).toEqual({ us: ['a', 'b'], eu: ['z'], ap: ['a', 'b', 'q'] });
  });

  test('of a failover to a region that waited for a restore: now the others wait, though it had no mirror', () => {
    const before = roles({ awaitsRestore: { eu: ['a', 'z'] } });
    const after = turnedRoles(before, turn({ kind: 'failover', awaitsRestore: ['b'] }));
    expect(after.awaitsRestore).toEqual({ us: ['a', 'b', 'z'], ap: ['a', 'b', 'z'] });
    const some = turnedRoles(before, turn({ kind: 'failover', topics: ['a', 'b'], awaitsRestore: ['b'] }));
    expect(some.awaitsRestore).toEqual({ us: ['a', 'b'], eu: ['z'], ap: ['a', 'b'] });
  });
});

test.each([
  ['the primary of the group', roles(), 'eu', null, ['us']],
  ['nobody: it is primary', roles(), 'us', null, []],
  ['who has single topics', roles({ topics: { a: at('ap', 2) } }), 'us', null, ['ap']],
  ['who has the named topic', roles({ topics: { a: at('ap', 2) } }), 'eu', ['a'], ['ap']],
  ['several', roles({ topics: { a: at('ap', 2) } }), 'eu', ['a', 'b'], ['ap', 'us']],
])('what is moved comes from %s', (_what, before, to, topics, froms) => {
  expect(movesFrom(before, to, topics)).toEqual(froms);
});
