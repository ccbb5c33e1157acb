// Stores as keytool and openssl make them. keytool is the one of the machine's JDK (17 or newer writes PBES2 with AES).
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { useTemporaryFolder } from '../../../test/support/region-fixtures.ts';
import { type KeyStoreContents, readKeyStore, type StorePasswords, splitPem } from './keystores.ts';

const folder = useTemporaryFolder();
const at = (name: string): string => path.join(folder.path, name);
const store = 'store-SECRET';
const keyPassword = 'key-SECRET';

function run(command: string, args: string[]): void {
  execFileSync(command, args, { cwd: folder.path, stdio: 'pipe' });
}
const keytool = (...args: string[]): void => run('keytool', [...args, '-storepass', store]);

beforeAll(() => {
  const ec = ['-keyalg', 'EC', '-groupname', 'secp256r1'];
  const rsa = ['-keyalg', 'RSA', '-keysize', '2048'];
  const p12 = ['-storetype', 'PKCS12'];
  keytool(
    '-genkeypair',
    '-alias',
    'ca',
    '-dname',
    'CN=ca',
    '-ext',
    'bc:c',
    ...ec,
    ...p12,
    '-keystore',
    'ca.p12',
  );
  keytool('-exportcert', '-alias', 'ca', '-rfc', '-file', 'ca.pem', '-keystore', 'ca.p12');
  for (const [type, name, algorithm] of [
    ['PKCS12', 'ec.p12', ec],
    ['PKCS12', 'rsa.p12', rsa],
    ['JKS', 'ec.jks', ec],
    ['JKS', 'rsa.jks', rsa],
  ] as const) {
    const own = ['-keystore', name, '-storetype', type];
    const key = type === 'JKS' ? ['-keypass', keyPassword] : [];
    keytool('-genkeypair', '-alias', 'agent', '-dname', 'CN=agent', ...algorithm, ...own, ...key);
    keytool('-certreq', '-alias', 'agent', '-file', 'agent.csr', ...own, ...key);
    keytool(
      '-gencert',
      '-alias',
      'ca',
      '-infile',
      'agent.csr',
      '-outfile',
      'agent.crt',
      '-keystore',
      'ca.p12',
    );
    keytool('-importcert', '-noprompt', '-alias', 'ca', '-file', 'ca.pem', ...own);
    keytool('-importcert', '-noprompt', '-alias', 'agent', '-file', 'agent.crt', ...own, ...key);
  }
  for (const type of ['PKCS12', 'JKS', 'JCEKS']) {
    keytool(
      '-importcert',
      '-noprompt',
      '-alias',
      'ca',
      '-file',
      'ca.pem',
      '-keystore',
      `trust.${type}`,
      '-storetype',
      type,
    );
  }
  const own = ['-alias', 'agent', '-dname', 'CN=agent', ...ec, ...p12, '-keystore', 'legacy.p12'];
  keytool('-J-Dkeystore.pkcs12.legacy', '-genkeypair', ...own);
  const open = ['certProtectionAlgorithm', 'macAlgorithm'].map((name) => `-J-Dkeystore.pkcs12.${name}=NONE`);
  const trust = ['-alias', 'ca', '-file', 'ca.pem', ...p12, '-keystore', 'open.p12'];
  keytool(...open, '-importcert', '-noprompt', ...trust);
  const pem = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'o.key'];
  run('openssl', ['req', '-x509', ...pem, '-out', 'o.pem', '-days', '2', '-subj', '/CN=openssl']);
  run('openssl', [
    'pkcs12',
    '-export',
    '-in',
    'o.pem',
    '-inkey',
    'o.key',
    '-out',
    'o.p12',
    '-passout',
    `pass:${store}`,
  ]);
}, 120_000);

function read(name: string, passwords: Partial<StorePasswords> = {}) {
  return readKeyStore(readFileSync(at(name), 'latin1'), name, { store, key: null, ...passwords });
}
const subjects = (pems: readonly string[]): string[] => pems.map((pem) => new X509Certificate(pem).subject);

