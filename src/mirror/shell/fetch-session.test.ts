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
