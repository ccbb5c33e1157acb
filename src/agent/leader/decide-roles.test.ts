// Roles of a replication group: declared once, turned by moves, and never changed by a file.
import { describe, expect, test } from 'vitest';
import {
  type CommandBody,
  type CommandRecord,
  FleetReducer,
  type MirrorRecord,
  type MoveRecord,
  type RolesDeclaration,
  type RolesRecord,
  recordVersion,
} from '../../control/index.ts';
import { testRoles } from '../../control/test-roles.ts';
import { checkTogether, resolveConfig } from '../declarations.ts';
import { decide } from './decide.ts';
import { endedMovesMax } from './decide-moves.ts';
import type { Decision } from './decision.ts';

const nowMs = Date.UTC(2026, 10, 21, 18);
const declared: RolesDeclaration = {
  group: 'shop',
  regions: ['us', 'eu'],
  links: ['us-to-eu', 'eu-to-us'],
  primary: 'us',
  topics: {},
  place: 'lockstep.yaml',
};
const eu = (sinceGeneration: number) => ({ region: 'eu', sinceGeneration });
const us = (sinceGeneration: number) => ({ region: 'us', sinceGeneration });

function ask(state: FleetReducer, body: CommandBody): Decision {
  const command: CommandRecord = {
    ...{ v: recordVersion, id: 'c1', by: 'ann@host', atMs: nowMs, deadlineMs: nowMs + 60_000 },
    ...{ isDryRun: false, body },
  };
  return decide(state, command, { nowMs, resolve: resolveConfig, checkTogether });
}

function carryOut(state: FleetReducer, decision: Decision): Decision & { kind: 'accepted' } {
  if (decision.kind === 'refused') throw new Error(decision.message);
  for (const [key, value] of decision.entries) state.apply(key, value && JSON.stringify(value));
  expect(state.warnings).toEqual([]);
  return decision;
}

/** The control topic of `destination`, into which a link leads from each other region. */
function fleet(destination: string, sources: readonly string[], roles?: RolesRecord): FleetReducer {
  const state = new FleetReducer();
  for (const source of sources) {
    const link = {
      ...{ v: recordVersion, name: `${source}-to-${destination}`, destination, config: { topics: ['.*'] } },
      ...{
        source: { name: source, bootstrap: [`${source}:1`] },
        generation: 1,
        createdAtMs: 1,
        changedAtMs: 1,
      },
    };
    state.apply(`link/${link.name}`, JSON.stringify(link));
  }
  if (roles !== undefined) state.apply(`roles/${roles.group}`, JSON.stringify(roles));
  return state;
}

function mirror(state: FleetReducer, link: string, topic: string, at: MirrorRecord['state']): void {
  const record: MirrorRecord = {
    ...{ v: recordVersion, link, sourceTopic: topic, mirrorTopic: topic, partitionCount: 1 },
    ...{ sourceTopicId: 'a', mirrorTopicId: 'b', state: at, sinceMs: 1, reason: null },
  };
  state.apply(`mirror/${link}/${topic}`, JSON.stringify(record));
}