describe('key stores', () => {
  test.each([
    ['ec.p12', {}, 'ec'],
    ['rsa.p12', {}, 'rsa'],
    ['ec.jks', { key: keyPassword }, 'ec'],
    ['rsa.jks', { key: keyPassword }, 'rsa'],
  ] as const)('%s: the key and its chain, ready for TLS', (name, passwords, kind) => {
    const contents = read(name, passwords) as KeyStoreContents;
    expect(contents.keys).toHaveLength(1);
    const [{ chain, key }] = contents.keys as [KeyStoreContents['keys'][number]];
    expect(subjects(splitPem(chain))).toEqual(['CN=agent', 'CN=ca']);
    const pem = key() as string;
    expect(createPrivateKey(pem).asymmetricKeyType).toBe(kind);
    createSecureContext({ cert: chain, key: pem });
    // Byte for byte what keytool holds: nothing is encoded anew.
    expect(new X509Certificate(splitPem(chain)[1]!).fingerprint256).toBe(
      new X509Certificate(readFileSync(at('ca.pem'))).fingerprint256,
    );
  });

  test('one of a JDK before 17, with RC2 and 3DES', () => {
    const { keys } = read('legacy.p12') as KeyStoreContents;
    createSecureContext({ cert: keys[0]!.chain, key: keys[0]!.key() as string });
  });

  test('one that openssl has made, whose entries have no names', () => {
    const { keys } = read('o.p12') as KeyStoreContents;
    createSecureContext({ cert: keys[0]!.chain, key: keys[0]!.key() as string });
  });
});

test.each(['trust.PKCS12', 'trust.JKS'])('%s: the certificates to trust', (name) => {
  const { trusted, keys } = read(name) as KeyStoreContents;
  expect(subjects(trusted)).toEqual(['CN=ca']);
  expect(keys).toEqual([]);
});

test.each(['trust.JKS', 'open.p12'])('certificates of %s are read without a password, as in Java', (name) => {
  expect(subjects((read(name, { store: null }) as KeyStoreContents).trusted)).toEqual(['CN=ca']);
});

describe('what can not be read', () => {
  beforeAll(() => {
    for (const name of ['trust.PKCS12', 'trust.JKS']) {
      writeFileSync(at(`cut.${name}`), readFileSync(at(name)).subarray(0, 300));
    }
    writeFileSync(at('garbage'), Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]));
    writeFileSync(at('empty'), '');
    writeFileSync(at('sequence'), Buffer.from([0x30, 0x03, 0x02, 0x01, 0x05]));
  });

  test.each([
    ['trust.PKCS12', { store: 'wrong-SECRET' }, 'the store trust.PKCS12, which its password does not open'],
    ['trust.JKS', { store: 'wrong-SECRET' }, 'the store trust.JKS, which its password does not open'],
    ['trust.PKCS12', { store: null }, 'the store trust.PKCS12 without its password'],
    ['cut.trust.PKCS12', {}, 'the store cut.trust.PKCS12, which is damaged'],
    ['cut.trust.JKS', {}, 'the store cut.trust.JKS, which is damaged'],
    ['trust.JCEKS', {}, "the JCEKS store trust.JCEKS, which Lockstep can't read"],
    ['ca.pem', {}, 'the PEM file ca.pem'],
    ['garbage', {}, 'the file garbage, which is no store that Lockstep can read'],
    ['empty', {}, 'the file empty, which is no store that Lockstep can read'],
    ['sequence', {}, 'the store sequence, which its password does not open'],
  ])('%s with %j', (name, passwords, found) => {
    const result = read(name, passwords);
    expect(result).toMatchObject({ found });
    expect(JSON.stringify(result)).not.toContain('SECRET');
  });

  test('a key with another password than its store', () => {
    const { keys } = read('ec.jks') as KeyStoreContents;
    expect(keys[0]!.key()).toMatchObject({ found: 'a key in ec.jks that its password does not open' });
  });
});
