// How far a verification is, as its progress line says it: also what it waits for, and where that stands.
import type { LinkProgress } from '../verify/index.ts';
import type { ProgressState } from './output/progress.ts';
import { formatBytesPerSecond, formatCount } from './output/units.ts';

export function progressOf(link: string, progress: LinkProgress, elapsedMs: number): ProgressState {
  const { partitionsDone, partitionsTotal, offsetsCompared, offsetsTotal, bytesRead } = progress;
  const waiting = waitingFor(progress);
  const rate = formatBytesPerSecond((bytesRead / Math.max(elapsedMs, 1)) * 1_000);
  return {
    label: `verify ${link}`,
    done: Number(offsetsCompared),
    total: Number(offsetsTotal),
    detail: `${partitionsDone} of ${partitionsTotal} partitions  ${formatCount(offsetsCompared)} offsets  ${rate}${waiting}`,
  };
}

/** What holds partitions up, in words. */
function waitingFor({ waiting: { partitions, first } }: LinkProgress): string {
  if (first === null) return '';
  const { topic, partition, side, at, end } = first;
  const what =
    side === 'destination'
      ? `the mirror is at ${at} of ${end}`
      : `${end - at === 1n ? '1 offset belongs' : `${end - at} offsets belong`} to open transactions`;
  const others = partitions > 1 ? `, and ${partitions - 1} more` : '';
  return `  waiting for ${topic}-${partition}: ${what}${others}`;
}
