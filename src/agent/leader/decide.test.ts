import { describe, expect, test } from 'vitest';
import {
  type CommandBody,
  type CommandRecord,
  FleetReducer,
  type LinkDeclaration,
  type MirrorRecord,
  recordVersion,
} from '../../control/index.ts';
import { checkTogether, resolveConfig } from '../declarations.ts';
import { decide } from './decide.ts';
import type { Decision, DecisionContext } from './decision.ts';

const nowMs = 1_000_000;
const source = { name: 'us-east', bootstrap: ['us:9092'] };
const declared = (name: string, topics: string[], extra: object = {}): LinkDeclaration => ({
  ...{ name, source, destination: 'eu-west' },
  config: { topics, ...extra },
});

function mirror(topic: string, state: MirrorRecord['state'] = 'Mirroring', link = 'us-to-eu'): MirrorRecord {
  return {
    ...{ v: recordVersion, link, sourceTopic: topic, mirrorTopic: topic, partitionCount: 2 },
    ...{ sourceTopicId: 'a', mirrorTopicId: 'b', state, sinceMs: 1, reason: null },
  };
}

/** A fleet with one link and these mirrors. */
function fleet(...mirrors: MirrorRecord[]): FleetReducer {
  const state = new FleetReducer();
  const { v, createdAtMs, changedAtMs } = { v: recordVersion, createdAtMs: 1, changedAtMs: 1 };
  const link = { v, ...declared('us-to-eu', ['orders', 'bills']), generation: 3, createdAtMs, changedAtMs };
  state.apply('link/us-to-eu', JSON.stringify(link));
  for (const each of mirrors) state.apply(`mirror/${each.link}/${each.sourceTopic}`, JSON.stringify(each));
  return state;
}

function ask(
  state: FleetReducer,
  body: CommandBody,
  command: Partial<CommandRecord> = {},
  context: Partial<DecisionContext> = {},
): Decision {
  const base = { v: recordVersion, id: 'c1', by: 'ann@host', atMs: nowMs, deadlineMs: nowMs + 60_000 };
  return decide(
    state,
    { ...base, isDryRun: false, body, ...command },
    { nowMs, resolve: resolveConfig, checkTogether, ...context },
  );
}

/** Takes the entries over, as the topic would bring them back. */
function carryOut(state: FleetReducer, decision: Decision): Decision & { kind: 'accepted' } {
  if (decision.kind === 'refused') throw new Error(decision.message);
  for (const [key, value] of decision.entries) state.apply(key, value && JSON.stringify(value));
  expect(state.warnings).toEqual([]);
  return decision;
}

const promote = (topics: string[] | null, isNow = false): CommandBody => ({
  ...{ do: 'promoteMirrors', link: 'us-to-eu', topics, isNow, timeoutMs: 30_000 },
});

