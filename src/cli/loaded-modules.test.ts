// What an agent loads it keeps in memory for years. Each room that `lockstep run` needs only now and then, or never, is
// loaded where it is needed; an import at the head of a file brings it back.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { doneWithout, loadRecorder } from '../../test/support/loaded-modules.ts';
import { findFreePort } from '../regions/index.ts';

const source = path.resolve(import.meta.dirname, '..');
/** Nobody listens there: the command ends when everything is loaded, and has connected to nothing. */
const file = `version: 1
clusters: { us: { bootstrap: ["127.0.0.1:1"] }, eu: { bootstrap: ["127.0.0.1:2"] } }
links: { us-to-eu: { source: us, destination: eu, topics: [orders] } }
`;
const directory = mkdtempSync(path.join(tmpdir(), 'lockstep-loaded-'));
let loaded: string[] = [];

beforeAll(async () => {
  const [yaml, hook, list] = ['lockstep.yaml', 'recorder.mjs', 'list.json'].map((name) =>
    path.join(directory, name),
  ) as [string, string, string];
  writeFileSync(yaml, file);
  writeFileSync(hook, loadRecorder(list));
  const http = `127.0.0.1:${await findFreePort()}`;
  const args = ['--import', hook, path.join(source, 'cli', 'main.ts'), 'run', yaml, '--http', http];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringContaining('127.0.0.1:2') });
  loaded = JSON.parse(readFileSync(list, 'utf8'));
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const loadedOf = (part: string): string[] => loaded.filter((name) => name.includes(part));

test('an agent with its API and metrics was loaded', () => {
  for (const part of ['/src/cli/commands/run.ts', '/src/agent/fleet-agent.ts', '/src/agent/api/server.ts'])
    expect(loadedOf(part), part).toHaveLength(1);
  expect(loadedOf('/node_modules/fastify/').length).toBeGreaterThan(0);
});

test('no other command was', () => {
  const commands = loadedOf('/src/cli/commands/').map((url) => path.basename(url));
  expect(commands).toEqual(['run.ts']);
});

test.each(doneWithout)('%s was not: %s', (part) => {
  expect(loadedOf(part)).toEqual([]);
});
