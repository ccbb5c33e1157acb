// The command as a child process, as the shell sees it: exit codes, streams, signals, a pipe that closes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const command = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-main-'));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function lockstep(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return start(args, env).ended;
}

/** Starts the command; `ended` resolves when it and its streams are through. */
function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += String(bytes);
  });
  child.stderr.on('data', (bytes) => {
    stderr += String(bytes);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

/** A port that nobody listens on: one that was free a moment ago. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function file(us: number, eu: number): string {
  const name = path.join(folder, `${us}.yaml`);
  writeFileSync(
    name,
    `version: 1\nclusters:\n  us: {bootstrap: ["127.0.0.1:${us}"]}\n  eu: {bootstrap: ["127.0.0.1:${eu}"]}\n` +
      'links:\n  us-to-eu: {source: us, destination: eu, topics: [orders]}\n',
  );
  return name;
}

describe('exit codes', () => {
  test('0 for help and version', async () => {
    expect(await lockstep(['--version'])).toMatchObject({ code: 0, stderr: '' });
    expect(await lockstep(['help', 'verify'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--topic'),
    });
  });

  test('2 for a wrong flag, a missing file and a typo in it', async () => {
    expect(await lockstep(['verify', '--frob', 'x'])).toMatchObject({ code: 2, stdout: '' });
    expect(await lockstep(['run', path.join(folder, 'none.yaml')])).toMatchObject({
      code: 2,
      stderr: `lockstep: ${folder}/none.yaml: can't be read: no such file\n`,
    });
    const typo = path.join(folder, 'typo.yaml');
    writeFileSync(typo, 'version: 1\nclusters: {us: {bootstrp: [a]}}\n');
    expect(await lockstep(['doctor', typo])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${typo}:2:17: found the unknown key bootstrp`),
    });
  });

  // An agent asks its destination first: what it is to do stands there.
  test.each([
    ['run', 'eu', 1],
    ['verify', 'us', 0],
  ])(
    '3 for %s when nobody listens: one line with cluster and address, no stack',
    async (name, cluster, offset) => {
      const port = await deadPort();
      const { code, stdout, stderr } = await lockstep([name, file(port, port + 1)]);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
        new RegExp(`^lockstep: cluster ${cluster}, broker 127\\.0\\.0\\.1:${port + offset}: `),
      );
      expect(stderr).not.toMatch(/^ +at /m);
    },
  );

  test('3 for doctor, which still says everything it found', async () => {
    const port = await deadPort();
    const { code, stdout } = await lockstep(['doctor', file(port, await deadPort()), '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'unreachable',
      clusters: [
        { name: 'us', reachable: false, checks: [{ name: 'reachable', mark: 'bad' }] },
        { name: 'eu' },
      ],
    });
  });

  test('--stack and LOCKSTEP_STACK show where an error comes from', async () => {
    const port = await deadPort();
    const name = file(port, port + 1);
    expect((await lockstep(['verify', name, '--stack'])).stderr).toMatch(/^LockstepError: .*\n +at /m);
    expect((await lockstep(['verify', name], { LOCKSTEP_STACK: '1' })).stderr).toMatch(/^ +at /m);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '1 when a %s comes before the answer is there, at once',
    async (signal) => {
      // A listener that never answers: the command waits for it until it is told to stop.
      const sockets: Socket[] = [];
      const server = createServer((socket) => sockets.push(socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const connected = once(server, 'connection');
      const { child, ended } = start(['verify', file(port, await deadPort())]);
      await connected;
      child.kill(signal);
      expect(await ended).toEqual({
        code: 1,
        stdout: '',
        stderr: 'lockstep: interrupted before it was through\n',
      });
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  );

  test('ends when the shell of npm is gone, which passes no SIGTERM on', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const connected = once(server, 'connection');
    // As npx does it: the command behind a shell, which has something left to do and so does not become the command.
    const line = `"${process.execPath}" "${command}" verify "${file(port, await deadPort())}"; true`;
    const shell = spawn('sh', ['-c', line], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, npm_lifecycle_event: 'npx' },
    });
    let stderr = '';
    shell.stderr.on('data', (bytes) => {
      stderr += String(bytes);
    });
    // The pipe closes when the command has ended, not when the shell has.
    const ended = once(shell.stderr, 'close');
    await connected;
    shell.kill('SIGTERM');
    await ended;
    expect(stderr).toBe('lockstep: interrupted before it was through\n');
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('a reader that goes away early is no error', async () => {
    const { child, ended } = start(['--help']);
    child.stdout.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});
