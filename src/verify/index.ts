// Shows two logs equal, or names the first difference.

export { clusterLogs } from './cluster-logs.ts';
export type { LinkProgress } from './link-progress.ts';
export { type LogBatch, SideFailure } from './log-cursor.ts';
export type { LogSource } from './log-source.ts';
export { type LogOffsets, LogStalled, OffsetGone, type PartitionLog, readLog } from './partition-log.ts';
export {
  describeDifference,
  describeNotCompared,
  reportAsJson,
  reportRows,
  reportSummary,
  type VerifyReport,
  verifyReport,
} from './report.ts';
export { Span } from './span.ts';
export type { DifferenceKind, LinkVerdict, Outcome, PartitionVerdict } from './verdict.ts';
export { type TopicPair, type VerifyTopicsOptions, verifyLink } from './verify-link.ts';
export { describeRound, type WatchRound, watchDefaults, watchLink, watchRoundAsJson } from './watch-link.ts';
