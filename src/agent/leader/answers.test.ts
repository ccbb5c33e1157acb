import { expect, test } from 'vitest';
import { type AnswerRecord, FleetReducer, type MirrorRecord, recordVersion } from '../../control/index.ts';
import { answerOf } from './answers.ts';

const partitions = [
  {
    partition: 0,
    cutOffset: '7',
    sourceEnd: '9',
    sourceSeenAtMs: 5,
    missingRecords: '2',
    isReplicated: true,
  },
];
const working: AnswerRecord = {
  ...{ v: recordVersion, id: 'c1', atMs: 1, state: 'working', message: '2 changes' },
  changes: ['orders', 'bills'].map((topic) => ({
    ...{ what: 'mirror' as const, name: `us-to-eu/${topic}`, action: 'promote' as const, details: [] },
  })),
};

function mirror(
  topic: string,
  state: MirrorRecord['state'],
  extra: Partial<MirrorRecord> = {},
): MirrorRecord {
  return {
    ...{ v: recordVersion, link: 'us-to-eu', sourceTopic: topic, mirrorTopic: topic, partitionCount: 1 },
    ...{ sourceTopicId: 'a', mirrorTopicId: 'b', state, sinceMs: 1, reason: null },
    promotion: { commandId: 'c1', kind: 'planned', requestedAtMs: 1, deadlineMs: 9, partitions },
    ...extra,
  };
}

function answer(...mirrors: MirrorRecord[]): AnswerRecord | null {
  const state = new FleetReducer();
  for (const each of mirrors) state.apply(`mirror/us-to-eu/${each.sourceTopic}`, JSON.stringify(each));
  expect(state.warnings).toEqual([]);
  return answerOf(working, state, 10);
}

test('waits while one of the mirrors is on its way', () => {
  expect(answer(mirror('orders', 'Promoted'), mirror('bills', 'Closing'))).toBeNull();
  expect(answer(mirror('orders', 'Draining'), mirror('bills', 'Promoted'))).toBeNull();
});

test('is done when all are promoted, with their cuts and what is to be known', () => {
  const reason = 'agents that are frozen now were not shut out';
  const final = answer(mirror('orders', 'Promoted'), mirror('bills', 'Promoted', { reason }));
  expect(final).toMatchObject({ state: 'done', message: `2 promoted; us-to-eu/bills: ${reason}` });
  expect(final!.promoted).toEqual(['orders', 'bills'].map((topic) => ({ topic, partitions })));
});

test('is refused, with the reason, when one gave up', () => {
  const reason = 'not promoted in time: the mirror lags by 7 offsets';
  expect(answer(mirror('orders', 'Promoted'), mirror('bills', 'Mirroring', { reason }))).toMatchObject({
    ...{ state: 'refused', code: 'REQUEST_TIMED_OUT', message: `us-to-eu/bills: ${reason}` },
    promoted: [{ topic: 'orders' }],
  });
});

test('does not wait for a mirror that another command took on', () => {
  const promotion = { commandId: 'c2', kind: 'now' as const, requestedAtMs: 2, deadlineMs: 9 };
  const final = answer(mirror('orders', 'Promoted'), mirror('bills', 'Closing', { promotion }));
  expect(final).toMatchObject({ state: 'refused', message: 'us-to-eu/bills: is Closing' });
});

test('a deletion is done when the mirror is gone', () => {
  const changes = [
    { what: 'mirror' as const, name: 'us-to-eu/orders', action: 'delete' as const, details: [] },
  ];
  const final = answerOf({ ...working, changes }, new FleetReducer(), 10);
  expect(final).toMatchObject({ state: 'done', message: '2 changes' });
});
