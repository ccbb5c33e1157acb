// How many connections are opened, against ways of which it is known what they carry.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { FetchLanes, type LaneFigures, levelled } from './fetch-lanes.ts';

interface Way {
  readonly roundTripMs?: number;
  readonly behindCount?: number;
  readonly waitingShare?: number;
  /** Bytes per second with so many connections. */
  readonly carries: (connections: number) => number;
}

/** Looks once a second; the plan of each look. */
function plans(lanes: FetchLanes, way: Way, seconds: number, from = { nowMs: 0, readBytes: 0 }) {
  const { roundTripMs = 80, behindCount = 16, waitingShare = 1, carries } = way;
  const seen: { connections: number; depth: number }[] = [];
  for (let second = 0; second < seconds; second++) {
    from.nowMs += 1_000;
    from.readBytes += carries(lanes.plan.connections);
    const figures: LaneFigures = {
      ...from,
      ...{ roundTripMs, behindCount, waitingShare, isSettled: true },
    };
    seen.push(lanes.next(figures));
  }
  return seen;
}
const connectionsOf = (seen: readonly { connections: number }[]): number[] =>
  seen.map(({ connections }) => connections).filter((count, index, all) => count !== all[index - 1]);

/** 100 KiB in each round trip of 80 ms. */
const perWindow = { carries: (connections: number) => connections * 1_280_000 };

describe('fetchConnections: auto', () => {
  it('goes up by doubling to 8 where each connection carries a window of its own, within half a minute', () => {
    expect(connectionsOf(plans(new FetchLanes('auto'), perWindow, 30))).toEqual([1, 2, 4, 8]);
  });

  it('has no more connections than partitions that catch up', () => {
    expect(connectionsOf(plans(new FetchLanes('auto'), { ...perWindow, behindCount: 3 }, 60))).toEqual([
      1, 2, 3,
    ]);
  });

  it('gives a connection back that brings nothing, and tries again after a minute, two, four', () => {
    const shared = { carries: () => 10_000_000 };
    const seen = plans(new FetchLanes('auto'), shared, 500);
    const tries = seen.flatMap(({ connections }, second) =>
      connections === 2 && seen[second - 1]!.connections === 1 ? [second] : [],
    );
    expect(tries.length).toBe(4);
    const apart = tries.slice(1).map((second, index) => second - tries[index]!);
    expect(apart[0]).toBeGreaterThanOrEqual(60);
    expect(apart[1]).toBeGreaterThanOrEqual(120);
    expect(apart[2]).toBeGreaterThanOrEqual(240);
    expect(seen.filter(({ connections }) => connections > 1).length).toBeLessThan(4 * 8);
  });

  it('stops where the way is full', () => {
    const full = { carries: (connections: number) => Math.min(3, connections) * 1_280_000 };
    const seen = plans(new FetchLanes('auto'), full, 60);
    expect(connectionsOf(seen)).toEqual([1, 2, 4, 8, 4]);
    const even = { carries: (connections: number) => Math.min(2, connections) * 1_280_000 };
    expect(connectionsOf(plans(new FetchLanes('auto'), even, 60))).toEqual([1, 2, 4, 2]);
  });

  it.each([
    ['the broker is near', { roundTripMs: 0.4 }],
    ['nothing is behind', { behindCount: 0 }],
    ['the destination holds us up', { waitingShare: 0.3 }],
  ])('stays with one while %s', (_why, way) => {
    expect(connectionsOf(plans(new FetchLanes('auto'), { ...perWindow, ...way }, 120))).toEqual([1]);
  });

  it('holds nothing against a trial that ended because the backlog did', () => {
    const lanes = new FetchLanes('auto');
    const clock = { nowMs: 0, readBytes: 0 };
    expect(plans(lanes, perWindow, 5, clock).at(-1)?.connections).toBe(2);
    expect(plans(lanes, { ...perWindow, behindCount: 0 }, 1, clock).at(-1)?.connections).toBe(1);
    expect(plans(lanes, perWindow, 6, clock).at(-1)?.connections).toBe(2);
  });

  it('keeps what was worth it while nothing is behind', () => {
    const lanes = new FetchLanes('auto');
    const clock = { nowMs: 0, readBytes: 0 };
    plans(lanes, perWindow, 40, clock);
    expect(plans(lanes, { ...perWindow, behindCount: 0 }, 60, clock).at(-1)?.connections).toBe(8);
  });
});

