// Declarations that come as records: the words of lockstep.yaml, with the record's name as place.
import { expect, test } from 'vitest';
import {
  type ClusterReference,
  checkDeclaredTogether,
  type DeclaredLink,
  resolveClusterReference,
  resolveLinkDeclaration,
} from './declaration.ts';
import { literalSecretsOf } from './literal-secrets.ts';

const sources = {
  folder: '/etc/ls',
  environment: { PASSWORD: 's3cret' },
  readFile: (file: string) => {
    if (file === '/etc/ls/ca.pem') return '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    throw Object.assign(new Error('no'), { code: 'ENOENT' });
  },
};
const link = (config: Record<string, unknown>, ends: Partial<DeclaredLink> = {}): DeclaredLink => ({
  name: 'us-to-eu',
  source: 'us',
  destination: 'eu',
  config,
  ...ends,
});

function refusal(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message.split('\n');
  }
  throw new Error('nothing was refused');
}

test('a link gets its defaults, and the passwords of its users', () => {
  const users = [{ name: 'app', mechanism: 'SCRAM-SHA-256', password: '${env:PASSWORD}' }];
  const declared = link({ topics: ['orders'], sync: { users } });
  expect(resolveLinkDeclaration(declared, sources)).toMatchObject({
    name: 'us-to-eu',
    source: 'us',
    destination: 'eu',
    topics: ['orders'],
    producerConnections: 2,
    sync: { groups: { everyMs: 5_000 }, users: [{ password: 's3cret' }] },
  });
  expect(resolveLinkDeclaration(declared, 'unresolved').sync.users[0]?.password).toBe('${env:PASSWORD}');
});

const wrongLinks: [name: string, declared: DeclaredLink, lines: string[]][] = [
  [
    'no topics',
    link({}),
    ['link us-to-eu: found no topics in links.us-to-eu, expected topics: a list of at least one'],
  ],
  [
    'a wrong item',
    link({ topics: ['a', '('] }),
    ['link us-to-eu: topics[1]: found "(" (a bracket ( that is not closed), expected'],
  ],
  [
    'a typo',
    link({ topics: ['a'], exclude: [] }),
    ['link us-to-eu: exclude: found the unknown key exclude, expected one of source,'],
  ],
  [
    'a wrong interval and a missing password, deep inside',
    link({ topics: ['a'], sync: { acls: { principals: ['User:a'], every: '2h' }, users: [{ name: 'x' }] } }),
    [
      'link us-to-eu: sync.acls.every: found "2h", expected a duration from 500ms to 1h, such as 5s',
      'link us-to-eu: sync.users[0]: found no mechanism in links.us-to-eu.sync.users[0], expected mechanism',
      'link us-to-eu: sync.users[0]: found no password in links.us-to-eu.sync.users[0], expected password',
    ],
  ],
  [
    'onto itself',
    link({ topics: ['a'] }, { destination: 'us' }),
    ['link us-to-eu: destination: found "us", which is the source too, expected another cluster'],
  ],
  [
    'a name for a folder',
    link({ topics: ['a'] }, { name: '../x' }),
    ['link ../x: found "../x", expected a name of'],
  ],
  [
    'a reference that leads nowhere',
    link({
      topics: ['a'],
      sync: { users: [{ name: 'x', mechanism: 'SCRAM-SHA-256', password: '${env:NO}' }] },
    }),
    ['link us-to-eu: sync.users[0].password: found ${env:NO}, and NO is not set, expected'],
  ],
];

test.each(wrongLinks)('a link with %s', (_name, declared, lines) => {
  const found = refusal(() => resolveLinkDeclaration(declared, sources));
  expect(found).toHaveLength(lines.length);
  for (const [index, line] of lines.entries()) expect(found[index]).toContain(line);
});

test('a cluster is resolved by the folder and environment of whoever asks', () => {
  const reference: ClusterReference = {
    name: 'us',
    bootstrap: ['k:1'],
    tls: { ca: 'ca.pem' },
    sasl: { mechanism: 'SCRAM-SHA-256', username: 'u', password: '${env:PASSWORD}' },
  };
  expect(resolveClusterReference(reference, sources)).toMatchObject({
    name: 'us',
    bootstrap: [{ host: 'k', port: 1 }],
    tls: { ca: expect.stringContaining('BEGIN CERTIFICATE') },
    sasl: { password: 's3cret' },
  });
  const found = refusal(() =>
    resolveClusterReference({ ...reference, bootstrap: ['k'], tls: { ca: 'no.pem' } }, sources),
  );
  expect(found).toEqual([
    'cluster us: tls.ca: found the file "no.pem", which can\'t be read (no such file), expected a PEM file with BEGIN CERTIFICATE',
    'cluster us: bootstrap[0]: found "k" without a port, expected host:port, such as kafka-1:9092 or [2001:db8::1]:9092, did you mean k:9092?',
  ]);
});

test('links of one destination are checked against each other', () => {
  const first = resolveLinkDeclaration(link({ topics: ['a', 'b'] }), sources);
  const second = resolveLinkDeclaration(link({ topics: ['b'] }, { name: 'ap', source: 'ap' }), sources);
  expect(refusal(() => checkDeclaredTogether([first, second]))).toEqual([
    'links: ap.topics[0]: found the topic "b", which the link us-to-eu writes to eu too, expected one link per destination topic',
  ]);
  checkDeclaredTogether([first, { ...second, prefix: 'ap.' }]);
});

const secrets: [name: string, raw: unknown, places: string[]][] = [
  ['references only', { sasl: { password: '${env:A}${file:b}', token: '${file:t}' } }, []],
  ['a password', { sasl: { password: 's3cret' } }, ['sasl.password']],
  ['a number as password', { sasl: { password: 12345 } }, ['sasl.password']],
  ['text around a reference', { sasl: { password: 'a-${env:A}' } }, ['sasl.password']],
  ['an escaped reference', { sasl: { password: '$${env:A}' } }, ['sasl.password']],
  [
    'a passphrase and a key',
    { tls: { passphrase: 'x', key: '-----BEGIN RSA PRIVATE KEY-----\nM' } },
    ['tls.passphrase', 'tls.key'],
  ],
  ['paths', { tls: { ca: 'ca.pem', key: 'agent.key' } }, []],
  ['a certificate', { tls: { ca: '-----BEGIN CERTIFICATE-----' } }, []],
  [
    'a client secret',
    { sasl: { tokenEndpoint: { clientSecret: 'x', url: 'https://u:p@h/' } } },
    ['sasl.tokenEndpoint.clientSecret', 'sasl.tokenEndpoint.url'],
  ],
  ['a token', { sasl: { token: 'x' } }, ['sasl.token']],
  [
    "a user's password",
    { sync: { users: [{ password: '${env:A}' }, { password: 'x' }] } },
    ['sync.users[1].password'],
  ],
];

test.each(secrets)('secrets in a declaration: %s', (_name, raw, places) => {
  expect(literalSecretsOf(raw)).toEqual(places);
});
