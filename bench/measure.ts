// Runs one contestant and measures it.
//
// Steady work starts when the first records are in the destination and ends when all of them are. Time, CPU
// and records are taken between these two moments, so that nobody's start-up is counted and nothing that was
// copied before the first look is credited.
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../src/errors.ts';
import type { Region } from '../src/regions/index.ts';
import type { Contestant } from './contestants/contestant.ts';
import { sumOf } from './offsets.ts';
import type { BenchOptions } from './options.ts';
import { readProcessCost } from './process-cost.ts';
import { logBytes, type Stage } from './stage.ts';

export type Measurement = {
  readonly title: string;
  /** Seconds from the process's start to the first records in the destination. */
  readonly startSeconds: number;
  readonly startCpuSeconds: number;
  /** The steady part. */
  readonly seconds: number;
  readonly records: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
  readonly cpuSecondsPerGb: number;
  readonly megabytesPerSecond: number;
  readonly recordsPerSecond: number;
  /** Over the whole life of the process. */
  readonly peakRssMb: number;
  readonly sourceBrokerCpuSecondsPerGb: number;
  readonly destinationBrokerCpuSecondsPerGb: number;
  /** Every partition's end offset is the source's. */
  readonly isComplete: boolean;
  readonly copyLogBytes: number;
};

const pollMs = 50;
/** A contestant that copies nothing for so long is stuck. */
const standstillMsMax = 120_000;
const progressEveryMs = 2000;
const endWaitMs = 15_000;
/** A gigabyte and a megabyte are decimal here, as in PARITY's figures. */
const bytesPerGb = 1e9;
const bytesPerMb = 1e6;

export async function measure(
  contestant: Contestant,
  stage: Stage,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<Measurement> {
  const total = sumOf(stage.ends);
  const bytesPerRecord = stage.logBytes / total;
  const startedAt = performance.now();
  const child = await contestant.start(stage);
  const pid = child.pid;
  if (pid === undefined) throw new LockstepError('INTERNAL', `${contestant.title} could not be started.`);
  try {
    const first = await waitForRecords(1, 'its first records');
    const last = await waitForRecords(total, 'all records');
    const seconds = (last.at - first.at) / 1000;
    const records = last.records - first.records;
    const bytes = records * bytesPerRecord;
    const gb = bytes / bytesPerGb;
    const cpuSeconds = last.cost.cpuSeconds - first.cost.cpuSeconds;
    const ends = await stage.destinationOffsets.ends(contestant.copyTopic, options.partitions);
    return {
      title: contestant.title,
      startSeconds: (first.at - startedAt) / 1000,
      startCpuSeconds: first.cost.cpuSeconds,
      seconds,
      records,
      bytes,
      cpuSeconds,
      cpuSecondsPerGb: cpuSeconds / gb,
      megabytesPerSecond: bytes / bytesPerMb / seconds,
      recordsPerSecond: records / seconds,
      peakRssMb: last.cost.peakRssBytes / bytesPerMb,
      sourceBrokerCpuSecondsPerGb: (last.sourceCpu - first.sourceCpu) / gb,
      destinationBrokerCpuSecondsPerGb: (last.destinationCpu - first.destinationCpu) / gb,
      isComplete: [...stage.ends].every(([partition, end]) => ends?.get(partition) === end),
      copyLogBytes: await logBytes(stage.destination, contestant.copyTopic),
    };
  } finally {
    await end(child);
    await stage.destinationOffsets.deleteTopic(contestant.copyTopic);
  }

  async function waitForRecords(wanted: number, what: string) {
    let lastSaidAt = performance.now();
    let grewAt = performance.now();
    let before = -1;
    for (;;) {
      const ends = await stage.destinationOffsets.ends(contestant.copyTopic, options.partitions);
      const at = performance.now();
      const records = sumOf(ends);
      if (records >= wanted) {
        const cost = readProcessCost(pid as number);
        return {
          at,
          records,
          cost,
          sourceCpu: brokerCpu(stage.source),
          destinationCpu: brokerCpu(stage.destination),
        };
      }
      if (records > before) grewAt = at;
      before = records;
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver || at - grewAt > standstillMsMax) {
        const why = isOver
          ? `ended with ${child.exitCode ?? child.signalCode}`
          : `copied nothing for ${standstillMsMax} ms`;
        throw new LockstepError(
          'INTERNAL',
          `${contestant.title} ${why} while waiting for ${what}. ${await lastWords(stage, contestant)}`,
        );
      }
      if (at - lastSaidAt > progressEveryMs) {
        lastSaidAt = at;
        say(
          `${contestant.title}: ${((100 * records) / total).toFixed(0)} % after ${((at - startedAt) / 1000).toFixed(0)} s`,
        );
      }
      await sleep(pollMs);
    }
  }
}

function brokerCpu(region: Region): number {
  const pid = region.brokers[0]?.pid;
  return pid ? readProcessCost(pid).cpuSeconds : Number.NaN;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), endWaitMs);
  await exited;
  clearTimeout(timer);
}

async function lastWords(stage: Stage, { copyTopic }: Contestant): Promise<string> {
  const name = copyTopic.includes('.') ? copyTopic.slice(0, copyTopic.indexOf('.')) : 'lockstep';
  const text = await readFile(`${stage.directory}/${name}.log`, 'utf8').catch(() => '');
  return `Its output ended with:\n${text.trimEnd().split('\n').slice(-10).join('\n')}`;
}
