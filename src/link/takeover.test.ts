import { describe, expect, it } from 'vitest';
import { FakeCluster, MemoryStore } from '../../test/support/fake-link-cluster.ts';
import { readPlacements } from './read-placements.ts';
import { Shifts } from './shift.ts';
import { earliest, type StartedTopic } from './start-at.ts';
import {
  formatTakeover,
  isTakeoverOf,
  parseTakeover,
  type Takeover,
  takeoverKey,
  takeoverOf,
} from './takeover.ts';

const takeover: Takeover = {
  life: 1,
  sourceTopicId: 'S1',
  destinationTopicId: 'D1',
  partitions: [
    { start: 131n, shift: 31n, witness: { from: 127n, shift: 31n } },
    { start: 40n, shift: -60n, witness: { from: 12n, shift: -58n } },
    { start: 0n, shift: 0n, witness: null },
  ],
};

function store(...takeovers: readonly Takeover[]): MemoryStore {
  const made = new MemoryStore();
  for (const each of takeovers)
    made.entries.set(takeoverKey('us-to-eu', 'orders', each.life), formatTakeover(each));
  return made;
}

describe('the record of a taking over', () => {
  it('says again what was written, below zero too', () => {
    expect(parseTakeover(formatTakeover(takeover), 1)).toEqual(takeover);
  });

  it.each([
    ['a newer version', (record: Record<string, unknown>) => ({ ...record, version: 2 })],
    ['no partitions', (record: Record<string, unknown>) => ({ ...record, taken: undefined })],
    [
      'a start that is no offset',
      () => ({ ...JSON.parse(formatTakeover(takeover)), taken: [{ start: '-1', shift: '0' }] }),
    ],
    [
      'a place below the mirror’s start',
      () => ({ ...JSON.parse(formatTakeover(takeover)), taken: [{ start: '1', shift: '2' }] }),
    ],
    [
      'half a witness',
      () => ({ ...JSON.parse(formatTakeover(takeover)), taken: [{ start: '1', shift: '0', witness: {} }] }),
    ],
  ])('is not guessed at: %s', (_what, change) => {
    const value = JSON.stringify(change(JSON.parse(formatTakeover(takeover))));
    expect(() => parseTakeover(value, 1)).toThrow('a takeover was written that this Lockstep can');
  });

  it('is the newest of this very mirror', () => {
    const second = { ...takeover, life: 2, partitions: [{ start: 7n, shift: -2n, witness: null }] };
    const at = { link: 'us-to-eu', topic: 'orders', mirrorTopicId: 'D1' };
    expect(takeoverOf(store(takeover), at)).toEqual(takeover);
    expect(takeoverOf(store(takeover, second), at)).toEqual(second);
    expect(takeoverOf(store(takeover), { ...at, mirrorTopicId: 'D2' })).toBeNull();
    expect(takeoverOf(store(), at)).toBeNull();
    expect(isTakeoverOf('D1')(formatTakeover(takeover))).toBe(true);
  });
});

describe('where partitions lie that were taken over', () => {
  const topic: StartedTopic = {
    ...{ topic: 'orders', sourceTopicId: 'S1', destinationTopicId: 'D1', partitionCount: 4 },
    ...{ origin: 'foreign', startAt: earliest, isKeeper: true },
  };
  const shifts = (start: 'fill' | 'shifted') => {
    const [source, destination] = [new FakeCluster('source'), new FakeCluster('destination')];
    source.ranges.set('orders-3', { start: 9n, end: 12n });
    for (const partition of [0, 1, 2, 3]) {
      if (partition < 3) source.ranges.set(`orders-${partition}`, { start: 3n, end: 500n });
      destination.ranges.set(`orders-${partition}`, { start: 0n, end: partition < 3 ? 100n : 0n });
    }
    const options = { link: 'us-to-eu', store: store(takeover), source, destination };
    return new Shifts({ ...options, start, onNotice: () => {}, nowMs: () => 0 });
  };

  it.each(['fill', 'shifted'] as const)(
    'start: %s: as the record says; a partition that came later by itself',
    async (start) => {
      expect(await shifts(start).of(topic)).toEqual({
        kind: 'placed',
        takeoverLife: 1,
        placements: [
          { shift: 31n, startOffset: 131n, witness: { from: 127n, shift: 31n } },
          { shift: -60n, startOffset: 40n, witness: { from: 12n, shift: -58n } },
          { shift: 0n, startOffset: 0n, witness: null },
          { shift: start === 'fill' ? 0n : 9n, startOffset: 0n },
        ],
      });
    },
  );

  it('not where the source topic is another one now', async () => {
    const found = await shifts('fill').of({ ...topic, sourceTopicId: 'S2' });
    expect(found).toMatchObject({ kind: 'sourceRecreated', reason: expect.stringContaining('was S1') });
  });

  it('and who compares or translates reads the same', async () => {
    const topics = new Map([['us.orders', { topicId: 'D1' }]]);
    const destination = { metadata: async () => ({ topics }) } as never;
    const mirrorName = (name: string): string => `us.${name}`;
    const placementOf = await readPlacements({
      destination,
      store: store(takeover),
      link: 'us-to-eu',
      mirrorName,
    });
    expect(placementOf('orders', 1)).toEqual({ shift: -60n, startOffset: 40n, isTaken: true });
    expect(placementOf('orders', 3)).toEqual({ shift: 0n, startOffset: 0n });
  });
});
