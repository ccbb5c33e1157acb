// Writes batches of format v2: for merging, splitting and filling, and for tests.

import { LockstepError } from '../errors.ts';
import { writeHeader } from './batch-writer.ts';
import { compress } from './compression/index.ts';
import {
  attributeBits,
  type Compression,
  compressions,
  headerBytes,
  noTimestamp,
  type TimestampType,
} from './layout.ts';
import type { RawRecord, RecordView } from './read-records.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.ts';

const int32Max = 2 ** 31 - 1;

/** What a batch's header says besides its records. */
export interface EncodeOptions {
  /** Default none. A batch without records is never compressed. */
  compression?: Compression;
  /** Default the first record's offset. A base offset below it leaves a gap in front. */
  baseOffset?: bigint;
  /** Default the last record's offset. An offset above it leaves a gap behind. */
  lastOffset?: bigint;
  /** Default -1. */
  partitionLeaderEpoch?: number;
  /** Default CreateTime. Brokers accept nothing else from a client. */
  timestampType?: TimestampType;
  /** Default the greatest of the records' timestamps; in ms. */
  maxTimestamp?: bigint;
  /** Default -1, none. */
  producerId?: bigint;
  producerEpoch?: number;
  baseSequence?: number;
  isTransactional?: boolean;
  isControl?: boolean;
  /** Sets the delete-horizon bit; `baseTimestamp` is then this time, in ms. */
  deleteHorizonMs?: bigint;
}

/**
 * One batch of `records`, whose offsets must ascend.
 * @throws LockstepError CODEC_INPUT_INVALID when offsets do not ascend or do not fit into one batch.
 */
export function encodeBatch(records: readonly RecordView[], options: EncodeOptions = {}): Buffer {
  return encodeRawBatch(
    records.map(({ offset, timestamp, key, value, headers }) => ({
      offset,
      timestamp,
      tail: encodeTail(key, value, headers),
    })),
    options,
  );
}

/** The same for records whose key, value and headers are encoded already. */
export function encodeRawBatch(records: readonly RawRecord[], options: EncodeOptions = {}): Buffer {
  const baseOffset = options.baseOffset ?? records[0]?.offset ?? 0n;
  const lastOffset = options.lastOffset ?? records.at(-1)?.offset ?? baseOffset;
  const lastOffsetDelta = Number(lastOffset - baseOffset);
  checkOffsets(records, baseOffset, lastOffset);
  const baseTimestamp = options.deleteHorizonMs ?? records[0]?.timestamp ?? noTimestamp;
  const plain = encodeRecords(records, baseOffset, baseTimestamp);
  const compression = records.length === 0 ? 'none' : (options.compression ?? 'none');
  const payload = compress(compression, plain);

  const batch = Buffer.allocUnsafe(headerBytes + payload.length);
  payload.copy(batch, headerBytes);
  writeHeader(batch, {
    baseOffset,
    lastOffsetDelta,
    partitionLeaderEpoch: options.partitionLeaderEpoch ?? -1,
    attributes: attributesOf(compression, options),
    baseTimestamp,
    maxTimestamp: options.maxTimestamp ?? greatestTimestamp(records),
    producerId: options.producerId,
    producerEpoch: options.producerEpoch,
    baseSequence: options.baseSequence,
    recordCount: records.length,
  });
  return batch;
}

/** Key, value and headers as they stand in a record. */
export function encodeTail(
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly { key: Buffer; value: Buffer | null }[],
): Buffer {
  let size = nullableBytesSize(key) + nullableBytesSize(value) + varintBytes(headers.length);
  for (const header of headers) size += nullableBytesSize(header.key) + nullableBytesSize(header.value);
  const tail = Buffer.allocUnsafe(size);
  let at = writeNullableBytes(tail, 0, key);
  at = writeNullableBytes(tail, at, value);
  at = writeVarint(tail, at, headers.length);
  for (const header of headers) {
    at = writeNullableBytes(tail, at, header.key);
    at = writeNullableBytes(tail, at, header.value);
  }
  return tail;
}

function encodeRecords(records: readonly RawRecord[], baseOffset: bigint, baseTimestamp: bigint): Buffer {
  const lengths = records.map(
    ({ offset, timestamp, tail }) =>
      1 + varlongBytes(timestamp - baseTimestamp) + varintBytes(Number(offset - baseOffset)) + tail.length,
  );
  const plain = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + varintBytes(length) + length, 0));
  let at = 0;
  for (const [index, { offset, timestamp, tail }] of records.entries()) {
    at = writeVarint(plain, at, lengths[index]!);
    plain[at++] = 0;
    at = writeVarlong(plain, at, timestamp - baseTimestamp);
    at = writeVarint(plain, at, Number(offset - baseOffset));
    at += tail.copy(plain, at);
  }
  return plain;
}

function checkOffsets(records: readonly RawRecord[], baseOffset: bigint, lastOffset: bigint): void {
  let before = baseOffset - 1n;
  for (const { offset } of records) {
    if (offset <= before) throw invalid(`offset ${offset} follows ${before}`);
    before = offset;
  }
  if (lastOffset < before || lastOffset < baseOffset) throw invalid(`last offset ${lastOffset} is too low`);
  if (lastOffset - baseOffset > BigInt(int32Max)) throw invalid(`${baseOffset} to ${lastOffset} is too far`);
}

function invalid(what: string): LockstepError {
  return new LockstepError('CODEC_INPUT_INVALID', `These records do not make one batch: ${what}.`);
}

function attributesOf(compression: Compression, options: EncodeOptions): number {
  return (
    compressions.indexOf(compression) |
    (options.timestampType === 'LogAppendTime' ? attributeBits.logAppendTime : 0) |
    (options.isTransactional === true ? attributeBits.transactional : 0) |
    (options.isControl === true ? attributeBits.control : 0) |
    (options.deleteHorizonMs === undefined ? 0 : attributeBits.deleteHorizon)
  );
}

function greatestTimestamp(records: readonly RawRecord[]): bigint {
  let greatest = noTimestamp;
  for (const { timestamp } of records) if (timestamp > greatest) greatest = timestamp;
  return greatest;
}

function nullableBytesSize(bytes: Buffer | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;
}

function writeNullableBytes(target: Buffer, at: number, bytes: Buffer | null): number {
  if (bytes === null) return writeVarint(target, at, -1);
  const start = writeVarint(target, at, bytes.length);
  return start + bytes.copy(target, start);
}
