// The table of properties, and the document that shows it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { propertyRows, rowOf } from './properties-table.ts';
import { propertiesTableText } from './properties-table-text.ts';

const page = readFileSync(new URL('../../../docs/mirrormaker.md', import.meta.url), 'utf8');

test('docs/mirrormaker.md shows what scripts/generate-mirrormaker-table.ts writes', () => {
  expect(page).toContain(propertiesTableText());
});

test('each property of a kind stands once', () => {
  const names = propertyRows.map(({ kind, name }) => `${kind} ${name}`);
  expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
});

test('what is refused has a reason and a way out', () => {
  const refused = propertyRows.filter(({ verdict }) => verdict === 'refused');
  expect(refused.length).toBeGreaterThan(10);
  for (const { name, what } of refused) expect(what.split('; '), name).toHaveLength(2);
});

test('a family takes what begins with its name, and exact rows come first', () => {
  expect(rowOf('transforms.route.type', ['flow'])).toMatchObject({
    name: 'transforms.*',
    verdict: 'refused',
  });
  expect(rowOf('offset.storage.topic', ['worker'])).toMatchObject({ name: 'offset.storage.topic' });
  expect(rowOf('offset.storage.cleanup.policy', ['worker'])).toMatchObject({ name: 'offset.storage.*' });
  expect(rowOf('topics', ['client'])).toBeUndefined();
});