test('a number is taken as it is, near or far', () => {
  const near = { ...perWindow, roundTripMs: 0.4, behindCount: 0 };
  expect(plans(new FetchLanes(4), near, 3).at(-1)).toEqual({ connections: 4, depth: 1 });
  expect(plans(new FetchLanes(4), perWindow, 3).at(-1)).toEqual({ connections: 4, depth: 2 });
});

test('two fetches on a connection, as long as each has two partitions that catch up', () => {
  const lanes = new FetchLanes(2);
  const clock = { nowMs: 0, readBytes: 0 };
  expect(plans(lanes, { ...perWindow, behindCount: 3 }, 1, clock).at(-1)?.depth).toBe(1);
  expect(plans(lanes, { ...perWindow, behindCount: 4 }, 1, clock).at(-1)?.depth).toBe(2);
  expect(plans(lanes, { ...perWindow, behindCount: 3 }, 5, clock).map(({ depth }) => depth)).toEqual([
    2, 2, 1, 1, 1,
  ]);
});

test('a third where a connection brings a MiB and more in a round trip', () => {
  const wide = { carries: (connections: number) => connections * 52_000_000 };
  expect(plans(new FetchLanes(2), { ...wide, behindCount: 6 }, 3).at(-1)?.depth).toBe(3);
  expect(plans(new FetchLanes(2), { ...wide, behindCount: 5 }, 3).at(-1)?.depth).toBe(2);
  expect(plans(new FetchLanes(2), { ...wide, roundTripMs: 10 }, 3).at(-1)?.depth).toBe(2);
});

describe('levelled', () => {
  it('shares those that catch up out evenly, and moves nobody else', () => {
    const lane = (keys: string[], behind = keys) => ({ keys, behind, isLeaving: false });
    expect(levelled([lane(['a', 'b', 'c', 'd', 'idle'], ['a', 'b', 'c', 'd']), lane([])])).toEqual([
      { key: 'd', to: 1 },
      { key: 'c', to: 1 },
    ]);
    expect(levelled([lane(['a', 'b']), lane(['c'])])).toEqual([]);
  });

  test('whatever the lanes have: all leave those that end, and the others differ by one at most', () => {
    const lanes = fc.array(fc.record({ behind: fc.nat(6), idle: fc.nat(6), isLeaving: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(lanes, (counts) => {
        const loads = counts.map(({ behind, idle, isLeaving }, lane) => {
          const catchUp = Array.from({ length: behind }, (_, index) => `${lane}/behind/${index}`);
          const others = Array.from({ length: idle }, (_, index) => `${lane}/idle/${index}`);
          return { keys: [...catchUp, ...others], behind: catchUp, isLeaving };
        });
        if (loads.every(({ isLeaving }) => isLeaving)) return;
        const moves = levelled(loads);
        expect(new Set(moves.map(({ key }) => key)).size).toBe(moves.length);
        const laneOf = new Map(loads.flatMap(({ keys }, lane) => keys.map((key) => [key, lane] as const)));
        for (const { key, to } of moves) laneOf.set(key, to);
        const behind = loads.map(() => 0);
        for (const [key, lane] of laneOf) {
          expect(loads[lane]!.isLeaving).toBe(false);
          if (key.includes('behind')) behind[lane]! += 1;
        }
        const staying = behind.filter((_count, lane) => !loads[lane]!.isLeaving);
        expect(Math.max(...staying) - Math.min(...staying)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
