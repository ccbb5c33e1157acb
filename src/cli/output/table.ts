// A table for the terminal: plain spaces between columns, so that it survives a mail, a ticket and `awk`.
import stringWidth from 'string-width';

export interface Column {
  readonly title: string;
  /** Numbers stand right. Default: left. */
  readonly align?: 'left' | 'right';
}

/** The table's lines, each ended by a line break. Cells may hold colours and wide characters. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => row.map(oneLine))];
  const widths = columns.map((_, index) => Math.max(0, ...cells.map((row) => stringWidth(row[index] ?? ''))));
  const lines = cells.map((row) => {
    const padded = columns.map((column, index) =>
      pad(row[index] ?? '', widths[index] ?? 0, column.align ?? 'left'),
    );
    return padded.join('  ').trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

function pad(cell: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(cell)));
  return align === 'right' ? space + cell : cell + space;
}

function oneLine(cell: string): string {
  return cell.replace(/\s*[\r\n]+\s*/g, ' ');
}
