// What `lockstep run` says of one link in one line. Unknown is shown as unknown, never as zero.
import type { LinkStatus } from '../link/index.ts';
import { formatBytesPerSecond, formatCount, formatDuration, plural } from './output/units.ts';

export interface LinkSummary {
  readonly name: string;
  readonly partitionCount: number;
  /** Partitions that copy, or fill a hole on the way. */
  readonly mirroringCount: number;
  /** Partitions that are not stopped: the ones whose lag counts. */
  readonly goingCount: number;
  /** Partitions that a person has to look at. */
  readonly stoppedCount: number;
  /** Over partitions that are not stopped; null while any of them is unknown, or there is none. */
  readonly lagRecords: bigint | null;
  /** How long the partition furthest behind has been behind; null while any is unknown. */
  readonly behindMs: number | null;
  /** null without an earlier status to compare with. */
  readonly bytesPerSecond: number | null;
  readonly recordsPerSecond: number | null;
  readonly discoveryError: string | null;
  /** What holds up partitions that will go on by themselves: the most frequent state with its reason. */
  readonly trouble: string | null;
}

/** States in which a partition goes on; holes follow every transaction of the source. */
const copying: ReadonlySet<string> = new Set(['Mirroring', 'ClaimingHole', 'FillingHole']);

/** Reasons carry brokers' words; a status line stays a line. */
const reasonCharsMax = 160;

/** Sums up a link. `before` is an earlier status of the same link, `elapsedMs` the time between the two. */
export function summarizeLink(
  now: LinkStatus,
  before: LinkStatus | undefined,
  elapsedMs: number,
): LinkSummary {
  const { partitions } = now;
  const going = partitions.filter((partition) => !partition.isStopped);
  const known = going.length > 0 && going.every((partition) => partition.lagRecords !== null);
  const timed = going.length > 0 && going.every((partition) => partition.behindMs !== null);
  const rate = (field: 'bytesMirrored' | 'recordsMirrored'): number | null => {
    if (before === undefined || elapsedMs <= 0) return null;
    return (Math.max(0, total(now, field) - total(before, field)) / elapsedMs) * 1_000;
  };
  return {
    name: now.name,
    partitionCount: partitions.length,
    mirroringCount: partitions.filter(({ state }) => copying.has(state)).length,
    goingCount: going.length,
    stoppedCount: partitions.filter((partition) => partition.isStopped && partition.state !== 'Stopped')
      .length,
    lagRecords: known ? going.reduce((sum, partition) => sum + (partition.lagRecords ?? 0n), 0n) : null,
    behindMs: timed ? going.reduce((max, partition) => Math.max(max, partition.behindMs ?? 0), 0) : null,
    bytesPerSecond: rate('bytesMirrored'),
    recordsPerSecond: rate('recordsMirrored'),
    discoveryError: now.discoveryError,
    trouble: mostFrequentTrouble(now),
  };
}

function mostFrequentTrouble({ partitions }: LinkStatus): string | null {
  const counts = new Map<string, number>();
  for (const { state, reason, isStopped } of partitions) {
    if (isStopped || (copying.has(state) && (reason === null || state !== 'Mirroring'))) continue;
    const words = reason === null ? state : `${state}: ${reason.slice(0, reasonCharsMax)}`;
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === undefined ? null : `${formatCount(most[1])} ${most[0]}`;
}

/** `us-to-eu  8 of 8 partitions mirroring  lag 1,234 records, 1.2 s  12.3 MiB/s, 4,000 records/s`. */
export function formatSummary(summary: LinkSummary): string {
  const { name, mirroringCount, partitionCount, stoppedCount, lagRecords, behindMs } = summary;
  const parts = [name];
  parts.push(
    partitionCount === 0
      ? 'no partitions yet'
      : `${formatCount(mirroringCount)} of ${plural(partitionCount, 'partition')} mirroring`,
  );
  if (stoppedCount > 0) parts.push(`${formatCount(stoppedCount)} STOPPED`);
  if (summary.goingCount > 0) parts.push(`lag ${formatLag(lagRecords, behindMs)}`);
  if (summary.bytesPerSecond !== null && summary.recordsPerSecond !== null) {
    const records = formatCount(Math.round(summary.recordsPerSecond));
    parts.push(`${formatBytesPerSecond(summary.bytesPerSecond)}, ${records} records/s`);
  }
  if (summary.trouble !== null) parts.push(`(${summary.trouble})`);
  if (summary.discoveryError !== null) parts.push(`looking for topics failed: ${summary.discoveryError}`);
  return parts.join('  ');
}

function formatLag(lagRecords: bigint | null, behindMs: number | null): string {
  if (lagRecords === null) return 'unknown';
  if (lagRecords === 0n) return 'none';
  const time = behindMs === null ? 'unknown time' : formatDuration(behindMs);
  return `${plural(lagRecords, 'record')}, ${time}`;
}

function total(link: LinkStatus, field: 'bytesMirrored' | 'recordsMirrored'): number {
  return link.partitions.reduce((sum, partition) => sum + partition[field], 0);
}
