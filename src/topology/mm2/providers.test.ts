// Values behind config providers: what Kafka's ConfigTransformer would put in their place, or one line that says what is
// missing. No line ever shows a value.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { useTemporaryFolder } from '../../../test/support/region-fixtures.ts';
import { readFromDisk } from '../files.ts';
import { parseProperties } from './properties.ts';
import { resolveProviders } from './providers.ts';
import type { Around, PropertiesFile } from './types.ts';

const folder = useTemporaryFolder();
const kafka = 'org.apache.kafka.common.config.provider';
const head = [
  'config.providers = file, env,dir ,secrets',
  `config.providers.file.class = ${kafka}.FileConfigProvider`,
  `config.providers.env.class = ${kafka}.EnvVarConfigProvider`,
  `config.providers.dir.class=${kafka}.DirectoryConfigProvider`,
  'config.providers.secrets.class=io.strimzi.kafka.KubernetesSecretConfigProvider',
];

beforeAll(() => {
  mkdirSync(path.join(folder.path, 'secrets/my-user'), { recursive: true });
  mkdirSync(path.join(folder.path, 'dir'));
  const at = (name: string): string => path.join(folder.path, name);
  writeFileSync(at('a.properties'), '# S3CRET\npassword = file-S3CRET\\u0021\nschlüssel=wört\nempty=\n');
  writeFileSync(at('broken.properties'), 'password=S3CRET\\u00\n');
  writeFileSync(at('dir/password'), 'dir-S3CRET\n');
  writeFileSync(at('secrets/my-user/password'), 'kube-S3CRET\n');
});

function resolve(lines: readonly string[]): { file: PropertiesFile; faults: string[] } {
  const faults: string[] = [];
  const around: Around = {
    folder: folder.path,
    environment: { PASSWORD: 'env-S3CRET', EMPTY: '' },
    readFile: readFromDisk,
    reporter: {
      fault: ({ line }, { found, expected }) => faults.push(`${line}: found ${found}, expected ${expected}`),
      keyFault: ({ line }, { found }) => faults.push(`${line}: key: ${found}`),
      warn: ({ line }, text) => faults.push(`${line}: warning: ${text}`),
    },
  };
  const parsed = parseProperties(Buffer.from(lines.join('\n')), 'mm2.properties', {
    faultAt: () => {},
    warnAt: () => {},
  });
  return { file: resolveProviders(parsed!, around), faults };
}

const found: [value: string, text: string][] = [
  ['${file:a.properties:password}', 'file-S3CRET!'],
  ['${file:a.properties:schl\\u00fcssel}', 'wört'],
  ['${file:a.properties:empty}', ''],
  ['x "${env:PASSWORD}" and ${file:a.properties:password} y', 'x "env-S3CRET" and file-S3CRET! y'],
  ['${env:EMPTY}', ''],
  ['${dir:dir:password}', 'dir-S3CRET\n'],
  ['${secrets:kafka/my-user:password}', 'kube-S3CRET'],
];

test.each(found)('%s', (value, text) => {
  const { file, faults } = resolve([...head, `key = ${value}`]);
  expect(faults).toEqual([]);
  expect(file.byKey.get('key')).toMatchObject({ value: text, isReferenced: true, line: 6 });
  expect(file.byKey.get('key')?.renew?.(readFromDisk)).toBe(text);
});

test.each(['plain', '${', '${x}', '$(env:A)', '{env:A}'])('%s is no reference', (value) => {
  const { file, faults } = resolve([...head, `key = ${value}`]);
  expect(faults).toEqual([]);
  expect(file.byKey.get('key')).toMatchObject({ value });
  expect(file.byKey.get('key')?.isReferenced).toBeUndefined();
});

const missing: [value: string, line: string][] = [
  [
    '${file:none.properties:password}',
    "6: found the file none.properties, which can't be read (no such file), expected a file of properties with password",
  ],
  [
    '${file:a.properties:pasword}',
    '6: found the file a.properties without the key pasword, expected a line pasword=... in it',
  ],
  ['${file:broken.properties:password}', '6: found the file broken.properties without the key password'],
  ['${file:password}', '6: found ${...:password} without a file, expected ${file:/path/file.properties:key}'],
  [
    '${env:NOT_SET}',
    '6: found the variable NOT_SET, which is not set, expected a value in the environment variable NOT_SET',
  ],
  ['${env:a:PASSWORD}', '6: found ${...:a:PASSWORD} with a path, expected ${env:PASSWORD}'],
  [
    '${dir:dir:none}',
    "6: found the file dir/none, which can't be read (no such file), expected a file with the value",
  ],
  ['${dir:dir:../a.properties}', '6: found a name of a file in dir that is none'],
  [
    '${vault:secret:password}',
    '6: found ${...} of a provider that config.providers does not name, expected config.providers = vault',
  ],
  ['${secrets:kafka/other-user:password}', '6: found the Kubernetes secret other-user, of which '],
];

test.each(missing)('%s', (value, line) => {
  const { faults } = resolve([...head, `key = ${value}`]);
  expect(faults).toEqual([expect.stringContaining(line)]);
  expect(faults[0]).not.toContain('S3CRET');
});

test('what providers may read is bounded by allowed.paths and allowlist.pattern', () => {
  const allowed = path.join(folder.path, 'dir');
  const { faults } = resolve([
    ...head,
    `config.providers.file.param.allowed.paths=${allowed}`,
    `config.providers.dir.param.allowed.paths=${allowed}/,relative`,
    'config.providers.env.param.allowlist.pattern=MM2_.*',
    `a = \${file:${folder.path}/a.properties:password}`,
    `b = \${dir:${allowed}/../secrets/my-user:password}`,
    `c = \${dir:${allowed}:password}`,
    'd = ${env:PASSWORD}',
  ]);
  expect(faults).toEqual([
    expect.stringContaining('7: found the path relative, which is not absolute'),
    expect.stringContaining('9: found the path'),
    expect.stringContaining('10: found the path'),
    expect.stringContaining(
      '12: found the variable PASSWORD, which allowlist.pattern of its provider does not allow',
    ),
  ]);
});

test('a provider of an unknown class, or of none, is told once, with the way out', () => {
  const { faults } = resolve([
    'config.providers = vault,file',
    'config.providers.vault.class = com.example.Vault',
    'a = ${vault:x:y}',
    'b = ${file:x:y}',
  ]);
  expect(faults).toEqual([
    expect.stringContaining(
      '2: found the provider class com.example.Vault, which Lockstep does not know, expected one of',
    ),
    expect.stringContaining('1: found the provider file without config.providers.file.class'),
  ]);
  expect(faults[0]).toContain(
    'written into a file that org.apache.kafka.common.config.provider.FileConfigProvider reads',
  );
});

test('of a key that is repeated, only the last one is told', () => {
  const { faults } = resolve([...head, 'key = ${env:ONE}', 'key = ${env:TWO}']);
  expect(faults).toEqual([expect.stringContaining('7: found the variable TWO')]);
});

test('a replaced file is read again', () => {
  const file = path.join(folder.path, 'rotated.properties');
  writeFileSync(file, 'password=first');
  const { file: resolved } = resolve([...head, 'key = <${file:rotated.properties:password}>']);
  const property = resolved.byKey.get('key')!;
  expect(property.value).toBe('<first>');
  writeFileSync(file, 'password=second');
  expect(property.renew?.(readFromDisk)).toBe('<second>');
  writeFileSync(file, '');
  expect(property.renew?.(readFromDisk)).toMatchObject({
    found: 'the file rotated.properties without the key password',
  });
});
