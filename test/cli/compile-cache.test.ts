// What was compiled is kept for the next command, in a folder that is the user's own.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const bin = path.resolve(import.meta.dirname, '..', '..', 'bin', 'compile-cache.mjs');
const { compileCacheFolder } = (await import(pathToFileURL(bin).href)) as {
  compileCacheFolder(of: object): string;
};

test.each([
  [{ isCheckout: true, environment: {} }, '/app/node_modules/.cache/node-compile'],
  [{ isCheckout: false, environment: {} }, '/home/ann/.cache/lockstep'],
  [{ isCheckout: false, environment: { XDG_CACHE_HOME: '/var/cache/ann' } }, '/var/cache/ann/lockstep'],
  [{ isCheckout: false, environment: { XDG_CACHE_HOME: 'relative' } }, '/home/ann/.cache/lockstep'],
])('%o keeps it in %s', (given, folder) => {
  expect(compileCacheFolder({ root: '/app', home: '/home/ann', ...given })).toBe(folder);
});

test('a second program finds what the first one has compiled, and a home that is not there harms nothing', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-cache-'));
  try {
    const program = `
      import { keepCompiled } from ${JSON.stringify(pathToFileURL(bin).href)};
      keepCompiled({ root: '/nowhere', isCheckout: false });
      await import('commander');
    `;
    const run = (home: string) =>
      spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        cwd: path.dirname(bin),
        env: { PATH: process.env.PATH, HOME: home, XDG_CACHE_HOME: '' },
        encoding: 'utf8',
      });
    expect(run(folder)).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(path.join(folder, '.cache', 'lockstep')).length).toBeGreaterThan(0);
    expect(run('/dev/null/no home')).toMatchObject({ status: 0, stderr: '' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ['status', true],
  ['run', false],
  ['agent', false],
])('installed from npm, `lockstep %s` keeps what it compiles: %s', async (command, isKept) => {
  const root = mkdtempSync(path.join(tmpdir(), 'lockstep-installed-'));
  try {
    cpSync(path.dirname(bin), path.join(root, 'bin'), { recursive: true });
    mkdirSync(path.join(root, 'bundle', 'cli'), { recursive: true });
    writeFileSync(path.join(root, 'bundle', 'cli', 'main.js'), 'process.exit(0);');
    const { status, stderr } = spawnSync(
      process.execPath,
      [path.join(root, 'bin', 'lockstep.mjs'), command],
      { env: { PATH: process.env.PATH, XDG_CACHE_HOME: path.join(root, 'caches') }, encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(existsSync(path.join(root, 'caches', 'lockstep'))).toBe(isKept);
  } finally {
    await rm(root, { recursive: true });
  }
});
