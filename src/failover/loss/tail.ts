// One log of the region that is back, read from the cut on. What is in open transactions can't be read, and is counted.
import { earlier, later } from '../../offsets.ts';
import { type PartitionLog, readLog } from '../../verify/index.ts';
import { LogScan, type TransactionPart } from './log-scan.ts';
import type { ExactLoss } from './types.ts';

export interface Tail {
  readonly exact: ExactLoss;
  /** Parts of transactions that end or begin behind the cut; offsets of the lost region. */
  readonly parts: readonly TransactionPart[];
  readonly logStart: bigint;
  readonly lastStableOffset: bigint;
}

/** `cut` is an offset of the lost region's own log. @throws what reading a log throws. */
export async function readTail(
  log: PartitionLog,
  { cut, shift, signal }: { cut: bigint; shift: bigint; signal: AbortSignal },
): Promise<Tail> {
  const { logStartOffset, lastStableOffset, highWatermark } = await log.offsets(signal);
  const from = later(cut, logStartOffset);
  const scan = new LogScan(from);
  for await (const batch of readLog(log, from, lastStableOffset, { signal })) scan.take(batch);
  const count = (low: bigint, high: bigint): string => String(later(high - low, 0n));
  return {
    logStart: logStartOffset,
    lastStableOffset,
    parts: scan.transactions,
    exact: {
      end: String(highWatermark - shift),
      offsets: count(cut, highWatermark),
      records: String(scan.records),
      abortedRecords: String(scan.abortedRecords),
      undecidedOffsets: count(later(lastStableOffset, cut), highWatermark),
      deletedOffsets: count(cut, earlier(logStartOffset, highWatermark)),
    },
  };
}

/** How far in front of a cut the rest of a transaction is looked for, in offsets: an open one may have begun long ago. */
export const lookBackOffsetsMax = 20_000n;

/** Parts of transactions by these producers that lie in front of the cut, or reach over it. */
export async function readBefore(
  log: PartitionLog,
  options: {
    readonly cut: bigint;
    readonly logStart: bigint;
    readonly producers: ReadonlySet<bigint>;
    readonly signal: AbortSignal;
  },
): Promise<TransactionPart[]> {
  const { cut, logStart, producers, signal } = options;
  const { lastStableOffset } = await log.offsets(signal);
  const from = later(logStart, cut - lookBackOffsetsMax);
  // Behind the cut, too: a transaction that reaches over it is seen as one part, from its beginning to its marker.
  const scan = new LogScan(lastStableOffset);
  for await (const batch of readLog(log, from, lastStableOffset, { signal }))
    if (producers.has(batch.view.producerId)) scan.take(batch);
  return scan.transactions;
}
