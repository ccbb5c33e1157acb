// The state as records make it: what is used, what is left alone, and that the order of the log decides.
import { describe, expect, test } from 'vitest';
import { FleetReducer, warningsMax } from './fleet-state.ts';
import { testAgent, testLink, testMirror, testStatus } from './test-records.ts';

function stateOf(...records: [key: string, value: unknown][]): FleetReducer {
  const state = new FleetReducer();
  for (const [key, value] of records) state.apply(key, value === null ? null : JSON.stringify(value));
  return state;
}

describe('values that fit', () => {
  test('are in the map of their kind, under the name without the kind', () => {
    const state = stateOf(
      ['link/us-to-eu', testLink()],
      ['mirror/us-to-eu/orders', testMirror()],
      ['status/us-to-eu/orders/3', testStatus()],
      ['agent/a1', testAgent('a1')],
    );
    expect(state.links.get('us-to-eu')).toEqual(testLink());
    expect(state.mirrors.get('us-to-eu/orders')).toEqual(testMirror());
    expect(state.statuses.get('us-to-eu/orders/3')).toEqual(testStatus());
    expect([...state.agents.keys()]).toEqual(['a1']);
    expect(state.warnings).toEqual([]);
  });

  test('the newest value of a key counts, a tombstone removes it, and apply tells the one before', () => {
    const state = stateOf(['link/us-to-eu', testLink()]);
    const changed = { ...testLink(), generation: 2 };
    expect(state.apply('link/us-to-eu', JSON.stringify(changed))).toEqual(testLink());
    expect(state.links.get('us-to-eu')?.generation).toBe(2);
    expect(state.apply('link/us-to-eu', null)).toEqual(changed);
    expect(state.links.size).toBe(0);
    expect(state.get('link/us-to-eu')).toBeUndefined();
    expect(state.apply('link/us-to-eu', null)).toBeUndefined();
  });

  test('fields that we do not know are kept', () => {
    const state = stateOf(['link/us-to-eu', { ...testLink(), colour: 'blue' }]);
    expect(state.links.get('us-to-eu')).toMatchObject({ colour: 'blue' });
  });

  test('maps are in the order of the log, also when a key is written again, as compaction would leave it', () => {
    const state = stateOf(
      ['agent/a1', testAgent('a1')],
      ['agent/a2', testAgent('a2')],
      ['agent/a1', testAgent('a1')],
    );
    expect([...state.agents.keys()]).toEqual(['a2', 'a1']);
  });

  test('keys of keepers are there as they are', () => {
    const state = stateOf(['acl/us-to-eu/1', { rule: 1 }], ['acl/us-to-eu/2', [2]], ['acl/other/1', 3]);
    expect([...state.entries('acl/us-to-eu/')]).toEqual([
      ['acl/us-to-eu/1', { rule: 1 }],
      ['acl/us-to-eu/2', [2]],
    ]);
    expect(state.get('acl/other/1')).toBe(3);
    expect(state.warnings).toEqual([]);
  });

  test('any prefix finds its keys, as they stand now', () => {
    const state = stateOf(
      ['acl/us-to-eu/1', 1],
      ['acl/us-to-eu/2', 2],
      ['group/us-to-eu/1', 3],
      ['acl/us-to-eu/1', null],
      ['acl/us-to-eu/2', 5],
      ['odd', 4],
    );
    const keys = (prefix: string) => Object.fromEntries(state.entries(prefix));
    expect(keys('acl/')).toEqual({ 'acl/us-to-eu/2': 5 });
    expect(keys('acl/us-to-eu/1')).toEqual({});
    expect(keys('o')).toEqual({ odd: 4 });
    expect(keys('')).toEqual({ 'acl/us-to-eu/2': 5, 'group/us-to-eu/1': 3, odd: 4 });
    expect(keys('none/')).toEqual({});
  });

  test('a command that asks for something we do not know is there: the leader has to refuse it', () => {
    const command = { v: 1, id: 'c1', by: 'x', atMs: 1, deadlineMs: 2, isDryRun: false, body: { do: 'fly' } };
    expect(stateOf(['command/c1', command]).commands.has('c1')).toBe(true);
  });
});

