import { expect, test } from 'vitest';
import type { FleetState, MoveRecord } from '../control/index.ts';
import { newMove } from './fake-group.ts';
import { restoredSince } from './restored-since.ts';

const states = (...moves: Partial<MoveRecord>[]): Pick<FleetState, 'moves'>[] => [
  { moves: new Map(moves.map((move) => [`shop/${move.id}`, newMove({ group: 'shop', ...move })])) },
];
const lost = { id: 'f', kind: 'failover', rolesGeneration: 1, revision: 3 } as const;
const restore = { id: 'r', kind: 'restore', to: 'us', rolesGeneration: 2, revision: 2 } as const;
const asked = { group: 'shop', failover: 'f', region: 'us' };

test.each([
  [
    'those that a later restore has set free',
    states(lost, { ...restore, facts: { restored: ['a'] } }),
    ['a'],
  ],
  [
    'none of a restore before',
    states(lost, { ...restore, rolesGeneration: 1, facts: { restored: ['a'] } }),
    [],
  ],
  ['none of another region', states(lost, { ...restore, to: 'eu', facts: { restored: ['a'] } }), []],
  ['none of a restore that has not got so far', states(lost, restore), []],
  ['none where the failover is forgotten', states({ ...restore, facts: { restored: ['a'] } }), []],
])('topics that were restored since a failover: %s', (_what, told, topics) => {
  expect([...restoredSince([null, ...told], asked)]).toEqual(topics);
});
