// The lost region comes back: what only it has is kept, what can't be continued is copied again.
export { assumedBytesPerSecond, copyBytesOf, costOf, lacksRoom } from './cost.ts';
export { divergedMirrors } from './diverged.ts';
export type { RestoreOptions } from './facts.ts';
export { restoreGround } from './ground.ts';
export { lookForRestore, windowOffsetsDefault } from './look.ts';
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
