// Where a group's positions lie on a mirror, as the agent that copies the partition told.
import type { StatusRecord } from '../control/index.ts';

/** The mirror is no copy any more of what the source has under that name: the same offset is another record. */
const notTheSameLog: ReadonlySet<string> = new Set([
  'Diverged',
  'ForeignData',
  'SourceTruncated',
  'SourceRecreated',
  'DestinationRecreated',
]);

/** Source offset - offset at the mirror; null: not told yet, or positions would point to other records. */
export function groupShift(status: Pick<StatusRecord, 'state' | 'shift'> | undefined): bigint | null {
  return status === undefined || notTheSameLog.has(status.state) ? null : BigInt(status.shift);
}
