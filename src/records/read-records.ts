// Walks through the records of a batch, decompressing it first where needed.
//
// Layout of one record (Kafka: DefaultRecord); all numbers but the attributes are zigzag base-128:
//
//   | length of the rest | attributes int8 | timestamp delta | offset delta | key | value | headers |
//                                                                          '---- the tail ---------'
//
// Nothing is allocated by what a record declares: keys, values and headers are slices, and every declared length
// and count is held against the bytes that are left.

import { LockstepError } from '../errors.ts';
import type { BatchView } from './batch-view.ts';
import { decompressedBytesMaxDefault, decompressOrInvalid } from './compression/index.ts';
import { corruptBatch, InvalidBytes } from './corrupt.ts';
import { ByteReader } from './varint.ts';

export interface HeaderView {
  key: Buffer;
  value: Buffer | null;
}

/** One record; buffers are slices of the frame, or of the decompressed batch. */
export interface RecordView {
  offset: bigint;
  /** In ms; of a LogAppendTime batch, the time of the append (what consumers see). */
  timestamp: bigint;
  key: Buffer | null;
  value: Buffer | null;
  headers: HeaderView[];
}

/** One record with key, value and headers left as bytes: enough to move it to another batch, or to compare it. */
export interface RawRecord {
  offset: bigint;
  timestamp: bigint;
  tail: Buffer;
}

export interface ReadOptions {
  /** The most bytes the batch may decompress to; default 256 MiB. Beyond it: BATCH_CORRUPT. */
  decompressedBytesMax?: number;
}

/**
 * The records of a v2 batch in order; for a control batch, its markers.
 * @throws LockstepError BATCH_CORRUPT with base offset and position (byte in the records behind the header, after
 * decompression; a place in the compressed bytes where these are bad). BATCH_UNSUPPORTED for formats v0 and v1.
 */
export function* readRecords(
  view: BatchView,
  options: ReadOptions = {},
): Generator<RecordView, void, undefined> {
  for (const { offset, timestamp, tail } of readRawRecords(view, options)) {
    yield { offset, timestamp, ...parseTail(view.baseOffset, tail) };
  }
}

/** The records of a v2 batch with unparsed tails; otherwise like `readRecords`. */
export function* readRawRecords(
  view: BatchView,
  options: ReadOptions = {},
): Generator<RawRecord, void, undefined> {
  const { baseOffset, baseTimestamp, lastOffsetDelta, recordCount } = view;
  const reader = new ByteReader(plainRecords(view, options));
  const appendTime = view.timestampType === 'LogAppendTime' ? view.maxTimestamp : undefined;
  let offsetDeltaBefore = -1;
  for (let index = 0; index < recordCount; index++) {
    let record: RawRecord;
    try {
      const length = reader.varint();
      const body = reader.take(length);
      const fields = new ByteReader(body);
      fields.byte();
      const timestampDelta = fields.varlong();
      const offsetDelta = fields.varint();
      if (offsetDelta <= offsetDeltaBefore || offsetDelta > lastOffsetDelta) {
        throw new InvalidBytes(reader.position - length, `record ${index} has offset delta ${offsetDelta}`);
      }
      offsetDeltaBefore = offsetDelta;
      record = {
        offset: baseOffset + BigInt(offsetDelta),
        timestamp: appendTime ?? BigInt.asIntN(64, baseTimestamp + timestampDelta),
        tail: body.subarray(fields.position),
      };
    } catch (error) {
      throw named(baseOffset, error);
    }
    yield record;
  }
  if (reader.remaining !== 0) {
    throw corruptBatch(
      baseOffset,
      reader.position,
      `${reader.remaining} bytes follow the last of ${recordCount} records`,
    );
  }
}

/** Key, value and headers of a record's tail. */
export function parseTail(
  baseOffset: bigint,
  tail: Buffer,
): { key: Buffer | null; value: Buffer | null; headers: HeaderView[] } {
  const reader = new ByteReader(tail);
  try {
    const key = reader.nullableBytes();
    const value = reader.nullableBytes();
    const headerCount = reader.varint();
    // A header has at least two bytes, so a count beyond the rest is refused before any loop.
    if (headerCount < 0 || headerCount > reader.remaining / 2) {
      throw new InvalidBytes(
        reader.position,
        `header count ${headerCount} does not fit ${reader.remaining} bytes`,
      );
    }
    const headers: HeaderView[] = [];
    for (let index = 0; index < headerCount; index++) {
      headers.push({ key: reader.take(reader.varint()), value: reader.nullableBytes() });
    }
    if (reader.remaining !== 0) {
      throw new InvalidBytes(reader.position, `${reader.remaining} bytes follow the last header of a record`);
    }
    return { key, value, headers };
  } catch (error) {
    throw named(baseOffset, error);
  }
}

/** The records' bytes behind the header, decompressed. */
function plainRecords(view: BatchView, options: ReadOptions): Buffer {
  if (view.magic !== 2) {
    throw new LockstepError(
      'BATCH_UNSUPPORTED',
      `The batch at offset ${view.baseOffset} has format v${view.magic}; only v2 (Kafka 0.11 and newer) can be read.`,
      { detail: { baseOffset: view.baseOffset, magic: view.magic } },
    );
  }
  if (view.recordCount === 0) return Buffer.alloc(0);
  const bytesMax = options.decompressedBytesMax ?? decompressedBytesMaxDefault;
  try {
    return decompressOrInvalid(view.compression, view.payload, bytesMax);
  } catch (error) {
    throw named(view.baseOffset, error);
  }
}

function named(baseOffset: bigint, error: unknown): unknown {
  if (!(error instanceof InvalidBytes)) return error;
  return corruptBatch(baseOffset, error.position, error.message, error);
}
