import { describe, expect, test } from 'vitest';
import type { MoveRecord, RolesRecord } from '../../control/index.ts';
import { encodeTail } from '../../records/index.ts';
import { assumedBytesPerSecond, bytesBetween, bytesFrom, costOf, lacksRoom } from './cost.ts';
import { foundAsFacts, foundIn, foundOf, verifiedAsFacts, verifiedOf } from './facts.ts';
import { olderName, quarantineName } from './quarantine.ts';
import { restoredRoles, restoredTopicsOf } from './restored-roles.ts';
import { isSaved, originOf, savedRecord } from './saved-record.ts';
import type { RestorePlan, TopicPlan } from './types.ts';

const mib = 1024n * 1024n;

function topicPlan(fields: Partial<TopicPlan> = {}): TopicPlan {
  return {
    ...{ topic: 'orders', fate: 'copyAgain', topicId: 'old', homeTopicId: 'home', homePartitionCount: 1 },
    partitions: [
      {
        ...{
          partition: 0,
          standing: 'ahead',
          partingOffset: 80n,
          olderEnd: 0n,
          logStart: 0n,
          logEnd: 100n,
          cutOffset: 80n,
        },
        compared: { start: 0n, end: 80n },
      },
    ],
    ...{ isCompacted: false, beginsAt: [80n], savedTo: 'orders.lost-20261121T184000Z' },
    cost: {
      copyBytes: { all: 100n * mib, 'from-divergence': 20n * mib },
      ...{ tailBytes: 5n * mib, olderBytes: 0n, freedBytes: 50n * mib, replicationFactor: 3 },
    },
    ...fields,
  };
}

const plan = (topics: readonly TopicPlan[], usableBytes: bigint | null = 1000n * mib): RestorePlan => ({
  ...{ region: 'us-east', home: 'eu-west', topics, onlyHere: [] },
  usableBytes: new Map([[1, usableBytes]]),
});

describe('what a restore costs', () => {
  test('only topics that are copied cost anything; disks hold every replica', () => {
    const continuing = topicPlan({ topic: 'other', fate: 'continue', savedTo: null });
    const cost = costOf(plan([topicPlan(), continuing]));
    expect(cost.byChoice.all).toEqual({
      trafficBytes: 100n * mib,
      diskBytes: 3n * (100n + 5n - 50n) * mib,
      durationMs: Number((100n * mib * 1000n) / BigInt(assumedBytesPerSecond)),
    });
    expect(cost.byChoice['from-divergence'].trafficBytes).toBe(20n * mib);
    expect(cost.byChoice['from-divergence'].diskBytes).toBe(3n * (20n + 5n - 50n) * mib);
    expect(lacksRoom(cost, 'all')).toBe(false);
    expect(lacksRoom(costOf(plan([topicPlan()], 100n * mib)), 'all')).toBe(true);
  });

  test('what is saved stands beside what is deleted, and takes its time', () => {
    const cost = costOf(
      plan([topicPlan({ cost: { ...topicPlan().cost, olderBytes: 15n * mib } })], 60n * mib),
    );
    expect([cost.tailBytes, cost.olderBytes, cost.savedStoredBytes]).toEqual([
      5n * mib,
      15n * mib,
      60n * mib,
    ]);
    expect(cost.saveMs).toBe(3000);
    expect(cost.byChoice['from-divergence'].diskBytes).toBe(3n * (20n + 20n - 50n) * mib);
    expect(lacksRoom(cost, 'from-divergence')).toBe(false);
    expect(lacksRoom({ ...cost, usableBytes: 59n * mib }, 'from-divergence')).toBe(true);
  });

  test('what is compacted is copied as a whole whatever was chosen', () => {
    const cost = costOf(plan([topicPlan({ isCompacted: true })]));
    expect(cost.byChoice['from-divergence'].trafficBytes).toBe(100n * mib);
  });

  test('what a broker does not tell stays unknown', () => {
    const cost = costOf(plan([topicPlan()], null));
    expect(cost.usableBytes).toBeNull();
    expect(lacksRoom(cost, 'all')).toBe(false);
    const unknown = {
      copyBytes: { all: null, 'from-divergence': null },
      tailBytes: null,
      olderBytes: null,
      freedBytes: null,
    };
    const told = costOf(plan([topicPlan({ cost: { ...unknown, replicationFactor: 1 } })]));
    expect(told.byChoice.all).toEqual({ trafficBytes: null, diskBytes: null, durationMs: null });
  });

  test('part of a log is told in proportion to its offsets', () => {
    const log = { start: 100n, end: 200n, sizeBytes: 1000n };
    expect([0n, 100n, 150n, 200n, 300n].map((from) => bytesFrom(log, from))).toEqual([
      1000n,
      1000n,
      500n,
      0n,
      0n,
    ]);
    expect(bytesBetween(log, 100n, 150n)).toBe(500n);
    expect(bytesBetween(log, 100n, 100n)).toBe(0n);
    expect(bytesBetween({ ...log, sizeBytes: null }, 100n, 150n)).toBeNull();
    expect(bytesFrom({ start: 0n, end: 0n, sizeBytes: 0n }, 0n)).toBe(0n);
  });
});

