// Doctor's report for a person: a table per cluster, what to do below each row that asks for it, the probe's
// rules, and one sentence at the end.
import type { ProbeReport } from '../../mirror/index.ts';
import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { plural } from '../output/units.ts';
import type { ClusterReport, DoctorReport } from './checks.ts';
import { markOf } from './probe-checks.ts';

/** The whole report, ended by a line break. */
export function formatDoctor(report: DoctorReport, output: Pick<Output, 'mark'>): string {
  const parts = report.clusters.map((cluster) => formatCluster(cluster, output));
  return `${parts.join('\n')}\n${summary(report)}\n`;
}

function formatCluster(cluster: ClusterReport, output: Pick<Output, 'mark'>): string {
  const rows = cluster.checks.flatMap(({ name, mark, detail, remedy }) => {
    const row = [name, output.mark(mark), detail];
    return remedy === undefined ? [row] : [row, ['', '', `-> ${remedy}`]];
  });
  const table = formatTable([{ title: 'CHECK' }, { title: 'RESULT' }, { title: 'FOUND' }], rows);
  const probe = cluster.probe === null ? '' : `\n${formatProbe(cluster.probe, output)}`;
  return `${heading(cluster)}\n${table}${probe}`;
}

function heading({ name, sourceOf, destinationOf }: ClusterReport): string {
  const roles = [
    ...(sourceOf.length > 0 ? [`source of ${sourceOf.join(', ')}`] : []),
    ...(destinationOf.length > 0 ? [`destination of ${destinationOf.join(', ')}`] : []),
  ];
  return roles.length === 0 ? name : `${name} (${roles.join('; ')})`;
}

function formatProbe(probe: ProbeReport, output: Pick<Output, 'mark'>): string {
  const titles = ['RULE', 'EXPECTED', 'SEEN', 'RESULT'];
  const rows = probe.results.map((result) => [
    result.id,
    result.expected,
    result.seen,
    output.mark(markOf(result)),
  ]);
  return formatTable(
    titles.map((title) => ({ title })),
    rows,
  );
}

function summary({ outcome, clusters }: DoctorReport): string {
  const checks = clusters.flatMap((cluster) => cluster.checks);
  const count = (mark: string): number => checks.filter((check) => check.mark === mark).length;
  const counts = `${plural(checks.length, 'check')}, ${count('bad')} not ok, ${count('advice')} with advice, ${count('unknown')} unknown`;
  const unreachable = clusters.filter((cluster) => !cluster.reachable).map((cluster) => cluster.name);
  if (outcome === 'unreachable') return `Not reachable: ${unreachable.join(', ')} (${counts}).`;
  return outcome === 'fine' ? `Fine (${counts}).` : `Not fine (${counts}).`;
}
