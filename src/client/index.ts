// The public door of the room: one cluster as a client sees it.
export {
  type Acl,
  type AclOperation,
  type AclPermission,
  type AclResourceType,
  authorizedOperations,
  createAcls,
  deleteAcls,
  describeAcl,
  describeAcls,
} from './admin/acls.ts';
export { describeCluster } from './admin/cluster-info.ts';
export {
  type ConfigOutcome,
  type ConfigResource,
  describeConfigs,
  describeTopicConfigsAgain,
  incrementalAlterConfigs,
} from './admin/configs.ts';
export {
  type CommittedOffsets,
  commitGroupOffsets,
  deleteGroups,
  describeGroups,
  fetchGroupOffsets,
  type ListedGroup,
  listGroups,
} from './admin/groups.ts';
export { deleteGroupOffsets, fetchOffsetsOfGroups } from './admin/groups-batched.ts';
export { describeLogDirs } from './admin/log-dirs.ts';
export {
  type ListedOffset,
  listOffsets,
  logEndOffset,
  logEndOffsets,
  offsetsForLeaderEpoch,
} from './admin/offsets.ts';
export { type Outcome, unwrap } from './admin/outcome.ts';
export type { TopicPartition } from './admin/per-leader.ts';
export { type DescribedProducers, describeProducers, type ProducerState } from './admin/producers.ts';
export {
  alterClientQuotas,
  type ClientQuota,
  describeClientQuotas,
  describeQuotaEntity,
  type QuotaChange,
  type QuotaEntity,
} from './admin/quotas.ts';
export { deleteRecords } from './admin/records.ts';
export { describeScramUsers, type ScramUser, setScramPassword } from './admin/scram.ts';
export {
  type CreatedTopic,
  createPartitions,
  createTopics,
  deleteTopicById,
  deleteTopics,
  describeTopicById,
  describeTopics,
  listTopics,
} from './admin/topics.ts';
export {
  type DescribedTransaction,
  describeTransactions,
  type ListedTransaction,
  listTransactions,
  mayDescribeTransactions,
} from './admin/transaction-states.ts';
export {
  addPartitionsToTransaction,
  allocateProducerId,
  endTransaction,
  initTransactions,
  type ProducerIdentity,
  transactionalWriting,
  writeTransactionMarkers,
} from './admin/transactions.ts';
export { AnswerDigest, unchanged } from './answer-digest.ts';
export type { VersionRange } from './api-versions.ts';
export { type BackoffOptions, backoffMs, requestBackoff } from './backoff.ts';
export { type Clock, type Random, sleep, systemClock } from './clock.ts';
export { Cluster } from './cluster.ts';
export type { BrokerAddress, ClusterConfig, Credentials, SaslConfig, TlsConfig } from './config.ts';
export { formatAddress } from './config.ts';
export { Connection } from './connection.ts';
export type { SendOptions } from './connection-options.ts';
export { Coordinators } from './coordinators.ts';
export { type Frame, FramePool } from './frame-pool.ts';
export { isAuthorizationError, kafkaFailure } from './kafka-failure.ts';
export type { BrokerNode, ClusterMetadata, TopicMetadata } from './metadata.ts';
export {
  describeRight,
  type GrantedOperation,
  type GrantedResource,
  grantCommand,
  type KafkaRight,
} from './rights.ts';
