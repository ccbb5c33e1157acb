import { describe, expect, test } from 'vitest';
import {
  certainViolations,
  type Flow,
  forbidding,
  type ResidencyWorld,
  violationAt,
  violationText,
} from './index.ts';

const flow = (name: string, given: Partial<Flow> = {}): Flow => {
  const [source, destination] = name.split('>') as [string, string];
  return {
    ...{
      name,
      source,
      destination,
      topics: ['.*'],
      excludeTopics: [],
      prefix: `${source}.`,
      mirrorMaker: null,
    },
    ...given,
  };
};

const world = (given: Partial<ResidencyWorld> = {}): ResidencyWorld => ({
  clusters: Object.fromEntries(['eu', 'uk', 'us'].map((name) => [name, { labels: { residency: name } }])),
  topicLabels: [{ topics: ['customers', 'prefix:pii.'], labels: { data: 'pii' } }],
  rules: [
    { name: 'r', topics: { data: ['pii'] }, from: { residency: ['eu'] }, never: { residency: ['us'] } },
  ],
  ...{ flows: [], copies: [], groups: [] },
  ...given,
});

describe('a topic over a link', () => {
  const eu = flow('eu>uk');
  const cases: [
    what: string,
    flow: Flow,
    topic: string,
    isForbidden: boolean,
    given?: Partial<ResidencyWorld>,
  ][] = [
    ['labelled, to where it must not be', flow('eu>us'), 'customers', true],
    ['by a prefix', flow('eu>us'), 'pii.x', true],
    ['without the label', flow('eu>us'), 'orders', false],
    ['to where nothing forbids it', flow('eu>uk'), 'customers', false],
    ['from elsewhere', flow('uk>us'), 'customers', false],
    ['as a copy of what began there', flow('uk>us'), 'eu.customers', true, { flows: [eu] }],
    ['as a copy whose name says so, of no known link', flow('uk>us'), 'eu.customers', true],
    [
      'as a copy of a link that does not take it any more',
      ...([
        flow('uk>us'),
        'x-customers',
        true,
        { flows: [flow('eu>uk', { prefix: 'x-', topics: ['orders'] })] },
      ] as const),
    ],
    [
      'under the same name on a link that does not take it',
      ...([
        flow('uk>us'),
        'customers',
        false,
        { flows: [flow('eu>uk', { prefix: '', topics: ['orders'] })] },
      ] as const),
    ],
    [
      'under the same name on a link that takes it',
      ...([flow('uk>us'), 'customers', true, { flows: [flow('eu>uk', { prefix: '' })] }] as const),
    ],
    [
      'as a copy that was written down, whatever it is called',
      ...([flow('uk>us'), 'anything', true] as const),
      {
        copies: [
          { cluster: 'uk', topic: 'anything', from: { cluster: 'eu', topic: 'customers' }, link: 'l' },
        ],
      },
    ],
    ['as the tail that a restore put aside', flow('eu>us'), 'customers.lost-20261121T184000Z', true],
    ['as the history beside it', flow('eu>us'), 'customers.lost-20261121T184000Z.older', true],
    ['to a cluster that nobody declared', flow('eu>mars'), 'customers', true],
    ['from a cluster that nobody declared', flow('mars>us'), 'customers', true],
    [
      'as a copy at a cluster that nobody declared',
      ...([flow('mars>us'), 'x-customers', true, { flows: [flow('eu>uk', { prefix: 'x-' })] }] as const),
    ],
    ['whose mirror would be called as labelled topics are', flow('eu>us', { prefix: 'pii.' }), 'x', true],
  ];
  test.each(cases)('%s', (_what, over, topic, isForbidden, given) => {
    const flows = [...(given?.flows ?? []), over];
    expect(forbidding(world({ ...given, flows }), over, topic) !== null).toBe(isForbidden);
  });

  test('`only` leaves no other cluster, and none whose labels are unknown', () => {
    const rules = [{ name: 'r', topics: { data: ['pii'] }, only: { residency: ['eu', 'uk'] } }];
    const to = (destination: string) => {
      const over = flow(`eu>${destination}`);
      return forbidding(world({ rules, flows: [over] }), over, 'customers')?.rule.name ?? null;
    };
    expect([to('uk'), to('us'), to('mars')]).toEqual([null, 'r', 'r']);
  });

  test('a rule about two labels needs both; labels of all places add up', () => {
    const rules = [{ name: 'r', topics: { data: ['pii'], age: ['minor'] }, never: { residency: ['us'] } }];
    const topicLabels = [
      { topics: ['customers'], labels: { data: 'pii' } },
      { topics: ['young.customers'], labels: { age: 'minor' } },
    ];
    const [first, second] = [flow('eu>uk', { prefix: 'young.' }), flow('uk>us')];
    const all = world({ rules, topicLabels, flows: [first, second] });
    expect(forbidding(all, second, 'customers')).toBeNull();
    expect(forbidding(all, second, 'young.customers')).not.toBeNull();
  });

  test('links of a replication group share what they must not copy', () => {
    const [there, back] = [flow('eu>us', { prefix: '' }), flow('us>eu', { prefix: '' })];
    const rules = [{ name: 'r', topics: { data: ['pii'] }, never: { residency: ['us'] } }];
    const all = world({ rules, flows: [there, back], groups: [{ name: 'g', links: ['eu>us', 'us>eu'] }] });
    expect(forbidding({ ...all, groups: [] }, back, 'customers')).toBeNull();
    expect(forbidding(all, back, 'customers')?.byTurnOf).toBe('eu>us');
    expect(forbidding(all, back, 'orders')).toBeNull();
  });

  test('is told with the rule, its reason, the labels and the way', () => {
    const [first, second] = [flow('eu>uk'), flow('uk>us')];
    const all = world({ flows: [first, second] });
    const rules = [{ ...all.rules[0]!, reason: 'GDPR' }];
    expect(violationText(forbidding({ ...all, rules }, second, 'eu.customers')!)).toBe(
      'the rule r (GDPR) forbids topics with data: pii in us (residency: us): eu/customers -> uk/eu.customers -> us/uk.eu.customers',
    );
  });
});

