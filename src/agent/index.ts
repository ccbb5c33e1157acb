// The process that runs links, and what it tells.
export { linkCluster, mirrorCluster } from './link-clusters.ts';
export { type AgentOptions, type AgentStatus, runAgent } from './run-agent.ts';
