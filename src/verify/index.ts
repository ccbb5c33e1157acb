// Shows two logs equal, or names the first difference.

export { type ClusterLogsOptions, clusterLogs } from './cluster-logs.ts';
export { type CompareOptions, type Comparison, compareLogs } from './compare-logs.ts';
export type { LinkProgress } from './link-progress.ts';
export { type LogBatch, SideFailure } from './log-cursor.ts';
export { type LogSettings, logSettings } from './log-settings.ts';
export type { LogSource, TopicSize } from './log-source.ts';
export {
  type FetchedBatches,
  type LogOffsets,
  LogStalled,
  OffsetGone,
  type PartitionLog,
  readLog,
} from './partition-log.ts';
export {
  describeDifference,
  describeNotCompared,
  reportAsJson,
  reportRows,
  reportSummary,
  type VerifyReport,
  verifyReport,
} from './report.ts';
export { Span, type SpanOptions } from './span.ts';
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
export {
  type TopicPair,
  type VerifyLinkOptions,
  type VerifyTopicsOptions,
  verifyLink,
  verifyTopics,
} from './verify-link.ts';
export {
  type PartitionProgress,
  type VerifyPartitionOptions,
  verifyPartition,
  type Waiting,
} from './verify-partition.ts';
export {
  describeRound,
  type WatchLinkOptions,
  type WatchRound,
  type WatchTopicsOptions,
  watchDefaults,
  watchLink,
  watchRoundAsJson,
  watchTopics,
} from './watch-link.ts';
export type { WatchedDigest, WatchedState } from './watched-partition.ts';
