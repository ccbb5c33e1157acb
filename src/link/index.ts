// One link: which topics it copies, the creation and growth of their mirrors, and what happened to them.
export type {
  LinkCluster,
  LinkDestination,
  LogRange,
  NewMirrorTopic,
  SettingChanges,
  TopicFacts,
} from './clusters.ts';
export {
  allowedEvents,
  type MirrorEvent,
  type MirrorState,
  mirrorStates,
  nextMirrorState,
} from './lifecycle.ts';
export { LinkRunner, type LinkStatus, type TopicState, type TopicStatus } from './link-runner.ts';
export { mirrorSettings, type TopicSetting, type TopicSettings } from './mirror-topic.ts';
export type { Notice } from './notice.ts';
export { readShifts, Shifts } from './shift.ts';
export { StartGuard } from './start-guard.ts';
export { StateTopic, stateTopic } from './state-topic.ts';
