// What the agents tell of the moved mirrors: how far each is behind its source, and when that source was heard. Pure.
import type { MirrorRecord } from '../control/index.ts';
import { hasEnded } from '../mirror/index.ts';
import { later } from '../offsets.ts';
import { fleetNowMs, heardAgoMs } from './living.ts';
import type { Region } from './types.ts';

export interface MirrorLag {
  readonly topic: string;
  readonly state: MirrorRecord['state'];
  readonly partitionCount: number;
  /** The source's last seen ends and the mirror's, summed over the partitions where they are known; in mirror offsets. */
  readonly sourceEnd: bigint;
  readonly mirrorEnd: bigint;
  /** Offsets that were seen at the source and are not in the mirror. */
  readonly missing: bigint;
  /** Partitions of which the source's end was never seen. */
  readonly unknownCount: number;
  /** The slowest partition, ms; null where unknown. */
  readonly behindMs: number | null;
  /** How long ago the source was heard of, ms; null: never. */
  readonly heardAgoMs: number | null;
  /** Offsets a second at which the source grew; null where unknown. */
  readonly perSecond: number | null;
  /** Partitions that are not copied any more, with the first reason. */
  readonly ended: readonly string[];
}

export function lagOfMirror(region: Region, mirror: MirrorRecord, nowMs: number): MirrorLag {
  let [sourceEnd, mirrorEnd, missing, unknownCount, perSecond] = [0n, 0n, 0n, 0, 0];
  let behindMs: number | null = 0;
  let isRateKnown = false;
  const heard: number[] = [];
  const ended: string[] = [];
  const linkHeardMs = heardAgoMs(region, mirror.link, nowMs);
  const theirNowMs = (region.state === null ? null : fleetNowMs(region.state)) ?? nowMs;
  for (let partition = 0; partition < mirror.partitionCount; partition++) {
    const status = region.state?.statuses.get(`${mirror.link}/${mirror.sourceTopic}/${partition}`);
    if (status !== undefined && hasEnded(status.state))
      ended.push(`${partition} is ${status.state}${status.reason === null ? '' : `: ${status.reason}`}`);
    const seen = status?.sourceSeen ?? null;
    const own = status?.mirrorEnd == null ? 0n : BigInt(status.mirrorEnd);
    mirrorEnd += own;
    if (status === undefined || seen === null) {
      unknownCount += 1;
      behindMs = null;
      continue;
    }
    // What the mirror has was at the source, whatever was told before.
    const end = later(BigInt(seen.end) - BigInt(status.shift), own);
    sourceEnd += end;
    missing += end - own;
    if (seen.perSecond !== undefined) [isRateKnown, perSecond] = [true, perSecond + seen.perSecond];
    if (behindMs !== null) behindMs = status.behindMs === null ? null : Math.max(behindMs, status.behindMs);
    // An idle partition is not told again and again; its agent says when it heard of the source.
    const toldAgoMs = Math.max(0, theirNowMs - seen.atMs);
    heard.push(status.sourceEnd === null ? toldAgoMs : Math.min(toldAgoMs, linkHeardMs ?? toldAgoMs));
  }
  return {
    ...{ topic: mirror.sourceTopic, state: mirror.state, partitionCount: mirror.partitionCount },
    ...{ sourceEnd, mirrorEnd, missing, unknownCount, behindMs, ended },
    heardAgoMs: heard.length === 0 ? linkHeardMs : Math.max(...heard),
    perSecond: isRateKnown ? perSecond : null,
  };
}

/** Of all mirrors together. */
export function lagOfAll(
  lags: readonly MirrorLag[],
): Pick<MirrorLag, 'missing' | 'unknownCount' | 'behindMs' | 'heardAgoMs' | 'perSecond' | 'partitionCount'> {
  const worst = (values: readonly (number | null)[]): number | null =>
    values.length === 0 || values.includes(null) ? null : Math.max(...(values as number[]));
  const rates = lags.flatMap(({ perSecond }) => perSecond ?? []);
  return {
    missing: lags.reduce((sum, { missing }) => sum + missing, 0n),
    unknownCount: lags.reduce((sum, { unknownCount }) => sum + unknownCount, 0),
    partitionCount: lags.reduce((sum, { partitionCount }) => sum + partitionCount, 0),
    behindMs: worst(lags.map(({ behindMs }) => behindMs)),
    heardAgoMs: worst(lags.map(({ heardAgoMs }) => heardAgoMs)),
    perSecond: rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0),
  };
}
