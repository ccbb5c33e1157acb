// The public door of the room: moves between the regions of a replication group.
export { type Checked, CheckFailed, checkedLine } from './checked.ts';
export {
  contextOf,
  type MoveEnd,
  type MoveTeller,
  type RunOptions,
  reasonOf,
  runMove,
  type ToldStep,
  toldStep,
} from './engine.ts';
export { type FailoverLook, failoverSteps, lookBeforeFailover } from './failover/index.ts';
export type { MirrorLag } from './lag.ts';
export { MoveTaken } from './move-log.ts';
export { reached, rolesOf } from './moved.ts';
export { groupNamed, type OpenGroupOptions, openGroup } from './open-group.ts';
export {
  describeMove,
  giveUp,
  isOvertaken,
  isSameWish,
  type MoveWish,
  type RunningMove,
  requireAbandoned,
  runningMoves,
} from './running.ts';
export { tellFailure } from './steps/hook-steps.ts';
export { type SwitchoverOptions, switchoverDefaults, switchoverSteps } from './switchover/index.ts';
export { type TurnedApart, turnedApart } from './turned-apart.ts';
export { movesFrom } from './turned-roles.ts';
export type { ClosedRegion, MoveContext, OpenGroup, OpenRegion, Region, Step, StepOutcome } from './types.ts';
export { undoMove } from './undo.ts';
