// The public door of the room: one cluster as a client sees it.
export {
  type Acl,
  type AclFilter,
  type AclOperation,
  type AclPatternType,
  type AclPermission,
  type AclResourceType,
  authorizedOperations,
  createAcls,
  deleteAcls,
  describeAcl,
  describeAcls,
} from './admin/acls.ts';
export { type ClusterDescription, describeCluster } from './admin/cluster-info.ts';
export {
  type ConfigChange,
  type ConfigChanges,
  type ConfigEntry,
  type ConfigOutcome,
  type ConfigResource,
  type ConfigSource,
  type ConfigSynonym,
  type DescribeConfigsOptions,
  describeConfigs,
  incrementalAlterConfigs,
} from './admin/configs.ts';
export {
  type CommitOptions,
  type CommittedOffset,
  type CommittedOffsets,
  commitGroupOffsets,
  type DescribedGroup,
  deleteGroups,
  describeGroups,
  fetchGroupOffsets,
  type GroupMember,
  type ListedGroup,
  listGroups,
  type OffsetToCommit,
} from './admin/groups.ts';
export { type BatchedOptions, deleteGroupOffsets, fetchOffsetsOfGroups } from './admin/groups-batched.ts';
export { describeLogDirs, type LogDir, type LogDirs, type ReplicaSize } from './admin/log-dirs.ts';
export {
  type EpochEndQuery,
  type ListedOffset,
  type ListOffsetsOptions,
  type LogEnd,
  listOffsets,
  logEndOffset,
  logEndOffsets,
  type OffsetQuery,
  type OffsetSpec,
  offsetsForLeaderEpoch,
} from './admin/offsets.ts';
export { type Outcome, unwrap } from './admin/outcome.ts';
export type { PartitionOutcome, TopicPartition } from './admin/per-leader.ts';
export { type DescribedProducers, describeProducers, type ProducerState } from './admin/producers.ts';
export {
  alterClientQuotas,
  type ClientQuota,
  describeClientQuotas,
  describeQuotaEntity,
  type QuotaChange,
  type QuotaEntity,
} from './admin/quotas.ts';
export { deleteRecords, type RecordsToDelete } from './admin/records.ts';
export { describeScramUsers, type ScramMechanism, type ScramUser, setScramPassword } from './admin/scram.ts';
export {
  type CreatedTopic,
  createPartitions,
  createTopics,
  deleteTopicById,
  deleteTopics,
  describeTopicById,
  describeTopics,
  listTopics,
  type NewTopic,
  type PartitionIncrease,
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
  type MarkerResult,
  type ProducerIdentity,
  type TransactionMarker,
  transactionalWriting,
  writeTransactionMarkers,
} from './admin/transactions.ts';
export type { FinalizedFeature, VersionChoice, VersionRange } from './api-versions.ts';
export { type BackoffOptions, backoffMs, reconnectBackoff, requestBackoff } from './backoff.ts';
export { type CertificateFacts, unusableTls } from './certificates.ts';
export { type Clock, type Random, sleep, systemClock } from './clock.ts';
export { Cluster } from './cluster.ts';
export type {
  ClusterOptions,
  OpenConnectionOptions,
  RequestOptions,
  RequestTarget,
} from './cluster-options.ts';
export type {
  BrokerAddress,
  ClusterConfig,
  Credentials,
  CredentialsSource,
  OAuthTokenEndpoint,
  SaslConfig,
  SaslMechanism,
  SaslOAuthBearerConfig,
  SaslPasswordConfig,
  TlsConfig,
} from './config.ts';
export { formatAddress, securityProtocol } from './config.ts';
export { describePeer, type Peer } from './connect-failure.ts';
export { Connection } from './connection.ts';
export type { ConnectionOptions, ConnectionStatistics, SendOptions } from './connection-options.ts';
export { type Coordinator, type CoordinatorKey, Coordinators } from './coordinators.ts';
export { type Frame, FramePool, type FramePoolOptions, type FramePoolStatistics } from './frame-pool.ts';
export { isAuthorizationError, type KafkaFailureContext, kafkaFailure } from './kafka-failure.ts';
export {
  type BrokerNode,
  type ClusterMetadata,
  type PartitionMetadata,
  partitionOf,
  type TopicIdChange,
  type TopicMetadata,
} from './metadata.ts';
export { topicById } from './metadata-cache.ts';
export {
  describeRight,
  type GrantedOperation,
  type GrantedResource,
  grantCommand,
  type KafkaRight,
} from './rights.ts';
