// Hooks as a site meets them: real commands, a real HTTP server, and what a person is shown.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HookEvent, type HookOutcome, hookPlanLine, runHooks } from '../../src/failover/hooks/index.ts';
import { findFreePort } from '../../src/regions/ports.ts';
import type { HookConfig } from '../../src/topology/index.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const event: HookEvent = {
  ...{ v: 1, group: 'shop', kind: 'failover', from: 'us-east', to: 'eu-west', topics: ['orders'] },
  ...{ move: 'move-1', step: 'hooksAfter', by: 'anna@ops1', startedAt: '2026-11-21T18:00:00.000Z' },
  message: null,
};

function hook(settings: Partial<HookConfig>): HookConfig {
  const on = ['switchover', 'failover'] as const;
  return { name: 'hook', on, at: 'after', headers: {}, timeoutMs: 10_000, isBlocking: false, ...settings };
}

const shell = (script: string, settings: Partial<HookConfig> = {}): HookConfig =>
  hook({ command: ['sh', '-c', script], ...settings });

async function run(hooks: readonly HookConfig[], options: { canStop?: boolean; signal?: AbortSignal } = {}) {
  const said: string[] = [];
  const outcomes = await runHooks(hooks, 'after', event, {
    ...{ folder: folder.path, canStop: false, say: (line: string) => said.push(line) },
    ...options,
  });
  return { outcomes, said };
}

const states = (outcomes: readonly HookOutcome[]): string[] =>
  outcomes.map(({ name, state }) => `${name} ${state}`);

