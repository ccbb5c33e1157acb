// The comparison itself, without network: two logs in, the first difference out.
//
// Equal are, at the same offsets, the records that a read_committed consumer sees: timestamp, key, value, headers.
// Batch boundaries, codecs and producer fields are not part of the promise. Therefore:
// - Where both sides have the same batch, its bytes are compared (memcmp) and one side's checksum is recomputed;
//   since the other's stored checksum agrees, that one is right as well. Nothing is believed for speed.
// - Where they do not, both batches are opened and compared record by record, until both sides are between
//   batches again.
// Offsets without a record on one side must be without a record on the other; what kind of hole it is (marker,
// aborted, compacted) may differ. Where a caller says so, two things are different and no difference:
// - A gap of the source may hold copies of the record that follows it.
// - A side that is compacted may lack records; a ledger holds them to what a cleaner may do (compaction.ts).

import { earlier, later } from '../offsets.ts';
import {
  type BatchView,
  isSameBatch,
  parseTail,
  type RawRecord,
  type ReadOptions,
  readRawRecords,
} from '../records/index.ts';
import type { CompactionLedger } from './compaction.ts';
import { type LogBatch, LogCursor, SideFailure } from './log-cursor.ts';
import type { RunningDigest } from './running-digest.ts';
import { type Compared, type Difference, nothingCompared, type OffsetRange, type Side } from './verdict.ts';

export interface CompareOptions extends ReadOptions {
  /** Called after each batch or record with the offset up to which the logs were compared. */
  onCompared?: (offset: bigint) => void;
  /** Whether a gap of the source may hold copies of the record that follows it (`compactionGaps: copies`). */
  gapsHoldCopies?: boolean;
  /** Judges records that only one side has; without it each is a difference. */
  compaction?: CompactionLedger;
  /** Awaited before a compressed batch is opened. */
  decompressing?: () => Promise<void>;
  /** Fed with each side's own bytes of every record that stands on both. */
  digests?: Readonly<Record<Side, RunningDigest>>;
}

export interface Comparison {
  /** The first difference, or null. */
  difference: Difference | null;
  compared: Compared;
  /** Set when a log could not be read on; `compared.end` says how far it went. */
  failure: { side: Side; cause: unknown } | null;
}

/**
 * Compares the records with offsets in `range`. Batches may begin before it and end behind it. Reads each log once,
 * in order, and holds one batch of each. Stops at the first difference.
 */
export async function compareLogs(
  sourceBatches: AsyncIterable<LogBatch>,
  destinationBatches: AsyncIterable<LogBatch>,
  range: OffsetRange,
  options: CompareOptions = {},
): Promise<Comparison> {
  const source = new LogCursor('source', sourceBatches, range, options);
  const destination = new LogCursor('destination', destinationBatches, range, options);
  const tally: Tally = { records: 0n, equalBatches: 0, filledCopies: 0n, compactedRecords: 0n };
  let difference: Difference | null = null;
  let failure: Comparison['failure'] = null;
  try {
    difference = await firstDifference(source, destination, range, tally, options);
  } catch (error) {
    if (!(error instanceof SideFailure)) throw error;
    failure = { side: error.side, cause: error.cause };
  } finally {
    await Promise.all([source.close(), destination.close()]);
  }
  const end = difference?.offset ?? earlier(source.position, destination.position);
  const { records, filledCopies, compactedRecords } = tally;
  return {
    difference,
    failure,
    compared: {
      ...nothingCompared(range.start),
      end,
      ...tally,
      openedBatches: source.openedBatches + destination.openedBatches,
      holes: later(0n, end - range.start - records - filledCopies - compactedRecords),
    },
  };
}

type Tally = Pick<Compared, 'records' | 'equalBatches' | 'filledCopies' | 'compactedRecords'>;

