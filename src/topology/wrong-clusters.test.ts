// What a person reads when a cluster of lockstep.yaml is wrong: addresses, tls, sasl, references, local regions.
import { describe, expect, test } from 'vitest';
import { addressExpected, cluster, problems } from './test-file.ts';

const cases: [name: string, text: string, lines: string[]][] = [
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
];

describe('a wrong cluster', () => {
  test.each(cases)('%s', (_name, text, lines) => {
    expect(problems(text)).toEqual(lines);
  });
});
