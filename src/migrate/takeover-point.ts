// Where the copy of one partition goes on that MirrorMaker 2 has begun.
//
//   1. The remote log has to be at rest: replicated, and no transaction open in it.
//   2. The newest records of it are read, and those of the source that they may be copies of: MirrorMaker 2 keeps
//      timestamps, so these begin at the source's first offset with the oldest of their timestamps.
//   3. Both are aligned (align.ts). More is read where that does not tell, or where the committed offset of MirrorMaker 2
//      stands further back.
//   4. The next records of the source must not stand in the remote log: looked for from their own timestamps on, since
//      an earlier run may have come further than the last ones did.
//
// What it takes in memory is the stretch that is compared, `recordsMax` records of both sides at most.
import { LockstepError } from '../errors.ts';
import type { TakenPartition } from '../link/index.ts';
import { earlier, later } from '../offsets.ts';
import type { LogOffsets } from '../verify/index.ts';
import { type Alignment, align, type SeenRecord } from './align.ts';
import { type ReadingOptions, type ReadLogs, seenRecords } from './seen-records.ts';

export interface TakeoverQuestion {
  readonly source: ReadLogs;
  readonly remote: ReadLogs;
  /** The newest source offset that MirrorMaker 2 says it has copied; null: it says nothing. */
  readonly committed: bigint | null;
  /** cleanup.policy of either side names compact. */
  readonly isCompacted: boolean;
  /** Positions of groups from here on are wanted, as far as memory allows; null: of none. */
  readonly reachBackTo: bigint | null;
  /** Records of each side that are held at most. Default 200,000. */
  readonly recordsMax?: number;
}

/** What was compared: kept to find positions of groups in it. */
export interface ComparedStretch {
  readonly source: readonly SeenRecord[];
  readonly remote: readonly SeenRecord[];
  readonly alignment: Alignment;
}

export interface TakeoverPoint extends TakenPartition {
  readonly kind: 'found';
  /** Where the remote log ends: there `start` will land. */
  readonly remoteEnd: bigint;
  /** What the source has from `start` on. */
  readonly toCopy: bigint;
  /** Null where neither log had anything to compare. */
  readonly stretch: ComparedStretch | null;
}

export type TakeoverVerdict = TakeoverPoint | { readonly kind: 'refused'; readonly reason: string };

const recordsFirst = 1_000;
const growth = 8;
const recordsMaxDefault = 200_000;
/** So many records behind the last one that was copied are looked through for another copy. */
const lookBehind = 20_000;
const witnessMax = 100;
/** So many records from the point on must not have been copied: the first may be aborted, or compacted away. */
const nextCount = 100;

/** @throws LockstepError for what a cluster does. */
export async function findTakeover(
  question: TakeoverQuestion,
  options: ReadingOptions = {},
): Promise<TakeoverVerdict> {
  const { source, remote, recordsMax = recordsMaxDefault } = question;
  const { signal } = options;
  const remoteOffsets = await remote.committed.offsets(signal);
  const sourceOffsets = await source.committed.offsets(signal);
  const remoteEnd = remoteOffsets.highWatermark;
  if (remoteOffsets.lastStableOffset < remoteEnd) {
    return refused(
      `a transaction is open in the remote topic (from offset ${remoteOffsets.lastStableOffset} on): MirrorMaker 2 with exactly.once.source.support leaves one when it is killed; it ends by itself after transaction.timeout.ms, a minute unless set`,
    );
  }
  const { logStartOffset: sourceStart, highWatermark: sourceEnd } = sourceOffsets;
  const at = (start: bigint, stretch: ComparedStretch | null, witness: TakenPartition['witness']) => ({
    kind: 'found' as const,
    ...{ start, witness, stretch, remoteEnd },
    shift: start - remoteEnd,
    toCopy: sourceEnd - start,
  });
  if (sourceStart >= sourceEnd) return at(sourceEnd, null, null);
  if (remoteEnd === 0n) return at(sourceStart, null, null);
  for (let count = recordsFirst; ; count = Math.min(count * growth, recordsMax)) {
    const from = later(remoteOffsets.logStartOffset, remoteEnd - BigInt(count));
    const isWholeRemote = from === remoteOffsets.logStartOffset;
    const mayGrow = !isWholeRemote && count < recordsMax;
    const stretch = await readStretch(question, { from, remoteOffsets, sourceOffsets, recordsMax }, options);
    if (stretch.remote.length === 0 && !mayGrow) return refused(nothingLeft(isWholeRemote, count));
    if (stretch.remote.some(({ timestamp }) => timestamp < 0n))
      return refused(
        'records of the remote topic have no timestamps, so they can not be found at the source',
      );
    const verdict =
      stretch.remote.length === 0
        ? ({ kind: 'unclear', reason: '' } as const)
        : align({ ...stretch, isCompacted: question.isCompacted, isWholeRemote });
    if (verdict.kind === 'refused') return verdict;
    if (verdict.kind === 'unclear') {
      if (mayGrow) continue;
      return refused(`${verdict.reason} (${stretch.remote.length} of its newest records were compared)`);
    }
    const { alignment } = verdict;
    if (mayGrow && !reachesBack(alignment, stretch.source, question)) continue;
    const next = stretch.source.slice(alignment.furthest + 1, alignment.furthest + 1 + nextCount);
    if (next.length > 0 && !isWholeRemote) {
      const copy = await copyBefore(remote, remoteOffsets, next, from, options);
      if (copy !== null && mayGrow) continue;
      if (copy !== null) {
        return refused(
          `records behind offset ${next[0]!.offset} of the source were copied before (remote offset ${copy}), further back than the newest ${count} offsets that were compared`,
        );
      }
    }
    const start = stretch.source[alignment.furthest]!.offset + 1n;
    return at(start, { ...stretch, alignment }, witnessOf(stretch, alignment));
  }
}

