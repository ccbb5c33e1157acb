// The process that runs links, and what it tells.
export { fleetGroup } from './fleet-agent.ts';
export { type Closed, type ClosedPartition, closeMirrors } from './leader/close-mirrors.ts';
export { linkCluster, mirrorCluster } from './link-clusters.ts';
export { type RunAloneOptions, runAlone } from './run-alone.ts';
export { type AgentStatus, type RunFileOptions, runFile } from './run-file.ts';
export { type RunFleetAgentOptions, runFleetAgent } from './run-fleet-agent.ts';
