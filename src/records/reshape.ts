// Puts records into other batches without changing what a consumer sees: offset, timestamp, key, value, headers.
// Batch boundaries and codecs are not part of Lockstep's promise, so the mirror may do this where a broker does
// not accept the source's batch as it is. Producer fields and the transactional bit are dropped: the mirror
// writes with its own producer id, and only committed records.

import { LockstepError } from '../errors.ts';
import { BatchView } from './batch-view.ts';
import { BatchWriter, recordOverheadBytesMax } from './batch-writer.ts';
import { corruptBatch } from './corrupt.ts';
import { type EncodeOptions, encodeRawBatch } from './encode-batch.ts';
import { verifyChecksum } from './header.ts';
import { type Compression, headerBytes } from './layout.ts';
import { type RawRecord, readRawRecords } from './read-records.ts';
import { type ReadOptions, RecordCursor } from './record-cursor.ts';

/** By how much deltas usually grow when tiny batches are merged, in bytes for each record. */
const mergedGrowthBytes = 4;
/** By how much batches usually grow when they are decompressed. */
const usualExpansion = 3;

export interface SplitOptions extends ReadOptions {
  /** Leaves out the records below this offset. */
  readonly from?: bigint;
  /** No more than the first so many runs; default: all. */
  readonly runsMax?: number;
}

/**
 * A batch with offset gaps, as compaction leaves it, as batches of neighbouring offsets with CreateTime. They have the
 * same codec, unless a run does not get smaller by it, and none is larger than the batch itself unless it holds a
 * single record. An empty batch gives none. Brokers refuse gaps inside a batch (LogValidator).
 */
export function splitRuns(view: BatchView, options: SplitOptions = {}): Buffer[] {
  const { runsMax = Number.POSITIVE_INFINITY } = options;
  const cursor = cursorOf(view, options);
  const fromDelta = Number((options.from ?? cursor.baseOffset) - cursor.baseOffset);
  const how = { ...asBefore(view), keepsPlain: true };
  const runs: Buffer[] = [];
  const writer = new BatchWriter(cursor.bytesLeft + headerBytes + recordOverheadBytesMax);
  let nextDelta = -1;
  while (cursor.next()) {
    const { offsetDelta } = cursor;
    if (offsetDelta < fromDelta) continue;
    if (offsetDelta !== nextDelta) {
      if (nextDelta !== -1) runs.push(writer.end(how));
      nextDelta = -1;
      if (runs.length >= runsMax) break;
      writer.begin(cursor);
    }
    writer.add(cursor);
    nextDelta = offsetDelta + 1;
  }
  const isCut = nextDelta === -1 && runs.length > 0;
  if (nextDelta !== -1) runs.push(writer.end(how));
  const { sizeBytes } = view;
  const made = runs.every((run) => run.length <= sizeBytes)
    ? runs
    : runs.flatMap((run) => (run.length <= sizeBytes ? [run] : partsOf(run, sizeBytes, asBefore(view))));
  return isCut ? together(made) : made;
}

/** The same in memory that is as large as they are: they may stand in what was taken for all records of a batch. */
function together(batches: readonly Buffer[]): Buffer[] {
  const bytes = Buffer.concat(batches);
  let end = 0;
  return batches.map(({ length }) => {
    end += length;
    return bytes.subarray(end - length, end);
  });
}

/** Where records come from whose gaps are filled, and how much is made of them. */
export interface FillOptions extends ReadOptions {
  /** The first offset of what is made; it may lie before the first batch, or in it. */
  readonly from: bigint;
  /** What is made takes no more before compression, in bytes, unless it is one record. */
  readonly bytesMax: number;
}

/**
 * The records of neighbouring batches from `from` on, with copies of a record at the missing offsets before it: one
 * batch without gaps, of the first one's codec, with memory of its own. A gap can be of any length, so it may end within
 * one. Null where no record is left.
 */
export function withoutGaps(
  views: readonly BatchView[],
  { from, bytesMax, ...options }: FillOptions,
): Buffer | null {
  const writer = new BatchWriter(bytesMax + headerBytes, true);
  let room = bytesMax - headerBytes;
  let next = from;
  let epoch = -1;
  for (const view of views) {
    const cursor = cursorOf(view, options);
    if (writer.recordCount > 0) writer.from(cursor);
    const firstDelta = Number(next - cursor.baseOffset);
    let nextDelta = firstDelta;
    let isFull = false;
    while (!isFull && cursor.next()) {
      const wanted = cursor.offsetDelta + 1 - nextDelta;
      if (wanted <= 0) continue;
      const recordBytes = cursor.tailEnd - cursor.tailStart + recordOverheadBytesMax;
      const fitting = Math.max(Math.floor(room / recordBytes), writer.recordCount === 0 ? 1 : 0);
      const count = Math.min(wanted, fitting);
      if (writer.recordCount === 0) writer.begin(cursor, from);
      for (let copied = 0; copied < count; copied++) writer.add(cursor);
      room -= count * recordBytes;
      nextDelta += count;
      isFull = count < wanted;
    }
    if (nextDelta > firstDelta) epoch = view.partitionLeaderEpoch;
    next += BigInt(nextDelta - firstDelta);
    if (isFull) break;
  }
  const [first] = views;
  if (first === undefined || writer.recordCount === 0) return null;
  const { compression } = first;
  const batch = writer.end({ compression, partitionLeaderEpoch: epoch, keepsPlain: true });
  // What is not compressed stands in the memory that the next one is written to.
  return compression === 'none' ? Buffer.from(batch) : batch;
}

