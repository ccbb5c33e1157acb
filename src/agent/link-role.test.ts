// Why a link copies nothing of a topic, in words.
import { expect, test } from 'vitest';
import { FleetReducer, type LinkRecord, type RolesRecord, recordVersion } from '../control/index.ts';
import { testRoles } from '../control/test-roles.ts';
import { holdOf, linkRole, rolesFor } from './link-role.ts';

const link: LinkRecord = {
  ...{ v: recordVersion, name: 'us-to-eu', source: { name: 'us', bootstrap: ['u:1'] }, destination: 'eu' },
  ...{ config: {}, generation: 1, createdAtMs: 1, changedAtMs: 1 },
};

function fleet(roles?: RolesRecord, condition?: string): FleetReducer {
  const state = new FleetReducer();
  if (roles !== undefined) state.apply('roles/shop', JSON.stringify(roles));
  if (condition !== undefined)
    state.apply('condition/us-to-eu', JSON.stringify({ v: 1, state: condition, reason: 'why', sinceMs: 1 }));
  return state;
}

const hold = (state: FleetReducer, of = link, declaredGroup?: string) =>
  holdOf(linkRole(state, of, 'orders', declaredGroup));

test('nothing holds a link of no group, nor one whose source is primary', () => {
  expect(hold(fleet())).toBeNull();
  expect(hold(fleet(testRoles()))).toBeNull();
});

test('a link of a group waits for its roles, whoever says that it is in one', () => {
  expect(hold(fleet(), { ...link, group: 'shop' })).toMatchObject({ state: 'Standby' });
  expect(hold(fleet(), link, 'shop')).toMatchObject({
    state: 'Standby',
    reason: expect.stringContaining('no roles of the group shop'),
  });
  expect(hold(fleet(testRoles()), { ...link, group: 'shop' })).toBeNull();
});

test('the other direction stands by, and what was lost awaits a restore', () => {
  const away = testRoles({ generation: 2, primary: { region: 'eu', sinceGeneration: 2 } });
  expect(hold(fleet(away))).toEqual({ state: 'Standby', reason: 'eu is primary for it in the group shop' });
  const lost = testRoles({ generation: 2, awaitsRestore: { eu: ['orders'] } });
  expect(hold(fleet(lost))).toMatchObject({
    state: 'AwaitsRestore',
    reason: expect.stringContaining('lockstep restore eu'),
  });
});

test('a split holds everything, and another condition of the link nothing', () => {
  expect(hold(fleet(testRoles(), 'SplitRoles'))).toEqual({ state: 'Standby', reason: 'why' });
  expect(hold(fleet(testRoles(), 'Trouble'))).toBeNull();
  expect(rolesFor(fleet(testRoles(), 'SplitRoles'), link.name)).not.toBe(
    rolesFor(fleet(testRoles()), link.name),
  );
});
