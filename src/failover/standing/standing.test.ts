import { describe, expect, test } from 'vitest';
import { FleetReducer, type MoveRecord, type RolesRecord } from '../../control/index.ts';
import type { LinkConfig, ReplicationGroupConfig } from '../../topology/index.ts';
import type { RegionLook } from './look.ts';
import { type StandingInput, standingOf } from './standing.ts';

const nowMs = 1_000_000;
const roles = (changes: Partial<RolesRecord> = {}): RolesRecord => ({
  ...{ v: 1, group: 'shop', generation: 1, regions: ['us', 'eu'], links: ['us-eu', 'eu-us'] },
  ...{ primary: { region: 'us', sinceGeneration: 1 }, topics: {}, awaitsRestore: {} },
  ...{ changedBy: 'declared', moveId: null, by: 'ann', atMs: nowMs - 60_000 },
  ...changes,
});
const group: ReplicationGroupConfig = {
  ...{ name: 'shop', regions: ['us', 'eu'], primary: 'us', topics: {}, links: ['us-eu', 'eu-us'], hooks: [] },
};
const link = (name: string, source: string, destination: string) =>
  ({ name, source, destination }) as LinkConfig;
const links = [link('us-eu', 'us', 'eu'), link('eu-us', 'eu', 'us')];

interface Told {
  readonly roles?: RolesRecord | null;
  readonly mirrors?: readonly { topic: string; state?: string; statuses: readonly object[] }[];
  readonly conditions?: Readonly<Record<string, { state: string; reason: string }>>;
  readonly moves?: readonly MoveRecord[];
  readonly isGone?: boolean;
  readonly hasAgent?: boolean;
  readonly hasLink?: boolean;
}

/** A region as its control topic tells; `into` is the link that ends there. */
function region(name: string, into: string, told: Told = {}): RegionLook {
  if (told.isGone) return { name, gone: 'connection refused', state: null, living: new Set(), nowMs };
  const state = new FleetReducer();
  const put = (key: string, value: object): unknown => state.apply(key, JSON.stringify({ v: 1, ...value }));
  const source = { name: into.split('-')[0], bootstrap: ['h:1'] };
  if (told.hasLink !== false)
    put(`link/${into}`, {
      ...{ name: into, source, destination: name, config: {}, generation: 1, createdAtMs: 1, changedAtMs: 1 },
    });
  if (told.roles !== null) put('roles/shop', told.roles ?? roles());
  put('agent/a', {
    ...{ id: 'a', version: '1', host: 'h', pid: 1, api: null, startedAtMs: 1, atMs: nowMs, isLeader: true },
    ...{ partitionCount: 1, heardAtMs: { [into]: nowMs - 2_000 } },
  });
  for (const { topic, state: mirrorState = 'Mirroring', statuses } of told.mirrors ?? []) {
    put(`mirror/${into}/${topic}`, {
      ...{ link: into, sourceTopic: topic, mirrorTopic: topic, partitionCount: statuses.length },
      ...{ sourceTopicId: 's', mirrorTopicId: 'm', state: mirrorState, sinceMs: 1, reason: null },
    });
    statuses.forEach((status, partition) => {
      put(`status/${into}/${topic}/${partition}`, {
        ...{
          agent: 'a',
          atMs: nowMs - 4_000,
          state: 'Mirroring',
          reason: null,
          sinceMs: 1,
          sourceEnd: '100',
        },
        ...{
          mirrorEnd: '80',
          lagRecords: '20',
          behindMs: 300,
          lastFetchAtMs: nowMs - 2_000,
          lastError: null,
        },
        ...{ shift: '0', sourceSeen: { end: '100', atMs: nowMs - 4_000, perSecond: 30 } },
        ...status,
      });
    });
  }
  for (const [key, condition] of Object.entries(told.conditions ?? {}))
    put(`condition/${key}`, { ...condition, sinceMs: 1 });
  for (const move of told.moves ?? []) put(`move/shop/${move.id}`, move);
  expect(state.warnings).toEqual([]);
  return { name, gone: null, state, living: new Set(told.hasAgent === false ? [] : ['a']), nowMs };
}

const orders = { topic: 'orders', statuses: [{}, {}] };

