// Committed positions of consumer groups, kept at the destination.
export type { GroupsBehind } from './behind.ts';
export { GroupKeeper } from './group-keeper.ts';
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
