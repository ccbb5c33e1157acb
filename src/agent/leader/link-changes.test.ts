import { expect, test } from 'vitest';
import type { LinkDeclaration, LinkRecord } from '../../control/index.ts';
import { changedKeys } from './link-changes.ts';

test('of a mapping only the keys that differ are told', () => {
  const link = (config: Record<string, unknown>): LinkDeclaration => ({
    name: 'us-to-eu',
    source: { name: 'us', bootstrap: ['us:9092'] },
    destination: 'eu',
    config,
  });
  const before = {
    ...link({ topics: ['a', 'b'], sync: { groups: { every: '5s', commits: true }, acls: {} } }),
    ...{ v: 1, generation: 1, createdAtMs: 1, changedAtMs: 1 },
  } as LinkRecord;
  const after = link({ topics: ['a'], sync: { groups: { every: '60s', commits: true } }, prefix: 'us.' });
  expect(changedKeys(before, after)).toEqual([
    'prefix: default -> us.',
    'sync.acls: {} -> default',
    'sync.groups.every: 5s -> 60s',
    'topics: a, b -> a',
  ]);
});