const isAlive = (pid: number): boolean => {
  try {
    // A zombie has ended.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describe('a command', () => {
  test('is told the move on stdin and in its environment, and runs in the folder of the file, without a shell', async () => {
    const script = path.join(folder.path, 'show.sh');
    writeFileSync(
      script,
      '#!/bin/sh\npwd\necho "$1"\nenv | grep -E "^LOCKSTEP_(AT|FROM|GROUP|KIND|MOVE|STEP|TO)=" | sort\ncat\n',
    );
    chmodSync(script, 0o755);
    const { outcomes } = await run([hook({ name: 'show', command: ['./show.sh', '$(id) *'] })]);
    expect(states(outcomes)).toEqual(['show done']);
    const { output } = outcomes[0]!;
    expect(output.slice(0, -1)).toEqual([
      folder.path,
      '$(id) *',
      'LOCKSTEP_AT=after',
      'LOCKSTEP_FROM=us-east',
      'LOCKSTEP_GROUP=shop',
      'LOCKSTEP_KIND=failover',
      'LOCKSTEP_MOVE=move-1',
      'LOCKSTEP_STEP=hooksAfter',
      'LOCKSTEP_TO=eu-west',
    ]);
    expect(JSON.parse(output.at(-1)!)).toEqual({ ...event, at: 'after' });
  });

  test('that does not end is stopped with everything that it started, and the move goes on', async () => {
    const file = path.join(folder.path, 'grandchild');
    const { outcomes, said } = await run([
      shell(`sleep 60 & echo $! > ${file}; echo begun; wait`, { name: 'hangs', timeoutMs: 400 }),
    ]);
    expect(states(outcomes)).toEqual(['hangs timedOut']);
    expect(outcomes[0]!.stopsMove).toBe(false);
    expect(said).toEqual([
      'hangs: FAILED: no end within 400 ms; stopped; the move goes on: do by hand what it should have done',
      '  hangs| begun',
    ]);
    const grandchild = Number(readFileSync(file, 'utf8'));
    await waitFor(() => !isAlive(grandchild), { deadlineMs: 5_000, describe: () => 'its child to end' });
  });

  test('that leaves something running which holds its output open is not waited for', async () => {
    const { outcomes } = await run([shell('sleep 20 & echo done', { timeoutMs: 15_000 })]);
    expect(outcomes[0]).toMatchObject({ state: 'done', output: ['done'] });
    expect(outcomes[0]!.tookMs).toBeLessThan(5_000);
  });

  test('that pours out text is shown by its last lines, without what would act on the terminal', async () => {
    const { outcomes } = await run([
      shell('yes 0123456789 | head -c 20000000; exit 3', { name: 'loud' }),
      shell("printf '\\033[31mred\\033[0m\\007 \\033]0;title\\007\\n'; seq 1 30 >&2", { name: 'colours' }),
    ]);
    expect(states(outcomes)).toEqual(['loud failed', 'colours done']);
    expect(outcomes[0]!.output.length).toBeLessThan(25);
    expect(outcomes[0]!.output.at(-1)).toMatch(/^\(and \d+ bytes that are not shown\)$/);
    expect(outcomes[0]!.line).toContain('exit code 3');
    const shown = outcomes[1]!.output;
    expect(shown[0]).toBe('(11 lines before)');
    expect(shown.at(-1)).toBe('30');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
    expect(shown.join('\n')).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test('that is missing, or may not be run, says so', async () => {
    writeFileSync(path.join(folder.path, 'plain.txt'), 'x', { mode: 0o644 });
    const { said } = await run([
      hook({ name: 'a', command: ['./missing.sh'] }),
      hook({ name: 'b', command: ['./plain.txt'] }),
      hook({ name: 'c', command: ['true', 'nul \0 byte'] }),
    ]);
    expect(said.sort()).toEqual([
      expect.stringMatching(/^a: FAILED: \.\/missing\.sh can't be run: no such file after/),
      expect.stringMatching(/^b: FAILED: \.\/plain\.txt can't be run: it is not executable after/),
      expect.stringMatching(/^c: FAILED: true can't be run: /),
    ]);
  });

  test('that does not read what it is told breaks nothing', async () => {
    const topics = Array.from({ length: 20_000 }, (_, index) => `topic-${index}`);
    const outcomes = await runHooks(
      [shell('exec true')],
      'after',
      { ...event, topics },
      {
        folder: folder.path,
        canStop: true,
      },
    );
    expect(states(outcomes)).toEqual(['hook done']);
  });

  test('ends when the whole move is stopped', async () => {
    const stopped = new AbortController();
    const running = run([shell('echo $$ > stopped; exec sleep 60', { name: 'long' })], {
      signal: stopped.signal,
    });
    const file = path.join(folder.path, 'stopped');
    await waitFor(() => readFileSync(file, 'utf8').trim() !== '', {
      deadlineMs: 5_000,
      describe: () => 'it',
    });
    stopped.abort();
    expect(states((await running).outcomes)).toEqual(['long failed']);
    expect(isAlive(Number(readFileSync(file, 'utf8')))).toBe(false);
  });
});

describe('hooks together', () => {
  test('run side by side, those of this point and this kind of move', async () => {
    // Each of the two waits for the other's file.
    const meets = (mine: string, other: string) =>
      shell(`touch ${mine}; until [ -e ${other} ]; do sleep 0.02; done`, { name: mine });
    const { outcomes } = await run([
      meets('one', 'two'),
      meets('two', 'one'),
      shell('true', { name: 'before', at: 'before' }),
      shell('true', { name: 'restore', on: ['restore'] }),
    ]);
    expect(states(outcomes)).toEqual(['one done', 'two done']);
  });

  test('stop the move only when blocking, and only where it can be stopped', async () => {
    const hooks = [
      shell('echo 1 >> order', { name: 'first', isBlocking: true }),
      shell('echo 2 >> order; false', { name: 'second', isBlocking: true }),
      shell('echo 3 >> order', { name: 'third', isBlocking: true }),
      shell('false', { name: 'beside' }),
    ];
    const stopping = await run(hooks, { canStop: true });
    expect(states(stopping.outcomes)).toEqual([
      'first done',
      'second failed',
      'third notRun',
      'beside failed',
    ]);
    expect(stopping.outcomes.map(({ stopsMove }) => stopsMove)).toEqual([false, true, false, false]);
    expect(stopping.said.join('\n')).toContain('it is blocking, so the move stops here');
    expect(stopping.said).toContain('third: not run, because second failed');
    const order = path.join(folder.path, 'order');
    expect(readFileSync(order, 'utf8')).toBe('1\n2\n');

    const going = await run(hooks, { canStop: false });
    expect(states(going.outcomes)).toEqual(['first done', 'second failed', 'third done', 'beside failed']);
    expect(going.outcomes.some(({ stopsMove }) => stopsMove)).toBe(false);
    expect(going.said.join('\n')).toContain('behind its point of no return and goes on');
    expect(readFileSync(order, 'utf8')).toBe('1\n2\n1\n2\n3\n');
  });
});

describe('a POST', () => {
  interface Asked {
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
    readonly path: string;
  }
  const asked: Asked[] = [];
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        asked.push({ headers: request.headers, body, path: request.url ?? '' });
        if (request.url === '/hangs') return response.write('wait');
        if (request.url === '/moved') return response.writeHead(302, { location: '/elsewhere' }).end();
        if (request.url === '/loud') {
          response.on('error', () => {});
          const pour = (): void =>
            void (response.write('x'.repeat(65_536)) ? setImmediate(pour) : response.once('drain', pour));
          return pour();
        }
        if (request.url === '/echo')
          return response
            .writeHead(500)
            .end(`no: ${request.headers.authorization} ${request.headers['x-key']}`);
        response.end('thanks');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('sends the move as JSON, with its headers', async () => {
    const { outcomes } = await run([
      hook({ name: 'page', url: `${url}/a`, headers: { 'X-Key': 'secret-1' } }),
    ]);
    expect(outcomes).toMatchObject([{ state: 'done', output: ['thanks'] }]);
    const { headers, body, path: at } = asked.at(-1)!;
    expect(at).toBe('/a');
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-key': 'secret-1' });
    expect(JSON.parse(body)).toEqual({ ...event, at: 'after' });
  });

  test('shows no secret: not of its headers, not of its address, also when the server sends them back', async () => {
    const headers = { Authorization: 'Bearer top-secret-token', 'X-Key': 'other-secret' };
    const { outcomes, said } = await run([
      hook({ name: 'echo', url: `${url}/echo`, headers }),
      hook({ name: 'gone', url: `http://127.0.0.1:${await findFreePort()}/services/hidden-path`, headers }),
      hook({ name: 'bad', url, headers: { 'X-Key': 'bad\nsecret-value' } }),
    ]);
    expect(states(outcomes)).toEqual(['echo failed', 'gone failed', 'bad failed']);
    expect(outcomes[0]!.line).toContain('answered with HTTP 500');
    expect(outcomes[1]!.line).toContain('ECONNREFUSED');
    expect(said).toContain('  echo| no: (hidden) (hidden)');
    expect(said.join('\n')).not.toMatch(/secret|hidden-path/);
  });

  test('ends at its time-out, in its headers or in its body; a redirect is not followed', async () => {
    const { outcomes } = await run([
      hook({ name: 'hangs', url: `${url}/hangs`, timeoutMs: 300 }),
      hook({ name: 'moved', url: `${url}/moved`, headers: { 'X-Key': 'secret-2' } }),
      hook({ name: 'loud', url: `${url}/loud`, timeoutMs: 5_000 }),
    ]);
    expect(states(outcomes)).toEqual(['hangs timedOut', 'moved failed', 'loud done']);
    expect(outcomes[1]!.line).toContain('HTTP 302 (redirects are not followed)');
    expect(asked.some(({ path: at }) => at === '/elsewhere')).toBe(false);
    expect(outcomes[2]!.tookMs).toBeLessThan(4_000);
  });
});

test("a hook's line in a plan shows what is run, and no secret", () => {
  expect([
    hookPlanLine(shell('true', { name: 'dns', command: ['./switch-dns.sh', 'x'], isBlocking: true })),
    hookPlanLine(hook({ name: 'page', url: 'https://hooks.example.com/T0/abcdef', timeoutMs: 500 })),
    hookPlanLine(hook({ name: 'root', url: 'https://user:password@hooks.example.com/' })),
  ]).toEqual([
    'dns: ./switch-dns.sh x (at most 10.0 s, blocking)',
    'page: POST https://hooks.example.com/... (at most 500 ms)',
    'root: POST https://hooks.example.com (at most 10.0 s)',
  ]);
});
