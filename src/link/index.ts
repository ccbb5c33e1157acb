// One link: which topics it copies, the creation and growth of their mirrors, and what happened to them.
export type {
  LinkCluster,
  LinkDestination,
  LogRange,
  NewMirrorTopic,
  SettingChanges,
  TopicFacts,
} from './clusters.ts';
export { earlierLaps } from './growing-name.ts';
export {
  allowedEvents,
  type MirrorEvent,
  type MirrorState,
  mirrorStates,
  nextMirrorState,
} from './lifecycle.ts';
export { type AlterableLinkOptions, LinkRunner, type LinkRunnerOptions } from './link-runner.ts';
export {
  mirrorSettings,
  startTagSetting,
  startTags,
  type TopicSetting,
  type TopicSettings,
} from './mirror-topic.ts';
export type { Notice } from './notice.ts';
export { type ReadPlacementsOptions, readPlacements } from './read-placements.ts';
export { askableSettings, type SettingRule, settingNames, settingRules } from './setting-rules.ts';
export type { ReleasedPartition } from './share.ts';
export { Shifts } from './shift.ts';
export { formatStart, isAbout, type StartAt, startKey } from './start-at.ts';
export { StartGuard } from './start-guard.ts';
export type { StateStore, StateStore as ShiftStore } from './state-store.ts';
export {
  formatTakeover,
  isTakeoverOf,
  parseTakeover,
  type TakenPartition,
  type Takeover,
  takeoverKey,
  takeoverOf,
} from './takeover.ts';
export type {
  LinkPartitions,
  LinkStatus,
  SettingsContest,
  TopicHold,
  TopicState,
  TopicStatus,
} from './topic-status.ts';
