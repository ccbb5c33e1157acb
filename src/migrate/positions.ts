// Where a group that has read the source goes on in a remote topic that was taken over.
import { later } from '../offsets.ts';
import { positionAt, type SeenRecord } from './align.ts';
import { type ReadingOptions, type ReadLogs, seenRecords } from './seen-records.ts';
import type { TakeoverPoint } from './takeover-point.ts';

/**
 * `exact`: everything from the source's position on comes, nothing before it but what MirrorMaker 2 copied twice.
 * `deleted`: the source has deleted what it points to. `unknown`: what it points to does not stand in the remote topic.
 */
export type RemotePosition =
  | { readonly kind: 'exact'; readonly offset: bigint }
  | { readonly kind: 'deleted' | 'unknown'; readonly reason: string };

/** So many records in a row have to be alike for a place to be the one. */
const contextCount = 20;
/** So many records of the remote topic are looked through for a place. */
const lookedMax = 500_000;

/** @throws LockstepError for what a cluster does. */
export async function remotePosition(
  point: TakeoverPoint,
  logs: { readonly source: ReadLogs; readonly remote: ReadLogs },
  position: bigint,
  options: ReadingOptions = {},
): Promise<RemotePosition> {
  const { stretch, start, shift, remoteEnd } = point;
  // What comes from here on is copied by Lockstep; until it is there, the end has to do.
  if (position >= start) return { kind: 'exact', offset: min(position - shift, remoteEnd) };
  if (stretch !== null) {
    const { source, remote, alignment } = stretch;
    if (source[alignment.coveredFrom]!.offset <= position) {
      const place = source.findIndex(({ offset }) => offset >= position);
      const index = positionAt(alignment, place);
      if (index !== null) return { kind: 'exact', offset: remote[index]?.offset ?? remoteEnd };
    }
  }
  return searchFor(logs, position, point, options);
}

/**
 * Further back than what was compared: the next records at the source, looked for in the remote topic from their
 * timestamps on. The first place is taken: behind it nothing is missing, whatever was copied twice.
 */
async function searchFor(
  { source, remote }: { readonly source: ReadLogs; readonly remote: ReadLogs },
  position: bigint,
  { start, remoteEnd }: TakeoverPoint,
  options: ReadingOptions,
): Promise<RemotePosition> {
  const sourceOffsets = await source.committed.offsets(options.signal);
  if (position < sourceOffsets.logStartOffset)
    return { kind: 'deleted', reason: 'retention at the source has deleted what it points to' };
  const wanted: SeenRecord[] = [];
  for await (const record of seenRecords(source, sourceOffsets, { from: position, to: start }, options)) {
    if (record.isAborted) continue;
    wanted.push(record);
    if (wanted.length >= contextCount) break;
  }
  if (wanted.length === 0) return { kind: 'exact', offset: remoteEnd };
  const remoteOffsets = await remote.committed.offsets(options.signal);
  const oldest = wanted.reduce((least, { timestamp }) => min(least, timestamp), wanted[0]!.timestamp);
  const from = (await remote.uncommitted.firstOffsetSince(later(oldest, 0n), options.signal)) ?? remoteEnd;
  const range = { from, to: remoteEnd };
  /** Places that fit so far, with how many records do. */
  let open: { offset: bigint; count: number }[] = [];
  let looked = 0;
  for await (const { digest, offset } of seenRecords(remote, remoteOffsets, range, options)) {
    const fitting = open.filter(({ count }) => wanted[count]!.digest === digest);
    for (const place of fitting) place.count += 1;
    if (digest === wanted[0]!.digest) fitting.push({ offset, count: 1 });
    const found = fitting.find(({ count }) => count === wanted.length);
    if (found !== undefined) return { kind: 'exact', offset: found.offset };
    open = fitting;
    looked += 1;
    if (looked >= lookedMax) break;
  }
  return {
    kind: 'unknown',
    reason: `the record at offset ${wanted[0]!.offset} of the source, and those behind it, do not stand in the remote topic as they do there`,
  };
}

function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
