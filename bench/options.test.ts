import { expect, test } from 'vitest';
import { isWholeRun, parseBenchOptions } from './options.ts';

test('without words, everything is measured three times for half a minute', () => {
  expect(parseBenchOptions([])).toEqual({
    ...{ shapes: [], runs: 3, seconds: 30, contestants: null, once: [] },
    ...{ profile: false, keep: false, help: false },
  });
});

test('shapes, contestants and numbers are taken', () => {
  const options = parseBenchOptions([
    'plain',
    'lz4',
    '--runs',
    '2',
    '--seconds',
    '10',
    '--contestants',
    'a, b',
    '--once',
    'b',
  ]);
  expect(options).toMatchObject({ shapes: ['plain', 'lz4'], runs: 2, seconds: 10 });
  expect(options).toMatchObject({ contestants: ['a', 'b'], once: ['b'] });
});

test('what makes no sense is refused', () => {
  for (const wrong of [
    ['--runs', '0'],
    ['--runs', '1.5'],
    ['--seconds', 'x'],
    ['--nothing'],
    ['--seconds', '601'],
  ])
    expect(() => parseBenchOptions(wrong)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

test('only a whole run replaces the figures that documents show, unless it is told to', () => {
  const isWhole = (...args: string[]) => isWholeRun(parseBenchOptions(args));
  expect(isWhole()).toBe(true);
  expect(isWhole('plain', '--runs', '4')).toBe(true);
  for (const some of [
    ['--runs', '2'],
    ['--seconds', '29'],
    ['--contestants', 'lockstep'],
    ['--once', 'lockstep'],
    ['--profile'],
  ]) {
    expect(isWhole(...some)).toBe(false);
    expect(isWhole(...some, '--keep')).toBe(true);
  }
});
