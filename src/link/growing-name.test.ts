import { expect, test } from 'vitest';
import { earlierLapOf } from './growing-name.ts';

const mirrors = new Set(['a.orders', 'a.us.orders', 'orders']);
const lapOf = (topic: string, prefix = 'a.'): string | null =>
  earlierLapOf(
    topic,
    (name) => `${prefix}${name}`,
    (name) => mirrors.has(name),
  );

test.each<[string, string | null]>([
  ['b.a.orders', 'a.orders'],
  ['c.b.a.orders', 'a.orders'],
  ['b.a.c.a.orders', 'a.orders'],
  ['b-a.us.orders', 'a.us.orders'],
  // Nothing that this link has made.
  ['b.a.payments', null],
  ['orders', null],
  ['b.orders', null],
  // Its own first name, and a word that ends like the prefix.
  ['a.orders', null],
  ['data.orders', null],
  ['b.a.', null],
])('%s was %s a lap ago', (topic, earlier) => {
  expect(lapOf(topic)).toBe(earlier);
});

test('names do not grow without a prefix', () => {
  expect(lapOf('b.orders', '')).toBeNull();
});
