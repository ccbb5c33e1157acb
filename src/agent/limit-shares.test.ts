import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keyOf, type WorkItem } from '../fleet/index.ts';
import { limitShares } from './limit-shares.ts';

const items = fc.uniqueArray(
  fc.record({
    link: fc.constantFrom('us-to-eu', 'eu-to-us'),
    topic: fc.constantFrom('orders', 'payments'),
    partition: fc.nat({ max: 20 }),
  }),
  { selector: keyOf },
);

it('gives each agent as much as it has partitions; together they have all of it', () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 1, max: 7 }), (work: WorkItem[], agents) => {
      const parts = Array.from({ length: agents }, (_none, agent) => {
        const owned = work.filter((_item, index) => index % agents === agent);
        return limitShares(work, new Set(owned.map(keyOf)));
      });
      for (const link of new Set(work.map((item) => item.link))) {
        const all = work.filter((item) => item.link === link).length;
        const shares = parts.map((part) => part.get(link)!);
        expect(shares.map((share) => share.all)).toEqual(parts.map(() => all));
        expect(shares.reduce((sum, { owned }) => sum + owned, 0)).toBe(all);
      }
    }),
  );
});

it('knows nothing of a link without partitions, and counts none that is no work any more', () => {
  const item = { link: 'us-to-eu', topic: 'orders', partition: 0 };
  expect(limitShares([], new Set([keyOf(item)])).size).toBe(0);
  expect(limitShares([item], new Set()).get('us-to-eu')).toEqual({ owned: 0, all: 1 });
});
