// Invariants, over thousands of seeded worlds (truth.ts and verdict.ts check them):
//   1. One worker at a time: nothing wrong is ever appended, whatever crashes, is lost, delayed, or led by another broker;
//      guard or no guard.
//   2. Several workers, guard alive: nothing wrong but in the one window that markers leave, and then it is noticed.
//   3. Whatever is wrong is noticed: nobody goes on, now or after a start.
//   4. Afterwards somebody reaches the source's end, or stops in a state that the scenario explains.
//   5. Every batch is given back exactly once.
import { afterAll, describe, expect, it } from 'vitest';
import { type CampaignResult, runCampaign } from './campaign.ts';
import { plantedBugs } from './planted-bugs.ts';
import { scenarios } from './scenarios.ts';
import { scriptOf } from './script.ts';
import { shrink } from './shrink.ts';
import { strokeKinds } from './stroke-kinds.ts';
import { World } from './world.ts';

/** About ten seconds on one core. */
const steps = 3_000_000;
/** What a planted bug may take, in its scenario. */
const bugStepsMax = 2_000_000;
const patience = { timeout: 180_000 };

it('every world goes well, and every fault happens', patience, () => {
  const result = runCampaign({ seed: 1, steps });
  expect(result.failed).toBeNull();
  expect(result.steps).toBeGreaterThanOrEqual(steps);
  for (const kind of strokeKinds) expect(result.fired[kind], kind).toBeGreaterThan(10);
  for (const what of ['duplicate', 'refused', 'markerRefused', 'timedOut', 'lost'])
    expect(result.seen[what], what).toBeGreaterThan(500);
  expect(result.seen.turned).toBeGreaterThan(200);
  // The window is met, and all that went wrong is noticed.
  expect(result.seen['wrong in the known window']).toBeGreaterThan(100);
  expect(result.seen['wrong, hidden by compaction'] ?? 0).toBeLessThan(3);
  for (const state of ['StartTooFar', 'RetentionOvertook', 'SourceTruncated', 'Diverged'])
    expect(result.seen[`ended ${state}`], state).toBeGreaterThan(10);
});

it('a seed replays exactly', () => {
  for (let seed = 0; seed < 2 * scenarios.length; seed++) {
    const [first, second] = [1, 2].map(() => new World(scriptOf(seed), { wantsHistory: true }).run());
    expect(first!.history.length).toBeGreaterThan(10);
    expect(second).toEqual(first);
  }
});

describe('a planted bug is found', () => {
  const table: string[] = [];
  afterAll(() => console.info(`planted bugs, each in its scenario:\n${table.join('\n')}`));

  it.each(plantedBugs)('$name', patience, ({ name, scenario: scenarioName, mutation }) => {
    const scenario = scenarios.find((candidate) => candidate.name === scenarioName)!;
    const result = runCampaign({ seed: 1, steps: bugStepsMax, scenario, mutation });
    table.push(rowOf(name, result));
    expect(result.failed).not.toBeNull();
    // It is the bug: without it the same world goes well.
    expect(new World(scriptOf(result.failed!.seed, scenario)).run().failure).toBeNull();
  });

  it('and its history is made short', patience, () => {
    const { mutation } = plantedBugs.find(({ name }) => name === 'an empty fetch is taken for a hole')!;
    const { failed } = runCampaign({ seed: 1, steps: bugStepsMax, mutation });
    const script = scriptOf(failed!.seed);
    const short = shrink(script, { mutation });
    expect(short.outcome.failure?.kind).toBe(failed!.failure.kind);
    expect(short.script.strokes.length).toBeLessThan(6);
    expect(new World(short.script, { mutation, wantsHistory: true }).run()).toEqual(short.outcome);
  });
});

function rowOf(name: string, { steps: done, failed }: CampaignResult): string {
  const found =
    failed === null ? 'not found' : `${failed.failure.kind}, seed ${failed.seed}, ${failed.scenario}`;
  return `${name.padEnd(62)} ${String(done).padStart(8)} steps  ${found}`;
}
