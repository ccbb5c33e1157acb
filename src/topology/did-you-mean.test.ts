import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearestName } from './did-you-mean.ts';

test.each([
  ['boostrap', 'bootstrap'],
  ['us-eats', 'us-east'], // two neighbours swapped
  ['TOPICS', 'topics'],
  ['topic', 'topics'],
  ['completely-else', undefined],
  ['', undefined],
])('%s was meant as %s', (word, meant) => {
  expect(nearestName(word, ['bootstrap', 'us-east', 'topics'])).toBe(meant);
});

test('the nearest of several wins', () => {
  expect(nearestName('orders-3', ['orders-11', 'orders-33', 'other'])).toBe('orders-33');
});

test('the distance is 0 for equal words only, symmetric, and at most the longer length', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(editDistance(b, a)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});
