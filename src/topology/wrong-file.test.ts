// What a person reads when lockstep.yaml is wrong: exact lines, with the exact place.
import { describe, expect, test } from 'vitest';
import { linkSchema } from './link-schema.ts';
import { loadTopology } from './load.ts';
import { fileSchema } from './schema.ts';
import { addressExpected, cluster, clusterKeys, keysOf, parse, problems } from './test-file.ts';

const cases: [name: string, text: string, lines: string[]][] = [
  // YAML itself
  ['an empty file', '', ['1:1: found nothing, expected a mapping with version, clusters and links']],
  [
    'a list instead of a mapping',
    '- a',
    ['1:1: found a list, expected a mapping with version, clusters and links'],
  ],
  [
    'a tab as indentation',
    'version: 1\nclusters:\n\ta: 1\n',
    ['3:1: found a tab as indentation, expected spaces'],
  ],
  [
    'a bracket that never closes',
    'version: 1\nclusters: {a: {bootstrap: [x:1}}\n',
    [
      "2:31: found a place where a character is missing (',', ':', a closing bracket or quote), expected that character",
    ],
  ],
  [
    'a key named twice',
    `${cluster('bootstrap: [x:1]')}  a: {bootstrap: [y:1]}\n`,
    ['5:3: found the key a a second time, expected each key once'],
  ],
  [
    'two documents',
    'version: 1\n---\nversion: 1\n',
    ["2:1: found a second document ('---'), expected one document in the file"],
  ],
  [
    'a password that YAML takes for a tag is not quoted back',
    cluster('sasl: {mechanism: PLAIN, username: u, password: !s3cret }'),
    ["4:53: found a value that starts with '!' (a tag), expected the value in quotes"],
  ],
  [
    'a password that YAML takes for an alias is not quoted back',
    cluster('sasl: {mechanism: PLAIN, username: u, password: *s3cret }'),
    [
      '4:53: found an alias (*name) without an anchor before it, expected an anchor (&name), or the value in quotes',
    ],
  ],
  // keys and types
  [
    'nothing but an empty mapping',
    '{}',
    [
      '1:1: found no version, expected version: 1, the only version of the file that this Lockstep reads',
      '1:1: found no clusters, expected clusters: a mapping of cluster names',
    ],
  ],
  [
    'another version',
    'version: 2\nclusters: {a: {bootstrap: [x:1]}}',
    ['1:10: found the number 2, expected 1, the only version of the file that this Lockstep reads'],
  ],
  ['no cluster at all', 'version: 1\nclusters: {}', ['2:11: found a mapping, expected at least one cluster']],
  [
    'a typo in a required key is one problem, not two',
    cluster('boostrap: [x:1]'),
    [`4:5: found the unknown key boostrap, expected ${clusterKeys}, did you mean bootstrap?`],
  ],
  [
    'a key far from all others gets no suggestion',
    cluster('bootstrap: [x:1]\n    frobnicate: 1'),
    [`5:5: found the unknown key frobnicate, expected ${clusterKeys}`],
  ],
  [
    'a typo at the top',
    'version: 1\nclusters: {a: {bootstrap: [x:1]}}\nlink: {}',
    [`3:1: found the unknown key link, expected one of ${keysOf(fileSchema)}, did you mean links?`],
  ],
  [
    'a missing required key',
    cluster('clientId: c'),
    [
      '3:3: found no bootstrap in clusters.a, expected bootstrap: a list of at least one address, such as [kafka-1:9092]',
    ],
  ],
  [
    'a cluster without a value',
    'version: 1\nclusters:\n  a:\n',
    ['3:5: found nothing, expected a mapping with bootstrap'],
  ],
  [
    'a name that could not be a folder',
    'version: 1\nclusters:\n  ../up: {bootstrap: [x:1]}',
    [
      "3:3: found \"../up\", expected a name of letters, digits, '.', '_' and '-' that starts with a letter or digit",
    ],
  ],
  [
    'a number where a list belongs',
    cluster('bootstrap: 3'),
    ['4:16: found the number 3, expected a list of at least one address, such as [kafka-1:9092]'],
  ],
  [
    'an empty list of addresses',
    cluster('bootstrap: []'),
    ['4:16: found an empty list, expected a list of at least one address, such as [kafka-1:9092]'],
  ],
  // several at once
  [
    'faults in different places come all at once, in the order of the file',
    `version: 1\nclusters:\n  a:\n    bootstrap: [k]\n    tls: {ca: no.pem, kye: 1}\n    clientId: \${env:NOPE}\nlinks:\n  l: {source: b, destination: a, topics: ["("], extra: 1}\n`,
    [
      `4:17: found "k" without a port, expected ${addressExpected}, did you mean k:9092?`,
      '5:23: found the unknown key kye, expected one of ca, cert, key, passphrase, servername, rejectUnauthorized, verifyHostname, minVersion, maxVersion, did you mean key?',
      '6:15: found ${env:NOPE}, and NOPE is not set, expected a value in the environment variable NOPE',
      '8:15: found the unknown cluster "b", expected one of a, did you mean a?',
      '8:43: found "(" (a bracket ( that is not closed), expected a regular expression',
      `8:49: found the unknown key extra, expected one of ${keysOf(linkSchema)}`,
    ],
  ],
];

describe('a wrong lockstep.yaml', () => {
  test.each(cases)('%s', (_name, text, lines) => {
    expect(problems(text)).toEqual(lines);
  });

  test('aliases that expand without end are refused', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `  l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}]`);
    expect(problems(`a:\n  l0: &l0 [x]\n${levels.join('\n')}\n`)).toEqual([
      '1:1: found more than 100 aliases, expected fewer',
    ]);
  });

  test('more than a hundred problems are counted, not printed', () => {
    const keys = Array.from({ length: 150 }, (_, i) => `k${i}: 1`).join('\n');
    expect(() => parse(`version: 1\nclusters: {a: {bootstrap: [x:1]}}\n${keys}`)).toThrow(
      /\nand 50 more problems$/,
    );
  });

  test('a file that is not there is told by its name', async () => {
    const failure = await loadTopology('/nowhere/l.yaml').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'FILE_UNREADABLE',
      exitCode: 2,
      message: "/nowhere/l.yaml: can't be read: no such file",
    });
  });
});
