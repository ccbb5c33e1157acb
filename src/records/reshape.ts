// Puts records into other batches without changing what a consumer sees: offset, timestamp, key, value, headers.
// Batch boundaries and codecs are not part of Lockstep's promise, so the mirror may do this where a broker does
// not accept the source's batch as it is. Producer fields and the transactional bit are dropped: the mirror
// writes with its own producer id, and only committed records.

import { LockstepError } from '../errors.ts';
import type { BatchView } from './batch-view.ts';
import { encodeRawBatch } from './encode-batch.ts';
import type { Compression } from './layout.ts';
import { type RawRecord, type ReadOptions, readRawRecords } from './read-records.ts';

/**
 * A batch with offset gaps, as compaction leaves it, as batches of neighbouring offsets with the same codec.
 * An empty batch gives none. Brokers refuse gaps inside a batch (LogValidator).
 */
export function splitRuns(view: BatchView, options: ReadOptions = {}): Buffer[] {
  const runs: RawRecord[][] = [];
  let next: bigint | undefined;
  for (const record of readRawRecords(view, options)) {
    if (record.offset !== next) runs.push([]);
    runs.at(-1)!.push(record);
    next = record.offset + 1n;
  }
  return runs.map((run) => encodeRawBatch(run, asBefore(view)));
}

/**
 * Neighbouring batches as one. Each must begin where the one before ends and be without gaps.
 * @throws LockstepError CODEC_INPUT_INVALID when they do not, or hold markers.
 */
export function mergeBatches(
  views: readonly BatchView[],
  options: ReadOptions & { compression?: Compression } = {},
): Buffer {
  const records: RawRecord[] = [];
  let next = views[0]?.baseOffset;
  for (const view of views) {
    if (view.isControl || view.hasGaps || view.baseOffset !== next) {
      throw new LockstepError(
        'CODEC_INPUT_INVALID',
        `The batch at offset ${view.baseOffset} cannot be merged: it is no neighbour, has gaps or holds markers.`,
        { detail: { baseOffset: view.baseOffset } },
      );
    }
    for (const record of readRawRecords(view, options)) records.push(record);
    next = view.nextOffset;
  }
  return encodeRawBatch(records, { compression: options.compression ?? 'none' });
}

/**
 * A LogAppendTime batch as CreateTime, which is all that brokers accept from a client: each record's timestamp
 * becomes the time of the append, which is what consumers saw. Gaps stay; see `splitRuns`.
 */
export function withCreateTime(view: BatchView, options: ReadOptions = {}): Buffer {
  const { baseOffset, lastOffset } = view;
  return encodeRawBatch([...readRawRecords(view, options)], { ...asBefore(view), baseOffset, lastOffset });
}

function asBefore(view: BatchView): { compression: Compression; partitionLeaderEpoch: number } {
  return { compression: view.compression, partitionLeaderEpoch: view.partitionLeaderEpoch };
}