describe('a newer version', () => {
  test('is foreign, and of no typed map; with a warning that names both versions', () => {
    const state = stateOf(['link/us-to-eu', { ...testLink(), v: 2 }], ['acl/us-to-eu/1', { v: 7 }]);
    expect([...state.foreign]).toEqual([
      ['link/us-to-eu', 2],
      ['acl/us-to-eu/1', 7],
    ]);
    expect(state.links.size).toBe(0);
    expect(state.get('link/us-to-eu')).toMatchObject({ v: 2 });
    expect(state.warnings[0]).toContain('link/us-to-eu: written by a newer Lockstep (version 2, ours is 1)');
  });

  test('replaces ours, and is replaced by ours', () => {
    const state = stateOf(['link/us-to-eu', testLink()], ['link/us-to-eu', { v: 2 }]);
    expect(state.links.size).toBe(0);
    state.apply('link/us-to-eu', JSON.stringify(testLink()));
    expect(state.links.size).toBe(1);
    expect(state.foreign.size).toBe(0);
    expect(state.warnings).toEqual([]);
  });
});

describe('garbage', () => {
  test.each<[string, string, string]>([
    ['no JSON', 'link/us-to-eu', '{"v":1,'],
    ['no object', 'link/us-to-eu', '"x"'],
    ['null', 'link/us-to-eu', 'null'],
    ['an empty text', 'link/us-to-eu', ''],
    ['no version', 'link/us-to-eu', JSON.stringify({ ...testLink(), v: undefined })],
    ['version 0', 'link/us-to-eu', JSON.stringify({ ...testLink(), v: 0 })],
    ['a field of another type', 'link/us-to-eu', JSON.stringify({ ...testLink(), generation: 'one' })],
    ['the value of another link', 'link/eu-to-us', JSON.stringify(testLink())],
    ['the value of another mirror', 'mirror/us-to-eu/payments', JSON.stringify(testMirror())],
    [
      'a state that there is not',
      'mirror/us-to-eu/orders',
      JSON.stringify({ ...testMirror(), state: 'Flying' }),
    ],
    ['a key without a partition', 'status/us-to-eu/orders', JSON.stringify(testStatus())],
    ['an offset that is none', 'status/a/b/0', JSON.stringify({ ...testStatus(), sourceEnd: '1e9' })],
    ['a kind that is a property of every object', 'constructor/x', '{'],
    [
      'a command whose body lacks a field',
      'command/c',
      JSON.stringify({
        v: 1,
        id: 'c',
        by: '',
        atMs: 0,
        deadlineMs: 0,
        isDryRun: false,
        body: { do: 'deleteLink', link: 'x' },
      }),
    ],
  ])('%s: a warning that names the key, and nothing else', (_, key, text) => {
    const state = new FleetReducer();
    state.apply(key, text);
    expect(state.warnings).toHaveLength(1);
    expect(state.warnings[0]).toContain(`${key}: `);
    for (const map of [state.links, state.mirrors, state.statuses, state.commands]) expect(map.size).toBe(0);
    expect([...state.keys()]).toEqual([key]);
    state.apply(key, null);
    expect(state.warnings).toEqual([]);
  });

  test('warnings never quote a value, and show keys as a terminal can', () => {
    const state = new FleetReducer();
    state.apply('link/\u001b[2J\n', '{"password":"hunter2"');
    state.apply('link/us', JSON.stringify({ ...testLink(), name: 7, password: 'hunter2' }));
    state.apply(`agent/${'x'.repeat(5000)}`, 'hunter2');
    expect(state.warnings.join()).not.toContain('hunter2');
    expect(state.warnings.join()).not.toMatch(/\p{Cc}/u);
    expect(state.warnings.every((line) => line.length < 400)).toBe(true);
  });

  test('many warnings are counted', () => {
    const state = new FleetReducer();
    for (let i = 0; i < warningsMax + 5; i += 1) state.apply(`link/${i}`, '{');
    expect(state.warnings).toHaveLength(warningsMax + 1);
    expect(state.warnings.at(-1)).toBe('and 5 more values like these');
  });
});

test('200,000 status changes take no more than seconds, and only the newest are kept', () => {
  const state = new FleetReducer();
  const texts = Array.from({ length: 100 }, (_, i) =>
    JSON.stringify({ ...testStatus(), mirrorEnd: String(i) }),
  );
  const startMs = performance.now();
  for (let i = 0; i < 200_000; i += 1) state.apply(`status/us-to-eu/orders/${i % 1000}`, texts[i % 100]!);
  expect(state.statuses.size).toBe(1000);
  expect(performance.now() - startMs).toBeLessThan(10_000);
});
