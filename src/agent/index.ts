// The process that runs links, and what it tells.
export { linkCluster, mirrorCluster } from './link-clusters.ts';
export { type AgentOptions, runAgent } from './run-agent.ts';
export { type AgentStatus, type RunFileOptions, runFile } from './run-file.ts';
export { type RunFleetAgentOptions, runFleetAgent } from './run-fleet-agent.ts';
