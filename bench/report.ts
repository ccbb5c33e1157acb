// Turns what a shape measured into a table, verdicts and the record that bench/results/ keeps. Pure.
import { figures } from './figures.ts';
import type { ContestantRuns, Shape, ShapeResult, Wanted } from './shape.ts';
import { type FigureName, isMet, type Spread, spreadOf } from './wanted.ts';

const figureNames = Object.keys(figures) as FigureName[];

/** Where and with what it was measured. */
export interface Circumstances {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGb: number;
    readonly loadAverageBefore: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string | null;
  readonly command: string;
  readonly runs: number;
  readonly seconds: number;
  /** All of the shape, its regions and logs included; records of before 2026-11-22 lack it. */
  readonly tookSeconds?: number;
}

/** What bench/results/NAME.json holds. */
export interface ShapeRecord extends Circumstances {
  readonly shape: string;
  readonly title: string;
  readonly rows: readonly (ContestantRuns & { readonly medians: Partial<Record<FigureName, Spread>> })[];
  /** `measured` is null where it could not be measured. */
  readonly wanted: readonly (Omit<Wanted, 'measured'> & {
    readonly measured: number | null;
    readonly isMet: boolean | null;
  })[];
  readonly notes: readonly string[];
}

export function recordOf(
  { name, title }: Pick<Shape, 'name' | 'title'>,
  { rows, wanted, notes }: ShapeResult,
  circumstances: Circumstances,
): ShapeRecord {
  return {
    ...{ shape: name, title, ...circumstances },
    rows: rows.map((row) => ({ ...row, medians: mediansOf(row) })),
    wanted: wanted.map((each) => ({
      ...each,
      measured: Number.isNaN(each.measured) ? null : each.measured,
      isMet: isMet(each),
    })),
    notes,
  };
}

function mediansOf({ runs }: ContestantRuns): Partial<Record<FigureName, Spread>> {
  return Object.fromEntries(
    figureNames.flatMap((name) => {
      const spread = spreadOf(runs, name);
      return spread === null ? [] : [[name, spread]];
    }),
  );
}

/** A table for the terminal that is also Markdown: figures that some row has, medians with their spread. */
export function renderTable(rows: readonly ContestantRuns[]): string {
  const shown = figureNames.filter((name) => rows.some(({ runs }) => spreadOf(runs, name) !== null));
  return markdownTable([
    ['', ...shown.map((name) => figures[name].title)],
    ...rows.map((row) => [row.title, ...shown.map((name) => cellOf(row, name))]),
  ]);
}

function cellOf({ runs }: ContestantRuns, name: FigureName): string {
  const spread = spreadOf(runs, name);
  if (spread === null) return '-';
  const { digits } = figures[name];
  const text = numberText(spread.median, digits);
  return runs.length === 1
    ? text
    : `${text} (${numberText(spread.min, digits)}..${numberText(spread.max, digits)})`;
}

/** The first row is the head; all columns but the first are numbers. */
export function markdownTable(cells: readonly (readonly string[])[], numbersFrom = 1): string {
  const [head = []] = cells;
  const widths = head.map((_, column) => Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)));
  const isNumber = (column: number) => column >= numbersFrom;
  const line = (texts: readonly string[]) =>
    `| ${widths.map((width, column) => (isNumber(column) ? (texts[column] ?? '').padStart(width) : (texts[column] ?? '').padEnd(width))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  const [first, ...body] = cells.map(line);
  return [first, rule, ...body].join('\n');
}

/** One line per bar, for people. */
export function renderVerdict(wanted: readonly Wanted[]): string[] {
  return wanted.map((each) => {
    const note = each.note === undefined ? '' : `; ${each.note}`;
    return `${each.what}: ${measuredText(each)} (bar: ${barText(each)}: ${verdictText(isMet(each))})${note}`;
  });
}

export function verdictText(met: boolean | null): string {
  return met === null ? 'not measured' : met ? 'met' : 'MISSED';
}

export function barText({ limit, is }: Pick<Wanted, 'limit' | 'is'>): string {
  return `at ${is === 'atMost' ? 'most' : 'least'} ${shortNumber(limit)}`;
}

export function measuredText({ measured }: { measured: number | null }): string {
  return measured === null || Number.isNaN(measured) ? '-' : shortNumber(measured);
}

/** Three digits that matter: 0.0667, 1.09, 33.3, 12,345. */
export function shortNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return numberText(value, 0);
  const digits = Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : Math.abs(value) >= 0.1 ? 3 : 4;
  return numberText(value, digits);
}

export function numberText(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
