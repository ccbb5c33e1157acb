// Files of credentials that are replaced: what is taken over, what is not, and that asking is cheap.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { useTemporaryFolder } from '../../test/support/region-fixtures.ts';
import type { CredentialsSource } from '../client/config.ts';
import { resolveClusterReference } from './declaration.ts';

const folder = useTemporaryFolder();
const at = (name: string): string => path.join(folder.path, name);

beforeAll(() => {
  for (const name of ['one', 'two']) {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      at(`${name}.key`),
    ];
    const options = ['req', '-x509', ...key, '-out', at(`${name}.pem`), '-days', '2', '-subj', `/CN=${name}`];
    execFileSync('openssl', options, { stdio: 'ignore' });
  }
});

let source: CredentialsSource;
beforeEach(() => {
  for (const kind of ['pem', 'key']) copyFileSync(at(`one.${kind}`), at(`agent.${kind}`));
  copyFileSync(at('one.pem'), at('ca.pem'));
  writeFileSync(at('password'), 'first\n');
  const config = resolveClusterReference(
    {
      name: 'us',
      bootstrap: ['k:1'],
      tls: { ca: 'ca.pem', cert: 'agent.pem', key: 'agent.key' },
      sasl: { mechanism: 'SCRAM-SHA-256', username: 'u', password: '${file:password}' },
    },
    {
      folder: folder.path,
      environment: {},
    },
  );
  source = config.credentials!;
});

const passwordOf = async (): Promise<string | undefined> =>
  ((await source.current()).sasl as { password?: string }).password;

test('nothing has changed: the same object, although files were touched', async () => {
  const first = await source.current();
  writeFileSync(at('password'), 'first\n');
  expect(await source.current()).toBe(first);
  expect(source.problem).toBeNull();
});

test('a new password is taken over, also one that replaces the file or the link to it', async () => {
  expect(await passwordOf()).toBe('first');
  writeFileSync(at('password'), 'second');
  expect(await passwordOf()).toBe('second');
  writeFileSync(at('password.new'), 'thirdx');
  renameSync(at('password.new'), at('password'));
  expect(await passwordOf()).toBe('thirdx');
  rmSync(at('password'));
  writeFileSync(at('fourth'), 'fourth');
  symlinkSync('fourth', at('password'));
  expect(await passwordOf()).toBe('fourth');
  rmSync(at('password'));
});

test('a file that changed before anybody asked is noticed', async () => {
  writeFileSync(at('password'), 'early');
  expect(await passwordOf()).toBe('early');
});

const broken: [name: string, damage: () => void, problem: string][] = [
  [
    'a file that is gone',
    () => rmSync(at('password')),
    "sasl.password: found ${file:password}, which can't be read",
  ],
  ['an empty file', () => writeFileSync(at('password'), ''), 'which is empty'],
  [
    'a half-written certificate',
    () => writeFileSync(at('agent.pem'), '-----BEGIN CERTIFICATE-----\nMIIB'),
    'the PEM text is broken',
  ],
  [
    'a half-written authority',
    () => writeFileSync(at('ca.pem'), '-----BEGIN CERTIFICATE-----\nMIIB'),
    'the PEM text is broken',
  ],
  ['a certificate without its new key', () => copyFileSync(at('two.pem'), at('agent.pem')), 'no pair'],
];

test.each(broken)(
  '%s: the former credentials stay, and the problem is told',
  async (_name, damage, problem) => {
    const first = await source.current();
    damage();
    expect(await source.current()).toBe(first);
    expect(source.problem).toContain(problem);
    expect(await source.current()).toBe(first);
  },
);

test('certificate first, key second: taken over when both are there', async () => {
  await source.current();
  copyFileSync(at('two.pem'), at('agent.pem'));
  await source.current();
  expect(source.problem).toContain('no pair');
  copyFileSync(at('two.key'), at('agent.key'));
  const { subject } = new X509Certificate((await source.current()).tls?.cert ?? '');
  expect(subject).toBe('CN=two');
  expect(source.problem).toBeNull();
});

test('without files there is nothing to read again', () => {
  expect(resolveClusterReference({ name: 'us', bootstrap: ['k:1'] }).credentials).toBeUndefined();
});
