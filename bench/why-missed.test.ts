import { expect, test } from 'vitest';
import type { ShapeRecord } from './report.ts';
import { shapes } from './shapes/index.ts';
import { missedList, missedWithoutReason, reasons } from './why-missed.ts';

const recordOf = (
  shape: string,
  ...wanted: [what: string, measured: number, limit: number, met: boolean][]
) =>
  ({
    shape,
    wanted: wanted.map(([what, measured, limit, isMet]) => ({ what, measured, limit, isMet, is: 'atMost' })),
  }) as unknown as ShapeRecord;

test('what is missed stands there with by how much and why, once for each reason; what is met does not', () => {
  const [reason] = reasons.replicated!;
  const record = recordOf(
    'replicated',
    ['MB/s per partition, 8', 3, 2, false],
    ['MB/s per partition, 1', 5, 2, false],
    ["brokers' CPU", 1, 2, true],
  );
  expect(missedList([record])).toBe(
    `- **replicated**: MB/s per partition, 8: 3, wanted at most 2 (1.50 times that); MB/s per partition, 1: 5, wanted at most 2 (2.50 times that). ${reason!.why}`,
  );
  expect(missedList([recordOf('plain', ['peak RSS, MB', 100, 120, true])])).toBe('None is.');
});

test('what has no reason says so, and is told to who writes the table', () => {
  const record = recordOf('plain', ['colour', 3, 2, false], ['peak RSS, MB', 150, 120, false]);
  expect(missedList([record])).toContain(
    '- **plain**: colour: 3, wanted at most 2 (1.50 times that). Why is not known.',
  );
  expect(missedWithoutReason([record])).toEqual(['plain: colour']);
});

test('reasons are of shapes that there are', () => {
  const names = shapes.map(({ name }) => name);
  expect(Object.keys(reasons).filter((name) => !names.includes(name))).toEqual([]);
});
