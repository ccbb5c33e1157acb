// The records of a batch as objects, with the batch decompressed first where needed. Keys, values and headers are
// slices, not copies.

import type { BatchView } from './batch-view.ts';
import { corruptBatch, InvalidBytes } from './corrupt.ts';
import { type ReadOptions, RecordCursor } from './record-cursor.ts';
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
  const cursor = new RecordCursor(view, options);
  const { baseOffset, bytes } = cursor;
  while (cursor.next()) {
    const { offsetDelta, timestamp, tailStart, tailEnd } = cursor;
    yield {
      offset: baseOffset + BigInt(offsetDelta),
      timestamp,
      tail: bytes.subarray(tailStart, tailEnd),
    };
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
    if (!(error instanceof InvalidBytes)) throw error;
    throw corruptBatch(baseOffset, error.position, error.message, error);
  }
}
