import { expect, test } from 'vitest';
import type { ClientQuota, QuotaEntity } from '../../client/index.ts';
import { planQuotas, type QuotaPlan, readQuotaEntity } from './quota-plan.ts';
import type { QuotaRecord } from './records.ts';

const quota = (entity: QuotaEntity, values: Record<string, number>): ClientQuota => ({
  entity,
  values: new Map(Object.entries(values)),
});

function plan(given: {
  names?: string[];
  source?: ClientQuota[];
  destination?: ClientQuota[];
  records?: ReadonlyMap<string, QuotaRecord>;
  nowMs?: number;
}): QuotaPlan {
  const { names = ['user=app'], source = [], destination = [], records = new Map(), nowMs = 0 } = given;
  return planQuotas({ names, source, destination, records, nowMs });
}

const changesOf = ({ changes }: QuotaPlan) =>
  changes.map(({ entity, changes: c }) => [entity, Object.fromEntries(c)]);

const app = { user: 'app' };
const source = [quota(app, { producer_byte_rate: 10, consumer_byte_rate: 20 })];
/** Set, and seen since. */
function settled(): ReadonlyMap<string, QuotaRecord> {
  const set = plan({ source });
  return new Map([...set.records, ...plan({ source, destination: source, records: set.records }).records]);
}

test.each([
  ['user=app', { user: 'app' }],
  ['client-id=x', { 'client-id': 'x' }],
  ['user=app,client-id=x', { user: 'app', 'client-id': 'x' }],
  ['user=<default>', { user: null }],
  ['user=app,client-id=<default>', { user: 'app', 'client-id': null }],
  ['user=CN=app,O=us', { user: 'CN=app,O=us' }],
  ['user=CN=app,O=us,client-id=x', { user: 'CN=app,O=us', 'client-id': 'x' }],
  ['ip=10.0.0.1', null],
  ['app', null],
  ['', null],
])('%s', (text, entity) => {
  expect(readQuotaEntity(text)).toEqual(entity);
});

test('only entities that are named, only keys that the source has', () => {
  const others = [
    quota({ user: 'other' }, { producer_byte_rate: 1 }),
    quota({ user: null }, { producer_byte_rate: 2 }),
  ];
  const found = plan({
    source: [...source, ...others],
    destination: [quota(app, { request_percentage: 50 })],
  });
  expect(changesOf(found)).toEqual([[app, { producer_byte_rate: 10, consumer_byte_rate: 20 }]]);
  expect(found.records.size).toBe(2);
});

test('a name that names nothing is a warning', () => {
  expect(plan({ names: ['app'] }).warnings).toEqual([expect.stringContaining('"app"')]);
});

test('what was there before is left alone: equal ones in silence, others with a warning', () => {
  const equal = plan({ source, destination: source });
  expect([equal.records.size, equal.changes, equal.warnings]).toEqual([0, [], []]);
  const other = plan({
    source,
    destination: [quota(app, { producer_byte_rate: 99, consumer_byte_rate: 20 })],
  });
  expect([other.records.size, other.changes]).toEqual([0, []]);
  expect(other.warnings).toEqual([expect.stringContaining('99 at the destination')]);
});

test('a change at the source follows; one that somebody else made stays', () => {
  const changed = [quota(app, { producer_byte_rate: 11, consumer_byte_rate: 20 })];
  expect(changesOf(plan({ source: changed, destination: source, records: settled() }))).toEqual([
    [app, { producer_byte_rate: 11 }],
  ]);
  const theirs = plan({ source, destination: changed, records: settled() });
  expect(theirs.changes).toEqual([]);
  expect(theirs.warnings).toHaveLength(1);
});

test('a crash between the record and the change is mended', () => {
  const changed = [quota(app, { producer_byte_rate: 11, consumer_byte_rate: 20 })];
  const records = new Map([
    ...settled(),
    ...plan({ source: changed, destination: source, records: settled() }).records,
  ]);
  expect(changesOf(plan({ source: changed, destination: source, records }))).toEqual([
    [app, { producer_byte_rate: 11 }],
  ]);
});

test('what the source no longer has goes if it is still ours', () => {
  const gone = plan({ source: [], destination: source, records: settled() });
  expect(changesOf(gone)).toEqual([[app, { producer_byte_rate: null, consumer_byte_rate: null }]]);
  expect(gone.forgotten).toHaveLength(2);
  const altered = [quota(app, { producer_byte_rate: 99, consumer_byte_rate: 20 })];
  expect(changesOf(plan({ source: [], destination: altered, records: settled() }))).toEqual([
    [app, { consumer_byte_rate: null }],
  ]);
});

test('the third removal by somebody else within an hour ends it', () => {
  const one = [quota(app, { producer_byte_rate: 10 })];
  let records: ReadonlyMap<string, QuotaRecord> = new Map();
  const look = (destination: ClientQuota[], nowMs: number): QuotaPlan => {
    const found = plan({ source: one, destination, records, nowMs });
    records = new Map([...records, ...found.records]);
    return found;
  };
  look([], 0);
  for (const nowMs of [1, 2]) {
    look(one, nowMs);
    expect(look([], nowMs).changes).toHaveLength(1);
  }
  look(one, 3);
  expect(look([], 3)).toMatchObject({
    changes: [],
    foreign: [{ removedCount: 3, resumesAtMs: 3 + 3_600_000 }],
  });
  expect(look([], 4).records.size, 'nothing new to remember').toBe(0);
  const theirs = [quota(app, { producer_byte_rate: 99 })];
  expect(look(theirs, 5)).toMatchObject({
    changes: [],
    warnings: [expect.stringContaining("not this link's")],
  });
  expect(look([], 3_600_004).changes).toHaveLength(1);
});
