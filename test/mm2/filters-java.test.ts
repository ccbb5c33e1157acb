// What our filters take of names against connect-mirror's own DefaultTopicFilter, on generated expressions: what we do not
// refuse must take the same names.
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defaultKafkaVersion, installKafka } from '../../src/regions/index.ts';
import { compileFilter } from '../../src/topology/filter.ts';
import { filterItems } from '../../src/topology/mm2/filters.ts';
import type { Property } from '../../src/topology/mm2/types.ts';
import { runChild } from '../support/child-output.ts';

const program = path.join(import.meta.dirname, 'java', 'Filters.java');

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'B', '1', '-', '_', 'orders', '.', '.*', '\\.') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('*', '+', '?', '{2}', '{1', '|', '(', ')', '[ab]', '[^a]', '(a|b)', '^', '$'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\\d',
      '\\w',
      '\\W',
      '\\b',
      '\\Qa.b\\E',
      '(?i)',
      '(?i:b)',
      '(?:a)',
      '(?<n>a)',
      '\\x41',
      '\\p{Alpha}',
      '\\p{L}',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '[a[b]]',
      '[ab&&[b]]',
      '(?!b)',
      '(?=a)',
      '(?>a)',
      '\\1',
      '*+',
      '[a-',
      ']',
      '}',
      '{',
      '\\h',
      '\\',
      '[\\w-]',
      '[-a]',
      '\\Q',
      ', ',
      ',',
    ),
  },
);
const expression = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
const list = fc.array(expression, { maxLength: 3 }).map((items) => items.join(','));
const names =
  'a b B A 1 ab aB AB aa bb a.b axb a-b a_b orders orders1 b.orders .orders -a _ __a aab abb ]a a} '.trim();

function property(value: string): Property {
  return { key: 'topics', value, line: 1, column: 1, valueLine: 1, valueColumn: 1 };
}

function ours(topics: string, excluded: string): string {
  let isRefused = false;
  const refuse = () => {
    isRefused = true;
  };
  const report = { fault: refuse, keyFault: refuse, warn: () => {} };
  const include = filterItems('topics', property(topics), report);
  const exclude = filterItems('topics.exclude', property(excluded), report);
  if (isRefused) return '!';
  const takes = compileFilter({ include, exclude }, 'topic');
  return names
    .split(' ')
    .map((name) => (takes(name) === null ? '0' : '1'))
    .join('');
}

test('what is not refused takes the same names', { timeout: 120_000 }, async () => {
  const { java, classPath } = await installKafka({ version: defaultKafkaVersion });
  const lists = fc.sample(fc.tuple(list, list), { numRuns: 10_000, seed: 11 });
  const lines = lists.map(([topics, excluded]) => `${topics}\t${excluded}\t${names}\n`).join('');
  const done = await runChild(java, ['-cp', classPath, program], { stdin: lines, timeoutMs: 90_000 });
  const answers = done.stdout
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('> '))
    .map((line) => line.slice(2));
  expect(answers).toHaveLength(lists.length);
  const compared = lists.map(([topics, excluded], index) => {
    return { topics, excluded, theirs: answers[index], own: ours(topics, excluded) };
  });
  // Java refuses some that we take, such as one group's name in two items.
  const differing = compared.filter(({ own, theirs }) => own !== '!' && theirs !== '!' && own !== theirs);
  expect(differing.slice(0, 10)).toEqual([]);
  expect(compared.filter(({ own, theirs }) => own !== '!' && theirs !== '!').length).toBeGreaterThan(1_000);
  expect(compared.filter(({ own }) => own.includes('1')).length).toBeGreaterThan(500);
});
