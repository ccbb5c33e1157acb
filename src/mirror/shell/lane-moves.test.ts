// Partitions that change lanes while everything else happens, by seeds: two brokers that are played by hand lead hundreds of
// partitions; records are written, leaders move, partitions stop and start, topics are made anew, connections break. Beside
// what the world itself sees to (lane-world.ts):
//
//   1. when nothing happens any more, every partition that is read has all of its log
//   2. partitions did change lanes meanwhile, and when all have been quiet for a while, nobody is read apart any more
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Log, partitionCount, Target, World } from '../../../test/support/lane-world.ts';
import type { Connection } from '../../client/index.ts';
import { quietMs } from './active-partitions.ts';
import { wideLaneCount, wideLanesMax } from './wide-lanes.ts';

// A reader's pauses pass as all time does here.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

/** Of the broker that leads seven of eight partitions. */
const quietLanes = wideLaneCount((partitionCount * 7) / 8, 1);

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  const closing = world.close();
  await vi.advanceTimersByTimeAsync(1_000);
  await closing;
  vi.useRealTimers();
});

const seeds = (process.env.LOCKSTEP_SEEDS ?? '1,2,3').split(',').map(Number);
it.each(seeds)(
  'reads each record once and in order, whatever happens while partitions move, seed %i',
  async (seed) => {
    world = new World(seed);
    const steps = 2_500;
    let busy: number[] = [];
    for (let step = 0; step < steps; step++) {
      // Others are busy every 20 s, and those before fall quiet.
      if (step % 400 === 0)
        busy = Array.from({ length: 15 }, () => Math.floor(world.random() * partitionCount));
      world.step(busy);
      await vi.advanceTimersByTimeAsync(50);
      if (world.failures.length > 0) break;
    }
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.failures[0]).toBeUndefined();
    expect(world.behind()).toEqual([]);
    const changes = world.brokers.reduce((sum, broker) => sum + broker.changes, 0);
    expect(changes).toBeGreaterThan(100);
    await vi.advanceTimersByTimeAsync(quietMs + 5_000);
    const lanesMax = wideLaneCount(partitionCount, wideLanesMax);
    for (const { openCount } of world.brokers) expect(openCount).toBeLessThanOrEqual(lanesMax);
  },
);

/** These get a record every 200 ms. */
async function keepBusy(logs: readonly Log[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const log of logs) log.end += 1;
    await vi.advanceTimersByTimeAsync(200);
  }
}

it('moves partitions again that began anew while they were to move', async () => {
  world = new World(1);
  const logs = [...world.targets.values()].map(({ log }) => log).filter(({ leader }) => leader === 0);
  const [busy, quiet] = [logs.slice(0, 10), logs.slice(10)];
  const connectionsOf = (some: readonly Log[]) =>
    new Set(some.map(({ partition }) => world.targets.get(partition)!.reading.connection));
  await vi.advanceTimersByTimeAsync(2_410);
  await keepBusy(busy, 10);
  const apart = connectionsOf(busy);
  expect(apart.size).toBe(1);
  // The look that finds them quiet; they wait for the answer under way.
  await vi.advanceTimersByTimeAsync(quietMs + 5_000 - 4_410);
  expect(connectionsOf(busy)).toEqual(apart);
  for (const { partition } of busy) {
    const target = world.targets.get(partition)!;
    world.stop(target);
    const again = new Target(target.log);
    again.next = target.next;
    world.begin(again);
  }
  await vi.advanceTimersByTimeAsync(2_000);
  const lanes = connectionsOf(quiet);
  expect(lanes.size).toBe(quietLanes);
  for (const connection of connectionsOf(busy)) expect(lanes).toContain(connection);
  await keepBusy(busy, 10);
  expect(connectionsOf(busy).size).toBe(1);
  for (const connection of connectionsOf(busy)) expect(connectionsOf(quiet)).not.toContain(connection);
});

it('reads those that are active apart, and brings them back when they are quiet', async () => {
  world = new World(1);
  await vi.advanceTimersByTimeAsync(3_000);
  const [one] = [...world.targets.values()].filter(({ log }) => log.leader === 0);
  const before = one!.reading.connection;
  await keepBusy([one!.log], 10);
  const apart = one!.reading.connection;
  expect(apart).not.toBe(before);
  expect(world.brokers[0]!.openCount).toBe(quietLanes + 1);
  await vi.advanceTimersByTimeAsync(quietMs + 3_000);
  expect(one!.reading.connection).not.toBe(apart);
  expect(apart!.isOpen).toBe(false);
  expect(one!.next).toBe(one!.log.end);
  expect(one!.troubles).toBe(0);
});

