// The process that runs links, and what it tells.
export { linkCluster, mirrorCluster } from './link-clusters.ts';
export { type RunAloneOptions, runAlone } from './run-alone.ts';
export { type AgentStatus, type RunFileOptions, runFile } from './run-file.ts';
export { type RunFleetAgentOptions, runFleetAgent } from './run-fleet-agent.ts';
