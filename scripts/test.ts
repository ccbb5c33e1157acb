// npm test: everything, from an empty machine to the last line `N passed, N failed`.
//
// 1. Java, Kafka's jars, kcat
// 2. types (tsc) and style (biome), each counted as one check
// 3. the tests (vitest); arguments are passed on to it, for example a file
// 4. whatever the tests left running is ended, and counted as a failure
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../src/errors.ts';
import { setUp } from './setup.ts';
import { add, type Counts, lastLine, noCounts } from './testing/counts.ts';
import { findLeftBehind, runVariable } from './testing/left-behind.ts';

const root = path.resolve(import.meta.dirname, '..');
const bin = (name: string) => path.join(root, 'node_modules', '.bin', name);
const runId = randomUUID();
/** After Ctrl-C vitest gets this long to end its tests; brokers die with their test worker in any case. */
const interruptWaitMs = 10_000;
/** What a test ended a moment ago may take to disappear. */
const leftBehindWaitMs = 3_000;

const counts = noCounts();
let child: ChildProcess | null = null;
let interrupted = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) return;
    interrupted = true;
    child?.kill('SIGTERM');
    setTimeout(() => child?.kill('SIGKILL'), interruptWaitMs).unref();
  });
}

try {
  if (await check('setup', prepare)) {
    await check('types (tsc -b)', () => run(bin('tsc'), ['-b']));
    await check('style (biome check)', () => run(bin('biome'), ['check', '.']));
    if (!interrupted) add(counts, await runVitest(process.argv.slice(2)));
  }
} finally {
  await endLeftBehind();
}
if (interrupted) {
  counts.failed++;
  console.error('\ninterrupted: what had not run counts as one failure');
}
console.log(`\n${lastLine(counts)}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

/** One check that is no test: shown with its time, counted as one. The setup counts only when it fails. */
async function check(name: string, work: () => Promise<boolean>): Promise<boolean> {
  if (interrupted) return false;
  const startedAt = Date.now();
  const passed = await work();
  console.error(
    `${passed ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`,
  );
  if (!passed) counts.failed++;
  else if (work !== prepare) counts.passed++;
  return passed;
}

async function prepare(): Promise<boolean> {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    console.error(`lockstep: ${error.message}`);
    return false;
  }
  prepareKcat();
  return true;
}

/** kcat is an independent client; without it its tests are skipped and counted as skipped. */
function prepareKcat(): void {
  if (spawnSync('kcat', ['-V']).status === 0) return;
  if (process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    console.error('lockstep: installing kcat with apt-get (once)');
    const options = { encoding: 'utf8', timeout: 300_000 } as const;
    spawnSync('apt-get', ['update', '-qq'], options);
    const done = spawnSync('apt-get', ['install', '-y', '-qq', 'kcat'], options);
    if (done.status === 0) return;
    console.error(`lockstep: apt-get could not install kcat: ${done.stderr.trim().split('\n').at(-1)}`);
  }
  console.error('lockstep: kcat is missing; its tests are skipped (Debian, Ubuntu: apt-get install kcat)');
}

async function run(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const started = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2], env });
  child = started;
  const code = await new Promise<number | null>((resolve) => {
    started.on('error', () => resolve(null));
    started.on('exit', (exitCode) => resolve(exitCode));
  });
  child = null;
  return code === 0;
}

/** A run that ends badly without a failed test (no file found, a crash) counts as one failure. */
async function runVitest(args: string[]): Promise<Counts> {
  const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-counts-'));
  const file = path.join(folder, 'counts.json');
  try {
    const env = { ...process.env, LOCKSTEP_TEST_COUNTS: file, [runVariable]: runId };
    const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = [
      '--reporter=default',
      `--reporter=${path.join(root, 'scripts', 'testing', 'vitest-reporter.ts')}`,
    ];
    const passed = await run(process.execPath, [vitest, 'run', ...reporters, ...args], env);
    const counted = readCounts(file);
    if (!passed && counted.failed === 0) counted.failed = 1;
    return counted;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    return { ...noCounts(), failed: 1 };
  }
}

async function endLeftBehind(): Promise<void> {
  const deadline = Date.now() + leftBehindWaitMs;
  let left = findLeftBehind(runId);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(100);
    left = findLeftBehind(runId);
  }
  for (const { pid, command } of left) {
    console.error(`FAILED the tests left process ${pid} running: ${command}`);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended in this very moment
    }
  }
  if (left.length > 0) counts.failed++;
}