test('what began where it is was brought there by nobody', () => {
  expect(violationAt(world(), { cluster: 'us', topic: 'customers' })).toBeNull();
  expect(violationAt(world(), { cluster: 'us', topic: 'customers.lost-20261121T184000Z' })).toBeNull();
  expect(violationAt(world(), { cluster: 'us', topic: 'eu.customers' })).not.toBeNull();
});

test('links that go in circles have a lineage with an end', () => {
  const flows = [flow('eu>us', { prefix: '' }), flow('us>eu', { prefix: '' }), flow('us>us', { prefix: '' })];
  expect(forbidding(world({ flows }), flows[0]!, 'customers')).not.toBeNull();
});

describe('what a link would certainly break', () => {
  const of = (topics: readonly string[], excludeTopics: readonly string[] = []) => {
    const over = flow('eu>us', { topics, excludeTopics });
    return certainViolations(world({ flows: [over] }), over).map(({ item }) => item);
  };
  test.each([
    [['customers'], [], ['customers']],
    [['literal:customers', 'orders'], [], ['literal:customers']],
    [['customers'], ['customers'], []],
    [['prefix:pii.'], [], ['prefix:pii.']],
    [['prefix:pii.eu.'], [], ['prefix:pii.eu.']],
    [['prefix:p'], [], []],
    [['.*'], [], []],
    [['regex:pii\\..*'], [], []],
  ])('%j without %j', (topics, excluded, broken) => {
    expect(of(topics, excluded)).toEqual(broken);
  });
  test('is all of it where every topic has the label', () => {
    const over = flow('eu>us');
    const topicLabels = [{ topics: ['.*'], labels: { data: 'pii' } }];
    expect(certainViolations(world({ topicLabels, flows: [over] }), over)).toHaveLength(1);
  });
});
