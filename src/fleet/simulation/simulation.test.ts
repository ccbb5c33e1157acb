import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

const options = { members: 4, items: 60, faultMs: 120_000, calmMs: 60_000 };

test('no item is worked on by two members that are awake, and all is shared out when the faults are over', () => {
  const faults: Record<string, number> = {};
  let losses = 0;
  let rounds = 0;
  let followed = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const result = simulate({ ...options, seed });
    expect(result.violations.slice(0, 3), `seed ${seed}`).toEqual([]);
    expect(result.isConverged, `seed ${seed}: ${result.end}`).toBe(true);
    losses += result.losses;
    rounds += result.rounds;
    followed += result.followed;
    for (const [name, count] of Object.entries(result.faults)) faults[name] = (faults[name] ?? 0) + count;
  }
  console.log(
    `${rounds} rounds, ${losses} memberships lost, ${followed} items followed, ${JSON.stringify(faults)}`,
  );
  // The faults have fired.
  for (const name of [
    'request lost',
    'answer lost',
    'frozen',
    'killed',
    'stopped',
    'coordinator restarted',
    'cut',
  ])
    expect(faults[name], name).toBeGreaterThan(20);
  expect(losses).toBeGreaterThan(30);
  expect(followed).toBeGreaterThan(500);
}, 120_000);
