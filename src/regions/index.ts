// Real Kafka clusters as child processes of this machine: for the demo, for tests, for drills.
export { Broker, type JvmProfile } from './broker.ts';
export { guardChild, withParentDeathSignal } from './child-guard.ts';
export { type InstallOptions, installKafka, type KafkaInstallation } from './install.ts';
export { defaultRegionSpecs, localDown, localStatus, localUp, type RegionSpec } from './local.ts';
export type { ClientListener } from './node-config.ts';
export { findFreePort, isPortFree } from './ports.ts';
export { isSameProcess, type ProcessIdentity, processIdentity } from './process-identity.ts';
export type { OnProgress, Progress } from './progress.ts';
export {
  type BrokerStatus,
  createRegion,
  defaultKafkaVersion,
  Region,
  type RegionOptions,
  type RegionStatus,
} from './region.ts';
export { type RegionSecurity, type SaslMechanism, type SaslUser, saslMechanisms } from './security.ts';
export type { ClientTls } from './tls-files.ts';
export {
  type RunToolOptions,
  runKafkaTool,
  spawnKafkaTool,
  type ToolResult,
  type WrapCommand,
} from './tools.ts';
