import { expect, test } from 'vitest';
import { chunks } from './records.ts';

test('values are written in commands that fit a record, in their order', () => {
  const entry = (name: string, chars: number): [string, unknown] => [name, 'x'.repeat(chars)];
  const all = [entry('a', 30), entry('b', 30), entry('c', 30), entry('huge', 500), entry('d', 30)];
  const found = chunks(all, 100);
  expect(found.map((some) => some.map(([name]) => name))).toEqual([['a', 'b'], ['c'], ['huge'], ['d']]);
  expect(chunks([], 100)).toEqual([]);
});
