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
  /** Partitions that ended because the agent was asked to. */
  readonly endedCount: number;
  /** Partitions whose next records belong to an open transaction: no lag shows them. */
  readonly waitingCount: number;
  /** Partitions that are not stopped and of which nobody knows how far behind they are. */
  readonly unknownCount: number;
  /** Over the partitions of which it is known; null when there is none. */
  readonly lagRecords: bigint | null;
  /** How long the partition furthest behind has been behind; null while that is unknown. */
  readonly behindMs: number | null;
  /** null without an earlier status to compare with. */
  readonly bytesPerSecond: number | null;
  readonly recordsPerSecond: number | null;
  readonly discoveryError: string | null;
  /** What holds up partitions that will go on by themselves, the most frequent first: `2 WaitingForTransaction`. */
  readonly troubles: readonly string[];
}

type Partition = LinkStatus['partitions'][number];

/** States in which a partition goes on; holes follow every transaction of the source. */
const copying: ReadonlySet<string> = new Set(['Mirroring', 'ClaimingHole', 'FillingHole']);
/** States in which the source is read but has nothing to copy yet. */
const waiting: ReadonlySet<string> = new Set(['WaitingForTransaction', 'WaitingAtHole']);

/** Sums up a link. `before` is an earlier status of the same link, `elapsedMs` the time between the two. */
export function summarizeLink(
  now: LinkStatus,
  before: LinkStatus | undefined,
  elapsedMs: number,
): LinkSummary {
  const { partitions } = now;
  const going = partitions.filter((partition) => !partition.isStopped);
  const known = going.filter(isLagKnown);
  const timed = known.length > 0 && known.every((partition) => partition.behindMs !== null);
  const count = (is: (partition: Partition) => boolean) => partitions.filter(is).length;
  const rate = (field: 'bytesMirrored' | 'recordsMirrored'): number | null => {
    if (before === undefined || elapsedMs <= 0) return null;
    return (Math.max(0, total(now, field) - total(before, field)) / elapsedMs) * 1_000;
  };
  return {
    name: now.name,
    partitionCount: partitions.length,
    mirroringCount: count(isMirroring),
    goingCount: going.length,
    stoppedCount: count(({ isStopped, state }) => isStopped && state !== 'Stopped'),
    endedCount: count(({ state }) => state === 'Stopped'),
    waitingCount: count(({ state }) => state === 'WaitingForTransaction'),
    unknownCount: going.length - known.length,
    lagRecords:
      known.length > 0 ? known.reduce((sum, partition) => sum + (partition.lagRecords ?? 0n), 0n) : null,
    behindMs: timed ? known.reduce((max, partition) => Math.max(max, partition.behindMs ?? 0), 0) : null,
    bytesPerSecond: rate('bytesMirrored'),
    recordsPerSecond: rate('recordsMirrored'),
    discoveryError: now.discoveryError,
    troubles: troublesOf(going),
  };
}

/** A partition that shows Mirroring with a reason hears nothing from a cluster, but for one that the link's limit holds back. */
function isMirroring({ state, reason, isHeldBack }: Partition): boolean {
  return copying.has(state) && (state !== 'Mirroring' || reason === null || isHeldBack === true);
}

/** What was heard last counts only while the source is read. */
function isLagKnown(partition: Partition): boolean {
  return partition.lagRecords !== null && (isMirroring(partition) || waiting.has(partition.state));
}

function troublesOf(going: readonly Partition[]): string[] {
  const groups = Map.groupBy(
    going.filter((partition) => !isMirroring(partition) || partition.isHeldBack === true),
    troubleOf,
  );
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([words, { length }]) => `${formatCount(length)}${words.includes(' ') ? ':' : ''} ${words}`);
}

/** The state alone: its reason stands whole in a line of its own. Only Mirroring would say nothing without it. */
function troubleOf({ state, reason }: Partition): string {
  if (state !== 'Mirroring' || reason === null) return state;
  return reason.startsWith('reading: ') ? 'the source can not be read' : reason;
}

/** `us-to-eu  8 of 8 partitions mirroring  lag 1,234 records, 1.2 s  12.3 MiB/s, 4,000 records/s`. */
export function formatSummary(summary: LinkSummary): string {
  const { stoppedCount, troubles } = summary;
  const held = troubles.length === 0 ? '' : ` (${troubles.join(', ')})`;
  const parts = [summary.name, `${formatPartitions(summary)}${held}`];
  if (stoppedCount > 0) parts.push(`${formatCount(stoppedCount)} STOPPED`);
  if (summary.goingCount > 0) parts.push(`lag ${formatLag(summary)}`);
  if (summary.bytesPerSecond !== null && summary.recordsPerSecond !== null) {
    const records = formatCount(Math.round(summary.recordsPerSecond));
    parts.push(`${formatBytesPerSecond(summary.bytesPerSecond)}, ${records} records/s`);
  }
  if (summary.discoveryError !== null) parts.push(`looking for topics failed: ${summary.discoveryError}`);
  return parts.join('  ');
}

function formatPartitions({ partitionCount, mirroringCount, endedCount, goingCount }: LinkSummary): string {
  if (partitionCount === 0) return 'no partitions yet';
  const isEnd = endedCount > 0 && goingCount === 0;
  const count = formatCount(isEnd ? endedCount : mirroringCount);
  return `${count} of ${plural(partitionCount, 'partition')} ${isEnd ? 'stopped cleanly' : 'mirroring'}`;
}

/** `none` alone says that every partition is mirroring and has all there is. */
function formatLag(summary: LinkSummary): string {
  const { lagRecords, behindMs, waitingCount, unknownCount, stoppedCount } = summary;
  const unknown = `unknown for ${formatCount(unknownCount)}`;
  if (lagRecords === null) return unknown;
  const time = behindMs === null ? 'unknown time' : formatDuration(behindMs);
  const known = lagRecords === 0n ? 'none' : `${plural(lagRecords, 'record')}, ${time}`;
  const others: string[] = [];
  if (waitingCount > 0)
    others.push(
      waitingCount === 1 ? '1 waits for a transaction' : `${formatCount(waitingCount)} wait for transactions`,
    );
  if (unknownCount > 0) others.push(unknown);
  if (stoppedCount > 0) others.push(`${formatCount(stoppedCount)} stopped`);
  return others.length === 0 ? known : `${known}, but ${others.join(', ')}`;
}

function total(link: LinkStatus, field: 'bytesMirrored' | 'recordsMirrored'): number {
  return link.partitions.reduce((sum, partition) => sum + partition[field], 0);
}
