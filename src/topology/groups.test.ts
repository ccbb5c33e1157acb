// Replication groups of lockstep.yaml: what they become, and what a person reads when one is wrong.
import { describe, expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import { parseTopology } from './load.ts';
import type { Topology } from './types.ts';

function parse(text: string): Topology {
  return parseTopology(text, 'l.yaml', {
    folder: '/',
    environment: { TOKEN: 's3cret' },
    readFile: () => '',
  });
}

function problems(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    expect(error.message).not.toContain('s3cret');
    return error.message.split('\n').map((line) => line.slice('l.yaml:'.length));
  }
  return [];
}

/** Two regions, links both ways (lines 6 and 7), and a group whose keys begin on line 10, column 5. */
const file = (
  group: string,
  {
    forth = '{source: us, destination: eu, topics: [orders]}',
    back = '{source: eu, destination: us, topics: [orders]}',
    more = '',
  } = {},
): string => `version: 1
clusters: {us: {bootstrap: [u:1]}, eu: {bootstrap: [e:1]}, ap: {bootstrap: [a:1]}}
links:

  # both ways
  us-to-eu: ${forth}
  eu-to-us: ${back}
replicationGroups:
  shop:
    ${group}
${more}`;
const plain = 'regions: [us, eu]\n    primary: us';

test('a group has the links between its regions, no other primaries and no hooks unless it says so', () => {
  expect(parse(file(plain)).groups).toEqual({
    shop: {
      name: 'shop',
      regions: ['us', 'eu'],
      primary: 'us',
      topics: {},
      links: ['us-to-eu', 'eu-to-us'],
      hooks: [],
    },
  });
});

test('a hook gets its defaults, and its references are looked up', () => {
  const hook = `{name: web, at: after, url: "https://h/x", headers: {Authorization: "Bearer \${env:TOKEN}"}}`;
  const { groups, warnings } = parse(file(`${plain}\n    hooks: [${hook}]`));
  expect(groups.shop!.hooks).toEqual([
    {
      name: 'web',
      at: 'after',
      on: ['switchover', 'failover'],
      url: 'https://h/x',
      headers: { Authorization: 'Bearer s3cret' },
      timeoutMs: 10_000,
      isBlocking: false,
    },
  ]);
  expect(warnings).toEqual([]);
});

test("a hook's token that is not there stops nobody who reads the file", () => {
  const hook = `{name: web, at: after, url: "https://h/x", headers: {Authorization: "\${env:GONE}"}}`;
  const { groups, warnings } = parse(file(`${plain}\n    hooks: [${hook}]`));
  expect(groups.shop!.hooks[0]!.headers).toEqual({ Authorization: '${env:GONE}' });
  expect(warnings).toEqual([
    'l.yaml:12:66: Authorization has a reference that leads nowhere here; the hook fails where this is so',
  ]);
});

test('three regions need links between each two, and only one of those into a region copies at a time', () => {
  const pairs = ['us', 'eu', 'ap'].flatMap((source) =>
    ['us', 'eu', 'ap']
      .filter((destination) => destination !== source)
      .map(
        (destination) =>
          `  ${source}-${destination}: {source: ${source}, destination: ${destination}, topics: [orders]}`,
      ),
  );
  const text = `version: 1
clusters: {us: {bootstrap: [u:1]}, eu: {bootstrap: [e:1]}, ap: {bootstrap: [a:1]}}
links:
${pairs.join('\n')}
replicationGroups: {shop: {regions: [us, eu, ap], primary: us}}
`;
  expect(parse(text).groups.shop!.links).toHaveLength(6);
  expect(problems(text.replace(/ {2}ap-us: .*\n/, ''))).toEqual([
    '9:21: found no link from ap to us, expected links both ways between each two regions',
  ]);
});

test('heartbeats can not be renamed on topics that change sides', () => {
  const policy = 'source: us, destination: eu, topics: [orders], mirrorMaker: {policy: identity}';
  const text = file(plain).replace(/^ {2}us-to-eu: .*$/m, `  us-to-eu: {${policy}}`);
  expect(problems(text).join('\n')).toContain('expected mirrorHeartbeats: false');
  expect(problems(text.replace('identity}', 'identity, mirrorHeartbeats: false}'))).toEqual([]);
});

