// Batches that take up offsets and say nothing: what stands below the start of a source's log, until it is cut off.
//
//   | length | attributes | timestamp delta | offset delta | key  | value | headers |
//   | 1 byte |     0      |        0        | 1 to 4 bytes | ""   | null  |    0    |
//
// The key is empty, not null: topics with compaction refuse records without one.

import { writeHeader } from './batch-writer.ts';
import { compress } from './compression/index.ts';
import { type Compression, compressions, headerBytes } from './layout.ts';
import { varintBytes, writeVarint } from './varint.ts';

/**
 * The codec of a filler: the smallest by far (0.84 bytes a record; gzip 1.4, lz4 and snappy 4), and none is taken faster:
 * 25 million offsets a second, where lz4 reached 20, gzip and snappy 14, and plain records 7 (bench/fillers.ts on 4.3.1
 * with two busy cores, 2026-11-21, 100,000 records a batch; the broker's CPU was the same 50 ms a million for all).
 */
const fillerCompression: Compression = 'zstd';
/**
 * As many records as one filler should have: 84 KB, which every max.message.bytes in use takes, and the broker's cheapest.
 * Of a compressed batch it keeps an object for each record until all are validated: 200,000 in one batch cost it three
 * times as much for each.
 */
export const fillerRecordsMax = 100_000;

const recordBytesMax = 10;
/** The lengths -1 and 0 as varints. */
const nullLength = 1;
const emptyLength = 0;

/**
 * `count` records at offsets 0, 1, ... in one batch without a producer. Every record has the given timestamp. Building
 * one takes a few ms for 100,000 records; the bytes are the same for each count, so keep them and patch the header.
 */
export function fillerBatch(options: {
  count: number;
  /** In ms; -1 for none. */
  timestamp: bigint;
  /** Default `fillerCompression`. */
  compression?: Compression;
}): Buffer {
  const { count, timestamp, compression = fillerCompression } = options;
  const payload = compress(compression, plainFiller(count));
  const batch = Buffer.allocUnsafe(headerBytes + payload.length);
  payload.copy(batch, headerBytes);
  writeHeader(batch, {
    baseOffset: 0n,
    lastOffsetDelta: count - 1,
    partitionLeaderEpoch: -1,
    attributes: compressions.indexOf(compression),
    baseTimestamp: timestamp,
    maxTimestamp: timestamp,
    recordCount: count,
  });
  return batch;
}

function plainFiller(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count * recordBytesMax);
  let at = 0;
  for (let offsetDelta = 0; offsetDelta < count; offsetDelta++) {
    at = writeVarint(bytes, at, 5 + varintBytes(offsetDelta));
    bytes[at++] = 0;
    bytes[at++] = 0;
    at = writeVarint(bytes, at, offsetDelta);
    bytes[at++] = emptyLength;
    bytes[at++] = nullLength;
    bytes[at++] = 0;
  }
  return bytes.subarray(0, at);
}