describe('a declaration', () => {
  const declare = (roles: Partial<RolesDeclaration> = {}): CommandBody => ({
    do: 'declareRoles',
    roles: { ...declared, ...roles },
  });

  test('makes roles of generation 1 where there are none', () => {
    const state = fleet('eu', ['us']);
    carryOut(state, ask(state, declare({ topics: { bills: 'eu' } })));
    expect(state.roles.get('shop')).toEqual(
      testRoles({ topics: { bills: eu(1) }, by: 'ann@host', atMs: nowMs }),
    );
  });

  test('that says what is so already changes nothing, however its topics are written down', () => {
    const state = fleet('eu', ['us'], testRoles({ generation: 3, primary: eu(3), topics: { bills: eu(2) } }));
    const same = ask(state, declare({ primary: 'eu', topics: { orders: 'eu' } }));
    expect(carryOut(state, same).entries.size).toBe(0);
    expect(carryOut(state, same).changes[0]!.action).toBe('none');
  });

  test('of yesterday is refused, and told what to write', () => {
    const roles = testRoles({
      ...{
        generation: 4,
        primary: eu(4),
        topics: { bills: us(2), '15': us(2) },
        awaitsRestore: { us: ['a'] },
      },
      ...{ changedBy: 'failover', moveId: 'f1', by: 'bob@host', atMs: nowMs },
    });
    const decision = ask(fleet('eu', ['us'], roles), declare());
    expect(decision).toEqual({
      kind: 'refused',
      code: 'CONFIG_INVALID',
      message: `lockstep.yaml contradicts the roles of the replication group shop (eu is primary since: failover f1 by bob@host at 2026-11-21T18:00:00.000Z, generation 4): primary is eu, the file says us. A file never changes roles; write into it:
replicationGroups:
  shop:
    primary: eu
    topics: {"15": us, bills: us}
or move back with: lockstep switchover lockstep.yaml --to us`,
    });
  });

  test('of yesterday is told which move it was, also when another one came since', () => {
    const state = fleet(
      'eu',
      ['us'],
      testRoles({ generation: 3, primary: eu(2), changedBy: 'restore', moveId: 'r' }),
    );
    state.apply(
      'move/shop/f1',
      JSON.stringify({ ...move('f1', 1), rolesGeneration: 1, kind: 'failover', to: 'eu' }),
    );
    const decision = ask(state, declare());
    if (decision.kind !== 'refused') throw new Error('accepted');
    expect(decision.message).toContain(
      'eu is primary since generation 2 (failover f1 by ann@host at 1970-01-01T00:00:00.001Z); last change: restore r by ann@host',
    );
  });

  test('with other primaries of single topics is refused', () => {
    const state = fleet('eu', ['us'], testRoles({ generation: 2, topics: { bills: eu(2) } }));
    const decision = ask(state, declare({ topics: { other: 'eu' } }));
    if (decision.kind !== 'refused') throw new Error('accepted');
    expect(decision.message).toContain(
      'primary of bills is eu, the file says us; primary of other is us, the file says eu',
    );
    expect(decision.message).toContain('\n    topics: {bills: eu}\n');
  });

  test('adds links and regions, takes none away, and changes no primary', () => {
    const before = testRoles({ generation: 2, primary: eu(2), awaitsRestore: { us: ['orders'] } });
    const state = fleet('eu', ['us'], before);
    carryOut(
      state,
      ask(state, declare({ primary: 'eu', regions: ['us', 'eu', 'ap'], links: ['us-to-eu', 'ap-to-eu'] })),
    );
    expect(state.roles.get('shop')).toEqual({
      ...before,
      formerPrimaries: ['eu', 'us'],
      generation: 3,
      regions: ['us', 'eu', 'ap'],
      links: ['us-to-eu', 'eu-to-us', 'ap-to-eu'],
      atMs: nowMs,
    });
  });

  test('of a link that another group has is refused', () => {
    const state = fleet('eu', ['us'], testRoles({ group: 'other' }));
    expect(ask(state, declare())).toMatchObject({ kind: 'refused', code: 'CONFIG_INVALID' });
  });

  test('does not touch roles that a newer Lockstep wrote', () => {
    const state = fleet('eu', ['us']);
    state.apply('roles/shop', JSON.stringify({ ...testRoles(), v: 99 }));
    expect(ask(state, declare())).toMatchObject({ kind: 'refused', code: 'UNSUPPORTED_VERSION' });
  });
});

