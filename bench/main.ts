// npm run bench: the same data mirrored by MirrorMaker 2 and by Lockstep, on the same two brokers, in one run.
//
// 1. start two regions and write the data
// 2. each contestant in turn, alone, into topics of its own; the destination's end offsets are compared
// 3. table, ratios, an SVG and a JSON file in bench/results/, one JSON line at the end
//
// npm run bench -- failover: how long moves of a replication group take; bench/failover/.
// npm run bench -- limits: what links with a limit read, and how live topics fare meanwhile; bench/limits/.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LockstepError } from '../src/errors.ts';
import { commitOf } from './commit.ts';
import type { Contestant } from './contestants/contestant.ts';
import { lockstep } from './contestants/lockstep.ts';
import { mirrorMaker } from './contestants/mirror-maker.ts';
import { benchFailover } from './failover/bench.ts';
import { parseFailoverOptions } from './failover/options.ts';
import { benchLimits } from './limits/bench.ts';
import { parseLimitsOptions } from './limits/options.ts';
import { type Measurement, measure } from './measure.ts';
import { type BenchOptions, type ContestantName, parseBenchOptions } from './options.ts';
import { renderPlot } from './plot.ts';
import { medianRun, ratiosOf, renderTable, renderVerdict } from './report.ts';
import { type Stage, setStage } from './stage.ts';

const root = path.resolve(import.meta.dirname, '..');
const startedAt = performance.now();
/** Work of others on this machine distorts every figure: shown, so that nobody compares across such runs. */
const loadAverageBefore = os.loadavg()[0] ?? 0;
const say = (line: string) =>
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${line}`);

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
  if (process.platform !== 'linux')
    throw new LockstepError('USAGE', 'The benchmark reads /proc and runs on Linux only.');
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lockstep-bench-'));
  let stage: Stage | null = null;
  const cleanUp = async () => {
    await stage?.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void cleanUp().finally(() => process.exit(1)));
  }
  if (loadAverageBefore > 0.5)
    say(`load average is ${loadAverageBefore.toFixed(1)}: other programs will distort the figures`);
  try {
    say('compiling dist/, which is what npm ships');
    execFileSync(path.join(root, 'node_modules', '.bin', 'tsc'), ['-b', 'tsconfig.src.json'], {
      cwd: root,
      stdio: 'inherit',
    });
    stage = await setStage(options, directory, say);
    say(`${(stage.logBytes / 1e9).toFixed(2)} GB are in us-east`);
    await report(await runAll(options, stage), options, stage);
  } finally {
    await cleanUp();
  }
}

/** Rounds take turns, so that a slow minute of the machine meets everybody. */
async function runAll(options: BenchOptions, stage: Stage): Promise<Map<ContestantName, Measurement[]>> {
  const all = new Map<ContestantName, Measurement[]>();
  for (let run = 1; run <= options.runs; run++) {
    for (const name of options.contestants) {
      const contestant = contestantOf(name, run, options);
      say(`${contestant.title}: starting${options.runs > 1 ? ` (run ${run} of ${options.runs})` : ''}`);
      const measured = await measure(contestant, stage, options, say);
      say(
        `${measured.title}: ${measured.cpuSecondsPerGb.toFixed(2)} CPU-s per GB, ${measured.megabytesPerSecond.toFixed(0)} MB/s, peak RSS ${measured.peakRssMb.toFixed(0)} MB`,
      );
      all.set(name, [...(all.get(name) ?? []), measured]);
    }
  }
  return all;
}

function contestantOf(name: ContestantName, run: number, options: BenchOptions): Contestant {
  return name === 'lockstep' ? lockstep(options) : mirrorMaker(name, run, options.mm2Tasks);
}

async function report(
  all: ReadonlyMap<ContestantName, readonly Measurement[]>,
  options: BenchOptions,
  stage: Stage,
): Promise<void> {
  const results = new Map([...all].map(([name, runs]) => [name, medianRun(runs)]));
  const rows = [...results.values()];
  const [ours, tuned, defaults] = [
    results.get('lockstep'),
    results.get('mm2-tuned'),
    results.get('mm2-defaults'),
  ];
  const record = {
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      memoryGb: Math.round(os.totalmem() / 1e9),
      loadAverageBefore,
    },
    versions: {
      kafka: stage.source.kafkaVersion,
      mirrorMaker: stage.installation.version,
      node: process.versions.node,
    },
    commit: commitOf(root),
    options,
    logBytes: stage.logBytes,
    results: Object.fromEntries(results),
    runs: Object.fromEntries(all),
    ratios: {
      ...(ours && tuned && { toTunedMirrorMaker: ratiosOf(ours, tuned) }),
      ...(ours && defaults && { toDefaultMirrorMaker: ratiosOf(ours, defaults) }),
    },
  };
  console.log(`\n${renderTable(rows)}\n`);
  if (ours && tuned) for (const line of renderVerdict(ours, tuned)) console.log(line);
  const folder = path.join(root, 'bench', 'results');
  await mkdir(folder, { recursive: true });
  // A run of some contestants, or with a profiler, is for trying; only a whole one replaces the figures that README shows.
  const name = rows.length === 3 && !options.profile ? 'latest' : 'partial';
  const gb = (stage.logBytes / 1e9).toFixed(2);
  const caption = `${gb} GB, ${options.partitions} partitions, ${options.recordBytes} B records; ${record.machine.cores} cores shared with both brokers; ${record.date.slice(0, 10)}`;
  await writeFile(path.join(folder, `${name}.svg`), renderPlot(rows, caption));
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\nplot: bench/results/${name}.svg\n`);
  console.log(JSON.stringify(record));
  if (!rows.every((row) => row.isComplete)) process.exitCode = 1;
}
