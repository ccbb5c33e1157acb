// Compares one partition of two clusters, also while records keep flowing.
//
// The end is fixed when the verification begins; what comes later is left for the next one:
// 1. The destination's offsets are read before the source's: a mirror never leads, so a destination that ends
//    behind the source's later high watermark has records of somebody else.
// 2. The end is the source's high watermark. Transactions that are still open below it get some time to be
//    decided, and the destination gets the same time to reach the end.
// 3. The records that both sides have are compared. Where retention deletes some meanwhile, the comparison goes
//    on behind them and counts them.
// 4. Log start offsets are read again at the end, because retention runs on each side in its own time: they
//    differ only if they differ still.

import { LockstepError } from '../errors.ts';
import { type Comparison, compareLogs } from './compare-logs.ts';
import { SideFailure } from './log-cursor.ts';
import { earlier, later } from './offsets.ts';
import {
  isExpectedFailure,
  type LogOffsets,
  LogStalled,
  OffsetGone,
  type PartitionLog,
  readLog,
} from './partition-log.ts';
import { pause } from './pause.ts';
import {
  type Compared,
  type Difference,
  type NotCompared,
  nothingCompared,
  outcomeOf,
  type PartitionVerdict,
  type Side,
} from './verdict.ts';

export interface VerifyPartitionOptions {
  source: PartitionLog;
  destination: PartitionLog;
  topic: string;
  /** Default the same as `topic`. */
  destinationTopic?: string;
  partition: number;
  /** How long open transactions and a lagging destination are waited for, in ms; default 30,000, 0 for not at all. */
  waitMsMax?: number;
  /** How often offsets are asked for meanwhile, in ms; default 250. */
  pollMs?: number;
  /** The most bytes one batch may decompress to; default 256 MiB. Beyond it the batch counts as corrupt. */
  decompressedBytesMax?: number;
  /** Called when the end is known, and after each batch. */
  onProgress?: (progress: PartitionProgress) => void;
  signal?: AbortSignal;
}

export interface PartitionProgress {
  topic: string;
  partition: number;
  /** Offsets compared so far, and how many there are to compare. */
  offsetsCompared: bigint;
  offsetsTotal: bigint;
  /** Bytes read from both sides so far. */
  bytesRead: number;
}

/** Retention that overtakes the comparison more often than this is not raced with any further. */
const restartsMax = 20;

/**
 * Never throws for what a cluster does: what could not be compared is in the verdict, with the reason. Throws
 * for errors of ours only.
 */
export async function verifyPartition(options: VerifyPartitionOptions): Promise<PartitionVerdict> {
  const startedMs = performance.now();
  const run = new PartitionRun(options);
  try {
    await run.run();
  } catch (error) {
    run.giveUp(error);
  }
  return run.verdict(Math.round(performance.now() - startedMs));
}

/** One verification under way; collects what the verdict will say. */
class PartitionRun {
  readonly #options: VerifyPartitionOptions;
  readonly #differences: Difference[] = [];
  readonly #notCompared: NotCompared[] = [];
  #compared: Compared = nothingCompared(0n);
  #sourceOffsets: LogOffsets | null = null;
  #destinationOffsets: LogOffsets | null = null;
  #end = 0n;
  #bytesRead = 0;

