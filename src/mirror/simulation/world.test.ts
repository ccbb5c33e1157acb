// Invariants, checked over thousands of seeded runs:
//   1. One worker at a time, whatever crashes, delays, lost answers and leader changes: the mirror is a prefix
//      of the source at every tick, guard or no guard, and complete after the faults end.
//   2. Frozen workers that wake beside new ones, guard alive: the same.
//   3. Nothing goes wrong unseen: a mirror that is no prefix of its source has raised an alarm.
//   4. Every batch is given back exactly once.
import { expect, it } from 'vitest';
import { type Faults, World } from './world.ts';

const calm: Faults = {
  answerLost: 0,
  crash: 0,
  freeze: 0,
  leaderChange: 0,
  guardExpires: 0,
  replicationLags: 0,
  shed: 0,
};
const rough: Faults = {
  ...calm,
  answerLost: 0.1,
  crash: 0.01,
  leaderChange: 0.02,
  replicationLags: 0.03,
  shed: 0.05,
};
const runs = Number(process.env.LOCKSTEP_SIMULATED_RUNS ?? 1500);

interface Outcome {
  readonly seed: number;
  readonly corrupt: boolean;
  readonly alarmed: boolean;
  readonly complete: boolean;
  readonly heldBatches: number;
  readonly states: string[];
}

function simulate(seed: number, faults: Faults, fired: Record<string, number>): Outcome {
  const world = new World(seed, faults);
  world.run(250);
  world.heal(400);
  for (const [fault, count] of Object.entries(world.fired)) fired[fault] = (fired[fault] ?? 0) + count;
  return {
    seed,
    corrupt: !world.isPrefix(),
    alarmed: world.alarms > 0,
    complete: world.isPrefix() && world.destination.batches.length === world.source.length,
    heldBatches: world.batchesHeld,
    states: world.workers.map((worker) => worker.machine.state.name),
  };
}

function simulateAll(faults: Faults): { outcomes: Outcome[]; fired: Record<string, number> } {
  const fired: Record<string, number> = {};
  const outcomes = Array.from({ length: runs }, (_, seed) => simulate(seed, faults, fired));
  return { outcomes, fired };
}

it('copies everything when nothing fails', () => {
  const { outcomes } = simulateAll(calm);
  expect(outcomes.filter((outcome) => !outcome.complete)).toEqual([]);
  expect(outcomes.filter((outcome) => outcome.heldBatches !== 0)).toEqual([]);
});

it('stays identical with one worker at a time while the guard lives', () => {
  const { outcomes, fired } = simulateAll(rough);
  expect(fired.answerLost).toBeGreaterThan(runs);
  expect(fired.crash).toBeGreaterThan(runs);
  expect(fired.leaderChange).toBeGreaterThan(runs);
  expect(fired.shed).toBeGreaterThan(runs);
  expect(outcomes.filter((outcome) => outcome.corrupt)).toEqual([]);
  expect(outcomes.filter((outcome) => !outcome.complete)).toEqual([]);
});

it('stays identical with one worker at a time when the guard has expired', () => {
  const { outcomes, fired } = simulateAll({ ...rough, guardExpires: 0.2 });
  expect(fired.guardExpires).toBeGreaterThan(runs);
  expect(outcomes.filter((outcome) => outcome.corrupt)).toEqual([]);
  expect(outcomes.filter((outcome) => !outcome.complete)).toEqual([]);
});

it('stays identical when frozen workers wake beside new ones while the guard lives', () => {
  const { outcomes, fired } = simulateAll({ ...rough, freeze: 0.02 });
  expect(fired.freeze).toBeGreaterThan(runs);
  expect(outcomes.filter((outcome) => outcome.corrupt && !outcome.alarmed)).toEqual([]);
  expect(outcomes.filter((outcome) => outcome.corrupt)).toEqual([]);
  expect(outcomes.filter((outcome) => !outcome.complete)).toEqual([]);
});

it('never goes wrong unseen when frozen workers wake and the guard has expired', () => {
  const { outcomes } = simulateAll({ ...rough, freeze: 0.02, guardExpires: 0.1 });
  expect(outcomes.filter((outcome) => outcome.corrupt && !outcome.alarmed)).toEqual([]);
});
