// npm run bench:short [-- --record]: a look of half a minute at whether Lockstep has become grossly slower; CI's.
//
// 1. two regions, and 8 partitions of records of 1 KiB in one of them, as in the shape plain
// 2. a round: a bare copier of bytes in Node, then Lockstep; ratios of the two, which other work on this machine moves far
//    less than the figures themselves
// 3. a ratio above twice that of bench/short-baseline.json is looked at again, in up to two more rounds: it ends with 1 only
//    when all of them agree
//
// --record: three rounds, and their medians become the baseline.
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LockstepError } from '../../src/errors.ts';
import { commitOf } from '../commit.ts';
import { makeProgram } from '../program.ts';
import type { ShapeOptions } from '../shape.ts';
import { plainWorkload } from '../shapes/plain.ts';
import { type Log, type Stage, setStage } from '../stage.ts';
import { measureParts } from '../throughput.ts';
import { measureBareCopier } from './bare-copier.ts';
import { grosslyWorse, medianRatios, type Ratios, ratioLine, ratiosOf } from './verdict.ts';

const root = path.resolve(import.meta.dirname, '../..');
const baselineFile = path.join(root, 'bench', 'short-baseline.json');
/** Little, so that a machine that is busy with other things, too, is done soon. */
const logBytes = 1.2e9;
const copierBytes = 2e9;
/** A fifth more goes before, as warm-up; on a quiet machine the log ends it earlier. */
const secondsMax = 5;
const roundsMax = 3;
const startedAt = performance.now();
const say = (line: string) =>
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(3)} s] ${line}`);

try {
  await main(process.argv.includes('--record'));
} catch (error) {
  if (!(error instanceof LockstepError)) throw error;
  console.error(`lockstep: ${error.message}`);
  process.exit(error.exitCode);
}

async function main(isRecording: boolean): Promise<void> {
  if (process.platform !== 'linux')
    throw new LockstepError('USAGE', 'The benchmark reads /proc and runs on Linux only.');
  const { ratios: recorded } = JSON.parse(readFileSync(baselineFile, 'utf8')) as { ratios: Ratios };
  say(`load average ${os.loadavg()[0]!.toFixed(1)}`);
  makeProgram(say);
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lockstep-bench-short-'));
  const removed = () => rm(directory, { recursive: true, force: true, maxRetries: 3 });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void removed().finally(() => process.exit(1)));
  let stage: Stage | null = null;
  try {
    stage = await setStage({}, directory, say);
    const log = await stage.write('bench', { ...plainWorkload, bytes: logBytes });
    const rounds: Ratios[] = [];
    do {
      rounds.push(await measureRound(stage, log, recorded));
    } while (rounds.length < roundsMax && (isRecording || grosslyWorse(rounds, recorded).length > 0));
    if (isRecording) await record(medianRatios(rounds));
    else conclude(grosslyWorse(rounds, recorded));
  } finally {
    await stage?.close();
    await removed();
  }
}

async function measureRound(stage: Stage, log: Log, recorded: Ratios): Promise<Ratios> {
  const copier = await measureBareCopier(copierBytes);
  say(`bare copier: ${figuresLine(copier)}`);
  const options: ShapeOptions = {
    ...{
      directory: stage.directory,
      runs: 1,
      seconds: secondsMax,
      contestants: null,
      once: [],
      profile: false,
    },
    say: () => {},
  };
  const { rows } = await measureParts(stage, [{ log, contestants: ['lockstep'] }], options);
  const lockstep = rows[0]!.runs[0]!;
  say(`Lockstep: ${figuresLine(lockstep)}`);
  const ratios = ratiosOf(lockstep, copier);
  console.log(ratioLine(ratios, recorded));
  return ratios;
}

function figuresLine(figures: {
  cpuSecondsPerGb?: number;
  megabytesPerSecond?: number;
  peakRssMb?: number;
}): string {
  const { cpuSecondsPerGb = NaN, megabytesPerSecond = NaN, peakRssMb = NaN } = figures;
  return `${cpuSecondsPerGb.toFixed(2)} CPU-s per GB, ${megabytesPerSecond.toFixed(0)} MB/s, peak RSS ${peakRssMb.toFixed(0)} MB`;
}

async function record(ratios: Ratios): Promise<void> {
  const machine = `${os.cpus()[0]?.model}, ${os.cpus().length} cores, load average ${os.loadavg()[0]!.toFixed(1)}`;
  const baseline = { date: new Date().toISOString(), commit: commitOf(root), machine, ratios };
  await writeFile(baselineFile, `${JSON.stringify(baseline, null, 2)}\n`);
  console.log(`recorded in ${path.relative(root, baselineFile)}: ${JSON.stringify(ratios)}`);
}

function conclude(worse: readonly string[]): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  if (worse.length === 0) return console.log(`short benchmark: no gross regression (${seconds} s)`);
  process.exitCode = 1;
  for (const line of worse) console.log(`short benchmark: GROSS REGRESSION: ${line}`);
}
