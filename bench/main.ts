// npm run bench: shapes of work, each measured with everybody who can do it, on the same brokers and data in one run.
//
// 1. make bundle/, which is what npm ships
// 2. each shape in turn sets its stage, measures its contestants in turn, and ends everything
// 3. for each: table, verdicts, a plot and a JSON file in bench/results/; at the end one JSON line
//
// npm run bench -- failover: how long moves of a replication group take; bench/failover/.
// npm run bench -- limits: what links with a limit read, and how live topics fare meanwhile; bench/limits/.
import { existsSync, mkdtempSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LockstepError } from '../src/errors.ts';
import { commitOf } from './commit.ts';
import { checkContestantNames, contestants } from './contestants/index.ts';
import { benchFailover } from './failover/bench.ts';
import { parseFailoverOptions } from './failover/options.ts';
import { benchLimits } from './limits/bench.ts';
import { parseLimitsOptions } from './limits/options.ts';
import { type BenchOptions, isWholeRun, parseBenchOptions, usage } from './options.ts';
import { renderPlot } from './plot.ts';
import { makeProgram } from './program.ts';
import { recordOf, renderTable, renderVerdict, type ShapeRecord } from './report.ts';
import type { Shape } from './shape.ts';
import { shapes } from './shapes/index.ts';
import { aboutMinutes, estimateSeconds, TimeLeft } from './time-plan.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const root = path.resolve(import.meta.dirname, '..');
const startedAt = performance.now();
let timeLeft = new TimeLeft(new Map());
const say = (line: string) => {
  const left = timeLeft.seconds(performance.now());
  const told = left > 0 ? `, ${aboutMinutes(left)} left` : '';
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s${told}] ${line}`);
};

try {
  const [first, ...others] = process.argv.slice(2);
  if (first === 'failover') await benchFailover(parseFailoverOptions(others), say);
  else if (first === 'limits') await benchLimits(parseLimitsOptions(others), say);
  else await main(parseBenchOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof LockstepError)) throw error;
  console.error(`lockstep: ${error.message}`);
  // Whatever is still under way ends with us, regions included.
  process.exit(error.exitCode);
}

async function main(options: BenchOptions): Promise<void> {
  if (options.help) {
    const known = shapes.map(({ name, title }) => [name, title] as const);
    console.log(
      usage(
        known,
        contestants.map(({ name }) => name),
      ),
    );
    return;
  }
  if (process.platform !== 'linux')
    throw new LockstepError('USAGE', 'The benchmark reads /proc and runs on Linux only.');
  checkContestantNames([...(options.contestants ?? []), ...options.once]);
  const chosen = options.shapes.length === 0 ? shapes : options.shapes.map(shapeOf);
  makeProgram(say);
  timeLeft = await timeLeftFor(chosen, options);
  const records: ShapeRecord[] = [];
  const failed: string[] = [];
  for (const shape of chosen) {
    try {
      records.push(await measureShape(shape, options));
    } catch (error) {
      // The others are worth having all the same.
      if (chosen.length === 1) throw error;
      say(`${shape.name} failed: ${error instanceof LockstepError ? error.message : (error as Error).stack}`);
      failed.push(shape.name);
    }
  }
  if (failed.length > 0) {
    console.log(`failed: ${failed.join(', ')}`);
    process.exitCode = 1;
  }
  console.log(JSON.stringify({ bench: records }));
}

/** Says so at the start; what was never measured is left out of it. */
async function timeLeftFor(chosen: readonly Shape[], options: BenchOptions): Promise<TimeLeft> {
  const estimates = new Map<string, number>();
  const unknown: string[] = [];
  for (const { name } of chosen) {
    const seconds = estimateSeconds(await recordKept(name), options);
    if (seconds === null) unknown.push(name);
    else estimates.set(name, seconds);
  }
  const left = new TimeLeft(estimates);
  const without = unknown.length === 0 ? '' : `, without ${unknown.join(', ')}`;
  if (estimates.size > 0) say(`takes ${aboutMinutes(left.seconds(0))}${without}, as long as it took before`);
  return left;
}

async function recordKept(name: string): Promise<ShapeRecord | null> {
  const file = path.join(root, 'bench', 'results', `${name}.json`);
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as ShapeRecord) : null;
}

function shapeOf(name: string): Shape {
  const shape = shapes.find((each) => each.name === name);
  if (shape) return shape;
  const known = shapes.map((each) => each.name).join(', ');
  throw new LockstepError(
    'USAGE',
    `${JSON.stringify(name)} is no shape of the benchmark; there are ${known}, and failover and limits.`,
  );
}

async function measureShape(shape: Shape, options: BenchOptions): Promise<ShapeRecord> {
  // Work of others on this machine distorts every figure: shown, so that nobody compares across such runs.
  const loadAverageBefore = os.loadavg()[0] ?? 0;
  say(
    `${shape.name}: ${shape.title}${loadAverageBefore > 0.5 ? ` (load average ${loadAverageBefore.toFixed(1)}: others distort the figures)` : ''}`,
  );
  const directory = mkdtempSync(path.join(os.tmpdir(), `lockstep-bench-${shape.name}-`));
  const removed = () => rm(directory, { recursive: true, force: true, maxRetries: 3 });
  const onSignal = () => void removed().finally(() => process.exit(1));
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const { runs, seconds, contestants: wanted, once, profile } = options;
    timeLeft.begin(shape.name, performance.now());
    const result = await shape.run({ directory, runs, seconds, contestants: wanted, once, profile, say });
    const tookSeconds = Math.round(timeLeft.end(performance.now()));
    const record = recordOf(shape, result, {
      ...circumstances(shape, options, loadAverageBefore),
      tookSeconds,
    });
    console.log(`\n${shape.name}: ${shape.title}\n\n${renderTable(result.rows)}\n`);
    for (const line of [...renderVerdict(result.wanted), ...result.notes]) console.log(line);
    console.log(`\nplot and figures: ${await keep(record, shape, options)}\n`);
    return record;
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
    await removed();
  }
}

function circumstances(shape: Shape, { runs, seconds }: BenchOptions, loadAverageBefore: number) {
  return {
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      memoryGb: Math.round(os.totalmem() / 1e9),
      loadAverageBefore,
    },
    versions: { kafka: '4.3.1', mirrorMaker: '4.3.1', node: process.versions.node },
    commit: commitOf(root),
    command: `npm run bench -- ${shape.name}`,
    runs,
    seconds,
  };
}

/** Figures of a short or partial run are for trying: they don't replace those that documents show. */
async function keep(record: ShapeRecord, shape: Shape, options: BenchOptions): Promise<string> {
  const folder = path.join(root, 'bench', 'results', ...(isWholeRun(options) ? [] : ['tried']));
  await mkdir(folder, { recursive: true });
  const { cores } = record.machine;
  const caption = `${record.title}\n${cores} cores shared with all brokers; ${record.date.slice(0, 10)}`;
  const file = path.join(folder, record.shape);
  await writeFile(`${file}.svg`, renderPlot(record.rows, caption, shape.plot));
  await writeFile(`${file}.json`, `${JSON.stringify(record, null, 2)}\n`);
  return `${path.relative(root, file)}.{svg,json}`;
}
