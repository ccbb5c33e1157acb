// What the steps of a restore have in common.
import type { MoveRecord } from '../../control/index.ts';
import type { MoveContext } from '../types.ts';
import { divergedOf } from './facts.ts';
import { groundBetween, type RestoreGround } from './ground.ts';

/** What depends on the amount of data may take this long, ms; it can be interrupted and gone on with. */
export const longMs = 7 * 24 * 3_600_000;
const tellEveryMs = 2_000;

/** The regions of a restore that has begun. */
export async function underWay({ group }: MoveContext, move: MoveRecord): Promise<RestoreGround> {
  // A third region that is gone would hold up each step.
  if ([move.to, move.from].some((name) => group.regions.get(name)?.cluster === null)) await group.reopen();
  return groundBetween(group, {
    ...{ region: move.to, home: move.from, topics: [], diverged: divergedOf(move) },
  });
}

/** Says how far it is, not too often. */
export function paced<Args extends readonly unknown[]>(
  { say }: MoveContext,
  words: (...args: Args) => string,
): (...args: Args) => void {
  let toldAtMs = performance.now();
  return (...args) => {
    if (performance.now() - toldAtMs < tellEveryMs) return;
    toldAtMs = performance.now();
    say(words(...args));
  };
}
