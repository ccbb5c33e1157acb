// A source whose log starts above the mirror's end: the offsets below are filled with empty records and cut off.
import { fillerRecordsMax } from '../../records/index.ts';
import { formatDuration } from '../../units.ts';
import { fillerIdentityAt } from './identity.ts';
import type { FillerAppend } from './state.ts';

/** Less than brokers were seen to take on two cores; docs/mirror-topics.md has the figures. */
const fillOffsetsPerSecond = 1_000_000;

/** The next filler from `offset` on, not beyond `target`. */
export function nextFiller(producerId: bigint, offset: bigint, target: bigint): FillerAppend {
  const missing = target - offset;
  const count = missing > BigInt(fillerRecordsMax) ? fillerRecordsMax : Number(missing);
  return { identity: fillerIdentityAt(producerId, offset), offset, count };
}

/** About how long it takes to fill that many offsets of one partition, in words. */
export function fillEstimate(offsets: bigint): string {
  return formatDuration(1_000 * (Number(offsets / BigInt(fillOffsetsPerSecond)) + 1));
}

const markersPerSecond = 30_000;
const markerBytes = 78;

/** About how long markers for that many offsets take, and the room on each replica, in words. */
export function holeEstimate(offsets: bigint): string {
  const gigabytes = (Number(offsets) * markerBytes) / 1e9;
  const ms = 1_000 * (Number(offsets / BigInt(markersPerSecond)) + 1);
  return `${formatDuration(ms)} and ${gigabytes.toFixed(1)} GB on each replica`;
}
