// What a soak did and found, as a table for people and one line of JSON for programs.
import type { ProxyCounts } from '../../test/support/tcp-proxy.ts';
import type { FaultCounts } from './faults.ts';
import type { FleetCounts } from './fleet.ts';
import type { Judged } from './judge.ts';
import type { WriterCounts } from './writers.ts';

export interface SoakReport {
  readonly seed: number;
  readonly minutes: number;
  /** Same seed and length, same fingerprint. */
  readonly plan: string;
  readonly isIdentical: boolean;
  readonly faults: FaultCounts;
  readonly fleet: FleetCounts;
  /** Partitions that each agent had in the end. */
  readonly shares: readonly number[];
  /** What each agent printed last, should the fleet not be whole. */
  readonly lastWords: readonly string[];
  readonly network: ProxyCounts;
  readonly writers: WriterCounts;
  readonly healedMs: number;
  /** What had not arrived at the deadline. */
  readonly missing: readonly string[];
  /** States that a person would have to look at, and exits of agents that were not clean. */
  readonly complaints: readonly string[];
  readonly judged: Judged | null;
  readonly seconds: number;
}

export function reportTable(report: SoakReport): string {
  const { faults, fleet, network, writers, judged } = report;
  const count = (value: number): string => value.toLocaleString('en');
  const rows: readonly (readonly [string, string])[] = [
    [
      'agents killed, frozen, frozen past their session, stopped',
      `${faults.agentKills}, ${faults.agentFreezes}, ${faults.agentOutsleeps}, ${faults.agentStops}`,
    ],
    ['  agents started, began to lead, lost their place', `${fleet.starts}, ${fleet.terms}, ${fleet.losses}`],
    ['  agents ended by themselves', count(fleet.unwantedEnds)],
    ['  partitions of each in the end', report.shares.join(', ')],
    [
      'brokers killed, frozen, restarted',
      `${faults.brokerKills}, ${faults.brokerFreezes}, ${faults.brokerRestarts}`,
    ],
    ['network faults', count(faults.networkFaults)],
    [
      '  connections cut, inside of a frame',
      `${count(network.cut)}, ${count(network.cutInFrame)} of ${count(network.connections)}`,
    ],
    ['  connections half-open, refused', `${count(network.halfOpened)}, ${count(network.refused)}`],
    [
      '  chunks delayed, slowed, stalled',
      `${count(network.delayedChunks)}, ${count(network.slowedChunks)}, ${count(network.stalledChunks)}`,
    ],
    ['  bytes trickled one by one', count(network.trickledBytes)],
    ['DeleteRecords', count(faults.trims)],
    ['records written', `${count(writers.records)} (${count(writers.failedSends)} sends failed)`],
    [
      'transactions committed, aborted, abandoned',
      `${count(writers.committed)}, ${count(writers.aborted)}, ${count(writers.abandoned)}`,
    ],
    ['healed after', report.missing.length > 0 ? 'NOT HEALED' : `${(report.healedMs / 1000).toFixed(1)} s`],
    ['partitions compared', judged === null ? 'none' : count(judged.partitions)],
    ['records compared', judged === null ? 'none' : count(judged.records)],
    [
      'holes (offsets without a record)',
      judged === null ? 'none' : `${count(judged.holes)} (${count(judged.holeOffsets)})`,
    ],
    [
      'Kafka’s Java consumer sees',
      judged === null ? 'not asked' : judged.differences.length === 0 ? 'no difference' : 'DIFFERENCES',
    ],
    ['lockstep verify says', judged === null ? 'not asked' : judged.verify.outcome],
    ['unexpected states', report.complaints.length === 0 ? 'none' : count(report.complaints.length)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}

/** Everything that keeps the run from being a success, one line each. */
export function problemsOf(report: SoakReport): string[] {
  const { judged, shares } = report;
  const shared = shares.reduce((sum, share) => sum + share, 0);
  return [
    ...(shares.some((share) => share === 0) || (judged !== null && shared !== judged.partitions)
      ? [`the fleet is not whole: its agents have ${shares.join(', ')} partitions`, ...report.lastWords]
      : []),
    ...report.missing.map((line) => `not healed: ${line}`),
    ...report.complaints,
    ...(judged === null
      ? ['nothing was compared']
      : [
          ...judged.differences.map((line) => `Java consumer: ${line}`),
          ...judged.verify.problems.map((line) => `lockstep verify: ${line}`),
          ...(judged.verify.code === 0 ? [] : [`lockstep verify ended with exit code ${judged.verify.code}`]),
        ]),
  ];
}
