// Tiny batches at the start of fetched records as one, from their bytes straight: where a producer sends a batch for each
// record, an object for each of them costs more than all the rest.
//
//   records   | header 1 rec | header 1 rec | header 1 rec | ... | large batch, marker, gap, ... |
//   a run       '--------------------------------------------'    and whatever is no part of one
//
// A run holds neighbours that could be appended as they lie there: format v2, not compressed, CreateTime, in no
// transaction, by no mirror, without gaps, of one leader epoch, each with the checksum that it was stored with. The first
// that is anything else ends it; whoever cuts the rest into batches judges it.
import { writeHeader } from './batch-writer.ts';
import { copyAcross } from './compression/bounded-output.ts';
import { byteTable, crc32c, shiftByZeroBytes } from './crc32c.ts';
import {
  attributesAt,
  baseOffsetAt,
  baseTimestampAt,
  batchLengthAt,
  crcAt,
  headerBytes,
  lastOffsetDeltaAt,
  logOverheadBytes,
  magicAt,
  partitionLeaderEpochAt,
  producerIdAt,
  recordCountAt,
} from './layout.ts';
import { varintBytes, varlongNumberBytes, writeVarint, writeVarlongNumber } from './varint.ts';

export interface RunOptions {
  /** The offset that the first batch has to begin at. */
  readonly from: bigint;
  /** Larger batches end a run, in bytes. */
  readonly batchBytesMax: number;
  /** What a run holds at most, in bytes. */
  readonly runBytesMax: number;
  /** Fewer batches are no run. */
  readonly batchCountMin: number;
  /** Where the run is to stand; exactly so many bytes, for it alone. Default: memory of its own. */
  readonly memory?: (bytes: number) => Buffer;
}

export interface MergedRun {
  readonly batch: Buffer;
  /** Where the run ends in the records. */
  readonly end: number;
  /** The offset behind it. */
  readonly nextOffset: bigint;
}

/** What a record can grow by when its two deltas and its length do, in bytes. */
const growthBytesMax = 4 + 7 + 4;
/** Offsets and timestamps above are left to code that counts in 64 bits. */
const exactMax = 2 ** 50;
/** Timestamps further apart (in ms) are left to it, too. */
const apartMax = 2 ** 47;
/** Of the upper half of a producer id: set in a mirror's. */
const mirrorBit = 0x40000000;

/** The run that begins at byte `start`; null where there is none. */
export function mergeRun(records: Buffer, start: number, options: RunOptions): MergedRun | null {
  const from = Number(options.from);
  if (from >= exactMax) return null;
  const run = extentOf(records, start, from, options);
  if (run === null || !hasStoredChecksums(records, start, run.end)) return null;
  const batch = scratchOf(headerBytes + run.bytes + run.recordCount * growthBytesMax);
  const baseTimestamp = int64At(records, start + baseTimestampAt);
  let greatest = Number.NEGATIVE_INFINITY;
  let to = headerBytes;
  let index = 0;
  for (let at = start; at < run.end; ) {
    const end = at + logOverheadBytes + records.readInt32BE(at + batchLengthAt);
    const shift = int64At(records, at + baseTimestampAt) - baseTimestamp;
    if (!(Math.abs(shift) < apartMax)) return null;
    let place = at + headerBytes;
    for (let left = records.readInt32BE(at + recordCountAt), offset = 0; left > 0; left--, offset++) {
      cursor.at = place;
      const length = varint(records, end);
      const recordStart = cursor.at;
      const recordEnd = recordStart + length;
      if (!(length >= 1) || recordEnd > end) return null;
      cursor.at = recordStart + 1;
      const delta = varlong(records, recordEnd) + shift;
      if (varint(records, recordEnd) !== offset || !(Math.abs(delta) < apartMax * 2)) return null;
      if (delta > greatest) greatest = delta;
      const tailBytes = recordEnd - cursor.at;
      to = writeVarint(batch, to, 1 + varlongNumberBytes(delta) + varintBytes(index) + tailBytes);
      batch[to++] = 0;
      to = writeVarlongNumber(batch, to, delta);
      to = writeVarint(batch, to, index);
      copyAcross(records, cursor.at, tailBytes, batch, to);
      to += tailBytes;
      place = recordEnd;
      index += 1;
    }
    if (place !== end) return null;
    at = end;
  }
  // Of the tiniest records a tenth is left, and no more than that is to be kept.
  const merged = (options.memory ?? Buffer.allocUnsafe)(to);
  batch.copy(merged, 0, 0, to);
  writeHeader(merged, {
    baseOffset: options.from,
    lastOffsetDelta: run.recordCount - 1,
    partitionLeaderEpoch: records.readInt32BE(start + partitionLeaderEpochAt),
    attributes: 0,
    baseTimestamp: BigInt(baseTimestamp),
    maxTimestamp: BigInt(baseTimestamp + greatest),
    recordCount: run.recordCount,
  });
  return { batch: merged, end: run.end, nextOffset: options.from + BigInt(run.recordCount) };
}

