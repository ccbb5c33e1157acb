// Labels and rules of a file: what is refused, and where it stands.
import { describe, expect, test } from 'vitest';
import type { LockstepError } from '../../errors.ts';
import { parseTopology } from '../load.ts';

interface Parts {
  readonly clusters?: readonly string[];
  readonly topicLabels?: readonly string[];
  readonly rules?: readonly string[];
  readonly links?: readonly string[];
  readonly rest?: readonly string[];
}

/** Clusters stand from line 3 on, topic labels from 7, rules from 9, links from 11. */
function file({
  clusters = [
    '  eu: {bootstrap: [a:1], labels: {residency: eu}}',
    '  uk: {bootstrap: [b:1], labels: {residency: uk}}',
    '  us: {bootstrap: [c:1], labels: {residency: us}}',
  ],
  topicLabels = ['  - {topics: [customers, "prefix:pii."], labels: {data: pii}}'],
  rules = ['  r: {topics: {data: pii}, from: {residency: eu}, never: {residency: us}, reason: GDPR}'],
  links = ['  l: {source: eu, destination: uk, topics: [".*"]}'],
  rest = [],
}: Parts = {}): string {
  const sections = ['topicLabels:', ...topicLabels, 'rules:', ...rules, 'links:', ...links, ...rest];
  return ['version: 1', 'clusters:', ...clusters, ...sections, ''].join('\n');
}

const sources = { folder: '/', environment: {}, readFile: () => '' };
const load = (parts: Parts) => parseTopology(file(parts), 'l.yaml', sources);

function problems(parts: Parts): string[] {
  try {
    load(parts);
    return [];
  } catch (error) {
    expect((error as LockstepError).code).toBe('CONFIG_INVALID');
    return (error as LockstepError).message.split('\n');
  }
}

test('a file gives labels and rules; one that has none says nothing of them', () => {
  expect(load({}).residency).toEqual({
    clusterLabels: { eu: { residency: 'eu' }, uk: { residency: 'uk' }, us: { residency: 'us' } },
    topicLabels: [{ topics: ['customers', 'prefix:pii.'], labels: { data: 'pii' } }],
    rules: [
      {
        ...{ name: 'r', topics: { data: ['pii'] }, from: { residency: ['eu'] } },
        ...{ never: { residency: ['us'] }, reason: 'GDPR' },
      },
    ],
  });
  const bare = 'version: 1\nclusters:\n  eu: {bootstrap: [a:1]}\n';
  expect(parseTopology(bare, 'l.yaml', sources)).not.toHaveProperty('residency');
});

