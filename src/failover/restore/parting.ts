// Where the log of a lost partition and that of the new primary part.
//
//   lost      0 ............ cut ........ end        what the new primary never got
//   home      0 ............ cut | markers | ....... what was written there since
//             '-- mirrored --'
//
// The new primary's log may start later than the lost one: its retention went on, or its records were deleted, or it never
// had the older ones. What the lost log has in front of that start is only there, too.
//
// The cut is known: in front of it the new primary holds a mirror of the lost log. So the lost log can be continued when
// it ends at the cut or in front of it, and holds there what the new primary holds. It is never judged by its tail
// alone: the same record may have been produced again on both sides. What is compared are the records in front of
// the cut, backwards in windows, until one that has records is the same from its start to its end: a leader that lost
// acknowledged records and took others in their place leaves a difference at the end of the log, not one far in
// front of it. Below the last window the mirror's own promise is trusted, unless everything is to be compared.
//
// A mirror that somebody else wrote to (`Diverged`) was continued behind its cut, by copies of the new primary:
//
//   lost      0 ............ cut | copies | theirs ..... end     and, at most, copies that landed too high among them
//   home      0 ............ cut | markers, records ................
//
// There the cut says where comparing may end, not where the logs part: all behind it is compared, in one window.
import { earlier, later } from '../../offsets.ts';
import { type PartitionLog, Span } from '../../verify/index.ts';
import type { PartitionPlan, Standing } from './types.ts';

export interface PartingLogs {
  readonly lost: PartitionLog;
  readonly home: PartitionLog;
}

/** What is known of the lost log. */
export interface LostLog {
  readonly partition: number;
  readonly logStart: bigint;
  /** All of it is on every in-sync replica. */
  readonly logEnd: bigint;
  readonly lastStableOffset: bigint;
}

export interface PartingOptions {
  /** The first offset of the new primary that is not from here; null: unknown, and everything is compared. */
  readonly cutOffset: bigint | null;
  /** How many offsets are compared at first; null: all. */
  readonly windowOffsets: bigint | null;
  /** It was mirrored from the new primary since the cut, until somebody else wrote to it. Default: nothing was. */
  readonly wasContinued?: boolean;
  /** Whether a gap of the lost log may be filled with copies at the new primary (`compactionGaps: copies`). */
  readonly gapsHoldCopies: boolean;
  readonly signal?: AbortSignal;
}

/** Each further window is so many times as long as the one before. */
const growth = 4n;

/** @throws SideFailure when a log can't be read. */
export async function findParting(
  logs: PartingLogs,
  lost: LostLog,
  options: PartingOptions,
): Promise<PartitionPlan> {
  const { cutOffset, windowOffsets, wasContinued = false } = options;
  const { partition, logStart, logEnd, lastStableOffset } = lost;
  const home = await logs.home.offsets(options.signal);
  // Read behind the lost log's end: what stands above it was never copied from there.
  const sharedMax = wasContinued ? null : cutOffset;
  const shared = earlier(sharedMax ?? home.lastStableOffset, home.lastStableOffset);
  const limit = earlier(earlier(logEnd, lastStableOffset), shared);
  const floor = earlier(later(logStart, home.logStartOffset), limit);
  const whole = cutOffset === null || windowOffsets === null;
  let parting = limit;
  let windowEnd = limit;
  const behindCut = whole || !wasContinued ? 0n : limit - earlier(cutOffset, limit);
  let windowLength = whole ? limit - floor : behindCut + windowOffsets;
  while (windowEnd > floor) {
    const start = later(floor, windowEnd - windowLength);
    const { difference, records } = await compareWindow(logs, { start, end: windowEnd }, options);
    windowEnd = start;
    // A window without a record says nothing.
    if (difference === null && records > 0n) break;
    parting = difference ?? parting;
    windowLength *= growth;
  }
  const ground = wasContinued ? earlier(cutOffset ?? floor, limit) : limit;
  const standing = standingOf({ parting, limit, ground, logEnd, lastStableOffset });
  const partingOffset = standing === 'continues' ? logEnd : later(parting, logStart);
  return {
    ...{ partition, standing, logStart, logEnd, cutOffset, partingOffset },
    ...(wasContinued && { wasContinued }),
    olderEnd: olderEndOf({ logStart, partingOffset }, home.logStartOffset),
    compared: limit > floor ? { start: windowEnd, end: limit } : null,
  };
}

/** Where the history ends that only the lost log has: the new primary's log starts behind it. */
export function olderEndOf(
  { logStart, partingOffset }: { readonly logStart: bigint; readonly partingOffset: bigint },
  homeLogStart: bigint,
): bigint {
  return later(logStart, earlier(homeLogStart, partingOffset));
}

function standingOf(at: {
  parting: bigint;
  limit: bigint;
  /** In front of it the lost log was mirrored to the new primary. */
  ground: bigint;
  logEnd: bigint;
  lastStableOffset: bigint;
}): Standing {
  if (at.parting < at.ground) return 'different';
  if (at.parting < at.limit) return 'ahead';
  if (at.logEnd === at.limit) return 'continues';
  return at.lastStableOffset === at.limit ? 'undecided' : 'ahead';
}

async function compareWindow(
  { lost, home }: PartingLogs,
  range: { start: bigint; end: bigint },
  { gapsHoldCopies, signal }: PartingOptions,
): Promise<{ difference: bigint | null; records: bigint }> {
  const span = new Span(range, {
    source: lost,
    destination: home,
    gapsHoldCopies,
    ...(signal && { signal }),
  });
  await span.run();
  const { difference, compared } = span;
  if (difference === null) return { difference, records: compared.records };
  const { offset, sourceOffset, destinationOffset } = difference;
  const first = [offset, sourceOffset, destinationOffset]
    .filter((each) => each !== null && each !== undefined)
    .reduce(earlier, range.end);
  return { difference: first, records: compared.records };
}