describe('links', () => {
  test('a new link is written with generation 1', () => {
    const state = new FleetReducer();
    const { changes } = carryOut(
      state,
      ask(state, { do: 'createLink', link: declared('us-to-eu', ['orders']) }),
    );
    expect(changes).toEqual([{ what: 'link', name: 'us-to-eu', action: 'create', details: [] }]);
    expect(state.links.get('us-to-eu')).toMatchObject({ generation: 1, createdAtMs: nowMs });
  });

  test('a link that exists is not created a second time', () => {
    const decision = ask(fleet(), { do: 'createLink', link: declared('us-to-eu', ['orders']) });
    expect(decision).toMatchObject({
      kind: 'refused',
      code: 'USAGE',
      message: expect.stringContaining('alter'),
    });
  });

  test('applying what holds already changes nothing; applying something else says what differs', () => {
    const state = fleet();
    const same = carryOut(
      state,
      ask(state, { do: 'applyLinks', links: [declared('us-to-eu', ['orders', 'bills'])] }),
    );
    expect(same.entries.size).toBe(0);
    const other = carryOut(
      state,
      ask(state, { do: 'applyLinks', links: [declared('us-to-eu', ['orders'])] }),
    );
    expect(other.changes[0]!.details).toEqual(['topics: orders, bills -> orders']);
    expect(state.links.get('us-to-eu')!.generation).toBe(4);
  });

  test('a wrong declaration is refused with its place, and nothing is written', () => {
    const decision = ask(fleet(), { do: 'alterLink', link: 'us-to-eu', changes: { topics: [] } });
    expect(decision).toMatchObject({
      kind: 'refused',
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('topics'),
    });
  });

  test('two links that would write one topic are refused', () => {
    const decision = ask(fleet(), { do: 'createLink', link: declared('other', ['orders']) });
    expect(decision).toMatchObject({
      kind: 'refused',
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('orders'),
    });
  });

  test('of two people who alter one generation the second is told', () => {
    const state = fleet();
    const alter = (topic: string): CommandBody => ({
      ...{ do: 'alterLink', link: 'us-to-eu', changes: { topics: [topic] }, ifGeneration: 3 },
    });
    carryOut(state, ask(state, alter('bills')));
    expect(ask(state, alter('orders'))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('generation 4'),
    });
  });

  test('aliases that are in names of mirrors stay, too', () => {
    const state = fleet(mirror('orders'), mirror('heartbeats'));
    const identity = { policy: 'identity', sourceAlias: 'us' };
    const change = (mirrorMaker: object) =>
      ask(state, { do: 'alterLink', link: 'us-to-eu', changes: { mirrorMaker } });
    expect(change({ sourceAlias: 'us' })).toMatchObject({ message: expect.stringContaining('prefix') });
    expect(change(identity)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining("aliases and separator of mirrorMaker can't be changed"),
    });
    const without = fleet(mirror('orders'));
    const body = { do: 'alterLink', link: 'us-to-eu', changes: { mirrorMaker: identity } } as const;
    expect(ask(without, body).kind).toBe('accepted');
  });

  test('the prefix stays while there are mirrors', () => {
    const changes = { prefix: 'us.' };
    expect(ask(fleet(), { do: 'alterLink', link: 'us-to-eu', changes }).kind).toBe('accepted');
    expect(ask(fleet(mirror('orders')), { do: 'alterLink', link: 'us-to-eu', changes })).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('prefix'),
    });
  });

  test('a link with mirrors goes with them only when that is asked for', () => {
    const state = fleet(mirror('orders'), mirror('bills', 'Promoted'));
    expect(ask(state, { do: 'deleteLink', link: 'us-to-eu', withMirrors: false })).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('1 mirror that is not promoted'),
    });
    const { awaits } = carryOut(state, ask(state, { do: 'deleteLink', link: 'us-to-eu', withMirrors: true }));
    expect(awaits).toEqual(['us-to-eu/orders']);
    expect(state.links.get('us-to-eu')!.isDeleted).toBe(true);
    expect(state.mirrors.get('us-to-eu/orders')).toMatchObject({
      state: 'Closing',
      promotion: { isForgotten: true },
    });
    expect(ask(state, promote(null))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('being deleted'),
    });
  });

  test('a link that is being deleted is not declared anew before it is gone', () => {
    const state = fleet(mirror('orders'));
    carryOut(state, ask(state, { do: 'deleteLink', link: 'us-to-eu', withMirrors: true }));
    const link = declared('us-to-eu', ['orders', 'bills']);
    for (const body of [{ do: 'createLink', link } as const, { do: 'applyLinks', links: [link] } as const])
      expect(ask(state, body)).toMatchObject({ message: expect.stringContaining('being deleted') });
  });

  test('"all" is not said while some mirrors are known to a newer version alone', () => {
    const state = fleet(mirror('orders'));
    state.apply('mirror/us-to-eu/bills', '{"v":99}');
    const ofAll: CommandBody[] = [
      { do: 'deleteLink', link: 'us-to-eu', withMirrors: true },
      { do: 'deleteMirrors', link: 'us-to-eu', topics: null },
      promote(null, true),
    ];
    for (const body of ofAll)
      expect(ask(state, body)).toMatchObject({ kind: 'refused', code: 'UNSUPPORTED_VERSION' });
    expect(ask(state, promote(['orders'], true)).kind).toBe('accepted');
  });

  test('a value of a newer version is not overwritten', () => {
    const state = fleet();
    state.apply('link/us-to-eu', JSON.stringify({ v: 99, name: 'us-to-eu' }));
    expect(ask(state, { do: 'applyLinks', links: [declared('us-to-eu', ['orders'])] })).toMatchObject({
      kind: 'refused',
      code: 'UNSUPPORTED_VERSION',
    });
  });
});

