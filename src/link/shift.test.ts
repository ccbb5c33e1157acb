import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, MemoryStore } from '../../test/support/fake-link-cluster.ts';
import { LockstepError } from '../errors.ts';
import { type PlacementsFound, parseShift, Shifts } from './shift.ts';
import { earliest, type StartedTopic } from './start-at.ts';

const topic: StartedTopic = {
  topic: 'orders',
  sourceTopicId: 'S1',
  destinationTopicId: 'D1',
  partitionCount: 2,
  origin: 'begun',
  startAt: earliest,
  isKeeper: true,
};
const key = (partition: number): string => `shift/us-to-eu/orders/${partition}`;

let source: FakeCluster;
let destination: FakeCluster;
let store: MemoryStore;
let notices: string[];

beforeEach(() => {
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  store = new MemoryStore();
  notices = [];
  source.ranges.set('orders-0', { start: 5_000_000_000n, end: 5_000_000_010n });
  source.ranges.set('orders-1', { start: 0n, end: 10n });
  for (const partition of [0, 1]) destination.ranges.set(`orders-${partition}`, { start: 0n, end: 0n });
});

function shifts(start: 'fill' | 'shifted'): Shifts {
  const onNotice = ({ text }: { text: string }) => notices.push(text);
  return new Shifts({ link: 'us-to-eu', start, store, source, destination, onNotice, nowMs: () => 0 });
}

function shiftsIn(found: PlacementsFound): bigint[] | null {
  return found.kind === 'placed' ? found.placements.map(({ shift }) => shift) : null;
}

describe('a link that asks for shifts', () => {
  it('takes the start of a partition that is mirrored for the first time, writes it down and says it', async () => {
    expect(shiftsIn(await shifts('shifted').of(topic))).toEqual([5_000_000_000n, 0n]);
    expect(JSON.parse(store.entries.get(key(0))!)).toEqual({
      version: 1,
      k: '5000000000',
      sourceTopicId: 'S1',
      destinationTopicId: 'D1',
    });
    expect(parseShift(store.entries.get(key(1)))?.k).toBe(0n);
    expect(notices).toEqual([
      'orders-0: SHIFTED(5000000000): the source starts at offset 5000000000, so destination offset = source offset - 5000000000',
    ]);
  });

  it('keeps it when the source starts higher later', async () => {
    await shifts('shifted').of(topic);
    source.ranges.set('orders-0', { start: 6_000_000_000n, end: 7_000_000_000n });
    source.ranges.set('orders-1', { start: 5n, end: 10n });
    expect(shiftsIn(await shifts('shifted').of(topic))).toEqual([5_000_000_000n, 0n]);
  });

  it('keeps it when the link asks for fill later, without looking at any log', async () => {
    await shifts('shifted').of(topic);
    source.ranges.clear();
    expect(shiftsIn(await shifts('fill').of(topic))).toEqual([5_000_000_000n, 0n]);
  });

  it('leaves what was mirrored before as it is', async () => {
    destination.ranges.set('orders-0', { start: 5_000_000_000n, end: 5_000_000_000n });
    expect(shiftsIn(await shifts('shifted').of(topic))).toEqual([0n, 0n]);
    expect(store.entries.has(key(0))).toBe(false);
  });

  it('does not go on without a shift that seems to be lost', async () => {
    destination.ranges.set('orders-0', { start: 0n, end: 4_000n });
    await expect(shifts('shifted').of(topic)).rejects.toThrow(/no shift of link us-to-eu.*start: fill/);
  });

  it('takes what another agent wrote first', async () => {
    const mine = shifts('shifted');
    const others = { version: 1, k: '4000', sourceTopicId: 'S1', destinationTopicId: 'D1' };
    store.first = () => undefined;
    store.entries.set(key(0), JSON.stringify(others));
    expect(shiftsIn(await mine.of(topic))).toEqual([4_000n, 0n]);
  });

  it('puts it again where another value came later, since compaction keeps the last one', async () => {
    await shifts('shifted').of(topic);
    const put: string[] = [];
    store.last = (name) => (name === key(1) ? 'somebody came second and died' : store.entries.get(name));
    store.putIfAbsent = async (name, value) => {
      put.push(name);
      return value;
    };
    expect(shiftsIn(await shifts('fill').of(topic))).toEqual([5_000_000_000n, 0n]);
    expect(put).toEqual([key(1)]);
  });

  it('decides anew for another mirror under the same name', async () => {
    await shifts('shifted').of(topic);
    source.ranges.set('orders-0', { start: 6_000n, end: 7_000n });
    const found = await shifts('shifted').of({ ...topic, destinationTopicId: 'D2' });
    expect(shiftsIn(found)).toEqual([6_000n, 0n]);
  });

  it('does not go on with another source topic under the same name', async () => {
    await shifts('shifted').of(topic);
    expect(await shifts('shifted').of({ ...topic, sourceTopicId: 'S2' })).toEqual({
      kind: 'sourceRecreated',
      reason: 'its topic id was S1 when it was mirrored first, and is S2',
    });
  });

  it.each([['source'], ['destination']])('decides nothing while the %s has no leader', async (side) => {
    (side === 'source' ? source : destination).ranges.delete('orders-1');
    await expect(shifts('shifted').of(topic)).rejects.toMatchObject({ code: 'KAFKA_ERROR', retriable: true });
    expect(store.entries.has(key(1))).toBe(false);
  });
});

it('a link that fills writes nothing down', async () => {
  expect(shiftsIn(await shifts('fill').of(topic))).toEqual([0n, 0n]);
  expect(store.entries.size).toBe(0);
});

describe('without the right to what was written down', () => {
  beforeEach(() => {
    store.refresh = () => Promise.reject(new LockstepError('NOT_AUTHORIZED', 'describing topic __lockstep'));
  });

  it('a link that fills goes on', async () => {
    expect(shiftsIn(await shifts('fill').of(topic))).toEqual([0n, 0n]);
  });

  it('a link that asks for shifts does not', async () => {
    await expect(shifts('shifted').of(topic)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
  });
});

it('a link that fills does not go on while what was written down can’t be read', async () => {
  store.refresh = () => Promise.reject(new LockstepError('REQUEST_TIMED_OUT', 'no answer'));
  await expect(shifts('fill').of(topic)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
});

describe('a record of a shift', () => {
  it.each([
    ['another version', '{"version":2,"k":"1","sourceTopicId":"S","destinationTopicId":"D"}'],
    ['a number for k', '{"version":1,"k":1,"sourceTopicId":"S","destinationTopicId":"D"}'],
    ['a negative k', '{"version":1,"k":"-1","sourceTopicId":"S","destinationTopicId":"D"}'],
    ['no mirror', '{"version":1,"k":"1","sourceTopicId":"S"}'],
    ['no JSON', 'k=1'],
    ['null', 'null'],
  ])('with %s is refused rather than guessed', (_name, value) => {
    expect(() => parseShift(value)).toThrow('can’t read'.replace('’', "'"));
  });
});
