// Roles of regions that do not say the same: which are true, who has been told, and whether a move was overtaken.
import { expect, test } from 'vitest';
import { historyAfter, type RolesRecord } from '../control/index.ts';
import { FakeRegion, newMove } from './fake-group.ts';
import { newestRoles } from './open-group.ts';
import { isOvertaken } from './running.ts';
import { setRolesAt } from './set-roles.ts';

const roles = (given: Partial<RolesRecord> = {}): RolesRecord => ({
  ...{ v: 1, group: 'shop', generation: 1, regions: ['us', 'eu'], links: ['us-eu', 'eu-us'] },
  ...{ primary: { region: 'us', sinceGeneration: 1 }, topics: {}, awaitsRestore: {} },
  ...{ changedBy: 'declared', moveId: null, by: 'file', atMs: 0 },
  ...given,
});
const turned = (moveId: string, to: string): RolesRecord => {
  const after = roles({ generation: 2, primary: { region: to, sinceGeneration: 2 }, moveId });
  return { ...after, changedBy: 'failover', history: historyAfter(roles(), after) };
};
const region = (name: string, record: RolesRecord): FakeRegion =>
  new FakeRegion(name).put('roles/shop', record);

test('a region that was turned apart has not been told, whatever its generation', async () => {
  const eu = region('eu', turned('a', 'eu'));
  await expect(setRolesAt(eu, turned('b', 'us'))).rejects.toThrow(
    /region eu has other roles, of generation 2 \(failover by file\): eu is primary there/,
  );
  await setRolesAt(eu, turned('a', 'eu'));
  await setRolesAt(region('eu', { ...turned('a', 'eu'), generation: 3 }), turned('a', 'eu'));
  expect(eu.sent).toEqual([]);
});

test('a file that added links time and again is not true against a failover', () => {
  const byFile = roles({ generation: 5, links: ['us-eu', 'eu-us', 'new'] });
  const moved = turned('a', 'eu');
  for (const regions of [
    [region('us', byFile), region('eu', moved)],
    [region('eu', moved), region('us', byFile)],
  ])
    expect(newestRoles(regions, 'shop')).toEqual(moved);
});

test('a move is overtaken by another move, and not by a file that adds a link', () => {
  const move = newMove({ rolesGeneration: 1 });
  expect(isOvertaken(move, roles({ generation: 2, links: ['us-eu', 'eu-us', 'new'] }))).toBe(false);
  expect(isOvertaken(move, turned('b', 'eu'))).toBe(true);
  expect(isOvertaken(move, turned(move.id, 'eu'))).toBe(false);
});
