// Compares a span of offsets of one partition, also while retention deletes from it: what a side deletes meanwhile is
// counted, and the comparison goes on behind it. What it saw stays readable when it fails.

import { earlier, later } from '../offsets.ts';
import { CompactionLedger } from './compaction.ts';
import { type Comparison, compareLogs } from './compare-logs.ts';
import { type LogBatch, SideFailure } from './log-cursor.ts';
import type { LogSettings } from './log-settings.ts';
import { OffsetGone, type PartitionLog, readLog } from './partition-log.ts';
import type { RunningDigest } from './running-digest.ts';
import {
  type Compared,
  type Difference,
  joined,
  type NotCompared,
  nothingCompared,
  type OffsetRange,
  type Side,
} from './verdict.ts';

export interface SpanOptions {
  source: PartitionLog;
  destination: PartitionLog;
  gapsHoldCopies?: boolean;
  /** The most bytes one batch may decompress to; default 256 MiB. Beyond it the batch counts as corrupt. */
  decompressedBytesMax?: number;
  /** See CompactionOptions. */
  waitingSlotsMax?: number;
  digests?: Readonly<Record<Side, RunningDigest>>;
  signal?: AbortSignal;
  /** Called after each batch. */
  onProgress?: () => void;
}

/** Retention that overtakes the comparison more often than this is not raced with any further. */
const restartsMax = 20;

export class Span {
  readonly #options: SpanOptions;
  readonly #compaction: CompactionLedger;
  readonly #settings = new Map<Side, Promise<LogSettings>>();
  readonly #range: OffsetRange;
  #comparedBefore: Compared;

  /** What was compared so far. */
  compared: Compared;
  difference: Difference | null = null;
  notCompared: NotCompared[] = [];
  /** Bytes read from both sides. */
  bytesRead = 0;
  /** Bytes of each side's batches in the span. */
  readonly sizeBytes: Record<Side, bigint> = { source: 0n, destination: 0n };

  constructor(range: OffsetRange, options: SpanOptions) {
    this.#options = options;
    this.#range = range;
    this.compared = nothingCompared(range.start);
    this.#comparedBefore = this.compared;
    const { decompressedBytesMax, waitingSlotsMax } = options;
    this.#compaction = new CompactionLedger({
      settingsOf: (side) => this.settingsOf(side),
      readLater: (side, start) => this.#readAgain(side, start, null),
      ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
      ...(waitingSlotsMax !== undefined && { waitingSlotsMax }),
    });
  }

  /** @throws SideFailure when a side can't be read on; `compared` says how far it went. */
  async run(): Promise<void> {
    const { end } = this.#range;
    let from = this.#range.start;
    for (let restarts = 0; from < end; restarts++) {
      const comparison = await this.#compareOnce({ start: from, end });
      if (comparison.difference !== null) {
        this.difference = comparison.difference;
        return;
      }
      if (comparison.failure === null) break;
      const { side, cause } = comparison.failure;
      const goneFrom = this.compared.end;
      if (!(cause instanceof OffsetGone) || restarts >= restartsMax)
        throw new SideFailure(side, goneFrom, cause);
      from = earlier(end, later((await this.offsetsOf(side)).logStartOffset, goneFrom));
      if (from === goneFrom) throw new SideFailure(side, goneFrom, cause);
      this.notCompared.push({ reason: 'retention', side, start: goneFrom, end: from });
      this.compared = { ...this.compared, end: from };
    }
    const settled = await this.#compaction.settle({
      range: this.#range,
      read: (side, start, upTo) => this.#readAgain(side, start, upTo),
      isIncomplete: this.notCompared.length > 0,
      nowMs: BigInt(Date.now()),
    });
    this.difference = settled.difference;
    this.notCompared.push(...settled.notCompared);
  }

  settingsOf(side: Side): Promise<LogSettings> {
    const asking = this.#settings.get(side) ?? this.#ask(side, (log) => log.settings(this.#options.signal));
    this.#settings.set(side, asking);
    return asking;
  }

  offsetsOf(side: Side) {
    return this.#ask(side, (log) => log.offsets(this.#options.signal));
  }

  /**
   * The first offset in a range of one side that has a record for consumers, or null.
   * @throws SideFailure
   */
  async firstVisible(side: Side, range: OffsetRange): Promise<bigint | null> {
    const nothing = (async function* () {})();
    const batches = this.#read(side, range);
    const [source, destination] = side === 'source' ? [batches, nothing] : [nothing, batches];
    const { difference, failure } = await compareLogs(source, destination, range);
    if (failure !== null) throw new SideFailure(failure.side, range.start, failure.cause);
    return difference?.offset ?? null;
  }

  async #ask<T>(side: Side, question: (log: PartitionLog) => Promise<T>): Promise<T> {
    try {
      return await question(this.#options[side]);
    } catch (error) {
      throw new SideFailure(side, this.compared.end, error);
    }
  }

  async #compareOnce(range: OffsetRange): Promise<Comparison> {
    const { gapsHoldCopies, decompressedBytesMax, digests, onProgress } = this.#options;
    this.#comparedBefore = this.compared;
    const comparison = await compareLogs(
      this.#counted('source', this.#read('source', range)),
      this.#counted('destination', this.#read('destination', range)),
      range,
      {
        ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
        ...(gapsHoldCopies !== undefined && { gapsHoldCopies }),
        ...(digests !== undefined && { digests }),
        compaction: this.#compaction,
        decompressing: async () => this.#options.source.decompressing?.(),
        onCompared: (offset) => {
          this.compared = { ...this.compared, end: later(this.#comparedBefore.end, offset) };
          onProgress?.();
        },
      },
    );
    this.compared = joined(this.#comparedBefore, comparison.compared);
    onProgress?.();
    return comparison;
  }

  async #readAgain(side: Side, start: bigint, upTo: bigint | null) {
    const { logStartOffset, lastStableOffset } = await this.offsetsOf(side);
    const range = { start: later(start, logStartOffset), end: upTo ?? lastStableOffset };
    return { batches: this.#read(side, range), range };
  }

  #read(side: Side, { start, end }: OffsetRange): AsyncGenerator<LogBatch, void, undefined> {
    const { signal } = this.#options;
    const onFetched = (sizeBytes: number) => {
      this.bytesRead += sizeBytes;
    };
    return readLog(this.#options[side], start, end, { onFetched, ...(signal && { signal }) });
  }

  async *#counted(
    side: Side,
    batches: AsyncGenerator<LogBatch, void, undefined>,
  ): AsyncGenerator<LogBatch, void, undefined> {
    for await (const batch of batches) {
      this.sizeBytes[side] += BigInt(batch.view.sizeBytes);
      yield batch;
    }
  }
}
