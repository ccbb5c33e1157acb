// Makes a failing script shorter: takes strokes out, first many at a time and then one by one, as long as the same kind
// of failure stays (Zeller's delta debugging). What is left is what the failure needs.
import type { Mutation } from './mutation.ts';
import type { Script, Stroke } from './script.ts';
import { type Outcome, World } from './world.ts';

export interface Shrunk {
  readonly script: Script;
  readonly outcome: Outcome;
  /** How many runs it took. */
  readonly runCount: number;
}

export interface ShrinkOptions {
  readonly mutation?: Mutation;
  /** Default 3,000. */
  readonly runCountMax?: number;
}

/** @throws Error when the script does not fail. */
export function shrink(failing: Script, options: ShrinkOptions = {}): Shrunk {
  const { mutation = {}, runCountMax = 3_000 } = options;
  const kind = new World(failing, { mutation }).run().failure?.kind;
  if (kind === undefined) throw new Error(`the script of seed ${failing.seed} does not fail`);
  let runCount = 1;
  const fails = (candidate: Script): boolean => {
    if (runCount >= runCountMax) return false;
    runCount += 1;
    return new World(candidate, { mutation }).run().failure?.kind === kind;
  };
  let script = failing;
  const consider = (candidate: Script): boolean => {
    const isBetter = fails(candidate);
    if (isBetter) script = candidate;
    return isBetter;
  };
  consider({ ...script, isPrompt: true });
  for (let before = Number.POSITIVE_INFINITY; script.strokes.length < before; ) {
    before = script.strokes.length;
    takeOut(script.strokes, (strokes) => consider({ ...script, strokes }));
    const last = script.strokes.at(-1)?.at ?? 0;
    consider({ ...script, ticks: last + 1 }) ||
      consider({ ...script, ticks: Math.min(script.ticks, last + 50) });
    takeOutTime(script, consider);
  }
  return { script, outcome: new World(script, { mutation, wantsHistory: true }).run(), runCount };
}

/** Parts of half the length, then a quarter, and so on down to one. */
function takeOut(all: readonly Stroke[], consider: (strokes: readonly Stroke[]) => boolean): void {
  let strokes = all;
  for (let size = Math.ceil(strokes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < strokes.length; ) {
      const fewer = [...strokes.slice(0, at), ...strokes.slice(at + size)];
      if (fewer.length < strokes.length && consider(fewer)) strokes = fewer;
      else at += size;
    }
  }
}

/** Long waits between two strokes become shorter. */
function takeOutTime(script: Script, consider: (candidate: Script) => boolean): void {
  let current = script;
  for (let index = 0; index < current.strokes.length; index++) {
    const from = current.strokes[index - 1]?.at ?? 0;
    const gap = (current.strokes[index] as Stroke).at - from;
    for (const less of [gap, Math.floor(gap / 2)]) {
      if (less < 4) continue;
      const strokes = current.strokes.map((stroke, i) =>
        i < index ? stroke : { ...stroke, at: stroke.at - less },
      );
      const candidate = { ...current, strokes, ticks: Math.max(1, current.ticks - less) };
      if (!consider(candidate)) continue;
      current = candidate;
      break;
    }
  }
}
