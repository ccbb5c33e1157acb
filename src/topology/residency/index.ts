// The door of the room: labels, rules, and whether data may be copied.
export { type CertainViolation, certainViolations } from './certain.ts';
export { worldOfFile } from './file.ts';
export { type Ancestor, type CarriedLabel, type Lineage, lineageOf } from './lineage.ts';
export type {
  ClusterFacts,
  Flow,
  KnownCopy,
  LabelSelector,
  Labels,
  ResidencyConfig,
  ResidencyRule,
  ResidencyWorld,
  TopicLabels,
  TopicPlace,
} from './types.ts';
export { forbidding, pathText, type Violation, violationAt, violationText } from './verdict.ts';
export { labelsText, ruleText } from './words.ts';
