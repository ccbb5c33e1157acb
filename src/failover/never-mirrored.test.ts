import { expect, test } from 'vitest';
import { testRoles } from '../control/test-roles.ts';
import type { LinkConfig } from '../topology/index.ts';
import { isOfFormerPrimary, neverMirroredWords } from './never-mirrored.ts';

const link = { source: 'eu', destination: 'us', topics: ['regex:.*'], excludeTopics: ['secret'] };
const roles = testRoles({
  ...{ generation: 2, primary: { region: 'eu', sinceGeneration: 2 }, awaitsRestore: { us: ['orders'] } },
  topics: { mine: { region: 'us', sinceGeneration: 2 } },
});

test.each([
  ['that the new primary should have', roles, 'fresh', true],
  ['that waits for a restore, and is told as such', roles, 'orders', false],
  ['that the region is primary for', roles, 'mine', false],
  ['that no link takes', roles, 'secret', false],
  ['of Kafka', roles, '__consumer_offsets', false],
  ['that a restore has made', roles, 'orders.lost-20261121T184000Z', false],
  [
    'of a region that only stood by, of three',
    { ...roles, regions: ['us', 'eu', 'ap'], formerPrimaries: ['ap'] },
    'fresh',
    false,
  ],
  [
    'of the former primary, of three',
    { ...roles, regions: ['us', 'eu', 'ap'], formerPrimaries: ['us'] },
    'fresh',
    true,
  ],
  ['before any move', testRoles({ primary: { region: 'eu', sinceGeneration: 1 } }), 'fresh', false],
])('a topic %s', (_what, standing, topic, isLeft) => {
  expect(isOfFormerPrimary(standing, link as unknown as LinkConfig, topic)).toBe(isLeft);
});

test('many are counted, and some named', () => {
  const topics = Array.from({ length: 12 }, (_, i) => ({ topic: `t${i}`, recordsMax: BigInt(i) }));
  expect(neverMirroredWords(topics.slice(0, 2))).toBe('t0 (at most 0 records), t1 (at most 1 record)');
  expect(neverMirroredWords(topics)).toMatch(/^t0 .*t9 \(at most 9 records\) and 2 more$/);
});