describe('roles that a move has made', () => {
  const set = (roles: RolesRecord, ifGeneration: number): CommandBody => ({
    do: 'setRoles',
    roles,
    ifGeneration,
  });
  const toUs = testRoles({ generation: 3, primary: us(3), changedBy: 'switchover', moveId: 's2' });

  test('end the promoted mirrors that are copied again, and no others', () => {
    const state = fleet('eu', ['us'], testRoles({ generation: 2, primary: eu(2) }));
    mirror(state, 'us-to-eu', 'orders', 'Promoted');
    mirror(state, 'us-to-eu', 'paused', 'Paused');
    const decision = carryOut(state, ask(state, set(toUs, 2)));
    expect(state.roles.get('shop')).toMatchObject(toUs);
    expect([...state.mirrors.keys()]).toEqual(['us-to-eu/paused']);
    expect(decision.changes.map(({ name, details }) => [name, ...details])).toEqual([
      ['shop', 'generation 3', 'primary: eu -> us'],
      ['us-to-eu/orders', 'Promoted -> copied again'],
    ]);
  });

  test('remember who was primary, also where a region missed a move', () => {
    const state = fleet('ap', ['us', 'eu'], testRoles({ regions: ['us', 'eu', 'ap'] }));
    const moved = { regions: ['us', 'eu', 'ap'], changedBy: 'switchover' } as const;
    carryOut(state, ask(state, set(testRoles({ ...moved, generation: 2, primary: eu(2), moveId: 's1' }), 1)));
    expect(state.roles.get('shop')?.formerPrimaries).toEqual(['us']);
    const back = { ...moved, generation: 4, primary: us(4), moveId: 's3', formerPrimaries: ['us', 'ap'] };
    carryOut(state, ask(state, set(testRoles(back), 2)));
    expect(state.roles.get('shop')?.formerPrimaries).toEqual(['ap', 'eu', 'us']);
  });

  test('leave a mirror promoted whose topic awaits a restore, until it does not any more', () => {
    const state = fleet('us', ['eu'], testRoles({ generation: 3, primary: us(3) }));
    mirror(state, 'eu-to-us', 'orders', 'Promoted');
    const lost = testRoles({ generation: 4, primary: eu(4), awaitsRestore: { us: ['orders'] }, moveId: 'f' });
    carryOut(state, ask(state, set(lost, 3)));
    expect(state.mirrors.size).toBe(1);
    carryOut(state, ask(state, set({ ...lost, generation: 5, awaitsRestore: {}, moveId: 'r' }, 4)));
    expect(state.mirrors.size).toBe(0);
  });

  test('forget a mirror that is to be restored, as it stood and as it came back', () => {
    const state = fleet('us', ['eu'], testRoles({ generation: 2, primary: eu(2) }));
    for (const topic of ['late', 'fine']) mirror(state, 'eu-to-us', topic, 'Mirroring');
    const held = testRoles({ generation: 3, primary: eu(2), awaitsRestore: { us: ['late'] }, moveId: 'h' });
    const decision = carryOut(state, ask(state, set(held, 2)));
    expect([...state.mirrors.keys()]).toEqual(['eu-to-us/fine']);
    expect(decision.changes.map(({ name, details }) => [name, ...details])).toContainEqual([
      ...['eu-to-us/late', 'Mirroring -> to be restored'],
    ]);
    mirror(state, 'eu-to-us', 'late', 'Paused');
    carryOut(state, ask(state, set({ ...held, generation: 4, awaitsRestore: {}, moveId: 'r' }, 3)));
    expect([...state.mirrors.keys()]).toEqual(['eu-to-us/fine']);
  });

  test('leave a mirror alone that a person promoted and whose direction has not turned', () => {
    const state = fleet('eu', ['us'], testRoles());
    mirror(state, 'us-to-eu', 'byHand', 'Promoted');
    carryOut(state, ask(state, set(testRoles({ generation: 2, topics: { bills: eu(2) }, moveId: 's' }), 1)));
    expect([...state.mirrors.keys()]).toEqual(['us-to-eu/byHand']);
  });

  test('close what came while a move into this region was under way, once', () => {
    const state = fleet('eu', ['us'], testRoles());
    mirror(state, 'us-to-eu', 'moved', 'Promoted');
    mirror(state, 'us-to-eu', 'late', 'Mirroring');
    mirror(state, 'us-to-eu', 'bills', 'Mirroring');
    const toEu = testRoles({ generation: 2, primary: eu(2), topics: { bills: us(1) }, moveId: 's' });
    const decision = carryOut(state, ask(state, set(toEu, 1)));
    expect(decision.changes.slice(1).map(({ name, details }) => [name, ...details])).toEqual([
      ['us-to-eu/late', 'Mirroring -> Closing'],
    ]);
    expect(state.mirrors.get('us-to-eu/late')).toMatchObject({
      ...{ state: 'Closing', sinceMs: nowMs, promotion: { kind: 'now', commandId: 's' } },
    });
    expect(state.mirrors.get('us-to-eu/moved')?.state).toBe('Promoted');
    const restored = { ...toEu, generation: 3, moveId: 'r' };
    expect(carryOut(state, ask(state, set(restored, 2))).entries.size).toBe(1);
  });

  test('let a third region get its topics from the new primary', () => {
    const three = { regions: ['us', 'eu', 'ap'], links: ['us-to-ap', 'eu-to-ap'] };
    const state = fleet('ap', ['us', 'eu'], testRoles(three));
    mirror(state, 'us-to-ap', 'orders', 'Mirroring');
    carryOut(state, ask(state, set(testRoles({ ...three, generation: 2, primary: eu(2), moveId: 's' }), 1)));
    expect(state.mirrors.size).toBe(0);
  });

  test.for<[string, RolesRecord, number, string]>([
    ['another generation was seen', toUs, 1, 'have generation 2 here, not 1'],
    ['they are not newer', { ...toUs, generation: 2 }, 2, 'are not newer'],
    [
      'the primary is no region',
      { ...toUs, primary: { region: 'ap', sinceGeneration: 3 } },
      2,
      'ap is no region',
    ],
  ])('are refused where %s', ([, roles, ifGeneration, message]) => {
    const state = fleet('eu', ['us'], testRoles({ generation: 2, primary: eu(2), moveId: 'f1' }));
    const decision = ask(state, set(roles, ifGeneration));
    expect(decision).toMatchObject({ kind: 'refused', code: 'USAGE' });
    expect(decision.message).toContain(message);
  });

  test('and stand already are no mistake: a step that is done again finds them', () => {
    const state = fleet('eu', ['us'], toUs);
    expect(carryOut(state, ask(state, set({ ...toUs, by: 'again' }, 2))).entries.size).toBe(0);
  });

  test('are taken over where there were none', () => {
    const state = fleet('eu', ['us']);
    carryOut(state, ask(state, set(toUs, 0)));
    expect(state.roles.get('shop')).toMatchObject(toUs);
  });
});

