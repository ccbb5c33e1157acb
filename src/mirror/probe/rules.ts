// Broker behaviour that mirrors lean on, one rule each (docs/how-it-works.md says why). Chosen producer ids,
// any first sequence and markers from a client are not a documented contract, so each rule is tried on the cluster
// itself.
//
// Each uses producer ids of its own, so that none depends on another.
import { appendRules } from './append-rules.ts';
import { logEdgeRules } from './log-edge-rules.ts';
import { markerRules } from './marker-rules.ts';
import type { ProbeRule } from './rule.ts';

/** In the order in which they are tried and shown. */
export const probeRules: readonly ProbeRule[] = [...appendRules, ...markerRules, ...logEdgeRules];
