// `npm pack` gives a package that installs and runs on a machine with Node 24 alone: no Java, no Maven, no compiler.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../src/regions/ports.ts';
import { type InstalledPackage, installPackage, packageVersion } from './installed-package.ts';

let installed: InstalledPackage;

beforeAll(() => {
  installed = installPackage();
  return () => installed.remove();
}, 300_000);

it('holds the compiled program and what people read, and nothing else', () => {
  const folders = new Set(installed.files.map((file) => file.split('/')[0]));
  expect([...folders].sort()).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'deploy', 'dist', 'docs', 'package.json'].filter(
      (name) => name !== 'CHANGELOG.md' || folders.has(name),
    ),
  );
  expect(installed.files.filter((file) => file.startsWith('dist/') && !file.endsWith('.js'))).toEqual([]);
  expect(installed.files.filter((file) => file.includes('.test.'))).toEqual([
    'deploy/prometheus/lockstep-alerts.test.yml',
  ]);
  expect(installed.files).toContain('deploy/systemd/lockstep.service');
});

it('finds no Java, no Maven and no compiler', () => {
  for (const program of ['java', 'mvn', 'tsc', 'cc', 'gcc', 'make', 'python3'])
    expect(existsSync(path.join(installed.binFolder, program)), program).toBe(false);
  const found = spawnSync('java', ['-version'], { env: { PATH: installed.binFolder } });
  expect((found.error as NodeJS.ErrnoException).code).toBe('ENOENT');
  for (const module of ['typescript', 'vitest', 'node', '@biomejs'])
    expect(existsSync(path.join(installed.folder, '..', module)), module).toBe(false);
});

it('has the native LZ4 library as a binary, which nothing had to compile', () => {
  const program = `
    const { compress, decompress, lz4LibraryInUse } = await import('${installed.folder}/dist/records/index.js');
    const plain = decompress('lz4', compress('lz4', Buffer.from('installed')));
    console.log(plain.toString(), lz4LibraryInUse());
  `;
  const { stdout } = spawnSync(
    path.join(installed.binFolder, 'node'),
    ['--input-type=module', '-e', program],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout.trim()).toBe('installed native');
});

describe('the command', () => {
  it('says its version', async () => {
    const { code, stdout } = await installed.run(['--version']);
    expect([code, stdout.toString('utf8').trim()]).toEqual([0, packageVersion()]);
  });

  it('says what it can do', async () => {
    const { code, stdout } = await installed.run(['--help']);
    expect(code).toBe(0);
    for (const command of ['run', 'verify', 'doctor', 'local'])
      expect(stdout.toString('utf8')).toContain(command);
  });

  it('says where a file is wrong', async () => {
    const file = path.join(installed.binFolder, 'bad.yaml');
    writeFileSync(file, 'version: 1\nclusters:\n  a: {bootstrap: 7}\n');
    const { code, stderr } = await installed.run(['doctor', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:3:`);
  });

  it('says that a cluster can not be reached', async () => {
    const file = path.join(installed.binFolder, 'away.yaml');
    const [source, destination] = ['127.0.0.1:1', '127.0.0.1:2'].map((address) => ({ bootstrap: [address] }));
    const links = { l: { source: 'a', destination: 'b', topics: ['t'] } };
    writeFileSync(file, JSON.stringify({ version: 1, clusters: { a: source, b: destination }, links }));
    const { code, stderr } = await installed.run(['run', file], { timeoutMs: 90_000 });
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('127.0.0.1:2') });
  });

  it('has all that an agent loads: its API, its metrics, its log', async () => {
    const where = ['--bootstrap-server', '127.0.0.1:1', '--http', `127.0.0.1:${await findFreePort()}`];
    const { code, stderr } = await installed.run(['agent', ...where], { timeoutMs: 90_000 });
    expect({ code, stderr }).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('"api":"http://127.0.0.1:'),
    });
  });
});
