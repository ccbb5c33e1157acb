// The public door of the room: the machines in simulated worlds, from a seed.
export { type CampaignProgress, runCampaign } from './campaign.ts';
export { type Scenario, scenarios } from './scenarios.ts';
export { scriptOf } from './script.ts';
export { shrink } from './shrink.ts';
