import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FetchPosition, FetchSession, fetchKey } from './fetch-session.ts';

function at(partition: number, offset: bigint, overrides: Partial<FetchPosition> = {}): FetchPosition {
  return {
    topic: 'orders',
    topicId: 'id-of-orders',
    partition,
    offset,
    leaderEpoch: 0,
    lastFetchedEpoch: 0,
    ...overrides,
  };
}

/** As a reader keeps them. */
function all(...positions: FetchPosition[]): Map<string, { position: FetchPosition }> {
  return new Map(positions.map((position) => [fetchKey(position), { position }]));
}

describe('FetchSession', () => {
  it('starts with a full request, then names only what changed', () => {
    const session = new FetchSession();
    expect(session.next(all(at(0, 5n), at(1, 9n)))).toEqual({
      sessionId: 0,
      sessionEpoch: 0,
      changed: [at(0, 5n), at(1, 9n)],
      forgotten: [],
    });
    session.accept(77);
    expect(session.next(all(at(0, 6n), at(1, 9n)))).toEqual({
      sessionId: 77,
      sessionEpoch: 1,
      changed: [at(0, 6n)],
      forgotten: [],
    });
    session.accept(77);
    expect(session.next(all(at(0, 6n), at(1, 9n)))).toMatchObject({ sessionEpoch: 2, changed: [] });
  });

  it('forgets partitions that are not wanted, and names them again when they are', () => {
    const session = new FetchSession();
    session.next(all(at(0, 5n), at(1, 9n)));
    session.accept(77);
    expect(session.next(all(at(1, 9n)))).toMatchObject({ changed: [], forgotten: [at(0, 5n)] });
    session.accept(77);
    expect(session.next(all(at(0, 5n), at(1, 9n)))).toMatchObject({ changed: [at(0, 5n)], forgotten: [] });
  });

  it('names a partition again when an epoch changes', () => {
    const session = new FetchSession();
    session.next(all(at(0, 5n)));
    session.accept(77);
    const moved = at(0, 5n, { leaderEpoch: 1 });
    expect(session.next(all(moved)).changed).toEqual([moved]);
  });

  it('says the same when it is told what is news as when it finds out by itself', () => {
    const step = fc.record({
      partition: fc.integer({ min: 0, max: 5 }),
      offset: fc.option(fc.bigInt({ min: 0n, max: 3n })),
      outcome: fc.constantFrom('nothing', 'asked', 'refused', 'without a session'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [told, finding] = [new FetchSession(), new FetchSession()];
        const wanted = all();
        const news = new Set<string>();
        for (const { partition, offset, outcome } of steps) {
          const position = at(partition, offset ?? 0n);
          const key = fetchKey(position);
          if (offset === null) wanted.delete(key);
          else wanted.set(key, { position });
          news.add(key);
          if (outcome === 'nothing') continue;
          const [one, other] = [told.next(wanted, news), finding.next(wanted)];
          news.clear();
          const inOrder = (list: readonly FetchPosition[]) =>
            list.toSorted((a, b) => a.partition - b.partition);
          expect(inOrder(one.changed)).toEqual(inOrder(other.changed));
          expect(inOrder(one.forgotten)).toEqual(inOrder(other.forgotten));
          for (const session of [told, finding])
            if (outcome === 'refused') session.reset();
            else session.accept(outcome === 'asked' ? 77 : 0);
        }
      }),
    );
  });

  it('sends full requests to a broker that has no room for sessions', () => {
    const session = new FetchSession();
    session.next(all(at(0, 5n)));
    session.accept(0);
    expect(session.next(all(at(0, 5n)))).toEqual({
      sessionId: 0,
      sessionEpoch: 0,
      changed: [at(0, 5n)],
      forgotten: [],
    });
  });

  it('starts again after a reset', () => {
    const session = new FetchSession();
    session.next(all(at(0, 5n)));
    session.accept(77);
    session.reset();
    expect(session.next(all(at(0, 5n)))).toMatchObject({
      sessionId: 0,
      sessionEpoch: 0,
      changed: [at(0, 5n)],
    });
  });

  it('keeps topics without an id apart by name', () => {
    const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';
    expect(fetchKey({ topic: 'a', topicId, partition: 0 })).not.toBe(
      fetchKey({ topic: 'b', topicId, partition: 0 }),
    );
  });
});
