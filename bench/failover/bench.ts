// npm run bench -- failover: how long a replication group takes to move, on real regions with agents as processes.
//
// 1. for each size: a switchover of an idle pair, then a failover after the primary was killed
// 2. a restore where 1% of the topics diverged, and one where all did
// 3. tables, an SVG and a JSON file in bench/results/, one JSON line at the end
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LockstepError } from '../../src/errors.ts';
import { commitOf } from '../commit.ts';
import { renderBars } from '../plot.ts';
import { makeProgram } from '../program.ts';
import { measureMoves } from './moves.ts';
import type { FailoverBenchOptions } from './options.ts';
import {
  loadAverage,
  type MoveMeasurement,
  medianBy,
  moveTable,
  type RestoreMeasurement,
  restoreTable,
} from './report.ts';
import { measureRestore, restoredTopicCount } from './restores.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** A bench that hangs ends all the same, ms for each pair of regions. */
const pairMsMax = 15 * 60_000;

export async function benchFailover(
  options: FailoverBenchOptions,
  say: (line: string) => void,
): Promise<void> {
  if (process.platform !== 'linux')
    throw new LockstepError('USAGE', 'The benchmark reads /proc and runs on Linux only.');
  const loadBefore = loadAverage();
  if (loadBefore > 0.5)
    say(`load average is ${loadBefore.toFixed(1)}: other programs will distort the figures`);
  makeProgram(say);
  const moves: MoveMeasurement[] = [];
  const restores: RestoreMeasurement[] = [];
  // Runs take turns, so that a slow minute of the machine meets every size.
  for (let run = 0; run < options.runs; run++) {
    for (const partitions of options.withMoves ? options.partitions : []) {
      const { profileFolder } = options;
      const { switchover, failover } = await inFolder((folder) =>
        measureMoves(partitions, { folder, profileFolder, say }),
      );
      moves.push(switchover, failover);
    }
    for (const diverged of options.withRestore ? [restoredTopicCount / 100, restoredTopicCount] : [])
      restores.push(await inFolder((folder) => measureRestore(diverged, { folder, say })));
  }
  await report({ moves, restores }, options, loadBefore);
}

/** A folder of its own for each pair of regions, and an end. */
async function inFolder<T>(measure: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'lockstep-bench-'));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(new LockstepError('REQUEST_TIMED_OUT', `took longer than ${pairMsMax / 60_000} minutes`)),
    pairMsMax,
  );
  const endings = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const end = () => late.reject(new LockstepError('USAGE', `ended by ${signal}`));
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  const removal = { recursive: true, force: true, maxRetries: 3 };
  try {
    const measured = await Promise.race([measure(folder), late.promise]);
    await rm(folder, removal);
    return measured;
  } catch (error) {
    // Regions may still run, and are killed when this process exits.
    process.once('exit', () => rmSync(folder, removal));
    throw error;
  } finally {
    clearTimeout(timer);
    for (const forget of endings) forget();
  }
}

async function report(
  { moves, restores }: { moves: readonly MoveMeasurement[]; restores: readonly RestoreMeasurement[] },
  options: FailoverBenchOptions,
  loadAverageBefore: number,
): Promise<void> {
  const moved = [...Map.groupBy(moves, ({ kind, partitions }) => `${kind} ${partitions}`).values()]
    .map((runs) => medianBy(runs, ({ acceptedMs }) => acceptedMs))
    .toSorted((a, b) => a.kind.localeCompare(b.kind) || a.partitions - b.partitions);
  const restored = [...Map.groupBy(restores, ({ diverged }) => diverged).values()].map((runs) =>
    medianBy(runs, ({ tookMs }) => tookMs),
  );
  const record = {
    bench: 'failover',
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      memoryGb: Math.round(os.totalmem() / 1e9),
      loadAverageBefore,
    },
    commit: commitOf(root),
    options,
    moves: moved,
    restores: restored,
    runs: { moves, restores },
  };
  if (moved.length > 0) console.log(`\n${moveTable(moved)}`);
  if (restored.length > 0) console.log(`\n${restoreTable(restored)}`);
  const loads = [...moves, ...restores].map(({ load }) => load);
  const caption = `${record.machine.cores} cores shared with both brokers, load ${Math.min(...loads).toFixed(0)} to ${Math.max(...loads).toFixed(0)}; ${record.date.slice(0, 10)}`;
  // A part of it, or with a profiler, is for trying.
  const isWhole = options.withMoves && options.withRestore && options.profileFolder === null;
  const folder = path.join(root, 'bench', 'results');
  await mkdir(folder, { recursive: true });
  const name = isWhole ? 'failover' : 'partial-failover';
  await writeFile(path.join(folder, `${name}.svg`), plotOf(moved, restored, caption));
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\nplot: bench/results/${name}.svg\n`);
  console.log(JSON.stringify(record));
}

function plotOf(
  moves: readonly MoveMeasurement[],
  restores: readonly RestoreMeasurement[],
  caption: string,
): string {
  const of = (kind: MoveMeasurement['kind']) => moves.filter((move) => move.kind === kind);
  const bar = ({ partitions }: MoveMeasurement, ms: number) => ({
    ...{ title: `${partitions} partitions`, value: ms / 1000, isOurs: true },
  });
  const better = 'less is better';
  return renderBars(
    [
      {
        ...{ title: 'Failover: command typed until every partition took a record', unit: ' s', better },
        bars: of('failover').map((move) => bar(move, move.acceptedMs)),
      },
      {
        ...{ title: 'Switchover of an idle pair: writes pause', unit: ' s', better },
        bars: of('switchover').map((move) => bar(move, move.pauseMs ?? 0)),
      },
      {
        ...{ title: 'Restore: copied, as the agent sent it', unit: ' MB', better },
        bars: restores.map(({ diverged, topics, agentSentBytes }) => ({
          ...{ title: `${diverged} of ${topics} diverged`, value: agentSentBytes / 1e6, isOurs: true },
        })),
      },
      {
        ...{ title: 'Restore: time', unit: ' s', better },
        bars: restores.map(({ diverged, topics, tookMs }) => ({
          ...{ title: `${diverged} of ${topics} diverged`, value: tookMs / 1000, isOurs: true },
        })),
      },
    ].filter(({ bars }) => bars.length > 0),
    caption,
  );
}
