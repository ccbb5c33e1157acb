// Which agents live is seen by what arrives, so that clocks an hour apart mislead nobody.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AgentRecord } from '../../control/index.ts';
import type { OpenGroup } from '../types.ts';
import { lookAtRegions } from './look.ts';

const nowMs = 10_000_000;
const hourMs = 3_600_000;
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Agents of one region by id: when they spoke last, and when they speak again within the look. */
async function look(agents: Record<string, { atMs: number; againAtMs?: number }>) {
  const known = new Map(Object.entries(agents).map(([id, { atMs }]) => [id, { id, atMs } as AgentRecord]));
  for (const [id, { againAtMs }] of Object.entries(agents))
    if (againAtMs !== undefined)
      setTimeout(() => known.set(id, { id, atMs: againAtMs } as AgentRecord), 3_000);
  const region = { name: 'eu', cluster: {}, state: { agents: known } };
  const looking = lookAtRegions({ regions: new Map([['eu', region]]) } as unknown as OpenGroup, () => nowMs);
  await vi.advanceTimersByTimeAsync(10_000);
  const [seen] = await looking;
  return { living: [...seen!.living], nowMs: seen!.nowMs };
}

describe('an agent lives', () => {
  test('when it has spoken just now', async () => {
    expect(await look({ a: { atMs: nowMs - 4_000 } })).toEqual({ living: ['a'], nowMs });
  });

  test('when it speaks, although its clock is an hour behind; ages are told by that clock', async () => {
    const atMs = nowMs - hourMs;
    expect(await look({ a: { atMs, againAtMs: atMs + 5_000 } })).toEqual({
      living: ['a'],
      nowMs: atMs + 5_000,
    });
  });

  test('not when it is silent, and not because its clock is ahead', async () => {
    expect((await look({ a: { atMs: nowMs - 60_000 } })).living).toEqual([]);
    expect((await look({ a: { atMs: nowMs + hourMs } })).living).toEqual([]);
  });

  test('beside one that was killed', async () => {
    const told = await look({
      a: { atMs: nowMs - 2_000, againAtMs: nowMs + 3_000 },
      b: { atMs: nowMs - 60_000 },
    });
    expect(told).toEqual({ living: ['a'], nowMs });
  });
});
