// The public door of the room: the machines in simulated worlds, from a seed.
export { type CampaignOptions, type CampaignProgress, type CampaignResult, runCampaign } from './campaign.ts';
export type { Failure } from './failure.ts';
export { type Scenario, scenarios } from './scenarios.ts';
export { scriptOf } from './script.ts';
export { type Shrunk, shrink } from './shrink.ts';
export { type Outcome, World } from './world.ts';
