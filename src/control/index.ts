// The control topic: what a fleet of agents knows, kept in the destination's Kafka and nowhere else.
export { agentBeatMs, sendCommand } from './commands.ts';
export { ControlTopic, type ControlTopicOptions, type KeyChange } from './control-topic.ts';
export { expired } from './expired.ts';
export { FleetReducer, type FleetState } from './fleet-state.ts';
export {
  agentKey,
  answerKey,
  commandKey,
  conditionKey,
  linkKey,
  lossKey,
  mirrorKey,
  moveKey,
  originsKey,
  residencyRules,
  rolesKey,
  rulesKey,
  statusKey,
} from './keys.ts';
export { LazyControlTopic } from './lazy-control-topic.ts';
export { LeaderWriter, leaderTransactionalId } from './leader-writer.ts';
export {
  type AgentRecord,
  type AnswerRecord,
  type BeatDeclaration,
  type Change,
  type CommandBody,
  type CommandRecord,
  type ConditionRecord,
  type LinkDeclaration,
  type LinkRecord,
  type MirrorRecord,
  type MoveRecord,
  type MoveStepDone,
  type OriginsRecord,
  type PrimaryOf,
  type PromotedPartition,
  type Promotion,
  type ReleaseRecord,
  type RolesDeclaration,
  type RolesRecord,
  type RulesDeclaration,
  type RulesRecord,
  recordVersion,
  type SeenSourceEnd,
  type SourceReference,
  type StatusRecord,
  type ToldRecord,
} from './records/index.ts';
export { isFormerPrimary, primariesUntil, primaryOf, roleOf, rolesOfLink, type TopicRole } from './roles.ts';
export { followed, historyAfter, roleChanges, saySame, union } from './roles-change.ts';
export { controlTopic } from './topic.ts';
