import { describe, expect, it } from 'vitest';
import {
  ActivePartitions,
  activeShareMax,
  againWithinMs,
  followedCountMin,
  quietMs,
} from './active-partitions.ts';

const followedCount = 1_000;

describe('becoming active', () => {
  it('takes records in two answers', () => {
    const active = new ActivePartitions();
    expect(active.noted('a', { nowMs: 0, followedCount })).toBe(false);
    expect(active.noted('a', { nowMs: 10, followedCount })).toBe(true);
    expect(active.noted('a', { nowMs: 20, followedCount })).toBe(false);
    expect([...active.keys()]).toEqual(['a']);
  });

  it('takes a second answer soon after the first', () => {
    const active = new ActivePartitions();
    active.noted('a', { nowMs: 0, followedCount });
    expect(active.noted('a', { nowMs: againWithinMs + 1, followedCount })).toBe(false);
    expect(active.noted('a', { nowMs: 2 * againWithinMs + 1, followedCount })).toBe(true);
  });

  it('takes a session that is large', () => {
    const active = new ActivePartitions();
    const few = followedCountMin - 1;
    active.noted('a', { nowMs: 0, followedCount: few });
    expect(active.noted('a', { nowMs: 1, followedCount: few })).toBe(false);
    expect(active.noted('a', { nowMs: 2, followedCount: followedCountMin })).toBe(false);
    expect(active.noted('a', { nowMs: 3, followedCount: followedCountMin })).toBe(true);
  });

  it('is for a small part: of many that are active the rest stays, and nobody is sent back', () => {
    const active = new ActivePartitions();
    const taken = Array.from({ length: followedCount }, (_, index) => {
      active.noted(`${index}`, { nowMs: 0, followedCount });
      return active.noted(`${index}`, { nowMs: 1, followedCount });
    });
    const room = followedCount * activeShareMax;
    expect(taken.filter(Boolean)).toHaveLength(room);
    expect(taken.slice(0, room).every(Boolean)).toBe(true);
    expect(active.fallenQuiet(2)).toEqual([]);
  });
});

describe('falling quiet', () => {
  it('takes half a minute without records, from the newest on', () => {
    const active = new ActivePartitions();
    for (const nowMs of [0, 1, 1_000]) active.noted('a', { nowMs, followedCount });
    expect(active.fallenQuiet(1_000 + quietMs)).toEqual([]);
    expect(active.fallenQuiet(1_001 + quietMs)).toEqual(['a']);
    expect(active.count).toBe(0);
    expect(active.fallenQuiet(1_002 + quietMs)).toEqual([]);
    expect(active.noted('a', { nowMs: 1_003 + quietMs, followedCount })).toBe(false);
  });

  it('is not told of one that is followed no more', () => {
    const active = new ActivePartitions();
    for (const nowMs of [0, 1]) active.noted('a', { nowMs, followedCount });
    active.forget('a');
    expect(active.fallenQuiet(10 * quietMs)).toEqual([]);
    expect(active.count).toBe(0);
  });
});