function standing(us: Told, eu: Told, changes: Partial<StandingInput> = {}) {
  return standingOf({
    ...{ group, links, roles: roles(), splitBrains: [], atMs: nowMs, file: 'f.yaml' },
    regions: [region('us', 'eu-us', us), region('eu', 'us-eu', eu)],
    ...changes,
  });
}
const whats = (all: ReturnType<typeof standing>) => all.problems.map(({ what }) => what);

test('a pair in order: what a failover would lose, the way back, and no problem', () => {
  const all = standing({}, { mirrors: [orders] });
  expect(all.problems).toEqual([]);
  expect(all.failovers).toEqual([
    {
      ...{ to: 'eu', from: ['us'], blocked: null, reverse: [] },
      loss: { recordsMin: 40n, partitionCount: 2, unseenCount: 0, heardAgoMs: 2_000, perSecond: 60 },
    },
  ]);
  expect(all.links).toMatchObject([
    {
      name: 'us-eu',
      direction: 'copies',
      isThere: true,
      mirrors: { Mirroring: 1 },
      lagRecords: 40n,
      behindMs: 300,
    },
    { name: 'eu-us', direction: 'standby', isThere: true, mirrors: {}, partitionCount: 0 },
  ]);
});

test('a source that has become idle has no rate any more', () => {
  const idle = { sourceSeen: { end: '100', atMs: nowMs - 60_000, perSecond: 30 }, mirrorEnd: '100' };
  const all = standing({}, { mirrors: [{ topic: 'orders', statuses: [idle] }] });
  expect(all.failovers[0]!.loss).toEqual({
    ...{ recordsMin: 0n, partitionCount: 1, unseenCount: 0, heardAgoMs: 2_000, perSecond: 0 },
  });
});

test('a silent source is not vouched for by the agent’s word about others', () => {
  const silent = {
    sourceEnd: null,
    lagRecords: null,
    sourceSeen: { end: '100', atMs: nowMs - 60_000, perSecond: 30 },
  };
  const all = standing({}, { mirrors: [{ topic: 'orders', statuses: [silent, {}] }] });
  expect(all.failovers[0]!.loss).toMatchObject({ heardAgoMs: 60_000, perSecond: 60 });
  expect(whats(all)).toEqual([expect.stringContaining('has not heard us for 1 min')]);
});

test('a primary that is gone is told as such, and the rest is still told', () => {
  const all = standing({ isGone: true }, { mirrors: [orders] });
  expect(all.problems[0]).toEqual({
    what: 'us, which is primary, does not answer: connection refused',
    remedy: 'bring it back, or move its work: lockstep failover f.yaml --to eu',
  });
  expect(all.failovers[0]).toMatchObject({ loss: { recordsMin: 40n }, reverse: ['us does not answer'] });
  expect(all.regions).toMatchObject([
    { gone: 'connection refused', livingAgents: null },
    { livingAgents: 1 },
  ]);
});

