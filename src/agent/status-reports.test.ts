import { expect, test } from 'vitest';
import type { StatusRecord } from '../control/index.ts';
import type { LinkStatus } from '../link/index.ts';
import type { PartitionStatus } from '../mirror/index.ts';
import { StatusReports } from './status-reports.ts';

const key = 'status/us-to-eu/orders/0';

function link(...partitions: Partial<PartitionStatus>[]): LinkStatus[] {
  const plain = { topic: 'orders', partition: 0, state: 'Mirroring', reason: null, sinceMs: 1, shift: 0n };
  const figures = {
    sourceEnd: 10n,
    mirrorEnd: 10n,
    lagRecords: 0n,
    behindMs: 0,
    lastFetchAtMs: 5,
    lastError: null,
  };
  const all = partitions.map((each) => ({ ...plain, ...figures, ...each }) as PartitionStatus);
  const base = {
    name: 'us-to-eu',
    source: 'us',
    destination: 'eu',
    topics: [],
    heldBytes: 0,
    heldBytesMax: 0,
  };
  return [{ ...base, partitions: all, discoveryError: null }];
}

/** Reports of an agent whose words the fleet has at once. */
function reports(isElsewhere = true): { look: StatusReports['look']; known: Map<string, StatusRecord> } {
  const known = new Map<string, StatusRecord>();
  const all = new StatusReports({
    ...{ agentId: 'a', figuresEveryMs: 5_000, known: (name) => known.get(`status/${name}`) },
    isElsewhere: () => isElsewhere,
  });
  const look: StatusReports['look'] = (...now) => {
    const entries = all.look(...now);
    for (const [name, record] of entries) known.set(name, record);
    return entries;
  };
  return { look, known };
}

test('a partition is told once, and an idle one not again', () => {
  const told = reports();
  expect(told.look(link({}), 0).get(key)).toMatchObject({ agent: 'a', state: 'Mirroring', sourceEnd: '10' });
  expect(told.look(link({ lastFetchAtMs: 60_000 }), 60_000).size).toBe(0);
});

test('figures are told now and then, another state at once', () => {
  const told = reports();
  told.look(link({}), 0);
  expect(told.look(link({ sourceEnd: 11n }), 4_000).size).toBe(0);
  expect(told.look(link({ sourceEnd: 12n }), 5_000).get(key)).toMatchObject({ sourceEnd: '12', atMs: 5_000 });
  expect(told.look(link({ sourceEnd: 12n, state: 'Recovering', reason: 'x' }), 6_000).size).toBe(1);
});

test('a look at some of the partitions says nothing of the others', () => {
  const paused = reports(false);
  paused.look(link({}, { partition: 1 }), 0);
  const stirred = link({ partition: 1, state: 'Recovering', reason: 'x' });
  expect([...paused.look(stirred, 1_000, { isPart: true }).keys()]).toEqual(['status/us-to-eu/orders/1']);
  expect(paused.look(link(), 2_000, { isPart: true }).size).toBe(0);
  expect(paused.look(link(), 3_000).size).toBe(2);
});

test('what moved to another agent is left to that one; what nobody copies has stopped', () => {
  const moved = reports();
  moved.look(link({}), 0);
  expect(moved.look(link(), 1_000).size).toBe(0);
  const paused = reports(false);
  paused.look(link({}), 0);
  expect(paused.look(link(), 1_000).get(key)).toMatchObject({ state: 'Stopped', sourceEnd: '10' });
  expect(paused.look(link(), 2_000).size).toBe(0);
});

test('of several partitions only the one that is gone is told to have stopped', () => {
  const told = reports(false);
  const others = [{ partition: 1 }, { topic: 'others', partition: 0 }];
  told.look(link({}, ...others), 0);
  told.look(link({}, ...others), 1_000);
  expect([...told.look(link(...others), 2_000).keys()]).toEqual([key]);
  expect(told.look(link({}, ...others), 3_000).get(key)).toMatchObject({ state: 'Mirroring' });
});

test('while the source is silent, what was seen of it last is kept, also from another agent', () => {
  const told = reports();
  told.look(link({}), 0);
  const silent = told.look(link({ sourceEnd: null, state: 'Recovering' }), 1_000).get(key)!;
  expect(silent).toMatchObject({ sourceEnd: null, sourceSeen: { end: '10', atMs: 5 } });
  const next = new StatusReports({
    ...{ agentId: 'b', figuresEveryMs: 5_000, isElsewhere: () => true, known: () => silent },
  });
  expect(next.look(link({ sourceEnd: null }), 2_000).get(key)).toMatchObject({
    ...{ agent: 'b', sourceSeen: { end: '10', atMs: 5 } },
  });
});

test('when it is urgent, figures are told at once', () => {
  const told = reports();
  told.look(link({}), 0);
  expect(told.look(link({ sourceEnd: 11n }), 100, { isUrgent: true }).size).toBe(1);
  expect(told.look(link({ sourceEnd: 11n }), 200, { isUrgent: true }).size).toBe(0);
});

test('what an agent told that was frozen and woke up, or what was lost on the way, is told again', () => {
  const told = reports();
  told.look(link({}), 0);
  told.known.set(key, { ...told.known.get(key)!, agent: 'frozen', state: 'Recovering', atMs: 1 });
  expect(told.look(link({}), 4_000).size).toBe(0);
  expect(told.look(link({}), 5_000).get(key)).toMatchObject({ agent: 'a', state: 'Mirroring' });
  expect(told.look(link({}), 60_000).size).toBe(0);
  told.known.clear();
  expect(told.look(link({}), 66_000).size).toBe(1);
});

test('what was seen of the source stays when it falls silent: end, rate and what was not decided', () => {
  const told = reports();
  told.look(link({ lastFetchAtMs: 0 }), 0);
  const undecided = { highWatermark: 70n, holder: { producerId: 4n, transactionalId: 'pay' } };
  expect(
    told.look(link({ sourceEnd: 60n, lastFetchAtMs: 5_000, undecided }), 5_000).get(key)?.sourceSeen,
  ).toEqual({
    ...{ end: '60', atMs: 5_000, perSecond: 10 },
    undecided: { highWatermark: '70', transactionalId: 'pay', producerId: '4' },
  });
  // Seen, not told yet, and then the source is gone.
  told.look(link({ sourceEnd: 90n, lastFetchAtMs: 7_000 }), 7_000);
  const silent = link({ sourceEnd: null, lagRecords: null, lastFetchAtMs: 7_000, state: 'Recovering' });
  expect(told.look(silent, 8_000).get(key)).toMatchObject({
    sourceEnd: null,
    sourceSeen: { end: '90', atMs: 7_000, perSecond: 15 },
  });
});

test('a transaction that opens behind the end is news, although nothing else has changed', () => {
  const told = reports();
  told.look(link({}), 0);
  const undecided = { highWatermark: 12n, holder: null };
  expect(told.look(link({ undecided }), 6_000).get(key)?.sourceSeen?.undecided).toEqual({
    highWatermark: '12',
    transactionalId: null,
    producerId: null,
  });
});

test('the rate counts what arrived between looks that follow each other closely', () => {
  const told = reports();
  const seen = (sourceEnd: bigint, atMs: number) =>
    told.look(link({ sourceEnd, lastFetchAtMs: atMs }), atMs, { isUrgent: true }).get(key)?.sourceSeen;
  expect(seen(10n, 0)?.perSecond).toBeUndefined();
  // A burst of which all but the last record was seen half a second before.
  expect(seen(1_009n, 600)?.perSecond).toBeUndefined();
  expect(seen(1_010n, 1_250)?.perSecond).toBe(800);
});
