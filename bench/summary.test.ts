import { expect, test } from 'vitest';
import { recordOf } from './report.ts';
import { briefTable, putBetween, shapeSection, shapesTable, shortTable } from './summary.ts';

const record = recordOf(
  { name: 'fan-out', title: 'three destinations' },
  {
    rows: [
      {
        ...{ contestant: 'lockstep', title: 'Lockstep' },
        runs: [{ cpuSecondsPerGb: 1 }, { cpuSecondsPerGb: 2, peakRssMb: 100 }, { cpuSecondsPerGb: 3 }],
      },
      { contestant: 'mm2-tuned', title: 'MirrorMaker 2', runs: [{ megabytesPerSecond: 1234.5 }] },
    ],
    wanted: [
      { what: 'CPU', measured: 0.05, limit: 0.1, is: 'atMost' },
      { what: 'MB/s', measured: 1.5, limit: 3, is: 'atLeast', note: 'the broker is the limit' },
      { what: 'p99', measured: Number.NaN, limit: 15, is: 'atMost' },
    ],
    notes: ['5 GB'],
  },
  {
    ...{ date: '2026-11-22T02:13:50.000Z', commit: 'abc1234', command: 'npm run bench -- fan-out' },
    ...{ versions: { kafka: '4.3.1' }, runs: 3, seconds: 20 },
    machine: { cpu: 'Xeon', cores: 2, memoryGb: 25, loadAverageBefore: 0.1 },
  },
);

test('the table has a row for each thing asked, and says what was missed', () => {
  const lines = shapesTable([record]).split('\n');
  const cells = lines.map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
  expect(cells[0]).toEqual(['shape', 'to reach', 'seen', 'command', 'date']);
  expect(cells[2]).toEqual([
    ...['[fan-out](#fan-out)', 'CPU: at most 0.100', '0.0500, met'],
    ...['`npm run bench -- fan-out --seconds 20`', '2026-11-22'],
  ]);
  expect(cells[3]!.slice(0, 3)).toEqual(['', 'MB/s: at least 3', '1.50, **MISSED**']);
  expect(cells[4]![2]).toBe('-, not measured');
});

test('the brief table has a row for each shape, and what was missed or not measured in bold', () => {
  const [head, , row, ...more] = briefTable([record]).split('\n');
  expect(head).toBe('| shape | seen (wanted) | command |');
  expect(row).toBe(
    '| [fan-out](docs/performance.md#fan-out) | CPU: 0.0500 (at most 0.100)<br>**MB/s: 1.50 (at least 3), MISSED**<br>**p99: - (at most 15), not measured** | `npm run bench -- fan-out --seconds 20` |',
  );
  expect(more).toEqual([]);
});

test("a shape's section has every figure with its spread, where and when, the plot and the notes", () => {
  const section = shapeSection(record);
  expect(section).toMatch(/^### fan-out\n\nThree destinations\.\n/);
  expect(section).toContain('| 2.00 (1.00..3.00) |');
  expect(section).toContain('![fan-out](../bench/results/fan-out.svg)');
  expect(section).toContain('- 5 GB\n- MB/s: the broker is the limit');
  expect(section).toMatch(
    /2026-11-22 02:13 UTC, 2 cores \(Xeon\), 25 GB.*kafka 4\.3\.1; commit abc1234; 3 runs/,
  );
});

test('the short table has medians of the figures that were asked for', () => {
  const [, , ours, theirs] = shortTable(record, ['cpuSecondsPerGb', 'megabytesPerSecond']).split('\n');
  expect(ours!.split('|').map((cell) => cell.trim())).toEqual(['', 'Lockstep', '2.00', '-', '']);
  expect(theirs!.split('|').map((cell) => cell.trim())).toEqual(['', 'MirrorMaker 2', '-', '1,235', '']);
});

test('a part of a document is replaced between its marks, again and again', () => {
  const document = 'a\n<!-- bench:x:begin -->\nold\n<!-- bench:x:end -->\nb\n';
  const once = putBetween(document, 'x', 'new');
  expect(once).toBe('a\n<!-- bench:x:begin -->\nnew\n<!-- bench:x:end -->\nb\n');
  expect(putBetween(once, 'x', 'new')).toBe(once);
  expect(() => putBetween(document, 'y', 'new')).toThrow(/bench:y:begin/);
});
