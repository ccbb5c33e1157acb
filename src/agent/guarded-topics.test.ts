// Whose writes are withheld, and whose given back, as roles and mirrors say.
import { expect, test } from 'vitest';
import { FleetReducer, type MirrorRecord, type RolesRecord, recordVersion } from '../control/index.ts';
import { testRoles } from '../control/test-roles.ts';
import { guardedTopics } from './guarded-topics.ts';
import { linkRole } from './link-role.ts';

const link = {
  ...{ v: recordVersion, name: 'eu-to-us', source: { name: 'eu', bootstrap: ['e:1'] }, destination: 'us' },
  ...{ config: {}, generation: 1, createdAtMs: 1, changedAtMs: 1 },
};
const eu = (sinceGeneration: number) => ({ region: 'eu', sinceGeneration });

function mirror(topic: string, state: MirrorRecord['state']): MirrorRecord {
  return {
    ...{ v: recordVersion, link: link.name, sourceTopic: topic, mirrorTopic: topic, partitionCount: 1 },
    ...{ sourceTopicId: 'a', mirrorTopicId: 'b', state, sinceMs: 1, reason: null },
  };
}

/** Topics at us, by whether they are open: the link from eu looks after them. */
function guarded(
  roles: RolesRecord | undefined,
  seen: {
    mirrors?: MirrorRecord[];
    selected?: string[];
    ruled?: string[];
    there?: string[];
    forbidden?: string[];
  },
): Record<string, 'open' | 'closed'> {
  const state = new FleetReducer();
  if (roles !== undefined) state.apply('roles/shop', JSON.stringify(roles));
  const { mirrors = [], selected = [], ruled = [], there = selected, forbidden = [] } = seen;
  const found = guardedTopics({
    ...{ link, config: { topics: ['.*'], excludeTopics: ['secret'] }, mirrors, selected, ruled, roles },
    roleOf: (topic) => linkRole(state, link, topic),
    there,
    isForbidden: (topic) => forbidden.includes(topic),
  });
  return Object.fromEntries(
    found.map(({ mirrorTopic, isPromoted }) => [mirrorTopic, isPromoted ? 'open' : 'closed']),
  );
}

test('without roles the mirrors are looked after, and nothing else', () => {
  const mirrors = [mirror('a', 'Mirroring'), mirror('b', 'Promoted')];
  expect(guarded(undefined, { mirrors, selected: ['a', 'b', 'c'], ruled: ['d'] })).toEqual({
    a: 'closed',
    b: 'open',
  });
});

test('the primary is open: what was recorded of it as a mirror, and what rules of ours stand on', () => {
  const mirrors = [mirror('a', 'Promoted'), mirror('b', 'Mirroring')];
  expect(guarded(testRoles(), { mirrors, selected: ['a', 'b', 'c'], ruled: ['d'] })).toEqual({
    a: 'open',
    b: 'open',
    d: 'open',
  });
});

test('an old primary is closed though it has no mirror yet, and only what is there', () => {
  const roles = testRoles({ generation: 2, primary: eu(2) });
  expect(guarded(roles, { selected: ['a', 'b'], there: ['a'] })).toEqual({ a: 'closed' });
});

test('what only an old primary has is closed, and what a region has that never was one is not', () => {
  const there = ['fresh', 'secret', '__consumer_offsets', 'a.lost-20261121T184000Z.older'];
  const roles = testRoles({ generation: 2, primary: eu(2) });
  expect(guarded(roles, { there })).toEqual({ fresh: 'closed' });
  expect(guarded(testRoles({ primary: eu(1) }), { there })).toEqual({});
  expect(guarded(testRoles({ generation: 3 }), { there })).toEqual({});
});

test('of three regions only one that was primary is closed; what stood by keeps its own topics', () => {
  const there = ['local'];
  const three = { generation: 2, regions: ['us', 'eu', 'ap'], primary: eu(2) };
  expect(guarded(testRoles({ ...three, formerPrimaries: ['us'] }), { there })).toEqual({ local: 'closed' });
  expect(guarded(testRoles({ ...three, formerPrimaries: ['ap'] }), { there })).toEqual({});
  expect(guarded(testRoles(three), { there })).toEqual({});
  // What was mirrored is closed all the same.
  expect(guarded(testRoles({ ...three, formerPrimaries: ['ap'] }), { selected: ['a'] })).toEqual({
    a: 'closed',
  });
});

test('what a rule keeps at an old primary moved with nobody, and stays open', () => {
  const roles = testRoles({ generation: 2, primary: eu(2) });
  expect(guarded(roles, { there: ['fresh', 'pii'], forbidden: ['pii'] })).toEqual({ fresh: 'closed' });
});

test('what awaits a restore is closed with the source out of reach, and although it was promoted once', () => {
  const roles = testRoles({ generation: 2, primary: eu(2), awaitsRestore: { us: ['a', 'b', 'secret'] } });
  expect(guarded(roles, { mirrors: [mirror('b', 'Promoted')] })).toEqual({ a: 'closed', b: 'closed' });
});

test('single topics go their own way', () => {
  const roles = testRoles({ generation: 2, topics: { bills: eu(2) } });
  expect(guarded(roles, { selected: ['bills', 'orders'] })).toEqual({ bills: 'closed' });
});

test('a mirror that a person promoted stays open', () => {
  const roles = testRoles({ generation: 2, primary: eu(2) });
  expect(guarded(roles, { mirrors: [mirror('a', 'Promoted')] })).toEqual({ a: 'open' });
});
