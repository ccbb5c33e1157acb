// A loss in a few numbers and one sentence: what stands at the top of every form of the report. Pure.
import { formatCount, formatDuration, plural } from '../../units.ts';
import type { LossReport, PartitionLoss } from './types.ts';

export interface LossTotals {
  readonly partitionCount: number;
  /** Partitions of which something is known to be missing. */
  readonly lossyCount: number;
  /** Partitions whose source was never seen, and whose log has not been read since. */
  readonly unknownCount: number;
  /** Where the region's logs have been read: records for consumers; else offsets. */
  readonly missing: bigint;
  readonly isExact: boolean;
  /** When the region was heard last, the least of all partitions; null: of one of them never. */
  readonly heardAtMs: number | null;
  /** Offsets a second that the region wrote before, over all partitions that tell; null: none does. */
  readonly perSecond: number | null;
}

/** Records where the log was read, else offsets that are known to be missing; null: unknown. */
export function missingOf({ exact, missing }: PartitionLoss): bigint | null {
  if (exact !== null) return BigInt(exact.records);
  return missing === null ? null : BigInt(missing);
}

export function lossTotals({ topics }: LossReport): LossTotals {
  const all = topics.flatMap(({ partitions }) => partitions);
  const missing = all.map(missingOf);
  const heard = all.map(({ sourceSeenAtMs }) => sourceSeenAtMs);
  const rates = all.map(({ perSecond }) => perSecond).filter((rate) => rate !== null);
  return {
    partitionCount: all.length,
    lossyCount: missing.filter((count) => count !== null && count > 0n).length,
    unknownCount: missing.filter((count) => count === null).length,
    missing: missing.reduce<bigint>((sum, count) => sum + (count ?? 0n), 0n),
    isExact: all.length > 0 && all.every(({ exact }) => exact !== null),
    heardAtMs: heard.length === 0 || heard.includes(null) ? null : Math.min(...heard.map((atMs) => atMs!)),
    perSecond: rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0),
  };
}

/** `At least 120 records in 3 of 12 partitions never came over; ...`: what the failover cost. */
export function costSentence(report: LossReport): string {
  const totals = lossTotals(report);
  const { missing, lossyCount, partitionCount, isExact, unknownCount } = totals;
  if (partitionCount === 0) return 'No partition was promoted, so nothing can be said about a loss.';
  const where = `${formatCount(lossyCount)} of ${plural(partitionCount, 'partition')}`;
  if (isExact) {
    if (missing === 0n) return `Nothing was lost: ${plural(partitionCount, 'partition')} had everything.`;
    return `${plural(missing, 'record')} in ${where} never came over; they stand at the lost region only.`;
  }
  const known =
    missing === 0n
      ? 'How much is missing is not known'
      : `At least ${plural(missing, 'record')} (by their offsets) in ${where} never came over`;
  const unknown = unknownCount === 0 ? '' : `; of ${plural(unknownCount, 'partition')} nothing is known`;
  return `${known}${unknown}; ${silenceSentence(totals, report.summary.promotedAtMs)}`;
}

/** `the region was heard last 4.0 s before the failover, at 20 records a second; what it wrote later is unknown`. */
function silenceSentence({ heardAtMs, perSecond }: LossTotals, promotedAtMs: number | null): string {
  const rate = perSecond === null ? '' : `, at ${formatRate(perSecond)}`;
  if (heardAtMs === null || promotedAtMs === null) return `how much more is unknown${rate}.`;
  const before = formatDuration(Math.max(0, promotedAtMs - heardAtMs));
  return `the region was heard last ${before} before the failover${rate}; what it wrote later is unknown.`;
}

/** `1,200 records a second`, `0.4 records a second`. */
export function formatRate(perSecond: number): string {
  const shown = perSecond < 10 ? String(Math.round(perSecond * 10) / 10) : formatCount(Math.round(perSecond));
  return `${shown} ${shown === '1' ? 'record' : 'records'} a second`;
}