export interface MergeOptions extends ReadOptions {
  readonly compression?: Compression;
  /** Default: of the last that goes in, since reading goes on behind it. */
  readonly partitionLeaderEpoch?: number;
  /**
   * What all may take together before compression, in bytes: the first always goes in, and those that would take more
   * are left out with all behind them. Default: no limit.
   */
  readonly plainBytesMax?: number;
  /** Where the batch is to stand; exactly so many bytes, for it alone. Default: memory of its own. */
  readonly memory?: (bytes: number) => Buffer;
}

/**
 * Neighbouring batches as one. Each must begin where the one before ends and be without gaps.
 * @throws LockstepError CODEC_INPUT_INVALID when they do not, or hold markers.
 */
export function mergeBatches(views: readonly BatchView[], options: MergeOptions = {}): Buffer {
  const { compression = 'none', plainBytesMax = Number.POSITIVE_INFINITY } = options;
  const isCompressed = compression !== 'none';
  const storedBytes = bytesOf(views);
  const plainExpected = isCompressed ? Math.min(plainBytesMax, storedBytes * usualExpansion) : storedBytes;
  const writer = new BatchWriter(plainExpected + growthOf(views), true);
  let plainBytes = 0;
  let epoch = -1;
  let next = views[0]?.baseOffset;
  for (const view of views) {
    const cursor = cursorOf(view, options);
    plainBytes += cursor.bytesLeft;
    if (plainBytes > plainBytesMax && writer.recordCount > 0) break;
    if (view.isControl || view.hasGaps || cursor.baseOffset !== next) {
      throw invalid(view, 'it is no neighbour, has gaps or holds markers');
    }
    if (!cursor.next()) throw invalid(view, 'it is empty');
    if (writer.recordCount === 0) writer.begin(cursor);
    else writer.from(cursor);
    do writer.add(cursor);
    while (cursor.next());
    cursor.free();
    next = writer.nextOffset;
    epoch = view.partitionLeaderEpoch;
  }
  const { partitionLeaderEpoch = epoch, memory } = options;
  const batch = writer.end({ compression, partitionLeaderEpoch, memory });
  if (isCompressed) return batch;
  // It stands in the memory that the next one is written to.
  const own = (memory ?? Buffer.allocUnsafe)(batch.length);
  batch.copy(own);
  return own;
}

/**
 * A LogAppendTime batch as CreateTime, which is all that brokers accept from a client: each record's timestamp
 * becomes the time of the append, which is what consumers saw. Gaps stay; see `splitRuns`.
 */
export function withCreateTime(view: BatchView, options: ReadOptions = {}): Buffer {
  const { baseOffset, lastOffset } = view;
  return encodeRawBatch([...readRawRecords(checked(view), options)], {
    ...asBefore(view),
    baseOffset,
    lastOffset,
  });
}

/** Of their records as they are stored, in bytes. */
function bytesOf(views: readonly BatchView[]): number {
  let bytes = 0;
  for (const { sizeBytes } of views) bytes += sizeBytes - headerBytes;
  return bytes;
}

/** About what merged batches take beyond their records. */
function growthOf(views: readonly BatchView[]): number {
  let bytes = headerBytes + recordOverheadBytesMax;
  // A header can declare more records than there are bytes.
  for (const { sizeBytes, recordCount } of views)
    bytes += Math.min(recordCount, sizeBytes) * mergedGrowthBytes;
  return bytes;
}

/** A run that does not fit: compressed, if it was left plain, and else halved, since another compressor may do worse. */
function partsOf(run: Buffer, sizeBytesMax: number, options: EncodeOptions): Buffer[] {
  const view = new BatchView(run, 0);
  return view.recordCount === 1 ? [run] : partsWithin(sizeBytesMax, [...readRawRecords(view)], options);
}

function partsWithin(sizeBytesMax: number, records: readonly RawRecord[], options: EncodeOptions): Buffer[] {
  const batch = encodeRawBatch(records, options);
  if (batch.length <= sizeBytesMax || records.length === 1) return [batch];
  const half = records.length >>> 1;
  return [records.slice(0, half), records.slice(half)].flatMap((part) =>
    partsWithin(sizeBytesMax, part, options),
  );
}

function cursorOf(view: BatchView, options: ReadOptions): RecordCursor {
  return new RecordCursor(checked(view), options);
}

/** Whoever writes a new checksum checks the old one first, or bytes that were corrupted on the way would look right. */
function checked(view: BatchView): BatchView {
  if (view.magic === 2 && !verifyChecksum(view)) {
    throw corruptBatch(view.baseOffset, 0, 'it does not have the checksum it was stored with');
  }
  return view;
}

function invalid(view: BatchView, what: string): LockstepError {
  return new LockstepError(
    'CODEC_INPUT_INVALID',
    `The batch at offset ${view.baseOffset} cannot be reshaped: ${what}.`,
    { detail: { baseOffset: view.baseOffset } },
  );
}

function asBefore(view: BatchView): { compression: Compression; partitionLeaderEpoch: number } {
  return { compression: view.compression, partitionLeaderEpoch: view.partitionLeaderEpoch };
}
