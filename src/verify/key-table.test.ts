import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keyHash } from './key-hash.ts';
import { KeyTable, type WaitingRecord } from './key-table.ts';

it('answers as a Map does, whatever is set and deleted, also when places collide', () => {
  const step = fc.record({
    // Few low halves, so that many keys have the same home.
    hash: fc.record({ high: fc.integer({ min: 0, max: 9 }), low: fc.integer({ min: 1020, max: 1030 }) }),
    offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    lacking: fc.constantFrom('source' as const, 'destination' as const),
    tombstoneMs: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    isDelete: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new KeyTable(2 ** 12);
      const model = new Map<string, WaitingRecord>();
      for (const { hash, isDelete, ...record } of steps) {
        const name = `${hash.high} ${hash.low}`;
        if (isDelete) expect(table.delete(hash)).toBe(model.delete(name));
        else {
          expect(table.set(hash, record)).toBe(true);
          model.set(name, record);
        }
        expect(table.get(hash)).toEqual(model.get(name) ?? null);
        expect(table.count).toBe(model.size);
      }
      const entries = [...table.entries()].map(([{ high, low }, record]) => [`${high} ${low}`, record]);
      expect(new Map(entries as [string, WaitingRecord][])).toEqual(model);
    }),
  );
});

it('grows up to its bound, and then refuses new keys and takes known ones', () => {
  const table = new KeyTable(4096);
  const record = { offset: 1n, lacking: 'source', tombstoneMs: null } as const;
  const hashes = Array.from({ length: 3000 }, (_, index) => keyHash(Buffer.from(`key ${index}`)));
  const taken = hashes.filter((hash) => table.set(hash, record));
  expect(taken).toHaveLength(Math.floor(4096 * 0.7));
  expect(table.set(taken[7]!, { ...record, offset: 2n })).toBe(true);
  expect(table.get(taken[7]!)).toMatchObject({ offset: 2n });
  expect(table.delete(taken[7]!)).toBe(true);
  expect(table.set(hashes.at(-1)!, record)).toBe(true);
});

it('hashes differ for keys that differ in length, order or one bit', () => {
  const keys = Array.from({ length: 200_000 }, (_, index) => Buffer.from(index.toString(36)));
  keys.push(Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(2), Buffer.from([1, 0]), Buffer.from([0, 1]));
  const hashes = keys.map((key) => keyHash(key)).map(({ high, low }) => `${high} ${low}`);
  expect(new Set(hashes).size).toBe(keys.length);
});
