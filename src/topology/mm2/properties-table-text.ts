// The table of properties as docs/mirrormaker.md shows it.
import { type PropertyKind, type PropertyRow, propertyRows, type Verdict } from './properties-table.ts';

const kinds: readonly (readonly [kind: PropertyKind, title: string, where: string])[] = [
  ['flow', 'Flows', 'At the top of the file for all flows, or behind `A->B.` for one, which counts more.'],
  ['process', 'The process', 'At the top; `bootstrap.servers` behind the alias of a cluster.'],
  [
    'security',
    'Security',
    'Behind the alias of a cluster (`A.`), behind it and a kind of client (`A.admin.`, `A.consumer.`, `A.producer.`), which counts more, or at the top for all clusters, which counts least.',
  ],
  [
    'client',
    'Clients',
    'Behind a cluster and a kind of client (`A.consumer.fetch.min.bytes`), or behind a flow and a kind of client.',
  ],
  [
    'worker',
    'Connect workers',
    'Behind the alias of a destination; those that begin with `offset.storage`, `config.storage`, `status.storage`, `task` or `worker` at the top, too.',
  ],
];

const verdicts: Readonly<Record<Verdict, string>> = {
  honoured: 'honoured',
  differs: 'differs',
  notNeeded: 'not needed',
  refused: 'refused',
};

/** Markdown: one table for each kind, neighbours with one sentence in one row. */
export function propertiesTableText(): string {
  return kinds.map(([kind, title, where]) => section(kind, title, where)).join('\n');
}

function section(kind: PropertyKind, title: string, where: string): string {
  const rows = propertyRows.filter((row) => row.kind === kind);
  const groups = Map.groupBy(rows, ({ verdict, what }) => `${verdict} ${what}`);
  const lines = [...groups.values()].map((same) => tableLine(same as [PropertyRow, ...PropertyRow[]]));
  return `### ${title}\n\n${where}\n\n| property | verdict | what happens |\n| --- | --- | --- |\n${lines.join('\n')}\n`;
}

function tableLine(rows: readonly [PropertyRow, ...PropertyRow[]]): string {
  const [{ verdict, what, harmless }] = rows;
  const names = rows.map(({ name }) => `\`${name}\``).join(', ');
  const isQuiet = verdict === 'refused' && harmless !== undefined;
  const but = isQuiet ? `; ${harmless.map((value) => `\`${value}\``).join(', ')} is taken` : '';
  return `| ${names} | ${verdicts[verdict]} | ${what.replaceAll('|', '\\|')}${but} |`;
}
