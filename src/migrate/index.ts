// Moving over from a MirrorMaker 2 that has copied already, and back to it.
export { type BackPlan, goBack } from './back.ts';
export { closeFormer } from './close-former.ts';
export { stillRuns } from './connect-members.ts';
export { connectPlace } from './connect-place.ts';
export { type GroupsPlan, lookAtSourceGroups, moveGroups, planGroups, wantedPositions } from './groups.ts';
export { inspectLink } from './inspect.ts';
export { takeOver } from './take-over.ts';
export type { MigrationOptions, MigrationPlan, PartitionPlan, TopicPlan } from './types.ts';