const forbidden = 'the rule r (GDPR) forbids topics with data: pii in us (residency: us)';
const wrong: [what: string, parts: Parts, lines: (string | RegExp)[]][] = [
  [
    'a literal topic',
    { links: ['  l: {source: eu, destination: us, topics: [orders, customers]}'] },
    [
      `l.yaml:11:53: found "customers": ${forbidden}: eu/customers -> us/customers, expected topics that may be in us`,
    ],
  ],
  [
    'a prefix of which all is labelled',
    { links: ['  l: {source: eu, destination: us, topics: ["prefix:pii.eu."]}'] },
    [/^l\.yaml:11:45: found "prefix:pii\.eu\.": the rule r.*: eu\/pii\.eu\.\* -> us\/pii\.eu\.\*, expected/],
  ],
  [
    'a cascade',
    {
      links: [
        '  one: {source: eu, destination: uk, topics: [customers], prefix: x-}',
        '  two: {source: uk, destination: us, topics: [x-customers], prefix: y-}',
      ],
    },
    [
      `l.yaml:12:47: found "x-customers": ${forbidden}: eu/customers -> uk/x-customers -> us/y-x-customers, expected topics that may be in us`,
    ],
  ],
  [
    'a replication group, both ways',
    {
      links: [
        '  there: {source: eu, destination: us, topics: [customers]}',
        '  back: {source: us, destination: eu, topics: [customers]}',
      ],
      rest: ['replicationGroups:', '  g: {regions: [eu, us], primary: us}'],
    },
    [/^l\.yaml:11:49: found "customers"/, /^l\.yaml:12:48: found "customers".*the link there of the same/],
  ],
  [
    'a label that no topic has',
    { rules: ['  r: {topics: {date: pii}, never: {residency: us}}'] },
    [
      'l.yaml:9:16: found the label "date", which no entry of topicLabels has, expected one of data, did you mean data?',
    ],
  ],
  [
    'a value that no topic has',
    { rules: ['  r: {topics: {data: pij}, never: {residency: us}}'] },
    [/^l\.yaml:9:22: found "pij", and no entry of topicLabels has data: pij, .*did you mean pii\?$/],
  ],
  [
    'a label that no cluster has',
    { rules: ['  r: {topics: {data: pii}, never: {residence: us}}'] },
    [/^l\.yaml:9:36: found the label "residence", which no cluster has.*did you mean residency\?$/],
  ],
  [
    'a cluster without the label that a rule asks for',
    {
      clusters: [
        '  eu: {bootstrap: [a:1], labels: {residency: eu}}',
        '  uk: {bootstrap: [b:1], labels: {residence: uk}}',
        '  us: {bootstrap: [c:1]}',
      ],
      rules: ['  r: {topics: {data: pii}, only: {residency: eu}}'],
      links: ['  l: {source: eu, destination: uk, topics: [orders]}'],
    },
    [
      'l.yaml:4:26: found no label residency on the cluster uk, expected labels: {residency: ...}, since the rule r asks for it, did you mean residence?',
      'l.yaml:5:3: found no label residency on the cluster us, expected labels: {residency: ...}, since the rule r asks for it',
    ],
  ],
  [
    'never and only together',
    { rules: ['  r: {topics: {data: pii}, never: {residency: us}, only: {residency: eu}}'] },
    ['l.yaml:9:52: found only beside never, expected one of the two'],
  ],
  [
    'neither never nor only',
    { rules: ['  r: {topics: {data: pii}}'] },
    ['l.yaml:9:3: found neither never nor only, expected one of the two'],
  ],
  [
    'rules that contradict each other',
    {
      rules: [
        '  r: {topics: {data: pii}, only: {residency: eu}}',
        '  s: {topics: {data: pii}, never: {residency: eu}}',
      ],
      links: ['  l: {source: eu, destination: uk, topics: [orders]}'],
    },
    [
      'l.yaml:10:3: found the rule s, which leaves uk, us, against r, which leaves eu, expected rules about the same topics that leave them a cluster together',
    ],
  ],
  [
    'an expression that can not be understood',
    { topicLabels: ['  - {topics: ["("], labels: {data: pii}}'] },
    [/^l\.yaml:7:15: found "\("/],
  ],
  [
    'shapes',
    {
      topicLabels: ['  - {topics: [], labels: {data: [pii]}, label: 1}'],
      rules: ['  r: {topic: {data: pii}, never: eu}'],
    },
    [
      /unknown key label, expected one of topics, labels/,
      /an empty list/,
      /a list, expected letters/,
      /unknown key topic, .*did you mean topics/,
      /"eu", expected a mapping of labels/,
    ],
  ],
];

describe('refuses', () => {
  test.each(wrong)('%s', (_what, parts, lines) => {
    const found = problems(parts);
    for (const line of lines)
      expect(found).toContainEqual(typeof line === 'string' ? line : expect.stringMatching(line));
    expect(found).toHaveLength(lines.length);
  });
});

test('a value that no cluster has yet is a warning: it may be yet to come', () => {
  const { warnings } = load({ rules: ['  r: {topics: {data: pii}, never: {residency: [us, usa]}}'] });
  expect(warnings).toEqual([
    'l.yaml:9:36: no cluster has residency: usa, so nothing matches it yet; did you mean us?',
  ]);
});
