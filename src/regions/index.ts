// Real Kafka clusters as child processes of this machine: for the demo, for tests, for drills.
export { Broker } from './broker.ts';
export { guardChild, withParentDeathSignal } from './child-guard.ts';
export { installKafka, type KafkaInstallation } from './install.ts';
export { defaultRegionSpecs, localDown, localStatus, localUp, type RegionSpec } from './local.ts';
export type { ClientListener } from './node-config.ts';
export { findFreePort } from './ports.ts';
export { processIdentity } from './process-identity.ts';
export type { OnProgress, Progress } from './progress.ts';
export {
  createRegion,
  defaultKafkaVersion,
  Region,
  type RegionOptions,
  type RegionStatus,
} from './region.ts';
export { runKafkaTool, spawnKafkaTool, type ToolResult, type WrapCommand } from './tools.ts';
