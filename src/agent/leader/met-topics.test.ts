import { expect, test } from 'vitest';
import { FleetReducer, recordVersion } from '../../control/index.ts';
import { type MetTopic, recordsOfMet } from './met-topics.ts';

const met = (link: string, topic: string, partitionCount = 2): MetTopic => ({
  ...{ link, sourceTopic: topic, mirrorTopic: topic, sourceTopicId: 'a', mirrorTopicId: 'b', partitionCount },
});

function fleet(): FleetReducer {
  const state = new FleetReducer();
  for (const name of ['one', 'two']) {
    const source = { name: `source-of-${name}`, bootstrap: ['a:1'] };
    const base = { v: recordVersion, name, source, destination: 'eu', config: {}, generation: 1 };
    state.apply(`link/${name}`, JSON.stringify({ ...base, createdAtMs: 1, changedAtMs: 1 }));
  }
  return state;
}

function take(state: FleetReducer, ...topics: MetTopic[]): string[] {
  const entries = recordsOfMet(state, topics, 5);
  for (const [key, value] of entries) state.apply(key, JSON.stringify(value));
  expect(state.warnings).toEqual([]);
  return [...entries.keys()];
}

test('a topic that was met becomes a mirror once, and grows', () => {
  const state = fleet();
  take(state, met('one', 'orders'));
  expect(state.mirrors.get('one/orders')).toMatchObject({
    state: 'Mirroring',
    partitionCount: 2,
    sinceMs: 5,
  });
  expect(recordsOfMet(state, [met('one', 'orders')], 6).size).toBe(0);
  take(state, met('one', 'orders', 5));
  expect(state.mirrors.get('one/orders')).toMatchObject({ partitionCount: 5, sinceMs: 5 });
  // A runner that has not looked again yet takes nothing back.
  expect(recordsOfMet(state, [met('one', 'orders', 2)], 6).size).toBe(0);
});

test('a topic is written by one link only, whoever came first', () => {
  const state = fleet();
  expect(take(state, met('one', 'orders'))).toEqual(['mirror/one/orders']);
  expect(take(state, met('two', 'orders'))).toEqual([]);
  expect(take(fleet(), met('one', 'orders'), met('two', 'orders'))).toEqual(['mirror/one/orders']);
  expect(state.mirrors.has('two/orders')).toBe(false);
});

test('a promoted mirror stays promoted', () => {
  const state = fleet();
  take(state, met('one', 'orders'));
  state.apply('mirror/one/orders', JSON.stringify({ ...state.mirrors.get('one/orders'), state: 'Promoted' }));
  expect(recordsOfMet(state, [met('one', 'orders')], 6).size).toBe(0);
});

test('a mirror that is copied in a later life says so, and goes back to none before', () => {
  const state = fleet();
  const third = { ...met('one', 'orders'), incarnation: 2 };
  take(state, met('one', 'orders'));
  expect(state.mirrors.get('one/orders')?.incarnation).toBeUndefined();
  take(state, third);
  expect(state.mirrors.get('one/orders')).toMatchObject({ incarnation: 2, state: 'Mirroring' });
  // An agent that has not heard of the turn yet.
  expect(take(state, met('one', 'orders'), { ...third, incarnation: 1 })).toEqual([]);
  expect(take(fleet(), third)).toEqual(['mirror/one/orders']);
});
