import { describe, expect, test, vi } from 'vitest';
import { FetchQuestions } from './fetch-questions.ts';
import type { FetchTarget } from './fetch-target.ts';
import { FollowedTargets } from './followed-targets.ts';
import type { ReadPlan } from './rate-limit.ts';
import type { Turn } from './reading-turns.ts';

const waitMs = 500;
const turn: Turn = {
  ...{ scope: 'all', kind: 'backlog', reservedBytes: 100, askedBytes: 100 },
  waitMsMax: Number.POSITIVE_INFINITY,
};

interface World {
  readonly isBacklogged?: boolean;
  /** Of a limit that is set; absent: none is. */
  readonly plan?: ReadPlan;
}

function world({ isBacklogged = false, plan }: World = {}) {
  const targets = new FollowedTargets();
  const limit = { isSet: plan !== undefined, plan: vi.fn(() => plan ?? null), leave: vi.fn() };
  const reader = {};
  const questions = new FetchQuestions({ targets, limit, turns: { isBacklogged }, reader });
  const follow = (key: string, state: { isLive?: boolean; isFull?: boolean } = {}) => {
    const target = { ...{ isLive: true, isFull: false, shift: 0n }, ...state };
    const position = { topic: 't', topicId: 'id', partition: 0, offset: 0n };
    const whole = { ...target, position: () => (target.isFull ? null : position) } as unknown as FetchTarget;
    targets.add(key, whole);
    return whole as { isLive: boolean };
  };
  /** Who is asked for, and how. */
  const next = (of: Partial<Turn> = {}) => {
    const question = questions.next({ ...turn, ...of }, waitMs);
    if (question === null || typeof question === 'number') return question;
    const { asked, session: _, ...how } = question;
    return { ...how, asked: [...asked.keys()] };
  };
  return { questions, limit, reader, follow, next };
}

describe('without a backlog', () => {
  test('everybody is asked for, and the broker waits for data', () => {
    const { follow, next } = world();
    follow('a');
    follow('b', { isLive: false });
    expect(next()).toEqual({ scope: 'all', bytesMax: 100, waitMs, asked: ['a', 'b'] });
  });

  test('it waits a moment only while some have enough: they may want more soon', () => {
    const { follow, next } = world();
    follow('a');
    follow('b', { isFull: true });
    expect(next()).toMatchObject({ waitMs: 5, asked: ['a'] });
  });

  test('where nobody wants anything, the limit is left to others', () => {
    const { limit, reader, next } = world();
    expect(next()).toBeNull();
    expect(limit.leave).toHaveBeenCalledExactlyOnceWith(reader);
  });
});

describe('while answers come full', () => {
  test('those are asked for whose turn it is, each with a session of its own', () => {
    const { questions, follow, next } = world({ isBacklogged: true });
    follow('a');
    const b = follow('b', { isLive: false });
    const sessions = new Set(
      (['live', 'behind'] as const).map((scope) => {
        const question = questions.next({ ...turn, scope, waitMsMax: 2 }, waitMs);
        return typeof question === 'object' ? question?.session : null;
      }),
    );
    expect(sessions.size).toBe(2);
    expect(next({ scope: 'live', waitMsMax: 25 })).toMatchObject({ waitMs: 25, asked: ['a'] });
    expect(next({ scope: 'behind', waitMsMax: 2 })).toMatchObject({ waitMs: 2, asked: ['b'] });
    expect(questions.followed).toEqual({ hasLive: true, hasBehind: true });
    b.isLive = true;
    expect(next({ scope: 'live' })).toMatchObject({ scope: 'all', asked: ['a', 'b'] });
    expect(questions.followed).toEqual({ hasLive: true, hasBehind: false });
  });
});

describe('under a limit', () => {
  test('nothing is asked for until something may be read again', () => {
    const { follow, next } = world({ plan: { kind: 'pause', pauseMs: 40 } });
    follow('a');
    expect(next()).toBe(40);
  });

  test('its plan says who, how much and how long', () => {
    const { follow, next } = world({ plan: { kind: 'read', scope: 'live', bytesMax: 60, waitMsMax: 7 } });
    follow('a');
    follow('b', { isLive: false });
    expect(next()).toEqual({ scope: 'live', turn: 'live', bytesMax: 60, waitMs: 7, asked: ['a'] });
  });

  test('all of one kind are known to the session for all', () => {
    const { follow, next } = world({ plan: { kind: 'read', scope: 'live', bytesMax: 60, waitMsMax: 7 } });
    follow('a');
    expect(next()).toMatchObject({ scope: 'all', turn: 'live', asked: ['a'] });
  });
});
