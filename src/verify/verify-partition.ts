// Compares one partition of two clusters, also while records keep flowing.
//
// The end is fixed when the verification begins; what comes later is left for the next one:
// 1. The destination's offsets are read before the source's: a mirror never leads, so a destination that ends
//    behind the source's later high watermark has records of somebody else.
// 2. The end is the source's high watermark. Transactions that are still open below it get some time to be
//    decided, and the destination gets the same time to reach the end.
// 3. The records that both sides have are compared. Where retention deletes some meanwhile, the comparison goes
//    on behind them and counts them.
// 4. Log start offsets are read again at the end, because retention runs on each side in its own time. What only
//    one side has then is counted, and held against the retention settings where it is the destination that
//    lacks it.

import { LockstepError } from '../errors.ts';
import { isFillerProducerId } from '../mirror/partition/identity.ts';
import { earlier, later } from '../offsets.ts';
import { SideFailure } from './log-cursor.ts';
import { retentionExplains } from './log-settings.ts';
import { isExpectedFailure, type LogOffsets, LogStalled, type PartitionLog } from './partition-log.ts';
import { pause } from './pause.ts';
import { shiftedLog } from './shifted-log.ts';
import { Span, type SpanOptions } from './span.ts';
import {
  type Compared,
  type Difference,
  type NotCompared,
  nothingCompared,
  type OffsetRange,
  outcomeOf,
  type PartitionVerdict,
  type Side,
} from './verdict.ts';

export interface VerifyPartitionOptions
  extends Pick<SpanOptions, 'gapsHoldCopies' | 'decompressedBytesMax' | 'waitingSlotsMax' | 'signal'> {
  source: PartitionLog;
  destination: PartitionLog;
  topic: string;
  /** Default the same as `topic`. */
  destinationTopic?: string;
  partition: number;
  /** The destination's offsets are lower by this (`start: shifted`); default 0. */
  shift?: bigint;
  /** The source's first offset that is mirrored (`startAt`); default 0. What it holds below is not compared. */
  startOffset?: bigint;
  /** MirrorMaker 2 has copied what the destination holds below `startOffset`; default false. */
  isTakenOver?: boolean;
  /** How long open transactions and a lagging destination are waited for, in ms; default 30,000, 0 for not at all. */
  waitMsMax?: number;
  /** How often offsets are asked for meanwhile, in ms; default 250. */
  pollMs?: number;
  /** Called when the end is known, at each look at offsets while something is waited for, and after each batch. */
  onProgress?: (progress: PartitionProgress) => void;
}

export interface PartitionProgress {
  topic: string;
  partition: number;
  /** Offsets compared so far, and how many there are to compare. */
  offsetsCompared: bigint;
  offsetsTotal: bigint;
  /** Bytes read from both sides so far. */
  bytesRead: number;
  /** What has not come yet; null while nothing is waited for. */
  waitingFor: Waiting | null;
}

/** A side that is not at the end yet: the source because of open transactions, the destination because it lags. */
export interface Waiting {
  side: Side;
  /** Where the side is, and the end, both in the source's offsets. */
  at: bigint;
  end: bigint;
}

/**
 * Never throws for what a cluster does: what could not be compared is in the verdict, with the reason. Throws
 * for errors of ours only.
 */
export async function verifyPartition(options: VerifyPartitionOptions): Promise<PartitionVerdict> {
  const verification = new PartitionVerification(options);
  await verification.arrive();
  await verification.compare();
  return verification.verdict();
}

/** One verification under way. Waiting costs nothing, so that many can wait while few compare. */
export class PartitionVerification {
  readonly #options: VerifyPartitionOptions;
  readonly #logs: Readonly<Record<Side, PartitionLog>>;
  readonly #startedMs = performance.now();
  readonly #differences: Difference[] = [];
  readonly #notCompared: NotCompared[] = [];
  #span: Span | null = null;
  #compared: Compared = nothingCompared(0n);
  #sourceOffsets: LogOffsets | null = null;
  #destinationOffsets: LogOffsets | null = null;
  /** Where the source's log really starts. */
  #sourceLogStart: bigint | null = null;
  #end = 0n;
  /** How far both sides were when they were looked at last. */
  #reached: Record<Side, bigint> = { source: 0n, destination: 0n };
  #waitingFor: Waiting | null = null;
  #hasFailed = false;

