import { expect, test } from 'vitest';
import type { RolesRecord } from '../../control/index.ts';
import { requireWaiting } from './restored-roles.ts';

const roles: RolesRecord = {
  ...{ v: 1, group: 'shop', generation: 4, regions: ['us', 'eu'], links: [] },
  ...{ primary: { region: 'eu', sinceGeneration: 2 }, topics: { b: { region: 'us', sinceGeneration: 4 } } },
  ...{ awaitsRestore: { us: ['a', 'b'] }, changedBy: 'failover', moveId: 'm', by: 'ann', atMs: 0 },
};
const move = { from: 'eu', to: 'us' };

test.each([
  ['a', roles, null],
  ['b', roles, 'its primary is us'],
  ['c', roles, 'its primary is eu'],
  ['a', null, 'its primary is unknown'],
])('whether %s may be deleted is a question of the roles', (topic, standing, refusal) => {
  const asked = () => requireWaiting(standing, move, topic);
  if (refusal === null) expect(asked).not.toThrow();
  else expect(asked).toThrow(refusal);
});
