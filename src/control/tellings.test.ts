import { expect, test } from 'vitest';
import { FleetReducer } from './fleet-state.ts';
import type { FlowRecord } from './flows.ts';
import { isOwed, tellingAfter, tellingBefore, tellingKey, tellings } from './tellings.ts';

const nowMs = Date.UTC(2026, 10, 22);
const minute = 60_000;
const link = { name: 'forth', source: { name: 'us', bootstrap: ['us:9092'] } };
const known = { v: 1, link: 'forth', source: link.source, keys: ['x', 'y'], atMs: nowMs };

test('what is to be told is written down before, together with what may stand there', () => {
  expect(tellingBefore(undefined, link, ['x'], nowMs)).toEqual({ ...known, keys: ['x'] });
  expect(tellingBefore(known, link, ['y', 'z'], nowMs)).toEqual({ ...known, keys: ['x', 'y', 'z'] });
  expect(tellingBefore(known, link, ['x'], nowMs + minute)).toBeNull();
});

test('it is written down anew where the source is reached otherwise, or flows are told again', () => {
  const moved = { ...link, source: { name: 'us', bootstrap: ['other:9092'] } };
  expect(tellingBefore(known, moved, ['x'], nowMs)).toEqual({ ...known, source: moved.source });
  expect(tellingBefore(known, link, ['x'], nowMs + 5 * minute)).toEqual({
    ...known,
    atMs: nowMs + 5 * minute,
  });
});

test('what was removed there is owed no more', () => {
  const told = (...keys: string[]) => new Map(keys.map((key) => [key, {} as FlowRecord]));
  expect(tellingAfter(known, told('y', 'z'))).toEqual({ ...known, keys: ['y'] });
  expect(tellingAfter(known, told())).toBeNull();
  expect(tellingAfter(known, told('x', 'y'))).toBeUndefined();
  expect(tellingAfter(undefined, told('x'))).toBeUndefined();
});

test('nobody tries for longer than it may be believed', () => {
  expect([60, 71].map((minutes) => isOwed(known, nowMs + minutes * minute))).toEqual([true, false]);
});

test('garbage and what a newer version wrote is left alone', () => {
  const state = new FleetReducer();
  for (const [source, value] of [
    ['A', known],
    ['B', { ...known, v: 99 }],
    ['C', 'all'],
    ['D', { ...known, source: { name: 'us', bootstrap: [] } }],
  ] as const)
    state.apply(tellingKey(source), JSON.stringify(value));
  expect([...tellings(state)]).toEqual([['A', known]]);
});
