// A mirror whose offsets are lower than the source's by a constant (`start: shifted`), seen in the source's offsets,
// so that the comparison need not know. A batch's base offset lies outside of its checksum and records count from it,
// so it is rewritten where the batch lies.

import { type FetchedBatches, OffsetGone, type PartitionLog } from './partition-log.ts';

/** The log with every offset higher by `shift`. */
export function shiftedLog(log: PartitionLog, shift: bigint): PartitionLog {
  if (shift === 0n) return log;
  return {
    async offsets(signal) {
      const { logStartOffset, highWatermark, lastStableOffset } = await log.offsets(signal);
      return {
        logStartOffset: logStartOffset + shift,
        highWatermark: highWatermark + shift,
        lastStableOffset: lastStableOffset + shift,
      };
    },
    async fetch(offset, signal): Promise<FetchedBatches> {
      // Below the shift the mirror has never had anything.
      if (offset < shift) throw new OffsetGone(offset);
      try {
        const fetched = await log.fetch(offset - shift, signal);
        for (const { view } of fetched.batches)
          view.buffer.writeBigInt64BE(view.baseOffset + shift, view.start);
        return fetched;
      } catch (error) {
        throw error instanceof OffsetGone ? new OffsetGone(offset) : error;
      }
    },
    decompressing: async () => log.decompressing?.(),
    mayReadAhead: () => log.mayReadAhead?.() ?? true,
    settings: (signal) => log.settings(signal),
    async firstOffsetSince(timestampMs, signal) {
      const offset = await log.firstOffsetSince(timestampMs, signal);
      return offset === null ? null : offset + shift;
    },
  };
}
