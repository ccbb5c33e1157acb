// The public door of the room: what the user declares in lockstep.yaml.
export { checkDeclaredTogether, resolveClusterReference, resolveLinkDeclaration } from './declaration.ts';
export { nearestName } from './did-you-mean.ts';
export { parseDurationMs } from './duration.ts';
export { drawn, type FlowEnd, findLoop, isSameCluster, type LinkFlow, returnOf } from './flow-graph.ts';
export { literalTopics, matchesGroup, matchesPrincipal, matchesTopic } from './link-filters.ts';
export { literalSecretsOf } from './literal-secrets.ts';
export { loadTopology, parseTopology } from './load.ts';
export { mirrorNameOf, sourceNameOf } from './mirror-name.ts';
export { heartbeatsTopic, replicationPolicyOf } from './replication-policy.ts';
export {
  type ClusterFacts,
  certainViolations,
  type Flow,
  forbidding,
  type KnownCopy,
  labelsText,
  lineageOf,
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
  HeartbeatFlow,
  HookConfig,
  HookPoint,
  LinkConfig,
  ReplicationGroupConfig,
  Topology,
} from './types.ts';