function move(id: string, startedAtMs: number, changes: Partial<MoveRecord> = {}): MoveRecord {
  return {
    ...{ v: recordVersion, id, group: 'shop', kind: 'switchover', from: 'us', to: 'eu', topics: null },
    ...{
      by: 'ann@host',
      startedAtMs,
      changedAtMs: startedAtMs,
      revision: 1,
      state: 'running',
      step: 'check',
    },
    ...{ done: [], rolesGeneration: 1, facts: {} },
    ...changes,
  };
}

describe('a move', () => {
  const write = (record: MoveRecord, ifRevision: number | null): CommandBody => ({
    do: 'writeMove',
    move: record,
    ifRevision,
  });

  test('grows by one revision with every change, and only for who saw the last', () => {
    const state = fleet('eu', ['us']);
    carryOut(state, ask(state, write(move('m1', 1), null)));
    carryOut(state, ask(state, write(move('m1', 1, { step: 'promote' }), 1)));
    expect(state.moves.get('shop/m1')).toMatchObject({ revision: 2, step: 'promote' });
    for (const seen of [1, 3, null]) expect(ask(state, write(move('m1', 1), seen)).kind).toBe('refused');
    expect(ask(state, write(move('gone', 1), 1)).kind).toBe('refused');
  });

  test('runs alone in its group; another group has its own', () => {
    const state = fleet('eu', ['us']);
    carryOut(state, ask(state, write(move('m1', 1), null)));
    const second = ask(state, write(move('m2', 2), null));
    expect(second).toMatchObject({ kind: 'refused', code: 'USAGE' });
    expect(second.message).toContain('switchover m1 to eu by ann@host runs in group shop');
    carryOut(state, ask(state, write(move('m2', 2, { group: 'other' }), null)));
    carryOut(state, ask(state, write(move('m1', 1, { state: 'done' }), 1)));
    carryOut(state, ask(state, write(move('m2', 2), null)));
    // Nor does one that had ended begin again beside it.
    expect(ask(state, write(move('m1', 1), 2)).kind).toBe('refused');
  });

  test('does not begin beside one that a newer Lockstep may be running', () => {
    const state = fleet('eu', ['us']);
    state.apply('move/shop/new', JSON.stringify({ ...move('new', 1), v: 99 }));
    expect(ask(state, write(move('m2', 2), null))).toMatchObject({ code: 'UNSUPPORTED_VERSION' });
  });

  test('is forgotten with its losses when many others have ended since', () => {
    const state = fleet('eu', ['us']);
    for (let index = 0; index <= endedMovesMax; index++) {
      const id = `m${index}`;
      carryOut(state, ask(state, write(move(id, index), null)));
      carryOut(state, ask(state, { do: 'writeLoss', entries: { [`loss/shop/${id}/orders`]: { v: 1 } } }));
      carryOut(state, ask(state, write(move(id, index, { state: 'done' }), 1)));
    }
    expect(state.moves.size).toBe(endedMovesMax);
    expect(state.moves.has('shop/m0')).toBe(false);
    expect(state.get('loss/shop/m0/orders')).toBeUndefined();
    expect(state.get('loss/shop/m1/orders')).toEqual({ v: 1 });
  });
});

