// Goes through the records of batches and makes no object for a record: where a thousand tiny batches become one,
// there is a record for every 100 bytes.
//
// Layout of one record (Kafka: DefaultRecord); all numbers but the attributes are zigzag base-128:
//
//   | length of the rest | attributes int8 | timestamp delta | offset delta | key | value | headers |
//                                                                          '---- the tail ---------'
//
// Nothing is allocated by what a record declares: every declared length and count is held against the bytes that are
// left.

import { LockstepError } from '../errors.ts';
import type { BatchView } from './batch-view.ts';
import { freeNow } from './compression/free-now.ts';
import { decompressedBytesMaxDefault, decompressOrInvalid } from './compression/index.ts';
import { corruptBatch, InvalidBytes } from './corrupt.ts';
import { headerBytes } from './layout.ts';
import { ByteReader } from './varint.ts';

export interface ReadOptions {
  /** The most bytes the batch may decompress to; default 256 MiB. Beyond it: BATCH_CORRUPT. */
  decompressedBytesMax?: number;
}

/** The fields hold the record that `next` went to last. */
export class RecordCursor {
  readonly baseOffset: bigint;
  /** What timestamp deltas count from, in ms; of a LogAppendTime batch, the time of the append. */
  readonly baseTimestamp: bigint;
  offsetDelta = -1;
  /** A number where it fits; always 0 in a LogAppendTime batch, of whose records consumers see the time of the append. */
  timestampDelta: number | bigint = 0;
  /** Where the tail stands in `bytes`. */
  tailStart = 0;
  tailEnd = 0;
  readonly #reader: ByteReader;
  readonly #origin: number;
  readonly #recordCount: number;
  readonly #lastOffsetDelta: number;
  readonly #hasAppendTime: boolean;
  /** The records stand in memory that was made for them. */
  readonly #hasOwnBytes: boolean;
  #index = 0;

  /** @throws LockstepError like `next`. */
  constructor(view: BatchView, options: ReadOptions = {}) {
    this.baseOffset = view.baseOffset;
    this.#recordCount = view.recordCount;
    this.#lastOffsetDelta = view.lastOffsetDelta;
    this.#hasAppendTime = view.timestampType === 'LogAppendTime';
    this.baseTimestamp = this.#hasAppendTime ? view.maxTimestamp : view.baseTimestamp;
    this.#reader = plainRecords(view, options);
    this.#hasOwnBytes = this.#reader.bytes.buffer !== view.buffer.buffer;
    this.#origin = this.#reader.position;
  }

  get bytes(): Buffer {
    return this.#reader.bytes;
  }

  /** What the records take that were not gone to yet, in bytes. */
  get bytesLeft(): number {
    return this.#reader.remaining;
  }

  /** Gives back the memory that was made for the records, for whoever has copied them. There is no `next` afterwards. */
  free(): void {
    if (this.#hasOwnBytes) freeNow(this.bytes);
  }

  /** In ms. */
  get timestamp(): bigint {
    return BigInt.asIntN(64, this.baseTimestamp + BigInt(this.timestampDelta));
  }

  /**
   * Goes to the next record; false behind the last.
   * @throws LockstepError BATCH_CORRUPT.
   */
  next(): boolean {
    const reader = this.#reader;
    if (this.#index === this.#recordCount) {
      if (reader.remaining === 0) return false;
      throw corruptBatch(
        this.baseOffset,
        reader.position - this.#origin,
        `${reader.remaining} bytes follow the last of ${this.#recordCount} records`,
      );
    }
    try {
      const length = reader.varint();
      const start = reader.position;
      reader.skip(length);
      const { end } = reader;
      const next = reader.position;
      reader.position = start;
      reader.end = next;
      reader.byte();
      const timestampDelta = reader.shortVarlong();
      const offsetDelta = reader.varint();
      if (offsetDelta <= this.offsetDelta || offsetDelta > this.#lastOffsetDelta) {
        throw new InvalidBytes(start, `record ${this.#index} has offset delta ${offsetDelta}`);
      }
      this.offsetDelta = offsetDelta;
      this.timestampDelta = this.#hasAppendTime ? 0 : timestampDelta;
      this.tailStart = reader.position;
      this.tailEnd = next;
      reader.position = next;
      reader.end = end;
    } catch (error) {
      if (!(error instanceof InvalidBytes)) throw error;
      throw corruptBatch(this.baseOffset, error.position - this.#origin, error.message, error);
    }
    this.#index += 1;
    return true;
  }
}

/** The records' bytes behind the header, decompressed. */
function plainRecords(view: BatchView, options: ReadOptions): ByteReader {
  const { baseOffset, magic, recordCount, compression, buffer, start, sizeBytes } = view;
  if (magic !== 2) {
    throw new LockstepError(
      'BATCH_UNSUPPORTED',
      `The batch at offset ${baseOffset} has format v${magic}; only v2 (Kafka 0.11 and newer) can be read.`,
      { detail: { baseOffset, magic } },
    );
  }
  if (recordCount === 0) return new ByteReader(buffer, start, start);
  if (compression === 'none') return new ByteReader(buffer, start + headerBytes, start + sizeBytes);
  try {
    const bytesMax = options.decompressedBytesMax ?? decompressedBytesMaxDefault;
    return new ByteReader(decompressOrInvalid(compression, view.payload, bytesMax));
  } catch (error) {
    if (!(error instanceof InvalidBytes)) throw error;
    throw corruptBatch(baseOffset, error.position, error.message, error);
  }
}
