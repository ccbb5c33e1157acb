// A record batch where it lies in a frame: fields are read when asked for, nothing is copied or checked twice.
// The mirror moves batches whose records it never looks at, so a view is all it needs of most of them.

import { LockstepError } from '../errors.ts';
import {
  attributeBits,
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
  partitionLeaderEpochAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
  type TimestampType,
} from './layout.ts';

/**
 * A view of one batch that starts at `start` of `buffer`. It does not check the bytes: `splitBatches` does that
 * before it makes views. Of a batch of format v0 or v1 (`magic` below 2) only `baseOffset`, `sizeBytes`, `magic`
 * and `bytes` mean anything.
 */
export class BatchView {
  readonly buffer: Buffer;
  readonly start: number;

  constructor(buffer: Buffer, start: number) {
    this.buffer = buffer;
    this.start = start;
  }

  get baseOffset(): bigint {
    return this.buffer.readBigInt64BE(this.start + baseOffsetAt);
  }

  /** The whole batch with its header, in bytes. */
  get sizeBytes(): number {
    return logOverheadBytes + this.buffer.readInt32BE(this.start + batchLengthAt);
  }

  get partitionLeaderEpoch(): number {
    return this.buffer.readInt32BE(this.start + partitionLeaderEpochAt);
  }

  get magic(): number {
    return this.buffer.readInt8(this.start + magicAt);
  }

  /** The stored checksum, unsigned. */
  get crc(): number {
    return this.buffer.readUInt32BE(this.start + crcAt);
  }

  get attributes(): number {
    return this.buffer.readInt16BE(this.start + attributesAt);
  }

  /** @throws LockstepError BATCH_UNSUPPORTED for a codec number that Kafka does not know. */
  get compression(): Compression {
    const compression = compressions[this.attributes & attributeBits.compression];
    if (compression === undefined) {
      throw new LockstepError(
        'BATCH_UNSUPPORTED',
        `The batch at offset ${this.baseOffset} is compressed with codec ${this.attributes & 7}, which Kafka does not know.`,
        { detail: { baseOffset: this.baseOffset, codec: this.attributes & attributeBits.compression } },
      );
    }
    return compression;
  }

  get isTransactional(): boolean {
    return (this.attributes & attributeBits.transactional) !== 0;
  }

  /** A batch of markers (commit, abort, leader change) that no consumer sees. */
  get isControl(): boolean {
    return (this.attributes & attributeBits.control) !== 0;
  }

  get timestampType(): TimestampType {
    return (this.attributes & attributeBits.logAppendTime) !== 0 ? 'LogAppendTime' : 'CreateTime';
  }

  /** Whether `baseTimestamp` is the time after which the cleaner may drop this batch's tombstones (KIP-534). */
  get hasDeleteHorizon(): boolean {
    return (this.attributes & attributeBits.deleteHorizon) !== 0;
  }

  get lastOffsetDelta(): number {
    return this.buffer.readInt32BE(this.start + lastOffsetDeltaAt);
  }

  get lastOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta);
  }

  /** The offset behind this batch. */
  get nextOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta + 1);
  }

  /** What the records' timestamp deltas count from, in ms. */
  get baseTimestamp(): bigint {
    return this.buffer.readBigInt64BE(this.start + baseTimestampAt);
  }

  get maxTimestamp(): bigint {
    return this.buffer.readBigInt64BE(this.start + maxTimestampAt);
  }

  get producerId(): bigint {
    return this.buffer.readBigInt64BE(this.start + producerIdAt);
  }

  get producerEpoch(): number {
    return this.buffer.readInt16BE(this.start + producerEpochAt);
  }

  get baseSequence(): number {
    return this.buffer.readInt32BE(this.start + baseSequenceAt);
  }

  get recordCount(): number {
    return this.buffer.readInt32BE(this.start + recordCountAt);
  }

  /** Whether offsets are missing inside the batch, as compaction leaves them (an empty batch is all gap). */
  get hasGaps(): boolean {
    return this.recordCount !== this.lastOffsetDelta + 1;
  }

  /** The batch's bytes, header included, not copied. */
  get bytes(): Buffer {
    return this.buffer.subarray(this.start, this.start + this.sizeBytes);
  }

  /** The records' bytes as stored, possibly compressed, not copied. */
  get payload(): Buffer {
    return this.buffer.subarray(this.start + headerBytes, this.start + this.sizeBytes);
  }
}