async function firstDifference(
  source: LogCursor,
  destination: LogCursor,
  range: OffsetRange,
  tally: Tally,
  options: CompareOptions,
): Promise<Difference | null> {
  const { compaction, digests } = options;
  /** A record that may have been moved to the offset given here, unless the record there stands on both sides. */
  let moved: { to: bigint; difference: Difference } | null = null;
  for (;;) {
    // 1. Both sides stand before a batch, before a record, or at the end.
    if (!source.isReady || !destination.isReady) {
      await Promise.all([source.fill(), destination.fill()]);
      options.onCompared?.(earlier(source.position, destination.position));
    }
    if (source.isAtEnd && destination.isAtEnd) return null;

    // 2. The same batch on both sides is passed as a whole.
    const batch = source.batch;
    if (
      batch !== null &&
      destination.batch !== null &&
      isWhollyIn(batch, range) &&
      isSameBatch(batch, destination.batch)
    ) {
      source.checkBatch();
      if (compaction?.isWaiting === true)
        for (const record of recordsOf('source', batch, options)) compaction.saw(record);
      if (digests !== undefined) {
        for (const record of recordsOf('source', batch, options)) digests.source.add(record);
        for (const record of recordsOf('destination', destination.batch, options))
          digests.destination.add(record);
      }
      source.passBatch();
      destination.passBatch();
      tally.records += BigInt(batch.recordCount);
      tally.equalBatches += 1;
      continue;
    }

    // 3. Otherwise records are compared one by one.
    if (isCompressed(source.batch) || isCompressed(destination.batch)) await options.decompressing?.();
    if (source.batch !== null) source.open();
    if (destination.batch !== null) destination.open();
    if (!source.isReady || !destination.isReady) continue;
    const one = source.record;
    const other = destination.record;
    if (one === null && other === null) continue;
    if (one !== null && other !== null && one.offset === other.offset) {
      const kind = differentPart(one, other);
      if (kind !== null) return { kind, offset: one.offset };
      if (compaction?.isWaiting === true) compaction.saw(one);
      digests?.source.add(one);
      digests?.destination.add(other);
      tally.records += 1n;
      source.passRecord();
      destination.passRecord();
      continue;
    }

    // 4. A record that only one side has.
    const isExtra = one === null || (other !== null && other.offset < one.offset);
    const record = (isExtra ? other : one)!;
    const ahead = isExtra ? one : other;
    const isRepeated = ahead !== null && differentPart(one!, other!) === null;
    if (isExtra && isRepeated && options.gapsHoldCopies === true) {
      tally.filledCopies += 1n;
      destination.passRecord();
    } else if ((await compaction?.isCompacted(isExtra ? 'source' : 'destination')) === true) {
      if (moved?.to === record.offset) return moved.difference;
      if (isRepeated) {
        const [sourceOffset, destinationOffset] = [one!.offset, other!.offset];
        const offset = sourceOffset;
        moved = {
          to: ahead!.offset,
          difference: { kind: 'offset', offset, sourceOffset, destinationOffset },
        };
      }
      const lacking = isExtra ? 'source' : 'destination';
      if (!compaction!.note(lacking, record)) await compaction!.makeRoomFor(lacking, record);
      tally.compactedRecords += 1n;
      (isExtra ? destination : source).passRecord();
    } else if (isRepeated) {
      return await misplaced(source, one!, destination, other!);
    } else {
      return { kind: isExtra ? 'extra' : 'missing', offset: record.offset };
    }
  }
}

/** The records of a batch that was not opened for comparing. Its checksum is right. */
function* recordsOf(
  side: Side,
  batch: BatchView,
  options: ReadOptions,
): Generator<RawRecord, void, undefined> {
  try {
    yield* readRawRecords(batch, options);
  } catch (error) {
    throw new SideFailure(side, batch.baseOffset, error);
  }
}

/** The first part in which two records at one offset differ. */
function differentPart(one: RawRecord, other: RawRecord): 'timestamp' | 'key' | 'value' | 'headers' | null {
  if (one.timestamp !== other.timestamp) return 'timestamp';
  if (one.tail.equals(other.tail)) return null;
  const left = parsed('source', one);
  const right = parsed('destination', other);
  if (!sameBytes(left.key, right.key)) return 'key';
  if (!sameBytes(left.value, right.value)) return 'value';
  if (left.headers.length !== right.headers.length) return 'headers';
  for (const [index, header] of left.headers.entries()) {
    const counterpart = right.headers[index]!;
    if (!header.key.equals(counterpart.key) || !sameBytes(header.value, counterpart.value)) return 'headers';
  }
  // Only the lengths are written differently (a writer need not use the shortest form).
  return null;
}

function parsed(side: Side, record: RawRecord): ReturnType<typeof parseTail> {
  try {
    return parseTail(record.offset, record.tail);
  } catch (error) {
    throw new SideFailure(side, record.offset, error);
  }
}

/**
 * The sides' next records are the same at different offsets. It was moved, unless the side that is behind also has
 * the other offset's record in its place: then one is missing or extra.
 */
async function misplaced(
  source: LogCursor,
  one: RawRecord,
  destination: LogCursor,
  other: RawRecord,
): Promise<Difference> {
  const isMissing = one.offset < other.offset;
  const [behind, ahead] = isMissing ? [source, other] : [destination, one];
  // The log moves on below; `ahead` stays, since its own side does not.
  if (await hasRecord(behind, ahead))
    return isMissing ? { kind: 'missing', offset: one.offset } : { kind: 'extra', offset: other.offset };
  return { kind: 'offset', offset: one.offset, sourceOffset: one.offset, destinationOffset: other.offset };
}

/** Whether a side has this very record at its offset. Moves the side on; errors count as no. */
async function hasRecord(side: LogCursor, wanted: RawRecord): Promise<boolean> {
  try {
    for (;;) {
      if (!side.isReady) await side.fill();
      if (side.batch !== null) side.open();
      if (side.isAtEnd) return false;
      if (side.record === null) continue;
      if (side.record.offset >= wanted.offset) {
        return side.record.offset === wanted.offset && differentPart(side.record, wanted) === null;
      }
      side.passRecord();
    }
  } catch (error) {
    if (error instanceof SideFailure) return false;
    throw error;
  }
}

function isCompressed(batch: BatchView | null): boolean {
  return batch !== null && batch.compression !== 'none';
}

function isWhollyIn(batch: BatchView, range: OffsetRange): boolean {
  return batch.baseOffset >= range.start && batch.lastOffset < range.end;
}

function sameBytes(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
