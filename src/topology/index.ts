// The public door of the room: what the user declares in lockstep.yaml.
export {
  type ClusterReference,
  checkDeclaredTogether,
  type DeclarationSources,
  type DeclaredLink,
  resolveClusterReference,
  resolveLinkDeclaration,
} from './declaration.ts';
export { nearestName } from './did-you-mean.ts';
export { parseDurationMs } from './duration.ts';
export {
  drawn,
  type FlowEnd,
  type FlowStep,
  findLoop,
  flowsMax,
  isSameCluster,
  type LinkFlow,
  returnOf,
} from './flow-graph.ts';
export { literalTopics, matchesGroup, matchesPrincipal, matchesTopic } from './link-filters.ts';
export { literalSecretsOf } from './literal-secrets.ts';
export { type LoadOptions, loadTopology, parseTopology } from './load.ts';
export { mirrorNameOf, sourceNameOf } from './mirror-name.ts';
export { heartbeatsTopic, type ReplicationPolicy, replicationPolicyOf } from './replication-policy.ts';
export {
  type Ancestor,
  type CarriedLabel,
  type CertainViolation,
  type ClusterFacts,
  certainViolations,
  type Flow,
  forbidding,
  type KnownCopy,
  type LabelSelector,
  type Labels,
  type Lineage,
  labelsText,
  lineageOf,
  pathText,
  type ResidencyConfig,
  type ResidencyRule,
  type ResidencyWorld,
  ruleText,
  type TopicLabels,
  type TopicPlace,
  type Violation,
  violationAt,
  violationText,
  worldOfFile,
} from './residency/index.ts';
export { isInternalTopic } from './topic-name.ts';
export type {
  AclSyncConfig,
  HeartbeatFlow,
  HookConfig,
  HookPoint,
  LinkConfig,
  LocalRegionConfig,
  MirrorMakerConfig,
  ReplicationGroupConfig,
  ScramUser,
  StartAt,
  SyncConfig,
  Topology,
} from './types.ts';
