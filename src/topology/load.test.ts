// What a person reads when lockstep.yaml is wrong: exact lines, with the exact place.

import { describe, expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import { askableSettings } from '../link/setting-rules.ts';
import { linkSchema } from './link-schema.ts';
import { loadTopology, parseTopology } from './load.ts';
import { fileSchema } from './schema.ts';
import type { Topology } from './types.ts';

const pemCertificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const pemKey = '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n';
const files: Record<string, string> = {
  '/etc/ls/ca.pem': pemCertificate,
  '/etc/ls/agent.pem': pemCertificate,
  '/etc/ls/agent.key': pemKey,
  '/etc/ls/password.txt': 'from-a-file\n',
  '/etc/ls/empty.txt': '\n',
  '/run/secrets/token': 'absolute',
};
const environment = { PASSWORD: 's3cret', EMPTY: '', BOTH: 'a:1, b:2', BAD: 's3cret:0' };

/** The keys of a mapping, as a problem line lists them. */
const keysOf = ({ shape }: { readonly shape: object }): string => Object.keys(shape).join(', ');

function parse(text: string): Topology {
  return parseTopology(text, 'l.yaml', {
    folder: '/etc/ls',
    environment,
    readFile: (file) => {
      const found = files[file];
      if (found === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' });
      return found;
    },
  });
}

/** The problem lines of a text, without the file's name. */
function problems(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.exitCode).toBe(2);
    expect(error.message).not.toContain('s3cret');
    const lines = error.message.split('\n');
    expect(error.detail.problems).toBe(lines.length);
    for (const line of lines) expect(line).toMatch(/^l\.yaml:\d+:\d+: found .+, expected .+/);
    return lines.map((line) => line.slice('l.yaml:'.length));
  }
  return [];
}

/** A whole file around one cluster's keys (they begin on line 4, column 5). */
const cluster = (keys: string): string => `version: 1\nclusters:\n  a:\n    ${keys}\n`;
/** A whole file around one link's keys (they begin on line 6, column 5). */
const link = (keys: string): string =>
  `version: 1\nclusters: {us-east: {bootstrap: [u:1]}, eu-west: {bootstrap: [e:1]}}\nlinks:\n\n  l:\n    ${keys}\n`;
