import { expect, test } from 'vitest';
import type { ShapeRecord } from './report.ts';
import { renderWantedPlot } from './wanted-plot.ts';

const wantedOf = (...wanted: ShapeRecord['wanted']): ShapeRecord[] => [
  { shape: 'plain', wanted } as unknown as ShapeRecord,
];
const justMet = 670;

/** Left end, length and colour of each bar. */
function barsOf(svg: string): { left: number; right: number; colour: string }[] {
  return [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" .*fill="(#\w+)"/g)].map(
    ([, x, length, colour]) => ({ left: Number(x), right: Number(x) + Number(length), colour: colour! }),
  );
}

test('what is met goes to the right of the line, what is missed to the left, as far as it is times better or worse', () => {
  const svg = renderWantedPlot(
    wantedOf(
      { what: 'CPU', measured: 0.5, limit: 1, is: 'atMost', isMet: true },
      { what: 'MB/s', measured: 0.5, limit: 1, is: 'atLeast', isMet: false },
      { what: 'decompressed', measured: 0, limit: 0, is: 'atMost', isMet: true },
      { what: 'p99 <&>', measured: null, limit: 15, is: 'atMost', isMet: null },
    ),
  );
  const [cpu, rate, none, ...more] = barsOf(svg);
  expect(more).toEqual([]);
  expect(cpu!.left).toBeCloseTo(justMet, 0);
  expect(rate!.right).toBeCloseTo(justMet, 0);
  expect(cpu!.right - cpu!.left).toBeCloseTo(rate!.right - rate!.left, 0);
  expect(none!.right).toBeCloseTo(840, 0);
  expect(new Set([cpu!.colour, rate!.colour, none!.colour]).size).toBe(2);
  expect(svg).toContain('2 of 3 met');
  expect(svg).not.toContain('<&>');
});