test('a loss goes to a place of a topic or of the move, and to no other', () => {
  const state = fleet('eu', ['us']);
  for (const key of ['loss/shop/m1', 'loss/shop/m1/a/b'])
    expect(ask(state, { do: 'writeLoss', entries: { [key]: { v: 1 } } })).toMatchObject({ code: 'USAGE' });
  expect(ask(state, { do: 'writeLoss', entries: { 'loss/shop/m1/a': 'text' } })).toMatchObject({
    code: 'USAGE',
  });
});

test('a link of a group keeps names and offsets, whoever declares or alters it', () => {
  const state = fleet('eu', ['us'], testRoles());
  for (const changes of [{ prefix: 'us.' }, { start: 'shifted' }])
    expect(ask(state, { do: 'alterLink', link: 'us-to-eu', changes })).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('replication group (shop)'),
    });
  expect(ask(state, { do: 'alterLink', link: 'us-to-eu', changes: { fetchBytesMax: 2048 } }).kind).toBe(
    'accepted',
  );
});

test('links of one group into one region may name the same topic, and others may not', () => {
  const state = fleet('ap', ['us'], testRoles({ links: ['us-to-ap', 'eu-to-ap'] }));
  const link = (name: string) => ({
    ...{
      name,
      destination: 'ap',
      source: { name: 'eu', bootstrap: ['eu:1'] },
      config: { topics: ['orders'] },
    },
  });
  const first = { ...link('us-to-ap'), source: { name: 'us', bootstrap: ['us:1'] } };
  expect(ask(state, { do: 'applyLinks', links: [first, link('eu-to-ap')] }).kind).toBe('accepted');
  expect(ask(state, { do: 'applyLinks', links: [first, link('stranger')] })).toMatchObject({
    code: 'CONFIG_INVALID',
  });
});
