// What doctor says: checks with fixed names. Computed here and in the files beside, printed elsewhere.
import type { ProbeReport } from '../../mirror/index.ts';
import type { LinkConfig } from '../../topology/index.ts';
import type { Mark } from '../output/marks.ts';

/** Every check that doctor knows, in the order they are shown. */
export const checkNames = [
  'reachable',
  'brokers',
  'cluster-id',
  'versions',
  'requests',
  'authorizer',
  'source-rights',
  'destination-rights',
  'marker-right',
  'transaction-right',
  'fleet-rights',
  'sync-rights',
  'mirror-maker-rights',
  'producer-id-expiration',
  'replication-factor',
  'min-insync-replicas',
  'message-size',
  'unclean-election',
  'timestamp-type',
  'timestamp-limits',
  'auto-create',
  'send-buffer',
  'settings',
  'clock',
  'probe',
] as const;
export type CheckName = (typeof checkNames)[number];

export interface Check {
  readonly name: CheckName;
  readonly mark: Mark;
  /** What was found, in words. */
  readonly detail: string;
  /** What to do, where something is to be done. */
  readonly remedy?: string;
}

/** The links in which a cluster takes part; what it has to allow follows from them. */
export interface Roles {
  readonly sourceOf: readonly LinkConfig[];
  readonly destinationOf: readonly LinkConfig[];
  /** Whether the file wants heartbeats in it. Default false. */
  readonly getsHeartbeats?: boolean;
}

export interface ClusterReport {
  readonly name: string;
  /** Names of the links. */
  readonly sourceOf: readonly string[];
  readonly destinationOf: readonly string[];
  /** Whether any broker answered. */
  readonly reachable: boolean;
  readonly checks: readonly Check[];
  /** null when not asked for, or not possible. */
  readonly probe: ProbeReport | null;
}

export interface DoctorReport {
  readonly outcome: 'fine' | 'notFine' | 'unreachable';
  readonly clusters: readonly ClusterReport[];
}

/** Whether a destination: with no links at all, a cluster may become either. */
export function isDestination({ sourceOf, destinationOf }: Roles): boolean {
  return destinationOf.length > 0 || sourceOf.length === 0;
}

export function isSource({ sourceOf, destinationOf }: Roles): boolean {
  return sourceOf.length > 0 || destinationOf.length === 0;
}

/** Advice and what could not be seen leave it fine; rules that were to be proven and were not, do not. */
export function outcomeOf(clusters: readonly ClusterReport[]): DoctorReport['outcome'] {
  if (clusters.some((cluster) => !cluster.reachable)) return 'unreachable';
  const bad = clusters.some((cluster) => cluster.checks.some((check) => check.mark === 'bad'));
  return bad ? 'notFine' : 'fine';
}