function refused(reason: string): TakeoverVerdict {
  return { kind: 'refused', reason };
}

function nothingLeft(isWholeRemote: boolean, count: number): string {
  return isWholeRemote
    ? 'retention or compaction has removed all records of the remote topic, so nothing shows how far it was copied'
    : `the newest ${count} offsets of the remote topic hold no record`;
}

/** Whether it shows that what MirrorMaker 2 has committed was copied, and where groups go on. */
function reachesBack(
  { coveredFrom }: Alignment,
  source: readonly SeenRecord[],
  { committed, reachBackTo }: TakeoverQuestion,
): boolean {
  const { offset } = source[coveredFrom]!;
  return [committed === null ? null : committed + 1n, reachBackTo].every(
    (wanted) => wanted === null || offset <= wanted,
  );
}

async function readStretch(
  { source, remote }: TakeoverQuestion,
  at: { from: bigint; remoteOffsets: LogOffsets; sourceOffsets: LogOffsets; recordsMax: number },
  options: ReadingOptions,
): Promise<Omit<ComparedStretch, 'alignment'>> {
  const { from, remoteOffsets, sourceOffsets, recordsMax } = at;
  const copies: SeenRecord[] = [];
  const range = { from, to: remoteOffsets.highWatermark };
  for await (const record of seenRecords(remote, remoteOffsets, range, options))
    if (!record.isAborted) copies.push(record);
  if (copies.length === 0) return { source: [], remote: [] };
  const oldest = copies.reduce((least, { timestamp }) => earlier(least, timestamp), copies[0]!.timestamp);
  const first = oldest < 0n ? null : await source.uncommitted.firstOffsetSince(oldest, options.signal);
  const digests = new Set(copies.map(({ digest }) => digest));
  const originals: SeenRecord[] = [];
  let lastKnown = 0;
  const to = sourceOffsets.highWatermark;
  for await (const record of seenRecords(source, sourceOffsets, { from: first ?? to, to }, options)) {
    const isKnown = digests.has(record.digest);
    if (originals.length === 0 && !isKnown) continue;
    originals.push(record);
    if (isKnown) lastKnown = originals.length;
    if (originals.length - lastKnown >= lookBehind) break;
    if (originals.length > 2 * recordsMax + lookBehind) {
      throw new LockstepError(
        'CONFIG_INVALID',
        `the newest ${copies.length} records of the remote topic stand more than ${2 * recordsMax} records apart at the source`,
      );
    }
  }
  return { source: originals, remote: copies };
}

/** Where in the remote log, below `before`, one of these records of the source stands already; null: none does. */
async function copyBefore(
  remote: ReadLogs,
  offsets: LogOffsets,
  records: readonly SeenRecord[],
  before: bigint,
  options: ReadingOptions,
): Promise<bigint | null> {
  const oldest = records.reduce((least, { timestamp }) => earlier(least, timestamp), records[0]!.timestamp);
  const from = await remote.uncommitted.firstOffsetSince(later(oldest, 0n), options.signal);
  if (from === null || from >= before) return null;
  const digests = new Set(records.map(({ digest }) => digest));
  for await (const { digest, offset } of seenRecords(remote, offsets, { from, to: before }, options))
    if (digests.has(digest)) return offset;
  return null;
}

/** The newest stretch that lies alike on both sides up to the last record that was copied. */
function witnessOf(
  { source, remote }: Omit<ComparedStretch, 'alignment'>,
  { places, furthest }: Alignment,
): TakenPartition['witness'] {
  const end = places.lastIndexOf(furthest);
  const shift = source[furthest]!.offset - remote[end]!.offset;
  let from = source[furthest]!.offset;
  for (let index = end; index >= 0 && end - index < witnessMax; index--) {
    const place = places[index];
    if (place === null || place === undefined || source[place]!.offset - remote[index]!.offset !== shift)
      break;
    from = source[place]!.offset;
  }
  return { from, shift };
}