  constructor(options: VerifyPartitionOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    // 1. Offsets, the destination's first.
    this.#destinationOffsets = await this.#offsetsOf('destination');
    this.#sourceOffsets = await this.#offsetsOf('source');
    const source = this.#sourceOffsets;
    const destination = this.#destinationOffsets;
    this.#end = source.highWatermark;
    const start = later(source.logStartOffset, destination.logStartOffset);
    this.#compared = nothingCompared(start);
    this.#progress(start);

    // 2. The end that both can reach.
    const reached = await this.#waitForEnd();
    const end = earlier(earlier(this.#end, reached.source), reached.destination);

    // 3. The records. An end that is too low on the destination is a difference, but comes last.
    if (end > start) await this.#compareRange(start, end);
    if (reached.source < this.#end) {
      const first = later(reached.source, start);
      if (first < this.#end) this.#leaveOut('openTransaction', 'source', first, this.#end);
    }
    const destinationEnd = later(reached.destination, destination.highWatermark);
    if (reached.destination < earlier(this.#end, reached.source)) this.#differsAtEnd(reached.destination);
    else if (destination.highWatermark > source.highWatermark) this.#differsAtEnd(destinationEnd);

    // 4. Starts, read again.
    signal?.throwIfAborted();
    if (source.logStartOffset !== destination.logStartOffset) await this.#compareStarts();
  }

  verdict(elapsedMs: number): PartitionVerdict {
    const { topic, destinationTopic = topic, partition } = this.#options;
    return {
      topic,
      destinationTopic,
      partition,
      outcome: outcomeOf(this.#differences, this.#notCompared),
      differences: this.#differences,
      notCompared: this.#notCompared,
      compared: this.#compared,
      source: rangeOf(this.#sourceOffsets),
      destination: rangeOf(this.#destinationOffsets),
      bytesRead: this.#bytesRead,
      elapsedMs,
    };
  }

  /** Counts the rest as not compared, or throws what is an error of ours. */
  giveUp(error: unknown): void {
    const isCancelled = this.#options.signal?.aborted === true;
    const side = error instanceof SideFailure ? error.side : null;
    const cause = error instanceof SideFailure ? error.cause : error;
    if (!isCancelled && !isExpectedFailure(cause)) throw cause;
    const from = this.#compared.end;
    const end = later(this.#end, from);
    if (isCancelled) this.#leaveOut('cancelled', null, from, end);
    else if (cause instanceof LogStalled) this.#leaveOut('stalled', side, from, end);
    else this.#leaveOut('failed', side, from, end, cause);
  }

  async #offsetsOf(side: Side): Promise<LogOffsets> {
    try {
      return await this.#options[side].offsets(this.#options.signal);
    } catch (error) {
      throw new SideFailure(side, this.#compared.end, error);
    }
  }

  /** Waits until both sides' last stable offsets reach the end, or the time is over; says how far they are. */
  async #waitForEnd(): Promise<{ source: bigint; destination: bigint }> {
    const { waitMsMax = 30_000, pollMs = 250, signal } = this.#options;
    const deadlineMs = performance.now() + waitMsMax;
    let source = this.#sourceOffsets!.lastStableOffset;
    let destination = this.#destinationOffsets!.lastStableOffset;
    while ((source < this.#end || destination < this.#end) && performance.now() < deadlineMs) {
      await pause(Math.min(pollMs, Math.max(1, deadlineMs - performance.now())), signal);
      if (source < this.#end) source = (await this.#offsetsOf('source')).lastStableOffset;
      if (destination < this.#end) destination = (await this.#offsetsOf('destination')).lastStableOffset;
    }
    return { source, destination };
  }

  async #compareRange(start: bigint, end: bigint): Promise<void> {
    let from = start;
    for (let restarts = 0; from < end; restarts++) {
      const comparison = await this.#compareOnce(from, end);
      this.#add(comparison);
      if (comparison.difference !== null) {
        this.#differences.push(comparison.difference);
        return;
      }
      if (comparison.failure === null) return;
      const { side, cause } = comparison.failure;
      if (!(cause instanceof OffsetGone) || restarts >= restartsMax)
        throw new SideFailure(side, this.#compared.end, cause);
      const goneFrom = this.#compared.end;
      from = earlier(end, later((await this.#offsetsOf(side)).logStartOffset, goneFrom));
      if (from === goneFrom) throw new SideFailure(side, goneFrom, cause);
      this.#leaveOut('retention', side, goneFrom, from);
      this.#compared.end = from;
    }
  }

  #compareOnce(start: bigint, end: bigint): Promise<Comparison> {
    const { source, destination, signal, decompressedBytesMax } = this.#options;
    const onFetched = (sizeBytes: number) => {
      this.#bytesRead += sizeBytes;
    };
    const reading = { onFetched, ...(signal && { signal }) };
    const before = this.#compared.end;
    return compareLogs(
      readLog(source, start, end, reading),
      readLog(destination, start, end, reading),
      { start, end },
      {
        ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
        onCompared: (offset) => this.#progress(later(before, offset)),
      },
    );
  }

  /** Joins what one pass compared to what was compared before. */
  #add({ compared }: Comparison): void {
    this.#compared = {
      start: this.#compared.start,
      end: compared.end,
      records: this.#compared.records + compared.records,
      equalBatches: this.#compared.equalBatches + compared.equalBatches,
      openedBatches: this.#compared.openedBatches + compared.openedBatches,
      holes: this.#compared.holes + compared.holes,
    };
    this.#progress(compared.end);
  }

  #differsAtEnd(destinationOffset: bigint): void {
    const sourceOffset = this.#end;
    const offset = earlier(sourceOffset, destinationOffset);
    this.#differences.push({ kind: 'end', offset, sourceOffset, destinationOffset });
  }

  async #compareStarts(): Promise<void> {
    const destination = (await this.#offsetsOf('destination')).logStartOffset;
    const source = (await this.#offsetsOf('source')).logStartOffset;
    if (source === destination) return;
    const difference: Difference = {
      kind: 'start',
      offset: earlier(source, destination),
      sourceOffset: source,
      destinationOffset: destination,
    };
    this.#differences.unshift(difference);
  }

  #leaveOut(
    reason: NotCompared['reason'],
    side: Side | null,
    start: bigint,
    end: bigint,
    cause?: unknown,
  ): void {
    const error = cause instanceof LockstepError ? { errorCode: cause.code } : {};
    const message = cause instanceof Error ? { message: cause.message } : {};
    this.#notCompared.push({ reason, side, start, end, ...error, ...message });
  }

  #progress(comparedTo: bigint): void {
    const { topic, partition, onProgress } = this.#options;
    onProgress?.({
      topic,
      partition,
      offsetsCompared: comparedTo - this.#compared.start,
      offsetsTotal: later(this.#end - this.#compared.start, 0n),
      bytesRead: this.#bytesRead,
    });
  }
}

function rangeOf(offsets: LogOffsets | null): { start: bigint; end: bigint } | null {
  return offsets === null ? null : { start: offsets.logStartOffset, end: offsets.highWatermark };
}
