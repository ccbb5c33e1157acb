// What a probe says about a cluster, as checks and as marks of its rows.
import type { ProbeReport, ProbeResult } from '../../mirror/index.ts';
import type { Mark } from '../output/marks.ts';
import { formatDuration } from '../output/units.ts';
import type { Check } from './checks.ts';

/** A larger difference shifts retention and the age of producer entries noticeably, ms. */
const clockDifferenceMsAdvised = 5_000;

/** A rule that could not be tried counts against the cluster where appends lean on it. */
export function markOf({ mark, needs }: ProbeResult): Mark {
  if (mark === 'held') return 'ok';
  return mark === 'broken' || needs === 'append' ? 'bad' : 'advice';
}

/** The checks `probe` and `clock`. */
export function probeChecks(report: ProbeReport): Check[] {
  return [probeCheck(report), clockCheck(report.clockDifferenceMs)];
}

function probeCheck({ results, leftover }: ProbeReport): Check {
  const name = 'probe';
  const held = results.filter((result) => result.mark === 'held').length;
  const others = results.filter((result) => result.mark !== 'held').map((result) => result.id);
  const detail = `${held} of ${results.length} rules held${others.length === 0 ? '' : `; not: ${others.join(', ')}`}`;
  if (results.some((result) => markOf(result) === 'bad')) {
    return {
      name,
      mark: 'bad',
      detail,
      remedy: 'do not mirror to this cluster: its brokers do not behave as mirrors need it',
    };
  }
  if (leftover !== null) {
    return {
      name,
      mark: 'advice',
      detail: `${detail}; the scratch topic ${leftover} could not be removed`,
      remedy: `kafka-topics --delete --topic ${leftover}`,
    };
  }
  if (others.length > 0)
    return { name, mark: 'advice', detail, remedy: 'see the rows of the probe for the reason' };
  return { name, mark: 'ok', detail };
}

function clockCheck(differenceMs: number | null): Check {
  const name = 'clock';
  if (differenceMs === null) return { name, mark: 'unknown', detail: 'the broker did not show its clock' };
  const words = `${formatDuration(Math.abs(differenceMs))} ${differenceMs < 0 ? 'behind' : 'ahead of'} ours`;
  if (Math.abs(differenceMs) < clockDifferenceMsAdvised)
    return { name, mark: 'ok', detail: `the broker's clock is ${words}` };
  return {
    name,
    mark: 'advice',
    detail: `the broker's clock is ${words}: lag in seconds and retention are off by as much`,
    remedy: 'synchronise the clocks (NTP) of brokers and agents',
  };
}
