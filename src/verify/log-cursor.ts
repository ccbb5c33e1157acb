// One side of a comparison: goes through the batches of a log, either batch by batch or, once a batch is opened,
// record by record, and passes over what no consumer sees (markers, aborted records, empty batches).
// Only the head batch is held, so that its frame can be given back when the next one is asked for.

import { LockstepError } from '../errors.ts';
import {
  type BatchView,
  type RawRecord,
  type ReadOptions,
  readRawRecords,
  verifyChecksum,
} from '../records/index.ts';
import { noteGarbage } from './garbage.ts';
import type { OffsetRange, Side } from './verdict.ts';

/** A batch as fetched with read_committed: whether its transaction was aborted is said beside the batch. */
export interface LogBatch {
  view: BatchView;
  isAborted: boolean;
}

/** An error on one side, with the offset in front of which everything was read. */
export class SideFailure extends Error {
  readonly side: Side;
  readonly offset: bigint;

  constructor(side: Side, offset: bigint, cause: unknown) {
    super(`The ${side} log cannot be read at offset ${offset}.`, { cause });
    this.side = side;
    this.offset = offset;
  }
}

export class LogCursor {
  readonly #side: Side;
  readonly #batches: AsyncIterator<LogBatch>;
  readonly #range: OffsetRange;
  readonly #readOptions: ReadOptions;
  #opened: Iterator<RawRecord> | null = null;
  #position: bigint;
  /** Of the opened batch; what lies in its frame needs no memory of its own. */
  #isCompressed = false;
  #decompressedBytes = 0;

  /** The next batch, while nothing of it was taken. */
  batch: BatchView | null = null;
  /** The next record, once its batch was opened. */
  record: RawRecord | null = null;
  isAtEnd = false;
  openedBatches = 0;

  constructor(side: Side, batches: AsyncIterable<LogBatch>, range: OffsetRange, readOptions: ReadOptions) {
    this.#side = side;
    this.#batches = batches[Symbol.asyncIterator]();
    this.#range = range;
    this.#readOptions = readOptions;
    this.#position = range.start;
  }

  /** The offset behind all that was passed. */
  get position(): bigint {
    return this.#position;
  }

  /** Whether `batch`, `record` or `isAtEnd` is set; otherwise call `fill`. */
  get isReady(): boolean {
    return this.batch !== null || this.record !== null || this.isAtEnd;
  }

  /** Moves to the next batch that consumers see, or to the end of the range. */
  async fill(): Promise<void> {
    while (!this.isReady) {
      const next = await this.#nextBatch();
      if (next === null) {
        this.isAtEnd = true;
        this.#position = this.#range.end;
        return;
      }
      const { view, isAborted } = next;
      if (view.magic < 2) return this.#fail(unsupported(view));
      if (view.lastOffset < this.#range.start) continue;
      if (view.baseOffset >= this.#range.end) {
        this.isAtEnd = true;
        this.#position = this.#range.end;
        return;
      }
      if (isAborted || view.isControl || view.recordCount === 0) this.#pass(view.nextOffset);
      else this.batch = view;
    }
  }

  /** Takes the whole head batch as read. */
  passBatch(): void {
    this.#pass(this.batch!.nextOffset);
    this.batch = null;
  }

  /** Opens the head batch; its first record in the range becomes `record`, unless it has none. */
  open(): void {
    const view = this.batch!;
    this.batch = null;
    this.openedBatches += 1;
    // Records are believed only under a right checksum; where whole batches are equal, one side's is checked.
    if (!verifyChecksum(view)) this.#fail(wrongChecksum(view));
    this.#opened = readRawRecords(view, this.#readOptions);
    this.#isCompressed = view.compression !== 'none';
    this.#decompressedBytes = 0;
    this.#step(view.nextOffset);
  }

  /** Checks the head batch's checksum. */
  checkBatch(): void {
    if (!verifyChecksum(this.batch!)) this.#fail(wrongChecksum(this.batch!));
  }

  /** Goes behind the head record. */
  passRecord(): void {
    this.#pass(this.record!.offset + 1n);
    this.#step(this.#position);
  }

  /** Gives the log back. */
  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  async #nextBatch(): Promise<LogBatch | null> {
    try {
      const { done, value } = await this.#batches.next();
      return done === true ? null : value;
    } catch (error) {
      return this.#fail(error);
    }
  }

  #step(behind: bigint): void {
    this.record = null;
    for (;;) {
      let next: IteratorResult<RawRecord>;
      try {
        next = this.#opened!.next();
      } catch (error) {
        this.#fail(error);
      }
      if (next.done === true) {
        this.#opened = null;
        noteGarbage(this.#decompressedBytes);
        this.#pass(behind);
        return;
      }
      if (this.#isCompressed) this.#decompressedBytes = next.value.tail.buffer.byteLength;
      if (next.value.offset < this.#range.start) continue;
      if (next.value.offset >= this.#range.end) {
        this.#opened = null;
        this.isAtEnd = true;
        this.#position = this.#range.end;
        return;
      }
      this.record = next.value;
      return;
    }
  }

  #pass(offset: bigint): void {
    if (offset > this.#position) this.#position = offset < this.#range.end ? offset : this.#range.end;
  }

  #fail(cause: unknown): never {
    throw new SideFailure(this.#side, this.#position, cause);
  }
}

function wrongChecksum(view: BatchView): LockstepError {
  return new LockstepError(
    'BATCH_CORRUPT',
    `The batch at offset ${view.baseOffset} does not have the checksum it was stored with.`,
    { detail: { baseOffset: view.baseOffset } },
  );
}

function unsupported(view: BatchView): LockstepError {
  return new LockstepError(
    'BATCH_UNSUPPORTED',
    `The batch at offset ${view.baseOffset} has format v${view.magic}; only v2 (Kafka 0.11 and newer) can be compared.`,
    { detail: { baseOffset: view.baseOffset, magic: view.magic } },
  );
}
