// `npm pack` gives a package that installs and runs on a machine with Node 24 alone: no Java, no Maven, no compiler.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { findFreePort, guardChild } from '../../src/regions/index.ts';
import { createTopic } from '../support/kafka-tools.ts';
import { doneWithout, loadRecorder } from '../support/loaded-modules.ts';
import { platformaticConsume, platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type InstalledPackage, installPackage, packageVersion } from './installed-package.ts';

let installed: InstalledPackage;

beforeAll(() => {
  installed = installPackage();
  return () => installed.remove();
}, 300_000);

it('holds the bundle and what people read, and nothing else', () => {
  const folders = new Set(installed.files.map((file) => file.split('/')[0]));
  expect([...folders].sort()).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'bundle', 'deploy', 'docs', 'package.json'].filter(
      (name) => name !== 'CHANGELOG.md' || folders.has(name),
    ),
  );
  expect(installed.files.filter((file) => file.startsWith('bundle/') && !file.endsWith('.js'))).toEqual([
    'bundle/THIRD-PARTY-NOTICES',
  ]);
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

it('has the licences of what it brings, and installs no package of those', () => {
  const notices = readFileSync(path.join(installed.folder, 'bundle', 'THIRD-PARTY-NOTICES'), 'utf8');
  const brought = [...notices.matchAll(/^-{80}\n(\S+) \S+ \([^)]+\)\n\n(.*)/gm)];
  const names = brought.map(([, name]) => name!);
  expect(names).toEqual(expect.arrayContaining(['fastify', 'pino', 'prom-client', 'yaml', 'zod']));
  expect(brought.filter(([, , text]) => text!.trim() === '')).toEqual([]);
  expect(installed.packagesBeside.filter((name) => names.includes(name))).toEqual([]);
});

it('loads every file of it, and every package that it asks for', () => {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(path.join(installed.folder, 'package.json'), 'utf8'),
  );
  const program = `
    import { readdirSync } from 'node:fs';
    import { createRequire } from 'node:module';
    const folder = ${JSON.stringify(`${installed.folder}/bundle/chunks/`)};
    for (const name of ${JSON.stringify(Object.keys({ ...dependencies, ...optionalDependencies }))})
      createRequire(folder)(name);
    const files = readdirSync(folder);
    for (const file of files) await import(folder + file);
    console.log(files.length);
  `;
  const node = path.join(installed.binFolder, 'node');
  const { stdout, stderr } = spawnSync(node, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(Number(stdout)).toBeGreaterThan(20);
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

  it.each([
    ...['run', 'agent', 'links', 'mirrors', 'status', 'switchover', 'failover', 'loss', 'restore', 'migrate'],
    ...['verify', 'audit', 'rules', 'doctor', 'local'],
  ])('says what %s does', async (command) => {
    const { code, stdout, stderr } = await installed.run([command, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.toString('utf8')).toContain(`Usage: lockstep ${command}`);
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

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
  const folder = useTemporaryFolder();

  it('are mirrored by the bundle, which loads what an agent needs of it and nothing else', async () => {
    const topic = uniqueTopic('orders');
    const { 'us-east': source, 'eu-west': destination } = regions;
    const [yaml, hook, list] = ['lockstep.yaml', 'recorder.mjs', 'list.json'].map((name) =>
      path.join(folder.path, name),
    ) as [string, string, string];
    const clusters = Object.fromEntries(
      Object.entries(regions).map(([name, { bootstrap }]) => [name, { bootstrap }]),
    );
    const link = { source: 'us-east', destination: 'eu-west', topics: [topic], replicationFactor: 1 };
    writeFileSync(yaml, JSON.stringify({ version: 1, clusters, links: { l: link } }));
    writeFileSync(hook, loadRecorder(list));
    await createTopic(source, topic, { partitions: 2 });
    const messages = Array.from({ length: 200 }, (_, index) => ({
      partition: index % 2,
      value: Buffer.from(`record ${index} `.repeat(20)),
    }));
    await platformaticProduce({ bootstrap: source.bootstrap, topic, messages, compression: 'lz4' });

    const http = `127.0.0.1:${await findFreePort()}`;
    const agent = spawn(installed.command, ['run', yaml, '--http', http], {
      env: { PATH: installed.binFolder, NODE_OPTIONS: `--import ${hook}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    guardChild(agent);
    let said = '';
    agent.stderr.on('data', (bytes) => {
      said += String(bytes);
    });
    const ended = once(agent, 'close');
    try {
      const read = await waitFor(
        () => platformaticConsume({ bootstrap: destination.bootstrap, topic, count: messages.length }),
        { deadlineMs: 90_000, describe: () => `all records in the mirror; the agent said: ${said}` },
      );
      expect(read.map(({ value }) => String(value)).sort()).toEqual(
        messages.map(({ value }) => String(value)).sort(),
      );
      const metrics = await (await fetch(`http://${http}/metrics`)).text();
      expect(metrics).toMatch(/^lockstep_lz4_native(\{.*\})? 1$/m);
      expect(metrics).toContain('process_resident_memory_bytes ');
      for (const command of ['verify', 'doctor']) {
        const { code, stdout, stderr } = await installed.run([command, yaml], { timeoutMs: 60_000 });
        expect({ command, code, said: code === 0 || `${stdout}${stderr}` }).toEqual({
          ...{ command, code: 0, said: true },
        });
      }
    } finally {
      agent.kill('SIGTERM');
      await ended;
    }
    expect(agent.exitCode, said).toBe(0);

    const loaded = JSON.parse(readFileSync(list, 'utf8')) as string[];
    const files = loaded.filter((name) => name.startsWith('file:')).map((url) => fileURLToPath(url));
    const chunks = files.filter((file) => file.startsWith(path.join(installed.folder, 'bundle')));
    // A chunk says in front of each module of it which file that was.
    const modules = chunks.flatMap(
      (file) => readFileSync(file, 'utf8').match(/(?<=^\/\/ )\S+\.[cm]?[jt]s$/gm) ?? [],
    );
    expect(modules).toEqual(expect.arrayContaining(['src/cli/commands/run.ts', 'src/agent/fleet-agent.ts']));
    expect(modules.filter((name) => name.startsWith('src/cli/commands/'))).toEqual([
      'src/cli/commands/run.ts',
    ]);
    const names = [...loaded, ...modules.map((name) => `/${name}`)];
    for (const [part, what] of doneWithout)
      expect(
        names.filter((name) => name.includes(part)),
        what,
      ).toEqual([]);
  }, 300_000);
});