  constructor(options: VerifyPartitionOptions) {
    this.#options = options;
    this.#logs = {
      source: options.source,
      destination: shiftedLog(options.destination, options.shift ?? 0n),
    };
  }

  /** Takes the end, and waits until both sides have reached it or the time is over. */
  arrive(): Promise<void> {
    return this.#failing(async () => {
      // 1. Offsets, the destination's first.
      const destination = await this.#offsetsOf('destination');
      this.#destinationOffsets = destination;
      const source = await this.#offsetsOf('source');
      this.#sourceOffsets = source;
      this.#end = source.highWatermark;
      this.#compared = nothingCompared(later(source.logStartOffset, destination.logStartOffset));
      this.#reached = { source: source.lastStableOffset, destination: destination.lastStableOffset };
      this.#progress();

      // 2. The end that both can reach.
      const { waitMsMax = 30_000, pollMs = 250, signal } = this.#options;
      const deadlineMs = performance.now() + waitMsMax;
      while (this.#noteWaiting() && performance.now() < deadlineMs) {
        this.#progress();
        await pause(Math.min(pollMs, Math.max(1, deadlineMs - performance.now())), signal);
        await this.#lookAgain();
      }
    });
  }

  /** Compares what both have. */
  compare(): Promise<void> {
    return this.#failing(async () => {
      const source = this.#sourceOffsets!;
      const destination = this.#destinationOffsets!;
      const { start } = this.#compared;
      const { waitMsMax = 30_000 } = this.#options;
      // Others may have been compared meanwhile.
      if (this.#noteWaiting() && waitMsMax > 0) await this.#lookAgain();
      this.#waitingFor = null;
      const reached = this.#reached;
      const end = earlier(earlier(this.#end, reached.source), reached.destination);

      // 3. The records. An end that is too low on the destination is a difference, but comes last.
      this.#span = new Span({ start, end: later(start, end) }, this.#spanOptions());
      await this.#span.run();
      this.#takeSpan();
      const openFrom = later(reached.source, start);
      if (openFrom < this.#end) this.#leaveOut('openTransaction', 'source', openFrom, this.#end);
      if (reached.destination < earlier(this.#end, reached.source)) await this.#judgeShortEnd();
      else if (destination.highWatermark > source.highWatermark)
        this.#differsAtEnd(later(reached.destination, destination.highWatermark));

      // 4. Starts, read again.
      const { startOffset = 0n, isTakenOver = false } = this.#options;
      const held = isTakenOver ? destination.logStartOffset : (this.#sourceLogStart ?? startOffset);
      if (held < startOffset && isTakenOver)
        this.#leaveOut('beforeTakeover', 'destination', held, startOffset);
      else if (held < startOffset) this.#leaveOut('beforeStart', 'destination', held, startOffset);
      this.#options.signal?.throwIfAborted();
      if (source.logStartOffset !== destination.logStartOffset) await this.#compareStarts(this.#span);
    });
  }

  verdict(): PartitionVerdict {
    const { topic, destinationTopic = topic, partition, shift = 0n } = this.#options;
    return {
      topic,
      destinationTopic,
      partition,
      outcome: outcomeOf(this.#differences, this.#notCompared),
      differences: this.#differences.map((difference) => inOwnOffsets(difference, shift)),
      notCompared: this.#notCompared,
      compared: this.#compared,
      source: rangeOf(this.#sourceOffsets, 0n, this.#sourceLogStart),
      destination: rangeOf(this.#destinationOffsets, shift),
      shift,
      bytesRead: this.#span?.bytesRead ?? 0,
      elapsedMs: Math.round(performance.now() - this.#startedMs),
    };
  }

  /** Where both sides were equal up to, and where the next verification goes on. */
  get comparedTo(): bigint {
    return this.#compared.end;
  }

  async #failing(work: () => Promise<void>): Promise<void> {
    if (this.#hasFailed) return;
    try {
      await work();
    } catch (error) {
      this.#hasFailed = true;
      this.#takeSpan();
      this.#giveUp(error);
    }
  }

  /** Counts the rest as not compared, or throws what is an error of ours. */
  #giveUp(error: unknown): void {
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
      const offsets = await this.#logs[side].offsets(this.#options.signal);
      if (side === 'destination') return offsets;
      this.#sourceLogStart ??= offsets.logStartOffset;
      const logStartOffset = later(offsets.logStartOffset, this.#options.startOffset ?? 0n);
      return { ...offsets, logStartOffset };
    } catch (error) {
      throw new SideFailure(side, this.#compared.end, error);
    }
  }

  /** Whether a side is not at the end yet. */
  #noteWaiting(): boolean {
    const side = (['source', 'destination'] as const).find((each) => this.#reached[each] < this.#end);
    this.#waitingFor = side === undefined ? null : { side, at: this.#reached[side], end: this.#end };
    return side !== undefined;
  }

  async #lookAgain(): Promise<void> {
    for (const side of ['source', 'destination'] as const) {
      if (this.#reached[side] < this.#end)
        this.#reached[side] = (await this.#offsetsOf(side)).lastStableOffset;
    }
  }

  #spanOptions(): SpanOptions {
    const { gapsHoldCopies, decompressedBytesMax, waitingSlotsMax, signal } = this.#options;
    return {
      ...this.#logs,
      ...(gapsHoldCopies !== undefined && { gapsHoldCopies }),
      ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
      ...(waitingSlotsMax !== undefined && { waitingSlotsMax }),
      ...(signal !== undefined && { signal }),
      onProgress: () => this.#progress(),
    };
  }

  /** Takes over what the span saw, once. */
  #takeSpan(): void {
    const span = this.#span;
    if (span === null) return;
    this.#compared = span.compared;
    if (span.difference !== null && !this.#differences.includes(span.difference))
      this.#differences.push(span.difference);
    this.#notCompared.push(...span.notCompared.splice(0));
  }

  /** The destination ends too low. Offsets without a record may be filled later; records are missing now. */
  async #judgeShortEnd(): Promise<void> {
    const reached = this.#reached.destination;
    const end = earlier(this.#end, this.#reached.source);
    const start = later(reached, this.#sourceOffsets!.logStartOffset);
    const isVisible = reached < start || (await this.#span!.firstVisible('source', { start, end })) !== null;
    const isMoving = reached > this.#destinationOffsets!.lastStableOffset;
    if (isMoving || !isVisible) this.#leaveOut('lagging', 'destination', start, end);
    else this.#differsAtEnd(reached);
  }

  #differsAtEnd(destinationOffset: bigint): void {
    const sourceOffset = this.#end;
    const offset = earlier(sourceOffset, destinationOffset);
    this.#differences.push({ kind: 'end', offset, sourceOffset, destinationOffset });
  }

  async #compareStarts(span: Span): Promise<void> {
    const destination = (await this.#offsetsOf('destination')).logStartOffset;
    const source = (await this.#offsetsOf('source')).logStartOffset;
    const { start } = this.#compared;
    if (destination < source) {
      // The source's are gone, and with them what the destination should have there. No fault, but for fillers.
      const { startOffset = 0n, isTakenOver = false } = this.#options;
      const from = isTakenOver ? later(destination, startOffset) : destination;
      if (from >= start) return;
      if (await this.#startsWithFiller(from))
        this.#differences.unshift({
          kind: 'start',
          offset: destination,
          sourceOffset: source,
          destinationOffset: destination,
        });
      else this.#leaveOut('retention', 'source', from, start);
    } else if (source < start) {
      const settings = await span.settingsOf('destination');
      const judged = await retentionExplains(settings, {
        logStartOffset: start,
        sizeBytes: span.sizeBytes.destination,
        otherSizeBytes: span.sizeBytes.source,
        nowMs: BigInt(Date.now()),
        firstOffsetSince: (timestampMs) =>
          this.#logs.source.firstOffsetSince(timestampMs, this.#options.signal),
      });
      if (judged === 'explained') this.#leaveOut('retention', 'destination', source, start);
      else
        this.#notCompared.push({
          reason: 'startUnexplained',
          side: 'destination',
          start: source,
          end: start,
          ...(judged === 'tookMoreThanAtSource' && {
            message:
              `retention.bytes=${settings.retentionBytes} took them, although the source holds only ` +
              `${span.sizeBytes.source} bytes from offset ${start} on, and the destination ` +
              `${span.sizeBytes.destination}: markers in holes take room`,
          }),
        });
    }
  }

  /** Whether the mirror's first batch only stands for offsets below the source's start: nobody must read those. */
  async #startsWithFiller(start: bigint): Promise<boolean> {
    const { signal } = this.#options;
    const fetched = await this.#logs.destination.fetch(start, signal);
    try {
      const first = fetched.batches[0]?.view;
      return first !== undefined && first.magic === 2 && isFillerProducerId(first.producerId);
    } finally {
      fetched.release();
    }
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

  #progress(): void {
    const { topic, partition, onProgress } = this.#options;
    const { start, end } = this.#span?.compared ?? this.#compared;
    onProgress?.({
      topic,
      partition,
      offsetsCompared: end - start,
      offsetsTotal: later(this.#end - start, 0n),
      bytesRead: this.#span?.bytesRead ?? 0,
      waitingFor: this.#waitingFor,
    });
  }
}

function rangeOf(
  offsets: LogOffsets | null,
  shift: bigint,
  logStart: bigint | null = null,
): OffsetRange | null {
  if (offsets === null) return null;
  return { start: (logStart ?? offsets.logStartOffset) - shift, end: offsets.highWatermark - shift };
}

/** The destination's offsets as the destination has them. */
function inOwnOffsets(difference: Difference, shift: bigint): Difference {
  const { destinationOffset } = difference;
  if (destinationOffset === undefined || shift === 0n) return difference;
  return { ...difference, destinationOffset: destinationOffset - shift };
}
