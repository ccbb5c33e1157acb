// Committed positions of consumer groups, kept at the destination.
export type { GroupsBehind } from './behind.ts';
export { type CommitResult, commitPlans } from './commit.ts';
export { GroupKeeper } from './group-keeper.ts';
export { type Look, lookAtGroups } from './look.ts';
export { type GroupPlan, type LogEdges, type Position, planGroup, type SeenGroup } from './plan.ts';
export { reportText } from './statuses.ts';
export {
  type GroupKeeperOptions,
  type GroupMirror,
  type GroupReport,
  type GroupReportEntry,
  type GroupState,
  type GroupStatus,
  type GroupSyncConfig,
  type GroupsStatus,
  groupStates,
  type PositionState,
  type PositionStatus,
} from './types.ts';
