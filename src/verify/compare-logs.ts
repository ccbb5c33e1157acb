// The comparison itself, without network: two logs in, the first difference out.
//
// Equal are, at the same offsets, the records that a read_committed consumer sees: timestamp, key, value, headers.
// Batch boundaries, codecs and producer fields are not part of the promise. Therefore:
// - Where both sides have the same batch, its bytes are compared (memcmp) and one side's checksum is recomputed;
//   since the other's stored checksum agrees, that one is right as well. Nothing is believed for speed.
// - Where they do not, both batches are opened and compared record by record, until both sides are between
//   batches again.
// Offsets without a record on one side must be without a record on the other; what kind of hole it is (marker,
// aborted, compacted) may differ.

import {
  type BatchView,
  isSameBatch,
  parseTail,
  type RawRecord,
  type ReadOptions,
} from '../records/index.ts';
import { type LogBatch, LogCursor, SideFailure } from './log-cursor.ts';
import { earlier } from './offsets.ts';
import type { Compared, Difference, OffsetRange, Side } from './verdict.ts';

export interface CompareOptions extends ReadOptions {
  /** Called after each batch or record with the offset up to which the logs were compared. */
  onCompared?: (offset: bigint) => void;
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
  const tally = { records: 0n, equalBatches: 0 };
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
  return {
    difference,
    failure,
    compared: {
      start: range.start,
      end,
      ...tally,
      openedBatches: source.openedBatches + destination.openedBatches,
      holes: end - range.start - tally.records,
    },
  };
}

async function firstDifference(
  source: LogCursor,
  destination: LogCursor,
  range: OffsetRange,
  tally: { records: bigint; equalBatches: number },
  options: CompareOptions,
): Promise<Difference | null> {
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
      source.passBatch();
      destination.passBatch();
      tally.records += BigInt(batch.recordCount);
      tally.equalBatches += 1;
      continue;
    }

    // 3. Otherwise records are compared one by one.
    if (source.batch !== null) source.open();
    if (destination.batch !== null) destination.open();
    if (!source.isReady || !destination.isReady) continue;
    const one = source.record;
    const other = destination.record;
    if (one === null && other === null) continue;
    if (one === null) return { kind: 'extra', offset: other!.offset };
    if (other === null) return { kind: 'missing', offset: one.offset };
    if (one.offset !== other.offset) return await misplaced(source, one, destination, other);
    const kind = differentPart(one, other);
    if (kind !== null) return { kind, offset: one.offset };
    tally.records += 1n;
    source.passRecord();
    destination.passRecord();
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
 * The sides' next records have different offsets. A record that the other side has at another offset was moved,
 * unless the side that is behind also has that other offset's record in its place: then one is missing or extra.
 */
async function misplaced(
  source: LogCursor,
  one: RawRecord,
  destination: LogCursor,
  other: RawRecord,
): Promise<Difference> {
  const isMissing = one.offset < other.offset;
  const plain: Difference = isMissing
    ? { kind: 'missing', offset: one.offset }
    : { kind: 'extra', offset: other.offset };
  if (differentPart(one, other) !== null) return plain;
  const [behind, ahead] = isMissing ? [source, other] : [destination, one];
  // The log moves on below; `ahead` stays, since its own side does not.
  if (await hasRecord(behind, ahead)) return plain;
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

function isWhollyIn(batch: BatchView, range: OffsetRange): boolean {
  return batch.baseOffset >= range.start && batch.lastOffset < range.end;
}

function sameBytes(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