it('brings those that fall behind back, where lanes share out who catches up: far away', async () => {
  world = new World(1, 80);
  await vi.advanceTimersByTimeAsync(3_000);
  const [one] = [...world.targets.values()].filter(({ log }) => log.leader === 0);
  const before = one!.reading.connection;
  await keepBusy([one!.log], 10);
  expect(one!.reading.connection).not.toBe(before);
  one!.log.end += 300;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(one!.isLive).toBe(false);
  expect(one!.reading.connection).toBe(before);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(one!.next).toBe(one!.log.end);
});

it('spreads hundreds of quiet partitions over lanes, and reads all over one again where most have left', async () => {
  world = new World(1);
  await vi.advanceTimersByTimeAsync(3_000);
  const targets = [...world.targets.values()].filter(({ log }) => log.leader === 0);
  const widths = (): number[] => {
    const counts = new Map<unknown, number>();
    for (const { key, log, reading } of targets)
      if (world.targets.get(log.partition)?.key === key)
        counts.set(reading.connection, (counts.get(reading.connection) ?? 0) + 1);
    return [...counts.values()];
  };
  expect(widths()).toEqual([140, 140]);
  for (const target of targets.slice(0, 160)) world.stop(target);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(widths()).toEqual([120]);
  expect(world.brokers[0]!.openCount).toBe(1);
  expect(world.failures).toEqual([]);
});

it.each(['quiet', 'active'])(
  'goes on where a broker allows one connection no more, once that of those which are %s broke',
  async (which) => {
    world = new World(1);
    await vi.advanceTimersByTimeAsync(3_000);
    const [broker] = world.brokers;
    const [one, other] = [...world.targets.values()].filter(({ log }) => log.leader === 0);
    await keepBusy([one!.log], 10);
    expect(broker!.openCount).toBe(quietLanes + 1);
    broker!.openMax = quietLanes;
    const lost = (which === 'active' ? one! : other!).reading.connection as unknown as Connection;
    lost.close();
    await keepBusy([one!.log, other!.log], 50);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(world.failures).toEqual([]);
    for (const { next, log } of [one!, other!]) expect(next).toBe(log.end);
    broker!.openMax = quietLanes + 1;
    await vi.advanceTimersByTimeAsync(60_000);
    await keepBusy([one!.log], 10);
    expect(one!.reading.connection).not.toBe(other!.reading.connection);
  },
);

/** Eight partitions of the first broker that catch up for a long while, shared out among its lanes. */
async function catchingUp(): Promise<Target[]> {
  const targets = [...world.targets.values()].filter(({ log }) => log.leader === 0).slice(0, 8);
  for (const { log } of targets) log.end += 12_000;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(new Set(targets.map(({ reading }) => reading.connection)).size).toBe(3);
  return targets;
}

// Answers take a millisecond, so that there is a backlog for a while.
it.each([0, 2])(
  'shares out what a lane had whose connection a broker allows no more, and tries it again after a minute: %i of 3',
  async (number) => {
    world = new World(1, 1.9, 3);
    const [broker] = world.brokers;
    const targets = await catchingUp();
    const connections = [...new Set(targets.map(({ reading }) => reading.connection))];
    broker!.openMax = 2;
    (connections[number] as unknown as Connection).close();
    await vi.advanceTimersByTimeAsync(1_000);
    const before = targets.map(({ next }) => next);
    await vi.advanceTimersByTimeAsync(500);
    for (const [index, { next }] of targets.entries()) expect(next).toBeGreaterThan(before[index]!);
    const quiet = [...world.targets.values()].filter((target) => !targets.includes(target));
    for (const { log } of quiet) log.end += 1;
    await vi.advanceTimersByTimeAsync(2_000);
    for (const { next, log } of quiet) expect(next).toBe(log.end);
    expect(broker!.openCount).toBe(2);
    broker!.openMax = 3;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(broker!.openCount).toBe(3);
    expect(world.failures).toEqual([]);
  },
);

it('gives no lane up while none can be opened: the source is away', async () => {
  world = new World(1, 1.9, 3);
  const [broker] = world.brokers;
  const targets = await catchingUp();
  broker!.openMax = 0;
  broker!.breakAll();
  await vi.advanceTimersByTimeAsync(5_000);
  broker!.openMax = Number.POSITIVE_INFINITY;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(broker!.openCount).toBe(3);
  expect(new Set(targets.map(({ reading }) => reading.connection)).size).toBe(3);
  expect(world.failures).toEqual([]);
});
