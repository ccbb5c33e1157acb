// What a person reads when a link of lockstep.yaml is wrong.
import { describe, expect, test } from 'vitest';
import { askableSettings } from '../link/setting-rules.ts';
import { linkSchema } from './link-schema.ts';
import { ends, keysOf, link, problems } from './test-file.ts';

const cases: [name: string, text: string, lines: string[]][] = [
  // links
  [
    'an unknown cluster',
    link('source: us-eats\n    destination: eu-west\n    topics: [t]'),
    ['6:13: found the unknown cluster "us-eats", expected one of us-east, eu-west, did you mean us-east?'],
  ],
  [
    "a name that is an object's own in JavaScript",
    link('source: constructor\n    destination: eu-west\n    topics: [t]'),
    ['6:13: found the unknown cluster "constructor", expected one of us-east, eu-west'],
  ],
  [
    'source and destination the same',
    link('source: us-east\n    destination: us-east\n    topics: [t]'),
    ['7:18: found "us-east", which is the source too, expected another cluster'],
  ],
  [
    'no topics',
    link(`${ends}topics: []`),
    [
      '8:13: found an empty list, expected a list of at least one topic name or regular expression, such as [orders, "payments.*"]',
    ],
  ],
  [
    'a topic that is a number',
    link(`${ends}topics: [7]`),
    ['8:14: found the number 7, expected a topic name or a regular expression'],
  ],
  [
    'a broken regular expression',
    link(`${ends}topics: [t, "a(b.*"]`),
    ['8:17: found "a(b.*" (a bracket ( that is not closed), expected a regular expression'],
  ],
  [
    'brackets that only fit our own',
    link(`${ends}topics: ["a)|(b"]`),
    ['8:14: found "a)|(b" (a bracket ) that was not opened), expected a regular expression'],
  ],
  [
    'a star alone',
    link(`${ends}topics: ["*"]`),
    ['8:14: found "*" (nothing to repeat), expected a regular expression, did you mean .*?'],
  ],
  [
    'topics in one item',
    link(`${ends}topics: ["a,b"]`),
    [
      "8:14: found \"a,b\", expected a topic name (letters, digits, '.', '_', '-') or a regular expression, one per list item",
    ],
  ],
  [
    "one cluster's own topic",
    link(`${ends}topics: [__consumer_offsets]`),
    [
      '8:14: found "__consumer_offsets", expected a topic that does not belong to one cluster\'s brokers: this one can\'t be mirrored',
    ],
  ],
  [
    'too many connections',
    link(`${ends}topics: [t]\n    producerConnections: 17`),
    ['9:26: found the number 17, expected a whole number from 1 to 16'],
  ],
  [
    'too many connections for reading',
    link(`${ends}topics: [t]\n    fetchConnections: 17`),
    ['9:23: found the number 17, expected auto, or a whole number from 1 to 16'],
  ],
  [
    'connections that are neither a number nor auto',
    link(`${ends}topics: [t]\n    fetchConnections: many`),
    ['9:23: found "many", expected auto, or a whole number from 1 to 16'],
  ],
  [
    'a number in quotes',
    link(`${ends}topics: [t]\n    fetchBytesMax: "1MiB"`),
    ['9:20: found "1MiB", expected a whole number from 1024 to 1073741824'],
  ],
  [
    'less in flight than one fetch brings',
    link(`${ends}topics: [t]\n    fetchBytesMax: 4194304\n    inFlightBytesMax: 2097152`),
    ['10:23: found the number 2097152, expected at least fetchBytesMax, which is 4194304'],
  ],
  [
    'a word that is no choice, with the one that was meant',
    link(`${ends}topics: [t]\n    start: shiftd\n    holes: none\n    compactionGaps: Copies`),
    [
      '9:12: found "shiftd", expected one of fill, shifted, did you mean shifted?',
      '10:12: found "none", expected one of markers, transactions',
      '11:21: found "Copies", expected one of markers, copies, did you mean copies?',
    ],
  ],
  [
    'a choice that is no word',
    link(`${ends}topics: [t]\n    retentionOvertook: yes\n    holes: [markers]\n    start:`),
    [
      '9:24: found "yes", expected one of stop, jump',
      '10:12: found a list, expected one of markers, transactions',
      '11:11: found nothing, expected one of fill, shifted',
    ],
  ],
  [
    'a limit below zero',
    link(`${ends}topics: [t]\n    fillOffsetsMax: -1`),
    ['9:21: found the number -1, expected a whole number from 0 to 9007199254740991'],
  ],
  [
    'a limit with a unit',
    link(`${ends}topics: [t]\n    fillOffsetsMax: 1e9 offsets`),
    ['9:21: found "1e9 offsets", expected a whole number from 0 to 9007199254740991'],
  ],
  [
    'a typo in the name of a choice',
    link(`${ends}topics: [t]\n    retentionOvertakes: stop`),
    [
      `9:5: found the unknown key retentionOvertakes, expected one of ${keysOf(linkSchema)}, did you mean retentionOvertook?`,
    ],
  ],
  [
    'expressions that can take exponential time elsewhere and have no linear form',
    link(`${ends}topics: ["a(?!b)", '(a)\\1']\n    groups: ["(?<=x)y"]`),
    [
      '8:14: found "a(?!b)" (lookahead (?!...)), expected a regular expression in RE2\'s syntax: leave names out with excludeTopics',
      '8:24: found "(a)\\\\1" (back reference \\1), expected a regular expression in RE2\'s syntax: write the cases out',
      '9:14: found "(?<=x)y" (lookbehind (?<=...)), expected a regular expression in RE2\'s syntax: leave names out with excludeGroups',
    ],
  ],
  [
    'explicit forms without a text, or with a text that is no name',
    link(`${ends}topics: ["prefix:", "literal:a b", "prefix:a,b", "literal:__lockstep"]`),
    [
      '8:14: found "prefix:" without a prefix, expected text after prefix:',
      "8:25: found \"a b\", expected a topic name (letters, digits, '.', '_', '-') or a regular expression",
      "8:40: found \"a,b\", expected a topic name (letters, digits, '.', '_', '-') or a regular expression, one per list item",
      '8:54: found "literal:__lockstep", expected a topic that does not belong to one cluster\'s brokers: this one can\'t be mirrored',
    ],
  ],
  [
    'intervals out of range, without a unit, or no durations',
    link(
      `${ends}topics: [t]\n    sync:\n      configs: {every: 499ms}\n      groups: {every: 5000}\n      acls: {every: 61min, principals: [User:a]}`,
    ),
    [
      '10:24: found "499ms", expected a duration from 500ms to 1h, such as 5s',
      '11:23: found the number 5000, expected a duration from 500ms to 1h, such as 5s',
      '12:21: found "61min", expected a duration from 500ms to 1h, such as 5s',
    ],
  ],
  [
    'a setting that is never kept equal, or always',
    link(`${ends}topics: [t]\n    sync: {configs: {also: [retention.ms, min.insync.replicas]}}`),
    [`9:43: found "min.insync.replicas", expected one of ${askableSettings.join(', ')}`],
  ],
  [
    'a moment without a zone, and one that is not in the calendar',
    `${link(`${ends}topics: [t]\n    startAt: 2026-11-20T08:30`)}  m: {source: us-east, destination: eu-west, topics: [u], startAt: 2026-02-30T00:00:00Z}\n`,
    [
      '9:14: found "2026-11-20T08:30", expected earliest, latest, or a moment with its zone, such as 2026-11-20T08:30:00Z',
      '10:68: found "2026-02-30T00:00:00Z", expected earliest, latest, or a moment with its zone, such as 2026-11-20T08:30:00Z',
    ],
  ],
  [
    'a prefix that no topic may have',
    link(`${ends}topics: [t]\n    prefix: "us/"`),
    ["9:13: found \"us/\", expected letters, digits, '.', '_' and '-', at most 200"],
  ],
  [
    'a prefix that makes mirrors internal topics, or too long',
    `${link(`${ends}topics: [t]\n    prefix: __us.`)}  m: {source: us-east, destination: eu-west, topics: [_x, ${'y'.repeat(249)}], prefix: _}\n`,
    [
      '9:13: found "__us.", expected a prefix that does not begin with \'__\', which marks internal topics',
      '10:319: found "_", with which the mirror of _x is the internal topic __x, expected another prefix',
      `10:319: found "_", with which the mirror of "${'y'.repeat(60)}..." has 250 characters, expected names of at most 249`,
    ],
  ],
  [
    'users and quotas that are none, and no secret in the answer',
    link(
      `${ends}topics: [t]\n    sync:\n      quotas: [app, "user="]\n      users:\n        - {name: a, mechanism: SCRAM-SHA-1, password: s3cret}\n        - {name: a, mechanism: SCRAM-SHA-256, pasword: s3cret}\n        - {name: a, mechanism: SCRAM-SHA-256, password: 12345}`,
    ),
    [
      '10:16: found "app", expected a quota as user=app, client-id=x, or user=app,client-id=x',
      '10:21: found "user=", expected a quota as user=app, client-id=x, or user=app,client-id=x',
      '12:32: found "SCRAM-SHA-1", expected one of SCRAM-SHA-256, SCRAM-SHA-512, did you mean SCRAM-SHA-512?',
      '13:47: found the unknown key pasword, expected one of name, mechanism, password, did you mean password?',
      '14:57: found a number (not shown), expected a password in quotes',
    ],
  ],
  [
    'principals that are none',
    link(
      `${ends}topics: [t]\n    sync: {acls: {principals: [app], excludePrincipals: ["(?!x)"], resources: [topics]}}`,
    ),
    [
      '9:32: found "app", expected a principal as in ACLs, such as User:app, did you mean User:app?',
      '9:58: found "(?!x)" (lookahead (?!...)), expected a regular expression in RE2\'s syntax: leave names out with excludePrincipals',
      '9:80: found "topics", expected one of topic, group, transactionalId, did you mean topic?',
    ],
  ],
];

describe('a wrong link', () => {
  test.each(cases)('%s', (_name, text, lines) => {
    expect(problems(text)).toEqual(lines);
  });
});
