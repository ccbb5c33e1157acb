// What the failover bench found, in tables. Pure, apart from the load.
import os from 'node:os';
import { formatTable } from '../../src/cli/output/table.ts';

export interface StepTime {
  readonly step: string;
  readonly ms: number;
}

/** All times in ms, from the moment in which the command was typed unless it says otherwise. */
export interface MoveMeasurement {
  readonly kind: 'switchover' | 'failover';
  readonly partitions: number;
  /** Every partition had accepted a record of an application. */
  readonly acceptedMs: number;
  /** The command had ended. */
  readonly endedMs: number;
  /** The move began: Node had started, and the regions were reached (or not). */
  readonly startMs: number;
  /** From the command's first look at logs that stood still until `acceptedMs`; null for a failover. */
  readonly pauseMs: number | null;
  readonly steps: readonly StepTime[];
  /** Load average when it began. */
  readonly load: number;
}

export interface RestoreMeasurement {
  readonly topics: number;
  readonly diverged: number;
  readonly copiedTopics: number;
  /** Of record values in each topic. */
  readonly topicBytes: number;
  /** What the agent of the restored region read meanwhile, from both regions. */
  readonly agentReadBytes: number;
  /** And what it sent: the copies. */
  readonly agentSentBytes: number;
  readonly tookMs: number;
  readonly steps: readonly StepTime[];
  readonly load: number;
}

export function loadAverage(): number {
  return os.loadavg()[0] ?? 0;
}

/** The run with the middle time; of two the slower one. */
export function medianBy<T>(runs: readonly T[], value: (run: T) => number): T {
  return runs.toSorted((a, b) => value(a) - value(b))[Math.floor(runs.length / 2)]!;
}

export function moveTable(rows: readonly MoveMeasurement[]): string {
  const right = { align: 'right' } as const;
  return formatTable(
    [
      { title: 'MOVE' },
      { title: 'PARTITIONS', ...right },
      { title: 'ALL ACCEPT', ...right },
      { title: 'PAUSE', ...right },
      { title: 'LOAD', ...right },
      { title: 'STEPS' },
    ],
    rows.map(({ kind, partitions, acceptedMs, pauseMs, startMs, steps, load }) => [
      kind,
      String(partitions),
      seconds(acceptedMs),
      pauseMs === null ? '-' : seconds(pauseMs),
      load.toFixed(1),
      stepWords([{ step: 'start', ms: startMs }, ...steps]),
    ]),
  );
}

export function restoreTable(rows: readonly RestoreMeasurement[]): string {
  const right = { align: 'right' } as const;
  return formatTable(
    [
      { title: 'RESTORE: DIVERGED' },
      { title: 'COPIED', ...right },
      { title: 'AGENT SENT', ...right },
      { title: 'AGENT READ', ...right },
      { title: 'TOOK', ...right },
      { title: 'LOAD', ...right },
      { title: 'STEPS' },
    ],
    rows.map(({ topics, diverged, copiedTopics, agentSentBytes, agentReadBytes, tookMs, steps, load }) => [
      `${diverged} of ${topics} topics`,
      `${copiedTopics} topics`,
      `${(agentSentBytes / 1e6).toFixed(1)} MB`,
      `${(agentReadBytes / 1e6).toFixed(1)} MB`,
      seconds(tookMs),
      load.toFixed(1),
      stepWords(steps),
    ]),
  );
}

/** `look 0.21, promote 1.60`. */
function stepWords(steps: readonly StepTime[]): string {
  return steps.map(({ step, ms }) => `${step} ${(ms / 1000).toFixed(2)}`).join(', ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
