// What a person reads when links of lockstep.yaml do not go together: loops, and two that write one topic.
import { describe, expect, test } from 'vitest';
import { ends, link, problems } from './test-file.ts';

const cases: [name: string, text: string, lines: string[]][] = [
  [
    'a prefixed mirror that the opposite link takes back',
    `${link(`${ends}topics: [orders]\n    prefix: us.`)}  back: {source: eu-west, destination: us-east, topics: [audit, "us.*"]}\n`,
    [
      '10:65: found the topic "us.orders", a mirror of the link l, which the link back mirrors back, expected mirrors left out: excludeTopics: ["prefix:us."] in back',
    ],
  ],
  [
    'all topics both ways with prefixes, which would never end',
    `${link(`${ends}topics: [".*"]\n    prefix: us.`)}  back: {source: eu-west, destination: us-east, topics: [".*"], prefix: eu.}\n`,
    [
      '10:58: found the topic "us.any-topic", a mirror of the link l, which the link back mirrors back, expected mirrors left out: excludeTopics: ["prefix:us."] in back',
      '10:73: found the topic "eu.any-topic", a mirror of the link back, which the link l mirrors back, expected mirrors left out: excludeTopics: ["prefix:eu."] in l',
    ],
  ],
  [
    'prefixes that make one mirror of two topics',
    'version: 1\nclusters: {a: {bootstrap: [a:1]}, b: {bootstrap: [b:1]}, c: {bootstrap: [c:1]}}\nlinks:\n  x: {source: a, destination: c, topics: [t], prefix: us.}\n  y: {source: b, destination: c, topics: [s, us.t]}',
    [
      '5:46: found the topic "us.t", which the link x writes to c too, expected one link per destination topic',
    ],
  ],
  [
    'two names for one cluster',
    'version: 1\nclusters: {a: {bootstrap: [k:1]}, b: {bootstrap: [j:1, K:1]}}\nlinks: {l: {source: a, destination: b, topics: [t]}}',
    ['3:37: found "b", which has the address k:1 as a does, expected another cluster'],
  ],
  [
    'a loop',
    `${link(`${ends}topics: [orders]`)}  back: {source: eu-west, destination: us-east, topics: ["ord.*"]}\n`,
    [
      '9:58: found the topic "orders", which the link l mirrors the other way, expected each topic mirrored in one direction only',
    ],
  ],
  [
    'all topics both ways under the same names',
    `${link(`${ends}topics: [".*"]`)}  back: {source: eu-west, destination: us-east, topics: [stock, ".*"]}\n`,
    [
      '9:58: found the topic "stock", which the link l mirrors the other way, expected each topic mirrored in one direction only',
      '9:65: found the topic "any-topic", which the link l mirrors the other way, expected each topic mirrored in one direction only',
    ],
  ],
  [
    'regular expressions that take the same names both ways',
    `${link(`${ends}topics: ["orders[.].*"]`)}  back: {source: eu-west, destination: us-east, topics: ["ord.*"]}\n`,
    [
      '9:58: found the topic "orders.any-topic", which the link l mirrors the other way, expected each topic mirrored in one direction only',
    ],
  ],
  [
    'a regular expression of mirrors that come back',
    `${link(`${ends}topics: ["e[.].*", "o.*"]\n    prefix: u.`)}  back: {source: eu-west, destination: us-east, topics: ["u[.]e.*"], prefix: e.}\n`,
    [
      '10:58: found the topic "u.e.any-topic", a mirror of the link l, which the link back mirrors back, expected mirrors left out: excludeTopics: ["prefix:u."] in back',
      '10:78: found the topic "e.u.eany-topic", a mirror of the link back, which the link l mirrors back, expected mirrors left out: excludeTopics: ["prefix:e."] in l',
    ],
  ],
  [
    'two links that write one topic',
    'version: 1\nclusters: {a: {bootstrap: [a:1]}, b: {bootstrap: [b:1]}, c: {bootstrap: [c:1]}}\nlinks:\n  x: {source: a, destination: c, topics: [t]}\n  y: {source: b, destination: c, topics: [s, t]}',
    ['5:46: found the topic "t", which the link x writes to c too, expected one link per destination topic'],
  ],
];

describe('links that do not go together', () => {
  test.each(cases)('%s', (_name, text, lines) => {
    expect(problems(text)).toEqual(lines);
  });
});
