import { expect, test } from 'vitest';
import { FleetReducer, type MirrorRecord, recordVersion } from '../../control/index.ts';
import type { TopicStatus } from '../../link/index.ts';
import { conditionEntries, type LinkTopics } from './conditions.ts';

function fleet(): FleetReducer {
  const state = new FleetReducer();
  const source = { name: 'us', bootstrap: ['a:1'] };
  const link = { v: recordVersion, name: 'l', source, destination: 'eu', config: {}, generation: 1 };
  state.apply('link/l', JSON.stringify({ ...link, createdAtMs: 1, changedAtMs: 1 }));
  return state;
}

function status(topics: Partial<TopicStatus>[], discoveryError: string | null = null): LinkTopics {
  const base = {
    name: 'l',
    source: 'us',
    destination: 'eu',
    partitions: [],
    heldBytes: 0,
    heldBytesMax: 0,
    discoveryError,
  };
  return {
    ...base,
    missingTopics: [],
    topics: topics.map((topic) => ({ reason: null, ...topic }) as TopicStatus),
  };
}

function look(state: FleetReducer, link: LinkTopics, nowMs: number): string[] {
  const entries = conditionEntries(state, [link], nowMs);
  for (const [key, value] of entries) state.apply(key, value && JSON.stringify(value));
  expect(state.warnings).toEqual([]);
  return [...entries.keys()];
}

test('troubles are written once, keep their age, and go when they are over', () => {
  const state = fleet();
  const refused = status([{ topic: 'orders', state: 'Refused', reason: 'x' }]);
  expect(look(state, refused, 5)).toEqual(['condition/l/orders']);
  expect(look(state, refused, 6)).toEqual([]);
  look(state, status([{ topic: 'orders', state: 'Refused', reason: 'y' }]), 7);
  expect(state.conditions.get('l/orders')).toMatchObject({ state: 'Refused', reason: 'y', sinceMs: 5 });
  expect(look(state, status([{ topic: 'orders', state: 'Mirrored' }]), 8)).toEqual(['condition/l/orders']);
  expect(state.conditions.size).toBe(0);
});

test('a link that can not look, and one that finds nothing', () => {
  const state = fleet();
  look(state, status([], 'nobody answers'), 5);
  expect(state.conditions.get('l')).toMatchObject({ state: 'Trouble', reason: 'nobody answers' });
  look(state, status([]), 6);
  expect(state.conditions.get('l')).toMatchObject({ state: 'NothingSelected', sinceMs: 6 });
  look(state, status([{ topic: 'orders', state: 'Stopped' }]), 7);
  expect(state.conditions.size).toBe(0);
});

test('a topic that another link mirrors', () => {
  const state = fleet();
  const mirror: MirrorRecord = {
    ...{ v: recordVersion, link: 'other', sourceTopic: 'orders', mirrorTopic: 'orders', partitionCount: 1 },
    ...{ sourceTopicId: 'a', mirrorTopicId: 'b', state: 'Mirroring', sinceMs: 1, reason: null },
  };
  state.apply('mirror/other/orders', JSON.stringify(mirror));
  look(state, status([{ topic: 'orders', mirrorTopic: 'orders', state: 'Stopped' }]), 5);
  expect(state.conditions.get('l/orders')).toMatchObject({
    state: 'Conflict',
    reason: expect.stringContaining('other'),
  });
});

test('what a newer Lockstep wrote is left alone: the pen would refuse everything else with it', () => {
  const state = fleet();
  state.apply('condition/l/orders', JSON.stringify({ v: 99 }));
  const entries = conditionEntries(state, [status([{ topic: 'orders', state: 'Refused', reason: 'x' }])], 5);
  expect([...entries.keys()]).toEqual([]);
});

test('a topic that the link names and the source lacks', () => {
  const state = fleet();
  look(state, { ...status([]), missingTopics: ['oders'] }, 5);
  expect([...state.conditions.keys()]).toEqual(['l/oders']);
  look(state, status([{ topic: 'oders', mirrorTopic: 'oders', state: 'Mirrored' }]), 6);
  expect(state.conditions.size).toBe(0);
});

test('a split is the first thing to say of a link, and stands until its source was heard again', () => {
  const state = fleet();
  const orders = { topic: 'orders', mirrorTopic: 'orders', state: 'Mirrored' } as const;
  const at = (roles: NonNullable<LinkTopics['roles']>, error: string | null = null): LinkTopics => ({
    ...status([orders], error),
    roles,
  });
  look(state, at({ state: 'SplitRoles', reason: 'x' }, 'nobody answers'), 5);
  expect(state.conditions.get('l')).toMatchObject({ state: 'SplitRoles', reason: 'x', sinceMs: 5 });
  expect(look(state, at({ state: 'Unknown' }, 'connecting'), 6)).toEqual([]);
  look(state, at({ state: 'Followed' }), 7);
  expect(state.conditions.size).toBe(0);
  look(state, at({ state: 'RolesUnseen', reason: 'y' }), 8);
  expect(state.conditions.get('l')).toMatchObject({ state: 'RolesUnseen', reason: 'y' });
  look(state, at({ state: 'Unknown' }), 9);
  expect(state.conditions.size).toBe(0);
});

test('a topic that stands by is no conflict with the link that copies it', () => {
  const state = fleet();
  const mirror: MirrorRecord = {
    ...{ v: recordVersion, link: 'other', sourceTopic: 'orders', mirrorTopic: 'orders', partitionCount: 1 },
    ...{ sourceTopicId: 'a', mirrorTopicId: 'b', state: 'Mirroring', sinceMs: 1, reason: null },
  };
  state.apply('mirror/other/orders', JSON.stringify(mirror));
  look(state, status([{ topic: 'orders', mirrorTopic: 'orders', state: 'Standby', reason: 'eu is' }]), 5);
  expect(state.conditions.get('l/orders')).toMatchObject({ state: 'Standby', reason: 'eu is' });
});

test('a link of which topics would come back, and one whose source can not be told of it', () => {
  const state = fleet();
  const held = (topic: string) => ({ topic, state: 'LoopDetected' as const, reason: 'us.a -> eu.a -> us.a' });
  look(state, status([held('a'), held('b'), { topic: 'c', state: 'Mirrored' }]), 5);
  expect([...state.conditions.keys()].sort()).toEqual(['l', 'l/a', 'l/b']);
  expect(state.conditions.get('l')).toMatchObject({
    ...{ state: 'LoopDetected', reason: 'topic a (and 1 more topic): us.a -> eu.a -> us.a' },
  });
  const untold = { ...status([{ topic: 'c', state: 'Mirrored' }]), loopsUnseen: 'no WRITE' };
  look(state, untold, 6);
  expect(state.conditions.get('l')).toMatchObject({ state: 'LoopsUnseen', reason: 'no WRITE' });
  // In a group links take turns.
  const roles = {
    v: 1,
    group: 'g',
    generation: 1,
    regions: ['us', 'eu'],
    links: ['l'],
    topics: {},
    awaitsRestore: {},
  };
  const by = {
    primary: { region: 'us', sinceGeneration: 1 },
    changedBy: 'declared',
    moveId: null,
    by: 'x',
    atMs: 1,
  };
  state.apply('roles/g', JSON.stringify({ ...roles, ...by }));
  look(state, untold, 7);
  expect(state.conditions.size).toBe(0);
});
