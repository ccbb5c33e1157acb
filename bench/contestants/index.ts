// Everybody who can be measured, in the order of the tables. A shape names those that it knows; --contestants chooses
// among them. A peer that can't be built here is left out of the table, with a note that says why.
import { LockstepError } from '../../src/errors.ts';
import type { Contestant } from './contestant.ts';
import { franzGo } from './go-franz.ts';
import { redpandaConnect } from './go-redpanda.ts';
import { copyingLockstep, favouredLockstep, lockstep, lockstepEach } from './lockstep.ts';
import { mirrorMaker } from './mirror-maker.ts';
import { straight } from './straight.ts';

export const contestants: readonly Contestant[] = [
  mirrorMaker('mm2-defaults'),
  mirrorMaker('mm2-tuned'),
  redpandaConnect('redpanda-connect'),
  redpandaConnect('redpanda-connect-tuned'),
  franzGo,
  lockstep,
  favouredLockstep,
  copyingLockstep,
  lockstepEach,
  straight,
];

export interface Present {
  readonly present: readonly Contestant[];
  /** `Redpanda Connect: not available: go is not installed`. */
  readonly notes: readonly string[];
}

/**
 * Those of `known` that were asked for (null: all) and can be measured here, built and ready.
 * Names that are registered nowhere, here or in a stage of the benchmark without that peer, count as not available.
 */
export async function presentContestants(
  known: readonly string[],
  { contestants: wanted, say }: { contestants: readonly string[] | null; say: (line: string) => void },
): Promise<Present> {
  const present: Contestant[] = [];
  const notes: string[] = [];
  for (const name of known) {
    if (wanted !== null && !wanted.includes(name)) continue;
    const contestant = contestants.find((each) => each.name === name);
    const why = contestant ? await contestant.prepare(say) : 'it is not part of this benchmark';
    if (contestant && why === null) present.push(contestant);
    else notes.push(`${contestant?.title ?? name}: not available: ${why}`);
  }
  for (const note of notes) say(note);
  return { present, notes };
}

/** Throws USAGE for a name that nobody has. */
export function checkContestantNames(names: readonly string[]): void {
  for (const name of names) {
    if (contestants.some((each) => each.name === name)) continue;
    const known = contestants.map((each) => each.name).join(', ');
    throw new LockstepError('USAGE', `${JSON.stringify(name)} is no contestant; there are ${known}.`);
  }
}
