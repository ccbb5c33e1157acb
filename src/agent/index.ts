// The process that runs links, and what it tells.
export { fleetGroup } from './fleet-agent.ts';
export { type Closed, closeMirrors } from './leader/close-mirrors.ts';
export { mirrorCluster } from './link-clusters.ts';
export { runAlone } from './run-alone.ts';
export { type AgentStatus, runFile } from './run-file.ts';
export { runFleetAgent } from './run-fleet-agent.ts';
