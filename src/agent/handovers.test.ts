import { expect, test } from 'vitest';
import type { StatusRecord } from '../control/index.ts';
import { testStatus } from '../control/test-records.ts';
import { Handovers } from './handovers.ts';

const item = { link: 'us-to-eu', topic: 'orders', partition: 0 };
const left = { topicId: 'id', leaderEpoch: 3, logEnd: 120n };
const released = [{ topic: 'orders', partition: 0, left }];

/** Two agents on one control topic, of which the first has the partition. */
function agents(): { a: Handovers; b: Handovers; statuses: Map<string, StatusRecord> } {
  const statuses = new Map([['us-to-eu/orders/0', { ...testStatus(), agent: 'a' }]]);
  const control = {
    state: { statuses },
    put: async (entries: ReadonlyMap<string, object | null>) => {
      for (const [key, value] of entries) statuses.set(key.slice('status/'.length), value as StatusRecord);
      return 0n;
    },
  };
  const [a, b] = ['a', 'b'].map((agentId) => new Handovers({ control, agentId }));
  return { a: a!, b: b!, statuses };
}

test('who gets it in the very next generation knows how it was left, once', async () => {
  const { a, b, statuses } = agents();
  const before = statuses.get('us-to-eu/orders/0');
  await a.tell('us-to-eu', released, '7/m1');
  const record = { generationId: '7/m1', mirrorTopicId: 'id', leaderEpoch: 3, logEnd: '120' };
  expect(statuses.get('us-to-eu/orders/0')).toEqual({ ...before, released: record });
  b.assigned([item], '7/m1');
  expect(b.take(item)).toEqual(left);
  expect(b.take(item)).toBeNull();
});

test.each([
  ['it was given up in another generation', '6/m1'],
  ['another group had that generation', '7/m2'],
  ['it missed a generation', null],
])('nobody knows where %s', async (_, follows) => {
  const { a, b } = agents();
  await a.tell('us-to-eu', released, '7/m1');
  b.assigned([item], follows);
  expect(b.take(item)).toBeNull();
});

test('what was given to us and taken away again is forgotten', async () => {
  const { a, b } = agents();
  await a.tell('us-to-eu', released, '7/m1');
  b.assigned([item], '7/m1');
  b.revoked([item]);
  expect(b.take(item)).toBeNull();
});

test('an owner in between has written over it', async () => {
  const { a, b, statuses } = agents();
  await a.tell('us-to-eu', released, '7/m1');
  statuses.set('us-to-eu/orders/0', { ...testStatus(), agent: 'x' });
  b.assigned([item], '7/m1');
  expect(b.take(item)).toBeNull();
});

test('nothing is told over the words of another agent', async () => {
  const { a, statuses } = agents();
  const others = { ...testStatus(), agent: 'x' };
  statuses.set('us-to-eu/orders/0', others);
  await a.tell('us-to-eu', released, '7/m1');
  expect(statuses.get('us-to-eu/orders/0')).toEqual(others);
});