describe('mirrors', () => {
  test('a mirror that is created by name is taken into the topics, and out of the exclusions', () => {
    const state = fleet();
    carryOut(
      state,
      ask(state, { do: 'alterLink', link: 'us-to-eu', changes: { excludeTopics: ['new', 'old'] } }),
    );
    carryOut(state, ask(state, { do: 'createMirrors', link: 'us-to-eu', topics: ['new'] }));
    expect(state.links.get('us-to-eu')!.config).toEqual({
      topics: ['orders', 'bills', 'new'],
      excludeTopics: ['old'],
    });
  });

  test('a mirror that a pattern of the exclusions leaves out is refused: nothing would ever come of it', () => {
    const state = fleet();
    const changes = { excludeTopics: ['prefix:tmp.'] };
    carryOut(state, ask(state, { do: 'alterLink', link: 'us-to-eu', changes }));
    expect(ask(state, { do: 'createMirrors', link: 'us-to-eu', topics: ['tmp.a'] })).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('leave out tmp.a'),
    });
  });

  test('a deleted mirror is closed, and excluded so that no filter brings it back', () => {
    const state = fleet(mirror('orders'));
    const { awaits } = carryOut(
      state,
      ask(state, { do: 'deleteMirrors', link: 'us-to-eu', topics: ['orders'] }),
    );
    expect(awaits).toEqual(['us-to-eu/orders']);
    expect(state.mirrors.get('us-to-eu/orders')).toMatchObject({
      state: 'Closing',
      promotion: { isForgotten: true },
    });
    expect(state.links.get('us-to-eu')!.config).toEqual({ topics: ['bills'], excludeTopics: ['orders'] });
  });

  test('a promoted mirror is forgotten at once: its topic is not touched again', () => {
    const state = fleet(mirror('orders', 'Promoted'));
    const decision = ask(state, { do: 'deleteMirrors', link: 'us-to-eu', topics: ['orders'] });
    expect(carryOut(state, decision).awaits).toBeUndefined();
    expect(state.mirrors.size).toBe(0);
  });

  test('pause and resume, each once', () => {
    const state = fleet(mirror('orders'));
    const pause: CommandBody = { do: 'pauseMirrors', link: 'us-to-eu', topics: ['orders'] };
    carryOut(state, ask(state, pause));
    expect(state.mirrors.get('us-to-eu/orders')!.state).toBe('Paused');
    expect(ask(state, pause)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('possible now: resume'),
    });
    carryOut(state, ask(state, { do: 'resumeMirrors', link: 'us-to-eu', topics: null }));
    expect(state.mirrors.get('us-to-eu/orders')!.state).toBe('Mirroring');
  });

  test('a planned promotion drains first, one that is wanted now closes at once', () => {
    const state = fleet(mirror('orders'), mirror('bills'));
    carryOut(state, ask(state, promote(['orders'])));
    expect(state.mirrors.get('us-to-eu/orders')).toMatchObject({
      state: 'Draining',
      promotion: { commandId: 'c1', kind: 'planned', deadlineMs: nowMs + 30_000 },
    });
    carryOut(state, ask(state, promote(['orders'], true), { id: 'c2' }));
    expect(state.mirrors.get('us-to-eu/orders')).toMatchObject({
      state: 'Closing',
      promotion: { commandId: 'c2', kind: 'now' },
    });
    expect(state.mirrors.get('us-to-eu/bills')!.state).toBe('Mirroring');
  });

  test('all mirrors: those that are there already are no mistake; named ones are', () => {
    const state = fleet(mirror('orders', 'Promoted'), mirror('bills'));
    const decision = carryOut(state, ask(state, promote(null)));
    expect(decision.awaits).toEqual(['us-to-eu/bills']);
    expect(ask(state, promote(['orders']))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('Promoted'),
    });
  });

  test('a mirror whose start is being filled is not opened', () => {
    const state = fleet(mirror('orders'));
    const told = {
      v: recordVersion,
      agent: 'a',
      atMs: 1,
      reason: null,
      sinceMs: 1,
      sourceEnd: null,
      mirrorEnd: null,
    };
    const status = {
      ...told,
      lagRecords: null,
      behindMs: null,
      lastFetchAtMs: null,
      lastError: null,
      shift: '0',
    };
    state.apply('status/us-to-eu/orders/1', JSON.stringify({ ...status, state: 'FillingStart' }));
    for (const isNow of [false, true])
      expect(ask(state, promote(null, isNow))).toMatchObject({
        ...{ kind: 'refused', message: expect.stringContaining('partition 1 is still being filled') },
      });
    state.apply('status/us-to-eu/orders/1', JSON.stringify({ ...status, state: 'Mirroring' }));
    expect(ask(state, promote(null)).kind).toBe('accepted');
  });

  test('one refusal keeps all of a command from being done', () => {
    const state = fleet(mirror('orders', 'Promoted'), mirror('bills'));
    expect(ask(state, { do: 'pauseMirrors', link: 'us-to-eu', topics: ['bills', 'orders'] }).kind).toBe(
      'refused',
    );
  });

  test("a mirror's own name leads to the source's", () => {
    const state = fleet({ ...mirror('orders'), mirrorTopic: 'us.orders' });
    expect(ask(state, promote(['us.orders']))).toMatchObject({
      message: expect.stringContaining('which is orders'),
    });
    expect(ask(state, promote(['oders']))).toMatchObject({
      message: expect.stringContaining('no mirror of topic oders'),
    });
  });
});

