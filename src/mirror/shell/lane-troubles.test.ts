// Lanes of every kind while brokers make trouble, by seeds: connections break one by one and are refused, a quota holds answers
// back and keeps connections waiting, leaders move, partitions fall behind. When that is over every partition that is read
// has all of its log; what else must not happen meanwhile the world itself sees to (lane-world.ts).
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { partitionCount, World } from '../../../test/support/lane-world.ts';
import type { FetchConnections } from './fetch-lanes.ts';

// A reader's pauses pass as all time does here.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

const steps = 1_500;
/** A lane whose connection was refused is left out for a minute. */
const overMs = 130_000;

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  const closing = world.close();
  await vi.advanceTimersByTimeAsync(10_000);
  await closing;
  vi.useRealTimers();
});

/** What happens beside what `World.step` does. */
function trouble(): void {
  const broker = world.pick(world.brokers);
  const dice = world.random();
  if (dice < 0.02) broker.breakOne();
  else if (dice < 0.03) broker.openMax = world.pick([1, 2, 3, Number.POSITIVE_INFINITY]);
  else if (dice < 0.04) broker.throttleMs = world.pick([0, 0, 700, 5_000]);
  else if (dice < 0.06)
    for (let count = 0; count < 6; count++) world.pick([...world.logs.values()]).end += 1_500;
}

const kinds: readonly (readonly [roundTripMs: number, connections: FetchConnections])[] = [
  [0.2, 'auto'],
  [0.2, 3],
  [2.5, 'auto'],
  [40, 'auto'],
  [40, 4],
];
const seeds = (process.env.LOCKSTEP_SEEDS ?? '1').split(',').map(Number);
it.each(seeds.flatMap((seed) => kinds.map((kind) => [seed, ...kind] as const)))(
  'every partition has all of its log once brokers are well again, seed %i, %f ms away, %s connections',
  async (seed, roundTripMs, connections) => {
    world = new World(seed, roundTripMs, connections);
    world.recordsMax = 40;
    let busy: number[] = [];
    for (let step = 0; step < steps && world.failures.length === 0; step++) {
      if (step % 400 === 0)
        busy = Array.from({ length: 15 }, () => Math.floor(world.random() * partitionCount));
      world.step(busy);
      trouble();
      await vi.advanceTimersByTimeAsync(50);
    }
    for (const broker of world.brokers) {
      broker.openMax = Number.POSITIVE_INFINITY;
      broker.throttleMs = 0;
    }
    await vi.advanceTimersByTimeAsync(overMs);
    expect(world.failures[0]).toBeUndefined();
    expect(world.behind()).toEqual([]);
    expect(world.brokers.some(({ changes }) => changes > 0)).toBe(true);
    expect(world.brokers.some(({ heldBackCount }) => heldBackCount > 0)).toBe(true);
  },
);

it('asks for a connection that a broker refuses once a minute', async () => {
  world = new World(1);
  const [broker] = world.brokers;
  broker!.openMax = 1;
  await vi.advanceTimersByTimeAsync(3_000);
  const { refusedCount } = broker!;
  expect(refusedCount).toBeGreaterThan(0);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(broker!.refusedCount - refusedCount).toBeLessThanOrEqual(2);
  broker!.openMax = Number.POSITIVE_INFINITY;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(broker!.openCount).toBeGreaterThan(1);
});
