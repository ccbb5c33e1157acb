// One partition of one cluster as the verifier needs it, and the loop that reads it from one offset to another.

import { LockstepError } from '../errors.ts';
import { later } from '../offsets.ts';
import type { LogBatch } from './log-cursor.ts';
import type { LogSettings } from './log-settings.ts';

/** Offsets of a partition as its leader names them. */
export interface LogOffsets {
  logStartOffset: bigint;
  /** Up to here records are on every in-sync replica. */
  highWatermark: bigint;
  /** Up to here every transaction is decided; what read_committed consumers can read. */
  lastStableOffset: bigint;
}

export interface FetchedBatches {
  batches: LogBatch[];
  sizeBytes: number;
  /** Empty because the answer was full of other partitions: the next fetch is answered. */
  isCrowdedOut?: boolean;
  /** Gives the frame back that the batches lie in; they must not be looked at afterwards. */
  release(): void;
}

/** A partition that can be read. Kafka behind it in production, an array in tests. */
export interface PartitionLog {
  offsets(signal?: AbortSignal): Promise<LogOffsets>;
  /**
   * Committed batches from the one that holds `offset` on; none when the broker has nothing to say yet.
   * @throws OffsetGone when `offset` is no longer in the log.
   */
  fetch(offset: bigint, signal?: AbortSignal): Promise<FetchedBatches>;
  /** What the first answer is likely to take at most; absent: it may be large. */
  readonly answerBytesExpected?: number | undefined;
  /** Resolves when this log's partition may decompress batches: one partition does at a time. */
  decompressing?(): Promise<void>;
  /** Whether there is room for an answer that nobody needs yet; absent: there is. */
  mayReadAhead?(): boolean;
  /** What decides which records the broker deletes. Asked only where records of one side are missing. */
  settings(signal?: AbortSignal): Promise<LogSettings>;
  /** The first offset whose record has this timestamp or a later one; null where there is none. */
  firstOffsetSince(timestampMs: bigint, signal?: AbortSignal): Promise<bigint | null>;
}

/** The log no longer holds an offset, because retention deleted it or somebody did. */
export class OffsetGone extends Error {
  readonly offset: bigint;

  constructor(offset: bigint) {
    super(`Offset ${offset} is no longer in the log.`);
    this.offset = offset;
  }
}

/** A broker that has the offsets gave nothing for them, several times over. */
export class LogStalled extends Error {
  readonly offset: bigint;

  constructor(offset: bigint) {
    super(`The broker gave no batch for offset ${offset}, although it says that it has it.`);
    this.offset = offset;
  }
}

export interface ReadLogOptions {
  signal?: AbortSignal;
  /** Called for each fetch with its size. */
  onFetched?: (sizeBytes: number) => void;
  /** Empty fetches in a row until the log counts as stalled; default 10. Each waits as long as the broker does. */
  emptyFetchesMax?: number;
}

/**
 * All batches from the one that holds `start` to the one that holds `end - 1`. At most two fetches are held: the
 * one being looked at and the next, which is on its way meanwhile. A log always has a batch in front of its end
 * (Kafka's cleaner keeps the last one), so ending early is an error, never a short answer.
 * @throws OffsetGone, LogStalled, and what `fetch` throws.
 */
export async function* readLog(
  log: PartitionLog,
  start: bigint,
  end: bigint,
  options: ReadLogOptions = {},
): AsyncGenerator<LogBatch, void, undefined> {
  const { signal, onFetched, emptyFetchesMax = 10 } = options;
  let position = start;
  let emptyFetches = 0;
  let pending: Promise<FetchedBatches> | null = null;
  try {
    while (position < end) {
      signal?.throwIfAborted();
      const fetched = await (pending ?? log.fetch(position, signal));
      pending = null;
      try {
        onFetched?.(fetched.sizeBytes);
        const last = fetched.batches.at(-1)?.view;
        const next = last === undefined ? position : last.magic < 2 ? end : last.nextOffset;
        if (next <= position) {
          emptyFetches += 1;
          if (emptyFetches >= emptyFetchesMax) throw new LogStalled(position);
        } else {
          emptyFetches = 0;
          if (next < end && log.mayReadAhead?.() !== false) pending = prefetch(log, next, signal);
        }
        for (const batch of fetched.batches) {
          // What was appended meanwhile comes along.
          if (batch.view.baseOffset >= end) break;
          if (batch.view.magic < 2 || batch.view.lastOffset >= position) yield batch;
        }
        position = later(next, position);
      } finally {
        fetched.release();
      }
    }
  } finally {
    pending?.then(
      (unused) => unused.release(),
      () => {},
    );
  }
}

/** A fetch whose failure is met when it is awaited, not before. */
function prefetch(
  log: PartitionLog,
  offset: bigint,
  signal: AbortSignal | undefined,
): Promise<FetchedBatches> {
  const fetched = log.fetch(offset, signal);
  fetched.catch(() => {});
  return fetched;
}

/** What an error of a log means in a verdict. */
export function isExpectedFailure(error: unknown): boolean {
  return error instanceof LockstepError || error instanceof OffsetGone || error instanceof LogStalled;
}
