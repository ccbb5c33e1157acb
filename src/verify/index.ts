// Shows two logs equal, or names the first difference.

export { type AbortedTransaction, markAborted } from './aborted-transactions.ts';
export { type CompareOptions, type Comparison, compareLogs } from './compare-logs.ts';
export type { LogBatch } from './log-cursor.ts';
export {
  type FetchedBatches,
  type LogOffsets,
  LogStalled,
  OffsetGone,
  type PartitionLog,
  readLog,
} from './partition-log.ts';
export {
  type Compared,
  type Difference,
  type DifferenceKind,
  differenceKinds,
  type LinkVerdict,
  type NotCompared,
  type NotComparedReason,
  type OffsetRange,
  type Outcome,
  type PartitionVerdict,
  type Side,
} from './verdict.ts';
export { type PartitionProgress, type VerifyPartitionOptions, verifyPartition } from './verify-partition.ts';
