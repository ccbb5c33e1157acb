// One link: which topics it copies, the creation and growth of their mirrors, and what happened to them.
export {
  type LinkCluster,
  type LinkDestination,
  LinkRunner,
  type LinkStatus,
  type NewMirrorTopic,
  type Notice,
  type TopicFacts,
  type TopicState,
  type TopicStatus,
} from './link-runner.ts';
export { mirrorSettings, type TopicSetting, type TopicSettings } from './mirror-topic.ts';
