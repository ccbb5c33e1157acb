// The door of the room: labels, rules, and whether data may be copied.
export { certainViolations } from './certain.ts';
export { worldOfFile } from './file.ts';
export { lineageOf } from './lineage.ts';
export type {
  ClusterFacts,
  Flow,
  KnownCopy,
  LabelSelector,
  ResidencyRule,
  ResidencyWorld,
  TopicLabels,
  TopicPlace,
} from './types.ts';
export { forbidding, type Violation, violationAt, violationText } from './verdict.ts';
export { labelsText, ruleText } from './words.ts';