/**
 * Whether each batch has the checksum that it was stored with. The checksum of all bytes is what follows from the stored
 * ones (crc32c.ts) and the 21 bytes in front of what each covers; a native call for each batch would cost half of all.
 */
function hasStoredChecksums(records: Buffer, start: number, end: number): boolean {
  let state = -1;
  for (let at = start; at < end; ) {
    const next = at + logOverheadBytes + records.readInt32BE(at + batchLengthAt);
    const stored = records.readInt32BE(at + crcAt);
    const covered = at + attributesAt;
    for (; at < covered; at++) state = byteTable[(state ^ records[at]!) & 0xff]! ^ (state >>> 8);
    state = shiftByZeroBytes(~state, next - covered) ^ ~stored;
    at = next;
  }
  return ~state >>> 0 === crc32c(records.subarray(start, end));
}

/** Where runs are written, one at a time. */
let scratch = Buffer.alloc(0);

function scratchOf(bytes: number): Buffer {
  if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(bytes);
  return scratch;
}

/** How far a run goes, by its headers. */
function extentOf(
  records: Buffer,
  start: number,
  from: number,
  { batchBytesMax, runBytesMax, batchCountMin }: RunOptions,
): { end: number; bytes: number; recordCount: number } | null {
  let at = start;
  let batchCount = 0;
  let recordCount = 0;
  let epoch = 0;
  while (records.length - at >= headerBytes) {
    const sizeBytes = logOverheadBytes + records.readInt32BE(at + batchLengthAt);
    const isWithin = sizeBytes >= headerBytes && sizeBytes <= records.length - at;
    if (!isWithin || sizeBytes > batchBytesMax || at + sizeBytes - start > runBytesMax) break;
    // No codec, transaction, control batch, LogAppendTime or delete horizon.
    if (records[at + magicAt] !== 2 || records.readInt16BE(at + attributesAt) !== 0) break;
    if (int64At(records, at + baseOffsetAt) !== from + recordCount) break;
    const count = records.readInt32BE(at + recordCountAt);
    if (count <= 0 || records.readInt32BE(at + lastOffsetDeltaAt) !== count - 1) break;
    const producer = records.readInt32BE(at + producerIdAt);
    if (producer !== -1 && (producer & mirrorBit) !== 0) break;
    if (!(Math.abs(int64At(records, at + baseTimestampAt)) < exactMax)) break;
    const batchEpoch = records.readInt32BE(at + partitionLeaderEpochAt);
    if (batchCount > 0 && batchEpoch !== epoch) break;
    epoch = batchEpoch;
    batchCount += 1;
    recordCount += count;
    at += sizeBytes;
  }
  return batchCount < batchCountMin ? null : { end: at, bytes: at - start, recordCount };
}

/** As a number; large ones are not exact. */
function int64At(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** Where the next number stands; results of two values would be objects. */
const cursor = { at: 0 };

/** Zigzag base-128 of at most 5 bytes; NaN where it is none. */
function varint(bytes: Buffer, end: number): number {
  let value = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    if (cursor.at >= end) return Number.NaN;
    const byte = bytes[cursor.at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  return Number.NaN;
}

/** The same of at most 7 bytes: what is longer is left to others. */
function varlong(bytes: Buffer, end: number): number {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < 7; count++) {
    if (cursor.at >= end) return Number.NaN;
    const byte = bytes[cursor.at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    scale *= 128;
  }
  return Number.NaN;
}
