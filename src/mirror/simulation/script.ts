// What happens to a simulated world from outside, as a list that is made from a seed before the world starts. A list,
// so that a failing run can be made shorter by taking things out of it, and replayed without any other state.
import { SeededRandom } from './random.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import type { StrokeKind } from './stroke-kinds.ts';

/** The numbers in a stroke are raw: whoever carries it out makes sense of them. */
export interface Stroke {
  /** In ticks from the start. */
  readonly at: number;
  readonly kind: StrokeKind;
  readonly a: number;
  readonly b: number;
}

export interface Script {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly strokes: readonly Stroke[];
  /** Ticks with strokes. */
  readonly ticks: number;
  /** All delays are as short as they can be. */
  readonly isPrompt: boolean;
}

const ticksMin = 200;
const ticksMax = 900;
/** Ticks between two strokes, about. */
const gapMax = 8;

/** The script of a seed; seeds go through the scenarios in turn. */
export function scriptOf(seed: number, only?: Scenario): Script {
  const random = new SeededRandom(seed);
  const scenario = only ?? (scenarios[seed % scenarios.length] as Scenario);
  const ticks = random.integer(ticksMin, ticksMax);
  const draw = drawer(scenario.weights, random);
  const strokes: Stroke[] = [];
  // Quiet spells, so that mirrors catch up now and then, between busy ones.
  let isBusy = true;
  for (let at = 0; at < ticks; at += random.integer(0, isBusy ? gapMax : 4 * gapMax)) {
    if (random.chance(0.03)) isBusy = !isBusy;
    strokes.push({ at, kind: draw(), a: random.integer(0, 2 ** 20), b: random.integer(0, 2 ** 20) });
  }
  return { seed, scenario, strokes, ticks, isPrompt: random.chance(scenario.promptShare ?? 0.1) };
}

function drawer(weights: Scenario['weights'], random: SeededRandom): () => StrokeKind {
  const entries = Object.entries(weights) as [StrokeKind, number][];
  let total = 0;
  for (const [, weight] of entries) total += weight;
  return () => {
    let left = random.next() * total;
    for (const [kind, weight] of entries) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'produce';
  };
}