const ends = 'source: us-east\n    destination: eu-west\n    ';
const addressExpected = 'host:port, such as kafka-1:9092 or [2001:db8::1]:9092';
const clusterKeys = 'one of bootstrap, tls, sasl, clientId, labels';

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
  // addresses
  [
    'an address without a port',
    cluster('bootstrap: [kafka]'),
    [`4:17: found "kafka" without a port, expected ${addressExpected}, did you mean kafka:9092?`],
  ],
  ['port 0', cluster('bootstrap: ["k:0"]'), ['4:17: found "k:0", expected a port from 1 to 65535']],
  [
    'port 65536',
    cluster('bootstrap: ["k:65536"]'),
    ['4:17: found "k:65536", expected a port from 1 to 65535'],
  ],
  [
    'a port with letters',
    cluster('bootstrap: ["k:909x"]'),
    ['4:17: found "k:909x", expected a port from 1 to 65535'],
  ],
  [
    'a scheme',
    cluster('bootstrap: ["kafka://k:9092"]'),
    [`4:17: found "kafka://k:9092", expected ${addressExpected}, without kafka://, did you mean k:9092?`],
  ],
  [
    'user information is not shown',
    cluster('bootstrap: ["u:s3cret@k:9092"]'),
    [`4:17: found an address with user information (not shown), expected ${addressExpected}`],
  ],
  [
    'a bare IPv6 address',
    cluster('bootstrap: ["2001:db8::1"]'),
    [`4:17: found "2001:db8::1", expected ${addressExpected}: an IPv6 address stands in brackets`],
  ],
  [
    'two addresses in one item',
    cluster('bootstrap: ["a:1,b:2"]'),
    [`4:17: found "a:1,b:2", expected ${addressExpected}, one address per list item`],
  ],
  [
    'an address given twice',
    cluster('bootstrap: ["k:1", "j:1", "K:1"]'),
    ['4:31: found the address "K:1" a second time, expected each once'],
  ],
  [
    "an address from a variable is told by the variable's name",
    cluster('bootstrap: ["${env:BAD}"]'),
    ['4:17: found "${env:BAD}", whose value (not shown) is no address, expected a port from 1 to 65535'],
  ],
  // tls
  [
    'tls as a word',
    cluster('bootstrap: [x:1]\n    tls: yes'),
    ['5:10: found a string (not shown), expected true, or a mapping with ca, cert and key'],
  ],
  [
    'a typo inside tls',
    cluster('bootstrap: [x:1]\n    tls: {cafile: ca.pem}'),
    [
      '5:11: found the unknown key cafile, expected one of ca, cert, key, passphrase, servername, rejectUnauthorized, verifyHostname, minVersion, maxVersion',
    ],
  ],
  [
    'a file that is not there',
    cluster('bootstrap: [x:1]\n    tls: {ca: c.pem}'),
    [
      '5:15: found the file "c.pem", which can\'t be read (no such file), expected a PEM file with BEGIN CERTIFICATE',
    ],
  ],
  [
    'a key file as ca',
    cluster('bootstrap: [x:1]\n    tls: {ca: agent.key}'),
    [
      '5:15: found the file "agent.key" without BEGIN CERTIFICATE, expected a PEM file with BEGIN CERTIFICATE',
    ],
  ],
  [
    'a key without its certificate',
    cluster('bootstrap: [x:1]\n    tls: {key: agent.key}'),
    ['5:16: found a key without cert, expected both key and cert, or neither'],
  ],
  [
    'a certificate without its key',
    cluster('bootstrap: [x:1]\n    tls: {cert: agent.pem}'),
    ['5:17: found a cert without key, expected both cert and key, or neither'],
  ],
  // sasl
  [
    'a mechanism with a slip',
    cluster('bootstrap: [x:1]\n    sasl: {mechanism: SCRAM-SHA-521, username: u, password: s3cret}'),
    [
      '5:23: found "SCRAM-SHA-521", expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, did you mean SCRAM-SHA-512?',
    ],
  ],
  [
    'no mechanism',
    cluster('bootstrap: [x:1]\n    sasl: {username: u}'),
    [
      '5:5: found no mechanism in clusters.a.sasl, expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER',
    ],
  ],
  [
    'a mechanism without its password',
    cluster('bootstrap: [x:1]\n    sasl: {mechanism: PLAIN, username: u}'),
    ['5:5: found no password in clusters.a.sasl, expected password: a password in quotes'],
  ],
  [
    'a typo beside a secret',
    cluster('bootstrap: [x:1]\n    sasl: {mechanism: PLAIN, username: u, pasword: s3cret}'),
    [
      '5:43: found the unknown key pasword, expected one of mechanism, username, password, did you mean password?',
    ],
  ],
  [
    'a number as password is not shown',
    cluster('bootstrap: [x:1]\n    sasl: {mechanism: PLAIN, username: u, password: 12345}'),
    ['5:53: found a number (not shown), expected a password in quotes'],
  ],
  [
    'sasl as one word is not shown',
    cluster('bootstrap: [x:1]\n    sasl: s3cret'),
    [
      '5:11: found a string (not shown), expected a mapping with mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER',
    ],
  ],
  [
    'OAUTHBEARER without any token',
    cluster('bootstrap: [x:1]\n    sasl: {mechanism: OAUTHBEARER}'),
    ['5:5: found OAUTHBEARER without a token, expected one of token, tokenFile, tokenEndpoint'],
  ],
  [
    'OAUTHBEARER with a token endpoint in the clear',
    cluster(
      'bootstrap: [x:1]\n    sasl: {mechanism: OAUTHBEARER, tokenEndpoint: {url: "http://idp/", clientId: c, clientSecret: "${env:PASSWORD}"}}',
    ),
    [
      '5:57: found another kind of address (not shown), expected https://..., or http:// to this machine only',
    ],
  ],
  // references
  [
    'a variable that is not set',
    cluster('bootstrap: [x:1]\n    clientId: ${env:NOPE}'),
    ['5:15: found ${env:NOPE}, and NOPE is not set, expected a value in the environment variable NOPE'],
  ],
  [
    'a variable that is empty',
    cluster('bootstrap: [x:1]\n    clientId: ${env:EMPTY}'),
    ['5:15: found ${env:EMPTY}, and EMPTY is empty, expected a value in the environment variable EMPTY'],
  ],
  [
    'a secret file that is empty',
    cluster('bootstrap: [x:1]\n    clientId: ${file:empty.txt}'),
    ['5:15: found ${file:empty.txt}, which is empty, expected a file with the value'],
  ],
  [
    'a secret file that is not there',
    cluster('bootstrap: [x:1]\n    clientId: ${file:no}'),
    ["5:15: found ${file:no}, which can't be read: no such file, expected a file with the value"],
  ],
  [
    'another kind of reference',
    cluster('bootstrap: [x:1]\n    clientId: ${PASSWORD}'),
    ["5:15: found a '${' that is no reference, expected ${env:NAME} or ${file:path} ($${ for a plain ${)"],
  ],
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
  // local
  [
    'a local region of no cluster',
    `${cluster('bootstrap: [x:1]')}local: {b: {}}`,
    ['5:9: found the unknown cluster "b", expected one of a, did you mean a?'],
  ],
  [
    'a version that YAML takes for a number',
    `${cluster('bootstrap: [x:1]')}local: {a: {kafkaVersion: 4.3}}`,
    ['5:27: found the number 4.3, expected a version of Apache Kafka in quotes, such as "4.3.1"'],
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

describe('a right lockstep.yaml', () => {
  test('the example of the design gives clusters and links with their defaults', () => {
    const topology = parse(
      'version: 1\nclusters:\n  us-east:\n    bootstrap: [us-east-kafka:9092]\n  eu-west:\n    bootstrap: ["[::1]:9092"]\n' +
        'links:\n  us-to-eu:\n    source: us-east\n    destination: eu-west\n    topics: [orders, "payments.*"]\n    groups: [".*"]\n',
    );
    expect(topology.clusters).toEqual({
      'us-east': { name: 'us-east', bootstrap: [{ host: 'us-east-kafka', port: 9092 }] },
      'eu-west': { name: 'eu-west', bootstrap: [{ host: '::1', port: 9092 }] },
    });
    expect(topology.links).toEqual({
      'us-to-eu': {
        name: 'us-to-eu',
        source: 'us-east',
        destination: 'eu-west',
        topics: ['orders', 'payments.*'],
        excludeTopics: [],
        prefix: '',
        mirrorMaker: null,
        startAt: { kind: 'earliest' },
        groups: ['.*'],
        excludeGroups: [],
        sync: {
          topics: { everyMs: 5_000 },
          configs: { everyMs: 5_000, also: [] },
          groups: { everyMs: 5_000, deletions: false, backwards: false, commits: true },
          acls: null,
          quotas: [],
          users: [],
        },
        separateProducerIds: false,
        producerConnections: 2,
        fetchConnections: 'auto',
        fetchBytesMax: 1_048_576,
        inFlightBytesMax: 16_777_216,
        holes: 'markers',
        compactionGaps: 'markers',
        start: 'fill',
        fillOffsetsMax: 1_000_000_000,
        retentionOvertook: 'stop',
      },
    });
    expect(topology.warnings).toEqual([]);
  });

  test('a link says how it treats holes, gaps and high starts', () => {
    const { links } = parse(
      link(
        `${ends}topics: [t]\n    holes: transactions\n    compactionGaps: copies\n    start: shifted\n    fillOffsetsMax: 1e6\n    retentionOvertook: jump`,
      ),
    );
    expect(links.l).toMatchObject({
      holes: 'transactions',
      compactionGaps: 'copies',
      start: 'shifted',
      fillOffsetsMax: 1_000_000,
      retentionOvertook: 'jump',
    });
  });

  test('a link says what travels with the data', () => {
    const { links, warnings, rawLinks, rawClusters } = parse(
      link(
        `${ends}topics: [t]\n    prefix: us.\n    startAt: 2026-11-20T08:30:00+01:00\n    groups: [".*"]\n    excludeGroups: ["prefix:tmp-"]\n` +
          '    sync:\n      configs: {every: 1.5s, also: [retention.ms]}\n      groups: {every: 500ms, deletions: true, backwards: true}\n' +
          '      acls: {principals: [User:app], resources: [topic], withholdWrites: false}\n      quotas: ["user=app,client-id=x"]\n' +
          '      users: [{name: app, mechanism: SCRAM-SHA-512, password: "${env:PASSWORD}"}]',
      ),
    );
    expect(links.l).toMatchObject({
      prefix: 'us.',
      startAt: { kind: 'timestamp', timestampMs: BigInt(Date.UTC(2026, 10, 20, 7, 30)) },
      groups: ['.*'],
      excludeGroups: ['prefix:tmp-'],
      sync: {
        configs: { everyMs: 1_500, also: ['retention.ms'] },
        groups: { everyMs: 500, deletions: true, backwards: true },
        acls: {
          everyMs: 5_000,
          principals: ['User:app'],
          excludePrincipals: [],
          resources: ['topic'],
          withholdWrites: false,
        },
        quotas: ['user=app,client-id=x'],
        users: [{ name: 'app', mechanism: 'SCRAM-SHA-512', password: 's3cret' }],
      },
    });
    expect(warnings).toEqual([]);
    expect(Object.keys(rawLinks.l ?? {})).toEqual([
      'topics',
      'prefix',
      'startAt',
      'groups',
      'excludeGroups',
      'sync',
    ]);
    expect(JSON.stringify(rawLinks)).toContain('${env:PASSWORD}');
    expect(rawClusters['us-east']).toEqual({ bootstrap: ['u:1'] });
  });

  test("opposite links with prefixes that leave out each other's mirrors", () => {
    const text = `${link(`${ends}topics: [".*"]\n    excludeTopics: ["prefix:eu."]\n    prefix: us.`)}  back: {source: eu-west, destination: us-east, topics: [".*"], excludeTopics: ["prefix:us."], prefix: eu.}\n`;
    expect(problems(text)).toEqual([]);
  });

  test('security is resolved: PEM contents, secrets from variables and files', () => {
    const { clusters, warnings } = parse(
      cluster(
        'bootstrap: ["${env:BOTH}"]\n    tls: {ca: ca.pem, cert: ./agent.pem, key: /etc/ls/agent.key, servername: k}\n' +
          '    sasl: {mechanism: SCRAM-SHA-512, username: "u$${x}", password: "${env:PASSWORD}-${file:password.txt}"}',
      ),
    );
    expect(clusters.a).toEqual({
      name: 'a',
      bootstrap: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      tls: { ca: pemCertificate, cert: pemCertificate, key: pemKey, servername: 'k' },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'u${x}', password: 's3cret-from-a-file' },
      credentials: expect.anything(),
    });
    expect(warnings).toEqual([]);
  });

  test('what is allowed but unwise is warned about, without its value', () => {
    const { warnings } = parse(
      cluster('bootstrap: [k:1]\n    sasl: {mechanism: PLAIN, username: u, password: s3cret}'),
    );
    expect(warnings).toEqual([
      'l.yaml:5:5: PLAIN without tls sends the password in the clear',
      'l.yaml:5:43: password stands in the file itself; better as ${env:NAME} or ${file:path}',
    ]);
  });

  test('OAUTHBEARER: the token file is named absolutely, the endpoint may be on this machine', () => {
    const file = parse(cluster('bootstrap: [k:1]\n    sasl: {mechanism: OAUTHBEARER, tokenFile: token}'));
    expect(file.clusters.a?.sasl).toEqual({ mechanism: 'OAUTHBEARER', tokenFile: '/etc/ls/token' });
    const endpoint = parse(
      cluster(
        'bootstrap: [k:1]\n    sasl: {mechanism: OAUTHBEARER, tokenEndpoint: {url: "http://127.0.0.1:8080/t", clientId: c, clientSecret: "${env:PASSWORD}", scope: s}}',
      ),
    );
    expect(endpoint.clusters.a?.sasl).toEqual({
      mechanism: 'OAUTHBEARER',
      tokenEndpoint: { url: 'http://127.0.0.1:8080/t', clientId: 'c', clientSecret: 's3cret', scope: 's' },
    });
  });

  test('aliases and anchors work', () => {
    const { clusters } = parse('version: 1\nclusters:\n  a: &a {bootstrap: [k:1]}\n  b: *a\n');
    expect(clusters.b).toEqual({ name: 'b', bootstrap: [{ host: 'k', port: 1 }] });
  });

  test('local regions: given ports, ports of loopback addresses, free ports', () => {
    const { local } = parse(
      'version: 1\nclusters: {a: {bootstrap: ["localhost:19092"]}, b: {bootstrap: [k:1]}, c: {bootstrap: [k:2]}}\n' +
        'local: {a: {}, b: {brokers: 2, port: 5000, heapMb: 300, kafkaVersion: 3.9.2}, c: {}}',
    );
    expect(local).toEqual({
      a: { name: 'a', brokers: 1, kafkaVersion: '4.3.1', heapMb: 512, ports: [19092] },
      b: { name: 'b', brokers: 2, kafkaVersion: '3.9.2', heapMb: 300, ports: [5000, 5001] },
      c: { name: 'c', brokers: 1, kafkaVersion: '4.3.1', heapMb: 512 },
    });
  });

  test('without a local section every cluster is a local region', () => {
    expect(Object.keys(parse(cluster('bootstrap: [k:1]')).local)).toEqual(['a']);
  });
});
