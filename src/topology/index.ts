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
export { literalTopics, matchesGroup, matchesPrincipal, matchesTopic } from './link-filters.ts';
export { literalSecretsOf } from './literal-secrets.ts';
export { type LoadOptions, loadTopology, parseTopology } from './load.ts';
export { isInternalTopic } from './topic-name.ts';
export type {
  AclSyncConfig,
  HookConfig,
  HookPoint,
  LinkConfig,
  LocalRegionConfig,
  ReplicationGroupConfig,
  ScramUser,
  StartAt,
  SyncConfig,
  Topology,
} from './types.ts';