const cases: [name: string, text: string, lines: string[]][] = [
  [
    'an unknown region',
    file('regions: [us, euu]\n    primary: us'),
    ['10:19: found the unknown cluster "euu", expected one of us, eu, ap, did you mean eu?'],
  ],
  [
    'a region twice',
    file('regions: [us, eu, us]\n    primary: us'),
    ['10:23: found "us" a second time, expected each region once'],
  ],
  [
    'one region',
    file('regions: [us]\n    primary: us'),
    ['10:14: found a list, expected a list of at least two names of clusters'],
  ],
  [
    'a primary that is no region',
    file('regions: [us, eu]\n    primary: ap'),
    ['11:14: found "ap", which is no region of the group, expected one of us, eu'],
  ],
  [
    'no primary',
    file('regions: [us, eu]'),
    ['9:3: found no primary in replicationGroups.shop, expected primary: the name of a cluster'],
  ],
  [
    'a pattern instead of a topic, and a topic of nobody',
    file(`${plain}\n    topics: {"in.*": eu, invoices: ap}`),
    [
      '12:14: found "in.*", expected the exact name of a topic, no pattern',
      '12:36: found "ap", which is no region of the group, expected one of us, eu',
    ],
  ],
  [
    'an unknown link',
    file(`${plain}\n    links: [us-to-eu, eu-to-su]`),
    ['12:23: found the unknown link "eu-to-su", expected one of us-to-eu, eu-to-us, did you mean eu-to-us?'],
  ],
  [
    'a link that leaves the group',
    file(`${plain}\n    links: [us-to-eu, eu-to-us, l]`, {
      back: '{source: eu, destination: us, topics: [orders]}\n  l: {source: us, destination: ap, topics: [orders]}',
    }),
    ['13:33: found "l", which goes from us to ap, expected a link between two of the regions us, eu'],
  ],
  [
    'one direction only',
    file(`${plain}\n    links: [us-to-eu]`, { back: '{source: eu, destination: ap, topics: [x]}' }),
    ['12:5: found no link from eu to us, expected links both ways between each two regions'],
  ],
  [
    'a prefix',
    file(plain, { back: '{source: eu, destination: us, topics: [orders], prefix: eu.}' }),
    [
      '7:69: found "eu." on a link of the group shop, expected no prefix: a topic that changes sides keeps its name',
    ],
  ],
  [
    'a shifted start',
    file(plain, { forth: '{source: us, destination: eu, topics: [orders], start: shifted}' }),
    [
      '6:68: found "shifted" on a link of the group shop, expected fill: a topic that changes sides keeps its offsets',
    ],
  ],
  [
    'other topics back than forth',
    file(plain, { forth: '{source: us, destination: eu, topics: [orders, "pay.*"]}' }),
    [
      '7:51: found other topics than us-to-eu: "pay.*" is in us-to-eu only, expected the same both ways in a group',
    ],
  ],
  [
    'a link in two groups',
    file(plain, {
      more: '  other:\n    regions: [us, eu]\n    primary: us\n    links: [eu-to-us, us-to-eu]\n',
    }),
    [
      '15:13: found the link "eu-to-us", which is in the group shop too, expected each link in one group only',
      '15:23: found the link "us-to-eu", which is in the group shop too, expected each link in one group only',
    ],
  ],
  [
    'opposite links on one topic outside of a group',
    file(plain).replace(/replicationGroups(.|\n)*/, ''),
    [
      '7:52: found the topic "orders", which the link us-to-eu mirrors the other way, expected each topic mirrored in one direction only',
    ],
  ],
  [
    'a second link of the same direction with the same topic, though in the group',
    file(plain, {
      back: '{source: eu, destination: us, topics: [orders]}\n  second: {source: us, destination: eu, topics: [orders]}',
    }),
    [
      '8:50: found the topic "orders", which the link us-to-eu writes to eu too, expected one link per destination topic',
    ],
  ],
  [
    'hooks with neither and both of command and url, of one name, and for no time',
    file(`${plain}
    hooks:
      - {name: a, at: after}
      - {name: a, at: before, command: [x], url: "http://x", headers: {X: s3cret}, timeout: 1ms}
      - {name: b, at: later, url: "ftp://s3cret"}`),
    [
      '14:93: found "1ms", expected a duration from 100ms to 10min, such as 10s',
      '15:23: found "later", expected one of before, after, failure',
    ],
  ],
  [
    'hooks of a right shape with neither and both of command and url',
    file(`${plain}
    hooks:
      - {name: a, at: after}
      - {name: a, at: before, command: [x], url: "http://x", headers: {X: s3cret}}
      - {name: b, at: failure, url: "ftp://s3cret"}`),
    [
      '13:9: found the hook "a" without command and url, expected one of the two',
      '14:16: found "a" a second time, expected each hook once',
      '14:45: found url beside command, expected one of the two',
      '14:62: found headers beside command, expected headers with url',
      '15:37: found something else (not shown), expected an http:// or https:// address',
    ],
  ],
];

describe('a group with', () => {
  test.for(cases)('%s', ([, text, lines]) => {
    expect(problems(text)).toEqual(lines);
  });
});
