// The public door of the room: moves between the regions of a replication group.
export { CheckFailed, checkedLine } from './checked.ts';
export {
  contextOf,
  type MoveEnd,
  type MoveTeller,
  reasonOf,
  runMove,
  type ToldStep,
  toldStep,
} from './engine.ts';
export { failoverSteps, lookBeforeFailover } from './failover/index.ts';
export type { MirrorLag } from './lag.ts';
export { reached, rolesOf } from './moved.ts';
export { groupNamed, type OpenGroupOptions, openGroup } from './open-group.ts';
export {
  describeMove,
  giveUp,
  isOvertaken,
  isSameWish,
  type RunningMove,
  requireAbandoned,
  runningMoves,
} from './running.ts';
export { tellFailure } from './steps/hook-steps.ts';
export { switchoverSteps } from './switchover/index.ts';
export { type TurnedApart, turnedApart } from './turned-apart.ts';
export { movesFrom } from './turned-roles.ts';
export type { MoveContext, OpenGroup, OpenRegion, Step } from './types.ts';
export { undoMove } from './undo.ts';
