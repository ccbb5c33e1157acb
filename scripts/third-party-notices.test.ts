import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { noticesOf, packageFolderOf } from './third-party-notices.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'lockstep-notices-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function packageWith(manifest: object, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(path.join(scratch, 'package-'));
  for (const [name, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) }))
    writeFileSync(path.join(folder, name), text);
  return folder;
}

test.each([
  ['/app/node_modules/yaml/dist/index.js', '/app/node_modules/yaml'],
  ['/app/node_modules/@fastify/error/index.js', '/app/node_modules/@fastify/error'],
  ['/app/node_modules/a/node_modules/@b/c/lib/x.js', '/app/node_modules/a/node_modules/@b/c'],
  ['/app/src/cli/main.ts', null],
  ['\0rolldown/runtime.js', null],
])('%j is of %j', (moduleId, folder) => {
  expect(packageFolderOf(moduleId)).toBe(folder);
});

test('every text of a licence is told, by name of the package, each once', () => {
  const zod = { name: 'zod', version: '1.0.0', license: 'MIT' };
  const files = { LICENSE: 'may be used\n', 'NOTICE.md': 'made by us', 'readme.md': 'not this' };
  const text = noticesOf([
    packageWith(zod, files),
    packageWith(zod, files),
    packageWith({ name: 'ajv', version: '2.0.0', license: 'ISC' }, { licence: 'may be used, too' }),
  ]);
  expect(text.match(/^\S+ \S+ \(.*\)$/gm)).toEqual(['ajv 2.0.0 (ISC)', 'zod 1.0.0 (MIT)']);
  expect(text).toContain('may be used\n\nmade by us');
  expect(text).not.toContain('not this');
});

test('a package without such a file tells what its package.json says, and one that says nothing is not shipped', () => {
  const author = { name: 'Ann' };
  expect(noticesOf([packageWith({ name: 'a', version: '1.0.0', license: 'MIT', author })])).toContain(
    'a 1.0.0 (MIT)\n\nIts package.json says: license MIT, author Ann.',
  );
  expect(() => noticesOf([packageWith({ name: 'a', version: '1.0.0' })])).toThrow('a 1.0.0 names no licence');
});
