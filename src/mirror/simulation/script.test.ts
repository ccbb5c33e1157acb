import { describe, expect, test } from 'vitest';
import { scenarios } from './scenarios.ts';
import { scriptOf } from './script.ts';
import { strokeKinds } from './stroke-kinds.ts';

const seeds = Array.from({ length: 3 * scenarios.length }, (_, seed) => seed);

describe('a script', () => {
  test('is the same each time that it is made from a seed', () => {
    for (const seed of seeds) expect(scriptOf(seed)).toEqual(scriptOf(seed));
    expect(scriptOf(1, scenarios[0])).not.toEqual(scriptOf(2, scenarios[0]));
  });

  test('holds what its scenario allows, in the order of time', () => {
    for (const seed of seeds) {
      const { scenario, strokes, ticks } = scriptOf(seed);
      for (const { kind, at } of strokes) {
        expect(scenario.weights[kind], `${scenario.name}: ${kind}`).toBeGreaterThan(0);
        expect(at).toBeLessThan(ticks);
      }
      expect(strokes.map(({ at }) => at)).toEqual(strokes.map(({ at }) => at).sort((a, b) => a - b));
    }
  });

  test('is of the scenario that is asked for; else seeds take turns', () => {
    expect(scriptOf(0, scenarios[3]).scenario).toBe(scenarios[3]);
    expect(new Set(seeds.map((seed) => scriptOf(seed).scenario.name)).size).toBe(scenarios.length);
  });
});

describe('scenarios', () => {
  test('have names of their own', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
  });

  test('between them let everything happen', () => {
    const weighted = new Set(
      scenarios.flatMap(({ weights }) =>
        Object.entries(weights).flatMap(([kind, weight]) => (weight > 0 ? [kind] : [])),
      ),
    );
    expect(strokeKinds.filter((kind) => !weighted.has(kind))).toEqual([]);
  });
});