test('what a newer Lockstep has added to a link or a mirror outlives what today’s does about them', () => {
  const state = fleet({ ...mirror('orders'), later: { x: 1 } } as MirrorRecord);
  const known = state.links.get('us-to-eu');
  state.apply('link/us-to-eu', JSON.stringify({ ...known, sourceClusterId: 'c', later: { x: 2 } }));
  carryOut(state, ask(state, { do: 'alterLink', link: 'us-to-eu', changes: { topics: ['orders'] } }));
  expect(state.links.get('us-to-eu')).toMatchObject({ generation: 4, sourceClusterId: 'c', later: { x: 2 } });
  const moved = { ...source, name: 'us-west' };
  carryOut(state, ask(state, { do: 'alterLink', link: 'us-to-eu', changes: {}, source: moved }));
  expect(state.links.get('us-to-eu')).toMatchObject({ generation: 5, later: { x: 2 } });
  expect(state.links.get('us-to-eu')).not.toHaveProperty('sourceClusterId');
  carryOut(state, ask(state, { do: 'pauseMirrors', link: 'us-to-eu', topics: null }));
  expect(state.mirrors.get('us-to-eu/orders')).toMatchObject({ state: 'Paused', later: { x: 1 } });
});

test('a command that comes after its deadline is not carried out', () => {
  expect(ask(fleet(mirror('orders')), promote(null), { deadlineMs: nowMs - 5_000 })).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('after its deadline'),
  });
});

test.each([
  ['an hour behind', -3_600_000],
  ['an hour ahead', 3_600_000],
])('whose clock is %s is answered in time all the same, when we saw the command come', (_, skewMs) => {
  const command = { atMs: nowMs + skewMs, deadlineMs: nowMs + skewMs + 60_000 };
  const asked = (heardAtMs: number): Decision =>
    ask(fleet(mirror('orders')), promote(null), command, { heardAtMs });
  expect(asked(nowMs - 59_000)).toMatchObject({ kind: 'accepted' });
  expect(asked(nowMs - 61_000)).toMatchObject({
    message: expect.stringContaining('1.0 s after its deadline'),
  });
});

test('a command that we have never heard of is refused', () => {
  const body = { do: 'mergeMirrors', link: 'us-to-eu' } as unknown as CommandBody;
  expect(ask(fleet(), body)).toMatchObject({ kind: 'refused', code: 'UNSUPPORTED_VERSION' });
});
