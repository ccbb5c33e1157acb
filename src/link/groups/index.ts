// Committed positions of consumer groups, kept at the destination.
export type { GroupsBehind } from './behind.ts';
export { type CommitResult, commitPlans } from './commit.ts';
export { GroupKeeper } from './group-keeper.ts';
export { type Look, lookAtGroups } from './look.ts';
export { type GroupPlan, planGroup } from './plan.ts';
export { reportText } from './statuses.ts';
export type { GroupKeeperOptions, GroupMirror, GroupsStatus, PositionStatus } from './types.ts';