describe('a failover is unsafe', () => {
  test.each<[string, Told, Told, Partial<StandingInput>, RegExp]>([
    [
      'where nobody knows the roles',
      { roles: null },
      { roles: null, mirrors: [orders] },
      { roles: null },
      /no region that answers knows the roles/,
    ],
    ['without a living agent', {}, { mirrors: [orders], hasAgent: false }, {}, /no agent lives at eu/],
    ['to a region that is gone', {}, { isGone: true }, {}, /eu does not answer, so nothing can fail over/],
    ['without the link', {}, { hasLink: false }, {}, /link us-eu is not there at eu/],
    ['before anything is mirrored', {}, {}, {}, /link us-eu mirrors nothing yet/],
    ['with a paused mirror', {}, { mirrors: [{ ...orders, state: 'Paused' }] }, {}, /1 mirror is Paused/],
    [
      'with a partition that has ended',
      {},
      { mirrors: [{ topic: 'orders', statuses: [{ state: 'Diverged', reason: 'x' }] }] },
      {},
      /orders-0 is Diverged/,
    ],
    [
      'with a link in trouble',
      {},
      { mirrors: [orders], conditions: { 'us-eu': { state: 'Trouble', reason: 'refused' } } },
      {},
      /link us-eu is Trouble: refused/,
    ],
    [
      'with topics that are not copied',
      {},
      {
        mirrors: [orders],
        conditions: {
          'us-eu/a': { state: 'Missing', reason: 'r' },
          'us-eu/b': { state: 'Missing', reason: 'r' },
        },
      },
      {},
      /link us-eu: a, b is Missing: r/,
    ],
    [
      'where the mirror is far behind',
      {},
      { mirrors: [{ topic: 'orders', statuses: [{ behindMs: 120_000 }] }] },
      {},
      /is 2 min behind \(20 records\)/,
    ],
    [
      'where the source was never seen',
      {},
      { mirrors: [{ topic: 'orders', statuses: [{ sourceSeen: null, sourceEnd: null, lagRecords: null }] }] },
      {},
      /nobody knows where 1 partition of us ends/,
    ],
    [
      'where a region has old roles',
      { roles: roles() },
      { roles: roles({ generation: 2, primary: { region: 'us', sinceGeneration: 2 } }), mirrors: [orders] },
      { roles: roles({ generation: 2, primary: { region: 'us', sinceGeneration: 2 } }) },
      /us has roles of generation 1, 2 is true/,
    ],
  ])('%s', (_when, us, eu, changes, reason) => {
    const all = standing(us, eu, changes);
    expect(whats(all)).toEqual([expect.stringMatching(reason)]);
    expect(all.problems.every(({ remedy }) => remedy.length > 10)).toBe(true);
  });

  test('with mirrors that somebody else wrote to: the command that mends them is told', () => {
    const diverged = (topic: string) => ({ topic, statuses: [{}, { state: 'Diverged', reason: 'x' }] });
    const all = standing({}, { mirrors: [diverged('orders'), diverged('bills')] });
    expect(all.problems[0]!.remedy).toContain('then lockstep restore eu f.yaml --topics orders,bills keeps');
  });

  test('while topics await a restore, and nothing is asked of their link', () => {
    const turned = roles({
      ...{ generation: 2, primary: { region: 'eu', sinceGeneration: 2 } },
      awaitsRestore: { us: ['orders'] },
    });
    const held = { 'eu-us/orders': { state: 'AwaitsRestore', reason: 'r' } };
    const all = standing(
      { roles: turned, conditions: held },
      { roles: turned, mirrors: [orders] },
      { roles: turned },
    );
    expect(whats(all)).toEqual([
      '1 topic of us awaits a restore (orders): nothing is copied there until then',
    ]);
    expect(all.problems[0]!.remedy).toBe('lockstep restore us f.yaml');
    expect(all.failovers).toMatchObject([{ to: 'us', blocked: '1 topic there awaits a restore' }]);
  });

  test('during a move that has not ended', () => {
    const move: MoveRecord = {
      ...{ v: 1, id: 'm', group: 'shop', kind: 'switchover', from: 'us', to: 'eu', topics: null, by: 'bob' },
      ...{ startedAtMs: 1, changedAtMs: 1, revision: 3, state: 'running', step: 'promote', done: [] },
      ...{ rolesGeneration: 1, facts: {} },
    };
    const ended = { ...move, id: 'n', state: 'done' as const };
    const all = standing(
      { moves: [{ ...move, revision: 2, step: 'catchUp' }] },
      { mirrors: [orders], moves: [move, ended] },
    );
    expect(all.moves).toEqual([move]);
    expect(whats(all)).toEqual(['a switchover from us to eu by bob is at step promote (m)']);
  });

  test('when clients write to both sides: said in words, and first', () => {
    const splitBrains = [{ region: 'us', primary: 'eu', topic: 'orders', grewBy: 12n, overMs: 1_000 }];
    const all = standing({}, { mirrors: [orders] }, { splitBrains });
    expect(all.problems[0]!.what).toMatch(
      /^SPLIT BRAIN: orders grows at us \(12 records in 1.0 s\), although eu is primary/,
    );
  });
});

test('the way back says what it lacks', () => {
  const all = standing({ hasLink: false, hasAgent: false }, { mirrors: [orders] });
  expect(all.failovers[0]!.reverse).toEqual(['link eu-us is not there', 'no agent lives at us']);
  expect(all.problems).toEqual([]);
});

test('topics with another primary make a link copy some', () => {
  const split = roles({ topics: { invoices: { region: 'eu', sinceGeneration: 1 } } });
  const invoices = { topic: 'invoices', statuses: [{ mirrorEnd: '100', lagRecords: '0' }] };
  const all = standing(
    { roles: split, mirrors: [invoices] },
    { roles: split, mirrors: [orders] },
    { roles: split },
  );
  expect(all.links).toMatchObject([
    { direction: 'both', lagRecords: 40n },
    { direction: 'both', lagRecords: 0n },
  ]);
  expect(all.failovers).toMatchObject([
    { to: 'us', from: ['eu'], loss: { recordsMin: 0n } },
    { to: 'eu', from: ['us'], loss: { recordsMin: 40n } },
  ]);
  expect(all.problems).toEqual([]);
});

