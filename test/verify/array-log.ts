// A partition's log held in an array, with the manners of a broker: fetches begin with the batch that holds the
// offset, give a few batches at a time, and complain about offsets that were deleted.

import {
  type AbortedTransaction,
  BatchView,
  encodeBatch,
  markAborted,
  type RecordView,
  readRecords,
  splitBatches,
} from '../../src/records/index.ts';
import type { LogBatch } from '../../src/verify/log-cursor.ts';
import type { LogSettings } from '../../src/verify/log-settings.ts';
import {
  type FetchedBatches,
  type LogOffsets,
  OffsetGone,
  type PartitionLog,
} from '../../src/verify/partition-log.ts';

export class ArrayLog implements PartitionLog {
  views: BatchView[];
  logStartOffset: bigint;
  highWatermark: bigint;
  lastStableOffset: bigint;
  aborted: AbortedTransaction[] = [];
  batchesPerFetch = 2;
  topicSettings: LogSettings = {
    isCompacted: false,
    isDeleted: true,
    retentionMs: null,
    retentionBytes: null,
    deleteRetentionMs: 86_400_000n,
  };
  /** Called before settings are given. */
  onSettings: () => void = () => {};
  /** Called before each fetch, to change the log meanwhile. */
  onFetch: (offset: bigint, log: ArrayLog) => void = () => {};
  onOffsets: (log: ArrayLog) => void = () => {};
  held = 0;
  heldMost = 0;
  fetches = 0;

  constructor(batches: Buffer[], offsets: Partial<LogOffsets> = {}) {
    this.views = splitBatches(Buffer.concat(batches)).batches;
    this.logStartOffset = offsets.logStartOffset ?? this.views[0]?.baseOffset ?? 0n;
    this.highWatermark = offsets.highWatermark ?? this.views.at(-1)?.nextOffset ?? this.logStartOffset;
    this.lastStableOffset = offsets.lastStableOffset ?? this.highWatermark;
  }

  async offsets(): Promise<LogOffsets> {
    this.onOffsets(this);
    const { logStartOffset, highWatermark, lastStableOffset } = this;
    return { logStartOffset, highWatermark, lastStableOffset };
  }

  async fetch(offset: bigint): Promise<FetchedBatches> {
    this.fetches += 1;
    this.onFetch(offset, this);
    if (offset < this.logStartOffset) throw new OffsetGone(offset);
    const from = this.views.findIndex((view) => view.lastOffset >= offset);
    const chosen = from < 0 ? [] : this.views.slice(from, from + this.batchesPerFetch);
    // Each fetch lies in a frame of its own, which is overwritten when it is given back.
    const frame = Buffer.concat(chosen.map((view) => view.bytes));
    const batches = markAborted(splitBatches(frame).batches, this.aborted);
    this.held += 1;
    this.heldMost = Math.max(this.heldMost, this.held);
    return {
      batches,
      sizeBytes: frame.length,
      release: () => {
        this.held -= 1;
        frame.fill(0xee);
      },
    };
  }

  async settings(): Promise<LogSettings> {
    this.onSettings();
    return this.topicSettings;
  }

  async firstOffsetSince(timestampMs: bigint): Promise<bigint | null> {
    for (const view of this.views) {
      for (const { offset, timestamp } of view.isControl ? [] : readRecords(view))
        if (offset >= this.logStartOffset && timestamp >= timestampMs) return offset;
    }
    return null;
  }
}

export async function* batchesOf(...batches: Buffer[]): AsyncGenerator<LogBatch> {
  for (const bytes of batches) yield { view: new BatchView(bytes, 0), isAborted: false };
}

/** Records cut into batches of the given sizes; the rest makes the last one. */
export function inBatches(
  records: RecordView[],
  sizes: number[],
  ...options: Parameters<typeof encodeBatch>[1][]
): Buffer[] {
  const batches: Buffer[] = [];
  let at = 0;
  for (let index = 0; at < records.length; index++) {
    const size = Math.max(1, sizes[index % Math.max(1, sizes.length)] ?? records.length);
    batches.push(encodeBatch(records.slice(at, at + size), options[index % Math.max(1, options.length)]));
    at += size;
  }
  return batches;
}
