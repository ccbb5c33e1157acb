// The table of all shapes that documents show, out of the records that bench/results/ keeps. Pure.

import { figures } from './figures.ts';
import {
  barText,
  markdownTable,
  measuredText,
  renderTable,
  type ShapeRecord,
  verdictText,
} from './report.ts';
import type { FigureName } from './wanted.ts';

const mark = (name: string, end: 'begin' | 'end') => `<!-- bench:${name}:${end} -->`;

/** One row for each thing asked of each shape: shape, to reach, seen, command, date. */
export function shapesTable(records: readonly ShapeRecord[]): string {
  const rows = records.flatMap(({ shape, wanted, command, date, runs, seconds }) =>
    wanted.map((each, index) => {
      const verdict = verdictText(each.isMet);
      return [
        index === 0 ? `[${shape}](#${anchorOf(shape)})` : '',
        `${each.what}: ${barText(each)}`,
        `${measuredText(each)}, ${each.isMet === false ? `**${verdict}**` : verdict}`,
        index === 0 ? `\`${command}${wordsOf({ runs, seconds })}\`` : '',
        index === 0 ? date.slice(0, 10) : '',
      ];
    }),
  );
  return markdownTable([['shape', 'to reach', 'seen', 'command', 'date'], ...rows], 5);
}

/** A row for each shape, for README: everything asked of it in one cell, what was missed in bold. */
export function briefTable(records: readonly ShapeRecord[]): string {
  const rows = records.map(({ shape, wanted, command, runs, seconds }) => [
    `[${shape}](docs/performance.md#${anchorOf(shape)})`,
    wanted
      .map((each) => {
        const told = `${each.what}: ${measuredText(each)} (${barText(each)})`;
        return each.isMet === true ? told : `**${told}, ${verdictText(each.isMet)}**`;
      })
      .join('<br>'),
    `\`${command}${wordsOf({ runs, seconds })}\``,
  ]);
  // Not padded: cells are too long for that.
  const lines = [['shape', 'seen (wanted)', 'command'], ['---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function wordsOf({ runs, seconds }: { runs: number; seconds: number }): string {
  return `${runs === 3 ? '' : ` --runs ${runs}`}${seconds === 30 ? '' : ` --seconds ${seconds}`}`;
}

/** The figures of one shape as README shows them: who, and medians of a few figures. */
export function shortTable({ rows }: ShapeRecord, shown: readonly FigureName[]): string {
  return markdownTable([
    ['', ...shown.map((name) => figures[name].title)],
    ...rows.map(({ title, medians }) => [
      title,
      ...shown.map((name) => {
        const { digits } = figures[name];
        const value = medians[name]?.median;
        return value === undefined
          ? '-'
          : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
      }),
    ]),
  ]);
}

/** Everything about one shape: what it is, where it ran, everybody's figures with their spread, the plot, notes, misses. */
export function shapeSection(record: ShapeRecord): string {
  const { shape, title, rows, notes, wanted, machine, versions, commit, date, runs, seconds } = record;
  const told = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const where = `${date.slice(0, 16).replace('T', ' ')} UTC, ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, load average before ${machine.loadAverageBefore.toFixed(1)}; ${told.join(', ')}; commit ${commit ?? 'unknown'}; ${runs} ${runs === 1 ? 'run' : 'runs, medians and spread'}, up to ${seconds} s each.`;
  const remarks = wanted.filter(({ note }) => note !== undefined).map(({ what, note }) => `${what}: ${note}`);
  return [
    `### ${shape}`,
    `${capital(title)}.`,
    renderTable(rows),
    `![${shape}](../bench/results/${shape}.svg)`,
    [...notes, ...remarks].map((note) => `- ${note}`).join('\n'),
    where,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** As Git hosts make it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}

/** Puts `content` between a document's two marks of this name; throws where they are not there. */
export function putBetween(document: string, name: string, content: string): string {
  const [begin, end] = [mark(name, 'begin'), mark(name, 'end')];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the document lacks ${begin} before ${end}`);
  return `${document.slice(0, from + begin.length)}\n${content}\n${document.slice(to)}`;
}