test('a primary is told since when it is it, whatever changed the roles later', () => {
  const restored = roles({
    generation: 3,
    changedBy: 'restore',
    moveId: 'r',
    primary: { region: 'us', sinceGeneration: 2 },
  });
  const move: MoveRecord = {
    ...{ v: 1, id: 'f', group: 'shop', kind: 'failover', from: 'eu', to: 'us', topics: null, by: 'bob' },
    ...{ startedAtMs: 1, changedAtMs: 7, revision: 3, state: 'done', step: 'hooksAfter', done: [] },
    ...{ rolesGeneration: 1, facts: {} },
  };
  const since = (us: Told, newest: RolesRecord) =>
    standing({ roles: newest, ...us }, { roles: newest }, { roles: newest }).primarySince;
  expect(since({ moves: [move] }, restored)).toEqual({
    atMs: 7,
    changedBy: 'failover',
    moveId: 'f',
    by: 'bob',
  });
  expect(since({}, restored)).toBeNull();
  expect(since({}, roles())).toEqual({
    atMs: nowMs - 60_000,
    changedBy: 'declared',
    moveId: null,
    by: 'ann',
  });
});

test('of three regions each is a way out', () => {
  const three = { ...group, regions: ['us', 'eu', 'ap'], links: ['us-eu', 'us-ap'] };
  const all = standingOf({
    ...{ group: three, roles: roles(), splitBrains: [], atMs: nowMs, file: 'f.yaml' },
    links: [link('us-eu', 'us', 'eu'), link('us-ap', 'us', 'ap')],
    regions: [
      region('us', 'eu-us'),
      region('eu', 'us-eu', { isGone: true }),
      region('ap', 'us-ap', { mirrors: [orders] }),
    ],
  });
  expect(all.failovers).toMatchObject([
    { to: 'eu', blocked: 'it does not answer', loss: { heardAgoMs: null } },
    { to: 'ap', blocked: null, loss: { recordsMin: 40n } },
  ]);
  expect(whats(all)).toEqual(['eu does not answer, so nothing can fail over to it: connection refused']);
});

test('regions that were turned apart are told, also with roles of one generation', () => {
  const apart = (region: string) =>
    roles({ generation: 2, primary: { region, sinceGeneration: 2 }, changedBy: 'failover', moveId: region });
  const told = whats(standing({ roles: apart('us') }, { roles: apart('eu') }, { roles: apart('us') }));
  expect(told[0]).toMatch(/SPLIT ROLES: eu was turned apart .*primary: us -> eu/);
});

test('a mirror that was promoted by hand is told as such', () => {
  const promoted = { topic: 'orders', state: 'Promoted', statuses: [{}] };
  expect(whats(standing({}, { mirrors: [promoted] }))).toContainEqual(
    expect.stringMatching(/link us-eu: 1 mirror was promoted by hand, and is not copied any more/),
  );
});

test('the region to fail over to is the one that loses least, of those that can be failed over to', () => {
  const three = { ...group, regions: ['us', 'eu', 'ap', 'sa'] };
  const behind = { topic: 'orders', statuses: [{ mirrorEnd: '20' }] };
  const ahead = { topic: 'orders', statuses: [{ mirrorEnd: '90' }] };
  const all = { generation: 1, regions: three.regions, links: ['us-eu', 'us-ap', 'us-sa'] };
  const told = standing(
    {},
    {},
    {
      ...{ group: three, roles: roles(all) },
      links: [link('us-eu', 'us', 'eu'), link('us-ap', 'us', 'ap'), link('us-sa', 'us', 'sa')],
      regions: [
        region('us', 'eu-us', { isGone: true }),
        region('eu', 'us-eu', { roles: roles(all), mirrors: [behind] }),
        region('ap', 'us-ap', { roles: roles(all), mirrors: [ahead] }),
        region('sa', 'us-sa', { isGone: true }),
      ],
    },
  );
  expect(told.problems.find(({ what }) => what.startsWith('us, which is primary'))!.remedy).toMatch(
    /--to ap/,
  );
});
