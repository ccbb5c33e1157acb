// One partition kept identical: the pure machine of its life, and the shell that carries it out.

export { hasEnded } from './partition/ended.ts';
export {
  closingEpoch,
  isIdOfLink,
  isLockstepProducerId,
  isSameLife,
  linkProducerId,
  type MirrorLife,
  writersOf,
} from './partition/identity.ts';
export type { Place } from './partition/ways-out.ts';
export {
  type ProbeOptions,
  type ProbeReport,
  type ProbeResult,
  runProbe,
  scratchTopicPrefix,
} from './probe/index.ts';
export { askBatchHeaders, type TailHeader } from './shell/batch-questions.ts';
export type { LedLog } from './shell/broker-questions.ts';
export { clusterTransactions } from './shell/cluster-transactions.ts';
export { Coalescer } from './shell/coalescer.ts';
export type { TakeoverWitness } from './shell/compare-takeover.ts';
export { elapsedClock } from './shell/elapsed-clock.ts';
export { transactionalIdPrefix } from './shell/empty-transactions.ts';
export type { MirrorExactness } from './shell/exactness.ts';
export { fencePartition } from './shell/fence.ts';
export { autoConnectionsMax, roundTripMsMin } from './shell/fetch-lanes.ts';
export { findOpenTransactions, transactionQuestions } from './shell/find-open-transactions.ts';
export { LinkMirror } from './shell/link-mirror.ts';
export {
  defaultTuning,
  type MirrorCluster,
  type OpenTransactionQuestions,
} from './shell/link-mirror-options.ts';
export type { Ask } from './shell/log-answers.ts';
export { MarkerWriters } from './shell/marker-writers.ts';
export { MemoryBudget } from './shell/memory-budget.ts';
export { errorKinds, type MirrorObserver, noCounts, type PartitionCounters } from './shell/observer.ts';
export type {
  LeftPartition,
  PartitionPlacement,
  PartitionStart,
  TopicPartition,
} from './shell/partition-start.ts';
export type { PartitionStatus } from './shell/partition-status.ts';
export { ReadLimit, type ReadStatus } from './shell/read-limit.ts';
