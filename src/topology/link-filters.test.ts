import { expect, test } from 'vitest';
import { literalTopics, matchesTopic } from './link-filters.ts';
import { isInternalTopic } from './topic-name.ts';

const cases: [topics: string[], excludeTopics: string[], name: string, taken: boolean][] = [
  [['orders'], [], 'orders', true],
  [['orders'], [], 'orders2', false],
  [['orders.v1'], [], 'ordersXv1', false], // a dot in a name is a dot
  [['orders\\.v[12]'], [], 'orders.v2', true],
  [['orders\\.v[12]'], [], 'ordersXv2', false],
  [['payments.*'], [], 'payments', true],
  [['payments.*'], [], 'payments.eu', true],
  [['payments.*'], [], 'my-payments', false], // the whole name must match
  [['a|b'], [], 'ab', false], // not `^a` or `b$`
  [['a|b'], [], 'b', true],
  [['.*'], ['tmp-.*'], 'tmp-1', false],
  [['tmp-1'], ['tmp-.*'], 'tmp-1', false], // exclusion wins over a literal name
  [['.*'], ['orders'], 'orders', false],
  [['.*'], ['orders'], 'orders2', true],
  [['.*'], [], '__consumer_offsets', false],
  [['.*'], [], '__lockstep', false],
  [['__my.*'], [], '__my-topic', false], // internal topics only by their literal name
  [['__my-topic'], [], '__my-topic', true],
  [['.*'], [], '_schemas', true],
  [['.*'], [], 'mm2-configs.us.internal', false],
  [['.*'], [], 'us.checkpoints.internal', false],
  [['mm2-configs.us.internal'], [], 'mm2-configs.us.internal', true],
  [['.*'], [], 'billing.internal', true],
  [['.*'], [], 'heartbeats', true],
];

test.each(cases)('topics %j without %j: %s is taken: %s', (topics, excludeTopics, name, taken) => {
  expect(matchesTopic({ topics, excludeTopics }, name)).toBe(taken);
});

test('a link that is asked again gives the same answer', () => {
  const link = { topics: ['a.+'], excludeTopics: [] };
  expect([matchesTopic(link, 'ab'), matchesTopic(link, 'ab'), matchesTopic(link, 'a')]).toEqual([
    true,
    true,
    false,
  ]);
});

test('literal names are those that a person expects to exist', () => {
  expect(literalTopics({ topics: ['orders', 'payments.*', 'a.b'] })).toEqual(['orders', 'a.b']);
});

test('internal is a matter of the name', () => {
  expect(['__x', 'mm2-offset-syncs.b.internal', 'x.internal', '_x'].map(isInternalTopic)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
