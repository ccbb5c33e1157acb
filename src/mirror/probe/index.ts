// Tries on a scratch topic whether a cluster behaves as mirrors need it.
export type { AppendOptions, AppendResult, ProbeLog, ProbeProducer, WriteResult } from './probe-log.ts';
export type { Finding, ProbeRule } from './rule.ts';
export { probeRules } from './rules.ts';
export {
  type ProbeMark,
  type ProbeOptions,
  type ProbeReport,
  type ProbeResult,
  runProbe,
  scratchTopicPrefix,
  tryRule,
} from './run-probe.ts';
