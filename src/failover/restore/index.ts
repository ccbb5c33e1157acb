// The lost region comes back: what only it has is kept, what can't be continued is copied again.
export {
  assumedBytesPerSecond,
  type ChoiceCost,
  copyBytesOf,
  costOf,
  historyOf,
  lacksRoom,
  type RestoreCost,
} from './cost.ts';
export { type DivergedMirror, divergedMirrors } from './diverged.ts';
export type { RestoreOptions } from './facts.ts';
export { type RestoreGround, restoreGround } from './ground.ts';
export { type LookOptions, lookForRestore, windowOffsetsDefault } from './look.ts';
export { olderName } from './quarantine.ts';
export { restoreSteps, restoreStepsOf } from './steps.ts';
export {
  copiedTopics,
  deletedTopics,
  type HistoryChoice,
  historyChoices,
  olderOffsets,
  type PartitionPlan,
  type RestorePlan,
  standingWords,
  type TopicPlan,
  takenOffsets,
} from './types.ts';
