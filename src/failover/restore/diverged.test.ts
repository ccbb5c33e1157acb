import { expect, test } from 'vitest';
import { testRoles } from '../../control/test-roles.ts';
import { divergedMirrors, heldRoles } from './diverged.ts';

const eu = { region: 'eu', sinceGeneration: 2 };
const roles = testRoles({ generation: 2, primary: eu });
const group = {
  config: { links: ['us-to-eu', 'eu-to-us'] },
  topology: {
    links: {
      'us-to-eu': { source: 'us', destination: 'eu' },
      'eu-to-us': { source: 'eu', destination: 'us' },
      other: { source: 'eu', destination: 'us' },
    },
  },
} as unknown as Parameters<typeof divergedMirrors>[0];

function told(link: string, mirrorState: string, states: readonly string[]) {
  const mirror = {
    ...{ link, sourceTopic: 'orders', partitionCount: states.length, state: mirrorState },
    ...{ sourceTopicId: 'at-eu', mirrorTopicId: 'at-us' },
  };
  const statuses = states.map((state, partition) => [`${link}/orders/${partition}`, { state }] as const);
  const state = {
    mirrors: new Map([[`${link}/orders`, mirror]]),
    statuses: new Map(statuses),
    links: new Map(),
  };
  return { name: 'us', state } as unknown as Parameters<typeof divergedMirrors>[2];
}

const found = [{ link: 'eu-to-us', sourceTopic: 'orders', sourceTopicId: 'at-eu', mirrorTopicId: 'at-us' }];

test.each([
  ['one with such a partition', roles, told('eu-to-us', 'Mirroring', ['Mirroring', 'Diverged']), found],
  ['one that was paused', roles, told('eu-to-us', 'Paused', ['Diverged']), found],
  ['none that has none', roles, told('eu-to-us', 'Mirroring', ['Mirroring']), []],
  ['none that was promoted', roles, told('eu-to-us', 'Promoted', ['Diverged']), []],
  ['none of a link of no group', roles, told('other', 'Mirroring', ['Diverged']), []],
  ['none of what the region is primary for', testRoles(), told('eu-to-us', 'Mirroring', ['Diverged']), []],
  [
    'none that waits for a restore anyway',
    testRoles({ generation: 3, primary: eu, awaitsRestore: { us: ['orders'] } }),
    told('eu-to-us', 'Mirroring', ['Diverged']),
    [],
  ],
])('mirrors that somebody else wrote to: %s', (_what, standing, region, mirrors) => {
  expect(divergedMirrors(group, standing, region)).toEqual(mirrors);
});

test('topics that are held wait for a restore beside those that do, and none that has turned', () => {
  const before = testRoles({
    ...{ generation: 4, primary: eu, awaitsRestore: { us: ['bills'], ap: ['bills'] } },
    topics: { mine: { region: 'us', sinceGeneration: 4 } },
  });
  const change = { moveId: 'r-hold', by: 'ann', atMs: 7 };
  expect(heldRoles(before, { region: 'us', from: 'eu', topics: ['orders', 'mine'] }, change)).toEqual({
    ...before,
    ...change,
    ...{ generation: 5, changedBy: 'restore', awaitsRestore: { us: ['bills', 'orders'], ap: ['bills'] } },
  });
});
