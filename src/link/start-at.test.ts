import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, MemoryStore } from '../../test/support/fake-link-cluster.ts';
import { earliest, parseStart, type StartAt, type StartedTopic, Starts } from './start-at.ts';

const latest: StartAt = { kind: 'latest' };
const topic: StartedTopic = {
  ...{ topic: 'orders', sourceTopicId: 'S1', destinationTopicId: 'D1', partitionCount: 2 },
  ...{ origin: 'undecided', startAt: latest, isKeeper: true },
};
let source: FakeCluster;
let destination: FakeCluster;
let store: MemoryStore;
let notices: string[];
let starts: Starts;
beforeEach(() => {
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  destination.prefix = 'us.';
  store = new MemoryStore();
  notices = [];
  starts = new Starts({
    ...{ link: 'us-to-eu', store, source, destination, nowMs: () => 0 },
    onNotice: ({ text }) => notices.push(text),
  });
  endsAt(50n, 0n);
  mirrorEndsAt(0n, 0n);
});

function endsAt(...ends: bigint[]): void {
  for (const [partition, end] of ends.entries()) source.startOffsetsOf.set(`orders-${partition}`, end);
}
function mirrorEndsAt(...ends: bigint[]): void {
  for (const [partition, end] of ends.entries())
    destination.ranges.set(`orders-${partition}`, { start: 0n, end });
}
const found = (...offsets: bigint[]) => ({ kind: 'found', starts: offsets });

it('is decided once, for all partitions together, and said', async () => {
  expect(await starts.of(topic)).toEqual(found(50n, 0n));
  endsAt(70n, 70n);
  expect(await starts.of(topic)).toEqual(found(50n, 0n));
  expect(await starts.of({ ...topic, startAt: earliest, origin: 'begun' })).toEqual(found(50n, 0n));
  expect(notices).toEqual(['topic orders: its mirror us.orders begins at latest (above 0 in 1 partition)']);
});

it('of a partition that came later is its own start', async () => {
  await starts.of(topic);
  endsAt(70n, 70n, 70n);
  expect(await starts.of({ ...topic, partitionCount: 3 })).toEqual(found(50n, 0n, 0n));
});

it('is not decided by who does not keep the link, nor while a leader does not answer', async () => {
  expect(await starts.of({ ...topic, isKeeper: false })).toMatchObject({ kind: 'waiting' });
  source.startOffsetsOf.delete('orders-1');
  await expect(starts.of(topic)).rejects.toMatchObject({ code: 'KAFKA_ERROR', retriable: true });
  expect(store.entries.size).toBe(0);
});

it('of a mirror that was created for another start is decided even if the link says earliest by now', async () => {
  expect(await starts.of({ ...topic, startAt: earliest })).toEqual(found(0n, 0n));
  endsAt(70n, 70n);
  expect(await starts.of(topic)).toEqual(found(0n, 0n));
});

it('of a mirror of ours that has begun is the source’s, however empty it is', async () => {
  mirrorEndsAt(0n, 0n);
  expect(await starts.of({ ...topic, origin: 'begun' })).toEqual(found(0n, 0n));
  expect(store.entries.size).toBe(0);
});

it('of a mirror that has records is not decided again, though the record of it is lost', async () => {
  mirrorEndsAt(60n, 0n);
  expect(await starts.of(topic)).toEqual(found(0n, 0n));
  expect(await starts.of({ ...topic, origin: 'created' })).toEqual(found(50n, 0n));
});

describe('of a mirror that somebody else created', () => {
  it('is decided while all of it is empty', async () => {
    mirrorEndsAt(0n, 0n);
    expect(await starts.of({ ...topic, origin: 'foreign' })).toEqual(found(50n, 0n));
  });

  it('is the source’s where a partition has records', async () => {
    mirrorEndsAt(0n, 3n);
    expect(await starts.of({ ...topic, origin: 'foreign' })).toEqual(found(0n, 0n));
    expect(store.entries.size).toBe(0);
  });

  it('is not decided while a leader does not answer', async () => {
    destination.ranges.delete('orders-1');
    const asked = starts.of({ ...topic, origin: 'foreign' });
    await expect(asked).rejects.toMatchObject({ code: 'KAFKA_ERROR', retriable: true });
  });
});

it('is anew for another mirror under the same name, and nothing for another source', async () => {
  await starts.of(topic);
  endsAt(70n, 70n);
  expect(await starts.of({ ...topic, destinationTopicId: 'D2' })).toEqual(found(70n, 70n));
  expect(await starts.of({ ...topic, destinationTopicId: 'D2', sourceTopicId: 'S2' })).toEqual({
    kind: 'sourceRecreated',
    reason: 'its topic id was S1 when its mirror was created, and is S2',
  });
});

it.each([
  ['another version', '{"version":2,"sourceTopicId":"S","destinationTopicId":"D","starts":["1"]}'],
  ['numbers for offsets', '{"version":1,"sourceTopicId":"S","destinationTopicId":"D","starts":[1]}'],
  ['no JSON', 'starts=1'],
])('a record with %s is refused rather than guessed', (_name, value) => {
  expect(() => parseStart(value)).toThrow("can't read");
});
