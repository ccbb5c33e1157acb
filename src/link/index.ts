// One link: which topics it copies, the creation and growth of their mirrors, and what happened to them.
export type { LinkDestination, LogRange, NewMirrorTopic, SettingChanges, TopicFacts } from './clusters.ts';
export { earlierLaps } from './growing-name.ts';
export { allowedEvents, type MirrorEvent, mirrorStates, nextMirrorState } from './lifecycle.ts';
export { LinkRunner, type LinkRunnerOptions } from './link-runner.ts';
export {
  mirrorSettings,
  startTagSetting,
  startTags,
  type TopicSetting,
  type TopicSettings,
} from './mirror-topic.ts';
export type { Notice } from './notice.ts';
export { readPlacements } from './read-placements.ts';
export { settingNames, settingRules } from './setting-rules.ts';
export type { ReleasedPartition } from './share.ts';
export { Shifts } from './shift.ts';
export { formatStart, isAbout, type StartAt, startKey } from './start-at.ts';
export { StartGuard } from './start-guard.ts';
export type { StateStore, StateStore as ShiftStore } from './state-store.ts';
export {
  formatTakeover,
  isTakeoverOf,
  type TakenPartition,
  type Takeover,
  takeoverKey,
  takeoverOf,
} from './takeover.ts';
export type { LinkPartitions, LinkStatus, TopicHold, TopicStatus } from './topic-status.ts';