describe('the name of a quarantine', () => {
  const atMs = Date.UTC(2026, 10, 21, 18, 40);
  test('names the topic and the time', () => {
    expect(quarantineName('orders', atMs)).toBe('orders.lost-20261121T184000Z');
  });
  test('of long topics is cut, and stays different', () => {
    const [one, other] = ['a', 'b'].map((end) => quarantineName('x'.repeat(248) + end, atMs));
    expect([one!.length, other!.length]).toEqual([249, 249]);
    expect(one).not.toBe(other);
    expect(one).toMatch(/^x+-[0-9a-f]{8}\.lost-20261121T184000Z$/);
    const [older, otherOlder] = [one!, other!].map(olderName);
    expect([older!.length, otherOlder!.length]).toEqual([249, 249]);
    expect(older).not.toBe(otherOlder);
    expect(older).toMatch(/^x+-[0-9a-f]{8}\.lost-20261121T184000Z\.older$/);
  });
  test('of older history says so', () => {
    expect(olderName(quarantineName('orders.lost-1', atMs))).toBe(
      'orders.lost-1.lost-20261121T184000Z.older',
    );
  });
});

describe('a saved record', () => {
  const origin = { topic: 'orders', partition: 3 };
  const header = (key: string, value: string | null) => ({
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  });
  const tail = (headers: ReturnType<typeof header>[]) => encodeTail(null, Buffer.from('v'), headers);
  const original = {
    offset: 77n,
    timestamp: 5n,
    tail: tail([header('lockstep.source.offset', '1'), header('a', null)]),
  };

  test('says where it stood, whatever headers the record had', () => {
    const saved = savedRecord(original, origin, 'aborted', 4n);
    expect([saved.offset, saved.timestamp]).toEqual([4n, 5n]);
    expect(originOf(saved)).toEqual({ offset: 77n, fate: 'aborted' });
    expect(originOf(savedRecord(original, origin, null, 4n))).toEqual({ offset: 77n, fate: null });
    expect(originOf({ offset: 0n, timestamp: 0n, tail: tail([header('a', 'b')]) })).toBeNull();
  });

  test('is the same when its transaction was decided since, and in no other case', () => {
    const [undecided, aborted, committed, plain] = (['undecided', 'aborted', 'committed', null] as const).map(
      (fate) => savedRecord(original, origin, fate, 4n),
    );
    expect(isSaved(undecided!, undecided!)).toBe(true);
    expect(isSaved(undecided!, aborted!)).toBe(true);
    expect(isSaved(committed!, aborted!)).toBe(false);
    expect(isSaved(aborted!, undecided!)).toBe(false);
    expect(isSaved(undecided!, plain!)).toBe(false);
    expect(isSaved({ ...plain!, timestamp: 6n }, plain!)).toBe(false);
    expect(isSaved({ ...plain!, offset: 5n }, plain!)).toBe(false);
    const other = savedRecord({ ...original, tail: tail([]) }, origin, null, 4n);
    expect(isSaved(other, plain!)).toBe(false);
  });
});

describe('what later steps need', () => {
  const move = (facts: Record<string, unknown>) =>
    ({ id: 'm', facts: JSON.parse(JSON.stringify(facts)) }) as MoveRecord;

  test('travels as JSON', () => {
    const topics = [
      topicPlan(),
      topicPlan({ topic: 'keys', isCompacted: true }),
      topicPlan({ topic: 'fine', fate: 'continue', savedTo: null }),
      topicPlan({ topic: 'new', fate: 'copyAnew', topicId: null, savedTo: null, partitions: [] }),
      topicPlan({ topic: 'gone', fate: 'leaveAlone', savedTo: null }),
    ];
    const found = foundIn(plan(topics), 'from-divergence');
    expect(foundOf(move(foundAsFacts(found)))).toEqual(found);
    expect(found.copied.map(({ topic, beginsAt }) => [topic, beginsAt])).toEqual([
      ['orders', [80n]],
      ['keys', null],
      ['new', [80n]],
    ]);
    expect([found.leftAlone, found.continuing]).toEqual([['gone'], 1]);
    expect(foundIn(plan(topics), 'all').copied.every(({ beginsAt }) => beginsAt === null)).toBe(true);
    const tail = { topic: 'orders', partition: 0, logEnd: 100n, records: 20n };
    const verified = { tails: [tail], older: [{ ...tail, logEnd: 15n, records: 15n }] };
    expect(verifiedOf(move(verifiedAsFacts(verified)))).toEqual(verified);
  });

  test('is missed where a step has not ended', () => {
    expect(() => foundOf(move({}))).toThrow('lacks found');
    expect(() => verifiedOf(move({}))).toThrow('lacks verified');
  });
});

describe('roles after a restore', () => {
  const roles: RolesRecord = {
    ...{ v: 1, group: 'shop', generation: 7, regions: ['us', 'eu', 'ap'], links: [] },
    ...{
      primary: { region: 'eu', sinceGeneration: 7 },
      topics: {},
      changedBy: 'failover',
      moveId: 'f',
      by: 'x',
      atMs: 1,
    },
    awaitsRestore: { us: ['a', 'b', 'c'], ap: ['a'] },
  };
  const change = { moveId: 'r', by: 'y', atMs: 2 };

  test('only what was restored waits no more, and primaries stay', () => {
    const topics = restoredTopicsOf(roles, { to: 'us', topics: null }, ['c']);
    const next = restoredRoles(roles, { region: 'us', topics }, change);
    expect(next).toEqual({
      ...roles,
      ...change,
      generation: 8,
      changedBy: 'restore',
      awaitsRestore: { us: ['c'], ap: ['a'] },
    });
    const rest = restoredRoles(next, { region: 'us', topics: new Set(['c']) }, change);
    expect(rest.awaitsRestore).toEqual({ ap: ['a'] });
  });

  test('topics that were named are meant alone', () => {
    expect([...restoredTopicsOf(roles, { to: 'us', topics: ['b'] }, [])]).toEqual(['b']);
    expect([...restoredTopicsOf(roles, { to: 'nowhere', topics: null }, [])]).toEqual([]);
  });
});
