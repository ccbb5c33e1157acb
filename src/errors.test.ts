// docs/errors.md and the closed list of codes say the same.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ErrorCode, errorCodes, LockstepError } from './errors.ts';

const text = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
const rows = [...text.matchAll(/^\| `([A-Z_]+)` +\|(.*)\|$/gm)].map(([, code, rest]) => ({
  code: code as string,
  cells: (rest as string).split('|').map((cell) => cell.trim()),
}));

test('every code has one row, in the order of the list, and no row is without a code', () => {
  expect(rows.map((row) => row.code)).toEqual(Object.keys(errorCodes));
});

test.each(rows)(
  'the row of $code has the exit code, whether it is retried, and three texts',
  ({ code, cells }) => {
    const { exitCode, retriable } = errorCodes[code as ErrorCode];
    expect(cells.slice(0, 2)).toEqual([String(exitCode), retriable ? 'yes' : 'no']);
    expect(cells).toHaveLength(5);
    for (const cell of cells.slice(2)) expect(cell.length).toBeGreaterThan(10);
  },
);

test('an error answers with its own word on retrying, or with that of its code', () => {
  expect(new LockstepError('CONNECTION_CLOSED', 'x').retriable).toBe(true);
  expect(new LockstepError('CONNECTION_CLOSED', 'x', { retriable: false }).retriable).toBe(false);
  expect(new LockstepError('USAGE', 'x').exitCode).toBe(2);
});
