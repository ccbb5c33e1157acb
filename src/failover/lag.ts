// What the agents tell of the moved mirrors: how far each is behind its source, and what would be lost without it. Pure.
import type { MirrorRecord } from '../control/index.ts';
import { hasEnded } from '../mirror/index.ts';
import { later } from '../offsets.ts';
import { clockOf, livingAgents } from './living.ts';
import { knownLossOf, sumLosses } from './standing/known-loss.ts';
import type { KnownLoss } from './standing/types.ts';
import type { Region } from './types.ts';

export interface MirrorLag {
  readonly topic: string;
  readonly state: MirrorRecord['state'];
  readonly partitionCount: number;
  /** The source's last seen ends and the mirror's, summed over the partitions where they are known; in mirror offsets. */
  readonly sourceEnd: bigint;
  readonly mirrorEnd: bigint;
  /** What `lockstep status` says would be lost. */
  readonly loss: KnownLoss;
  /** The slowest partition, ms; null where unknown. */
  readonly behindMs: number | null;
  /** Partitions that are not copied any more, with the reason. */
  readonly ended: readonly string[];
}

export function lagOfMirror(region: Region, mirror: MirrorRecord, nowMs: number): MirrorLag {
  let [sourceEnd, mirrorEnd] = [0n, 0n];
  let behindMs: number | null = 0;
  const ended: string[] = [];
  for (let partition = 0; partition < mirror.partitionCount; partition++) {
    const status = region.state?.statuses.get(`${mirror.link}/${mirror.sourceTopic}/${partition}`);
    if (status !== undefined && hasEnded(status.state))
      ended.push(`${partition} is ${status.state}${status.reason === null ? '' : `: ${status.reason}`}`);
    const own = status?.mirrorEnd == null ? 0n : BigInt(status.mirrorEnd);
    mirrorEnd += own;
    // What the mirror has was at the source, whatever was told before.
    if (status?.sourceSeen != null)
      sourceEnd += later(BigInt(status.sourceSeen.end) - BigInt(status.shift), own);
    const partitionBehindMs = status?.behindMs ?? null;
    behindMs = behindMs === null || partitionBehindMs === null ? null : Math.max(behindMs, partitionBehindMs);
  }
  const living = new Set(livingAgents(region).map(({ id }) => id));
  const look = { state: region.state ?? noState, living, nowMs: clockOf(region, nowMs) };
  return {
    ...{ topic: mirror.sourceTopic, state: mirror.state, partitionCount: mirror.partitionCount },
    ...{ sourceEnd, mirrorEnd, behindMs, ended, loss: knownLossOf([mirror], look) },
  };
}

const noState = { statuses: new Map(), agents: new Map() };

/** Of all mirrors together. */
export function lossOfAll(lags: readonly MirrorLag[]): KnownLoss {
  return sumLosses(lags.map(({ loss }) => loss));
}

export function partitionCountOf(lags: readonly MirrorLag[]): number {
  return lags.reduce((sum, { partitionCount }) => sum + partitionCount, 0);
}
