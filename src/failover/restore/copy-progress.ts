// How far a copy is, in words.
import { formatBytes, formatBytesPerSecond, formatDuration, plural } from '../../units.ts';

export interface CopyProgress {
  readonly partitionsDone: number;
  readonly partitions: number;
  /** About, in proportion to offsets. */
  readonly bytesDone: number;
  readonly bytes: number;
  /** Null while nothing can be said. */
  readonly leftMs: number | null;
  readonly bytesPerSecond: number;
}

/** `43%  1.2 of 2.8 GiB  12 of 30 partitions  35.0 MiB/s  about 48 s left`. */
export function describeCopy(progress: CopyProgress): string {
  const { partitionsDone, partitions, bytesDone, bytes, bytesPerSecond, leftMs } = progress;
  const share = bytes > 0 ? bytesDone / bytes : partitions === 0 ? 1 : partitionsDone / partitions;
  const cells = Math.floor(share * barCells);
  return [
    `[${'#'.repeat(cells)}${'-'.repeat(barCells - cells)}] ${Math.floor(share * 100)}%`,
    `about ${formatBytes(Math.round(bytesDone))} of ${formatBytes(bytes)}`,
    `${partitionsDone} of ${plural(partitions, 'partition')}`,
    ...(bytesPerSecond > 0 ? [formatBytesPerSecond(bytesPerSecond)] : []),
    ...(leftMs === null || partitionsDone === partitions ? [] : [`about ${formatDuration(leftMs)} left`]),
  ].join('  ');
}

const barCells = 24;
