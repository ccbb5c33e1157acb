import { describe, expect, test } from 'vitest';
import type { GroupPlan, PlannedPosition } from './plan.ts';
import { groupStatus, reportEntry, reportText } from './statuses.ts';
import { GroupTelling } from './telling.ts';
import type { GroupReport, GroupState, GroupStatus } from './types.ts';

const times = { heardAtMs: 1000, nowMs: 1500, formerInStepAtMs: 400 };

function planned(changes: Partial<PlannedPosition> = {}): PlannedPosition {
  const wanted = changes.wanted ?? 7n;
  return {
    ...{ topic: 'orders', mirrorTopic: 'orders', partition: 0, source: wanted, wanted, destination: 5n },
    ...{ state: 'behind', isBelowMirrorStart: false },
    commit: { topic: 'orders', partition: 0, offset: wanted, metadata: '' },
    ...changes,
  };
}

function planOf(...positions: PlannedPosition[]): GroupPlan {
  return { groupId: 'g', state: 'Synced', reason: null, positions };
}

describe('a group after its commits', () => {
  test('is in step once all of them were taken', () => {
    const plan = planOf(planned());
    const committed = plan.positions.flatMap(({ commit }) => commit ?? []);
    const status = groupStatus(plan, { committed, refusal: null }, times);
    expect(status).toMatchObject({ state: 'Synced', inStepAtMs: 1000, lagMs: 500 });
    expect(status.positions[0]).toMatchObject({ source: '7', destination: '7', state: 'synced' });
    expect(reportEntry(status)).toMatchObject({ isComplete: true, missing: [] });
  });

  test('is as old as before when they were refused', () => {
    const refusal = { state: 'ActiveAtDestination', reason: 'members' } as const;
    const status = groupStatus(planOf(planned()), { committed: [], refusal }, times);
    expect(status).toMatchObject({ state: 'ActiveAtDestination', inStepAtMs: 400, lagMs: 1100 });
    expect(status.positions[0]).toMatchObject({ destination: '5', state: 'behind' });
    expect(reportEntry(status)).toMatchObject({ isComplete: false, reason: 'members' });
  });

  test('is not in step when it stopped at the end of the mirror', () => {
    const position = planned({ wanted: 9n, state: 'waiting' });
    const commit = { ...position.commit!, offset: 8n };
    const plan = planOf({ ...position, commit });
    const status = groupStatus(plan, { committed: [commit], refusal: null }, times);
    expect(status.inStepAtMs).toBe(400);
    expect(status.positions[0]).toMatchObject({ wanted: '9', destination: '8', state: 'waiting' });
  });

  test('has an unknown age while the source was never heard', () => {
    const plan = planOf(planned({ state: 'synced', destination: 7n, commit: null }));
    const status = groupStatus(plan, undefined, { heardAtMs: null, nowMs: 1500, formerInStepAtMs: null });
    expect(status).toMatchObject({ inStepAtMs: null, lagMs: null });
  });
});

describe('the report of a last sync', () => {
  const entry = (state: GroupState, isComplete: boolean) =>
    ({ group: `g-${state}`, state, reason: isComplete ? null : 'why', isComplete, missing: [] }) as const;
  const report = (changes: Partial<GroupReport>): GroupReport => ({
    ...{ isSourceHeard: true, sourceHeardAtMs: 1, isComplete: false, error: null, groups: [] },
    ...changes,
  });

  test('is silent when nothing is missing', () => {
    expect(reportText(report({ isComplete: true, groups: [entry('Synced', true)] }))).toBeNull();
  });

  test('names the groups, and a source that did not answer', () => {
    const groups = [entry('Synced', true), entry('ActiveAtDestination', false), entry('NotSupported', false)];
    expect(reportText(report({ groups, isSourceHeard: false, error: 'nobody answers' }))).toBe(
      'the last sync of groups is not complete: 1 of 3 groups may resume elsewhere. the source did not answer, what it ' +
        'said last was taken (nobody answers). g-ActiveAtDestination is ActiveAtDestination: why',
    );
  });
});

test('groups that come into a state are told once, in one line', () => {
  const said: string[] = [];
  const telling = new GroupTelling((_level, text) => said.push(text));
  const status = (index: number, state: GroupState): GroupStatus => ({
    ...{ group: `g${index}`, state, reason: 'why', inStepAtMs: null, lagMs: null, positions: [] },
  });
  const all = Array.from({ length: 1000 }, (_, index) => status(index, 'NotAuthorized'));
  telling.groups(all);
  telling.groups(all);
  expect(said).toEqual(['groups g0, g1, g2 and 997 more: NotAuthorized: why']);
  telling.groups([status(0, 'Synced'), ...all.slice(1)]);
  telling.groups(all);
  expect(said.slice(1)).toEqual(['group g0: NotAuthorized: why']);
});
