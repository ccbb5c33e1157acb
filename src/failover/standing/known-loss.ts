// What would be lost if the source of a link were gone now, as far as the agents know. Pure.
import { type FleetState, type MirrorRecord, statusKey } from '../../control/index.ts';
import { later } from '../../offsets.ts';
import type { RegionLook } from './look.ts';
import type { KnownLoss } from './types.ts';

/** Figures are told every few seconds while a source grows; a rate that was told longer before it was heard last is over, ms. */
const rateHoldsMs = 15_000;

type Look = Pick<RegionLook, 'living' | 'nowMs'> & {
  readonly state: Pick<FleetState, 'statuses' | 'agents'>;
};

/** Over all partitions of these mirrors of one region. */
export function knownLossOf(mirrors: readonly MirrorRecord[], look: Look): KnownLoss {
  return sumLosses(
    mirrors.flatMap((mirror) =>
      Array.from({ length: mirror.partitionCount }, (_, partition) => partitionLoss(mirror, partition, look)),
    ),
  );
}

function partitionLoss(
  { link, sourceTopic }: MirrorRecord,
  partition: number,
  { state, nowMs }: Look,
): KnownLoss {
  const key = statusKey({ link, topic: sourceTopic, partition }).slice('status/'.length);
  const status = state.statuses.get(key);
  const seen = status?.sourceSeen;
  if (status === undefined || seen == null || status.mirrorEnd === null)
    return { recordsMin: 0n, partitionCount: 1, unseenCount: 1, heardAgoMs: null, perSecond: null };
  // An idle partition is not told again and again: its agent says when it heard of the source.
  const agentHeardAtMs =
    status.sourceEnd === null ? 0 : (state.agents.get(status.agent)?.heardAtMs?.[link] ?? 0);
  const heardAtMs = Math.max(seen.atMs, agentHeardAtMs);
  const mirrorEnd = BigInt(status.mirrorEnd) + BigInt(status.shift);
  const isRateOld = heardAtMs - seen.atMs > rateHoldsMs;
  return {
    recordsMin: later(BigInt(seen.end) - mirrorEnd, 0n),
    ...{ partitionCount: 1, unseenCount: 0 },
    heardAgoMs: Math.max(0, nowMs - heardAtMs),
    perSecond: isRateOld ? 0 : (seen.perSecond ?? null),
  };
}

export function sumLosses(losses: readonly KnownLoss[]): KnownLoss {
  const ages = losses.map(({ heardAgoMs }) => heardAgoMs);
  const rates = losses.map(({ perSecond }) => perSecond).filter((rate) => rate !== null);
  return {
    recordsMin: losses.reduce((sum, { recordsMin }) => sum + recordsMin, 0n),
    partitionCount: losses.reduce((sum, { partitionCount }) => sum + partitionCount, 0),
    unseenCount: losses.reduce((sum, { unseenCount }) => sum + unseenCount, 0),
    heardAgoMs: ages.length === 0 || ages.includes(null) ? null : Math.max(...ages.map((age) => age!)),
    perSecond: rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0),
  };
}
