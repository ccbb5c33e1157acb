// Tries on a scratch topic whether a cluster behaves as mirrors need it.
export { probeRules } from './rules.ts';
export {
  type ProbeOptions,
  type ProbeReport,
  type ProbeResult,
  runProbe,
  scratchTopicPrefix,
} from './run-probe.ts';
