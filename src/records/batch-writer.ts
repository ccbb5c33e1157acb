// Writes batches of neighbouring records one after another, from records as they lie in other batches: of a record
// only the length and the two deltas change, and the tail is copied.

import { BatchView } from './batch-view.ts';
import { copyAcross } from './compression/bounded-output.ts';
import { freeNow } from './compression/free-now.ts';
import { compressToParts } from './compression/index.ts';
import { batchChecksum } from './header.ts';
import {
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  baseTimestampAt,
  batchLengthAt,
  type Compression,
  compressions,
  crcAt,
  headerBytes,
  lastOffsetDeltaAt,
  logOverheadBytes,
  magicAt,
  maxTimestampAt,
  noProducerEpoch,
  noProducerId,
  noSequence,
  noTimestamp,
  partitionLeaderEpochAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from './layout.ts';
import type { RecordCursor } from './record-cursor.ts';
import {
  varintBytes,
  varlongBytes,
  varlongNumberBytes,
  writeVarint,
  writeVarlong,
  writeVarlongNumber,
} from './varint.ts';

/** What a header says; the fields of a batch without a producer, with CreateTime, unless given. */
export interface BatchHeader {
  readonly baseOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly partitionLeaderEpoch: number;
  readonly attributes: number;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId?: bigint | undefined;
  readonly producerEpoch?: number | undefined;
  readonly baseSequence?: number | undefined;
  readonly recordCount: number;
}

/** Writes the header in front of the records, which stand behind it already, with the checksum of both. */
export function writeHeader(batch: Buffer, header: BatchHeader): void {
  batch.writeBigInt64BE(header.baseOffset, baseOffsetAt);
  batch.writeInt32BE(batch.length - logOverheadBytes, batchLengthAt);
  batch.writeInt32BE(header.partitionLeaderEpoch, partitionLeaderEpochAt);
  batch.writeInt8(2, magicAt);
  batch.writeInt16BE(header.attributes, attributesAt);
  batch.writeInt32BE(header.lastOffsetDelta, lastOffsetDeltaAt);
  batch.writeBigInt64BE(header.baseTimestamp, baseTimestampAt);
  batch.writeBigInt64BE(header.maxTimestamp, maxTimestampAt);
  batch.writeBigInt64BE(header.producerId ?? noProducerId, producerIdAt);
  batch.writeInt16BE(header.producerEpoch ?? noProducerEpoch, producerEpochAt);
  batch.writeInt32BE(header.baseSequence ?? noSequence, baseSequenceAt);
  batch.writeInt32BE(header.recordCount, recordCountAt);
  batch.writeUInt32BE(batchChecksum(new BatchView(batch, 0)), crcAt);
}

/** Length, attributes and both deltas of a record at their longest, in bytes. */
export const recordOverheadBytesMax = 5 + 1 + 10 + 5;
/** A chunk of memory for further batches is not smaller, in bytes; runs that compaction left can be tiny and many. */
const chunkBytesMin = 8 * 1024;
/** Below this (in bytes) compression saves little beside the header, and a call of zlib costs more than all the rest. */
const compressibleBytesMin = 200;
/** Differences below this (in ms) add up with any delta that is a number (48 bits) to one that still is exact. */
const exactShiftMax = 2n ** 51n;
/** Base timestamps below this (in ms) can't leave 64 bits by adding such a delta. */
const farTimestamp = 2n ** 62n;

/** Where batches stand before they are compressed, one writer at a time: a megabyte of garbage for each costs more. */
let scratch = Buffer.alloc(0);
/** No more than this is kept, in bytes. */
const scratchBytesMax = 4 * 1024 * 1024;

function scratchOf(bytes: number): Buffer {
  if (bytes > scratchBytesMax) return Buffer.allocUnsafe(bytes);
  if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(bytes);
  return scratch;
}

export interface EndOptions {
  readonly compression: Compression;
  readonly partitionLeaderEpoch?: number;
  readonly keepsPlain?: boolean;
  readonly memory?: ((bytes: number) => Buffer) | undefined;
}

/** The parts behind room for a header. */
function joined(
  roomBytes: number,
  parts: readonly Buffer[],
  memory: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const bytes = memory(parts.reduce((sum, part) => sum + part.length, roomBytes));
  let at = roomBytes;
  for (const part of parts) at += part.copy(bytes, at);
  return bytes;
}

/**
 * `begin`, then `add` each record, then `end` gives the batch. Uncompressed batches share chunks of memory, in which
 * nothing is overwritten.
 */
export class BatchWriter {
  #chunk: Buffer;
  #start = 0;
  #at = 0;
  #baseOffset = 0n;
  #baseTimestamp = 0n;
  #greatestDelta = 0;
  #greatestLarge = noTimestamp;
  #recordCount = 0;
  /** The base timestamp of the records that are added, counted from the batch's own. */
  #shift = 0n;
  /** The same as a number; NaN where the sums would not be exact. */
  #exactShift = 0;

  /**
   * @param bytesExpected (in bytes) how much all batches together will take before compression; more is found as needed.
   * @param isReused the memory is used for other batches afterwards: of a writer whose batches are all compressed, or copied.
   */
  constructor(bytesExpected: number, isReused = false) {
    this.#chunk = isReused ? scratchOf(bytesExpected) : Buffer.allocUnsafe(bytesExpected);
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** The offset behind the records added so far. */
  get nextOffset(): bigint {
    return this.#baseOffset + BigInt(this.#recordCount);
  }

  /** Starts a batch with the record that the cursor is at, which still has to be added. */
  begin(cursor: RecordCursor, baseOffset = cursor.baseOffset + BigInt(cursor.offsetDelta)): void {
    this.#at = this.#start + headerBytes;
    this.#baseOffset = baseOffset;
    this.#baseTimestamp = cursor.timestamp;
    this.#greatestDelta = Number.NEGATIVE_INFINITY;
    this.#greatestLarge = noTimestamp;
    this.#recordCount = 0;
    this.from(cursor);
  }

  /** The records that follow come from this cursor. */
  from(cursor: RecordCursor): void {
    const shift = cursor.baseTimestamp - this.#baseTimestamp;
    const isExact =
      -exactShiftMax < shift &&
      shift < exactShiftMax &&
      -farTimestamp < this.#baseTimestamp &&
      this.#baseTimestamp < farTimestamp;
    this.#shift = shift;
    this.#exactShift = isExact ? Number(shift) : Number.NaN;
  }

  /** Adds the record that the cursor is at, as the next offset. */
  add({ timestampDelta, bytes, tailStart, tailEnd }: RecordCursor): void {
    const tailBytes = tailEnd - tailStart;
    if (this.#chunk.length - this.#at < tailBytes + recordOverheadBytesMax) this.#grow(tailBytes);
    const chunk = this.#chunk;
    const offsetDelta = this.#recordCount;
    const exactDelta = typeof timestampDelta === 'number' ? timestampDelta + this.#exactShift : Number.NaN;
    let at: number;
    if (Number.isNaN(exactDelta)) {
      const delta = BigInt.asIntN(64, BigInt(timestampDelta) + this.#shift);
      const timestamp = BigInt.asIntN(64, this.#baseTimestamp + delta);
      if (timestamp > this.#greatestLarge) this.#greatestLarge = timestamp;
      at = writeVarint(chunk, this.#at, 1 + varlongBytes(delta) + varintBytes(offsetDelta) + tailBytes);
      chunk[at++] = 0;
      at = writeVarlong(chunk, at, delta);
    } else {
      if (exactDelta > this.#greatestDelta) this.#greatestDelta = exactDelta;
      const length = 1 + varlongNumberBytes(exactDelta) + varintBytes(offsetDelta) + tailBytes;
      at = writeVarint(chunk, this.#at, length);
      chunk[at++] = 0;
      at = writeVarlongNumber(chunk, at, exactDelta);
    }
    at = writeVarint(chunk, at, offsetDelta);
    copyAcross(bytes, tailStart, tailBytes, chunk, at);
    this.#at = at + tailBytes;
    this.#recordCount = offsetDelta + 1;
  }

  /**
   * The batch of what was added since `begin`.
   * @param options.keepsPlain leaves the records uncompressed where compression does not make them smaller.
   * @param options.memory gives a compressed batch exactly so many bytes; default: memory of its own.
   */
  end(options: EndOptions): Buffer {
    let { compression } = options;
    let batch = this.#chunk.subarray(this.#start, this.#at);
    if (compression === 'none') {
      this.#start = this.#at;
    } else {
      // It gets memory of its own, and its place in the chunk is free again.
      const plain = batch.subarray(headerBytes);
      const isTiny = options.keepsPlain === true && plain.length < compressibleBytesMin;
      const { parts, native } = isTiny ? { parts: [plain], native: [] } : compressToParts(compression, plain);
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      const isKeptPlain = isTiny || (options.keepsPlain === true && bytes >= plain.length);
      if (isKeptPlain) compression = 'none';
      batch = joined(headerBytes, isKeptPlain ? [plain] : parts, options.memory);
      native.forEach(freeNow);
    }
    writeHeader(batch, {
      baseOffset: this.#baseOffset,
      lastOffsetDelta: this.#recordCount - 1,
      partitionLeaderEpoch: options.partitionLeaderEpoch ?? -1,
      attributes: compressions.indexOf(compression),
      baseTimestamp: this.#baseTimestamp,
      maxTimestamp: this.#maxTimestamp(),
      recordCount: this.#recordCount,
    });
    return batch;
  }

  #maxTimestamp(): bigint {
    if (this.#greatestDelta === Number.NEGATIVE_INFINITY) return this.#greatestLarge;
    const greatest = this.#baseTimestamp + BigInt(this.#greatestDelta);
    return greatest > this.#greatestLarge ? greatest : this.#greatestLarge;
  }

  /** Goes on in a new chunk with the batch that is being written; those before it stay where they are. */
  #grow(tailBytes: number): void {
    const writtenBytes = this.#at - this.#start;
    const neededBytes = writtenBytes + tailBytes + recordOverheadBytesMax;
    const chunk = Buffer.allocUnsafe(Math.max(neededBytes * 2, chunkBytesMin));
    this.#chunk.copy(chunk, 0, this.#start, this.#at);
    this.#chunk = chunk;
    this.#start = 0;
    this.#at = writtenBytes;
  }
}
