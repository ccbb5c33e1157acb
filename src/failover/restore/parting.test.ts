import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArrayLog, inBatches } from '../../../test/verify/array-log.ts';
import { encodeBatch, type RecordView } from '../../records/index.ts';
import { findParting, type LostLog } from './parting.ts';
import type { PartitionPlan } from './types.ts';

function record(offset: number, value: string): RecordView {
  return {
    offset: BigInt(offset),
    timestamp: BigInt(1_000 + offset),
    key: null,
    value: Buffer.from(value),
    headers: [],
  };
}

const range = (start: number, end: number, value: (offset: number) => string): RecordView[] =>
  Array.from({ length: end - start }, (_, i) => record(start + i, value(start + i)));

function lostLog(log: ArrayLog, fields: Partial<LostLog> = {}): LostLog {
  const { logStartOffset: logStart, highWatermark: logEnd, lastStableOffset } = log;
  return { partition: 0, logStart, logEnd, lastStableOffset, ...fields };
}

interface Sides {
  readonly lost: RecordView[];
  readonly home: RecordView[];
  readonly cut: number | null;
  readonly window?: number | null;
  readonly wasContinued?: boolean;
  readonly sizes?: readonly [number[], number[]];
  /** The logs' starts; what is in front of them is there no more. */
  readonly starts?: readonly [lost: number, home: number];
}

function find({
  lost,
  home,
  cut,
  window = 4,
  wasContinued = false,
  sizes = [[3], [3]],
  starts = [0, 0],
}: Sides): Promise<PartitionPlan> {
  const logOf = (records: RecordView[], side: 0 | 1): ArrayLog => {
    const start = BigInt(Math.min(starts[side], records.length));
    const batches = inBatches(
      records.filter(({ offset }) => offset >= start),
      sizes[side],
    );
    return new ArrayLog(batches, { logStartOffset: start, highWatermark: BigInt(records.length) });
  };
  const [one, other] = [logOf(lost, 0), logOf(home, 1)];
  return findParting({ lost: one, home: other }, lostLog(one), {
    cutOffset: cut === null ? null : BigInt(cut),
    windowOffsets: window === null ? null : BigInt(window),
    ...{ gapsHoldCopies: false, wasContinued },
  });
}

const same = (offset: number): string => `same ${offset}`;

describe('where two logs part', () => {
  test('a log that ends at the cut continues there', async () => {
    const plan = await find({ lost: range(0, 20, same), home: range(0, 30, same), cut: 20 });
    expect(plan).toMatchObject({ standing: 'continues', partingOffset: 20n });
    expect(plan.compared).toEqual({ start: 16n, end: 20n });
  });

  test('a log that lost its own end continues where it ends', async () => {
    const plan = await find({ lost: range(0, 15, same), home: range(0, 30, same), cut: 20 });
    expect(plan).toMatchObject({ standing: 'continues', partingOffset: 15n });
  });

  test('a log that goes on behind the cut parts at the cut, also when the same was produced again on both sides', async () => {
    const plan = await find({ lost: range(0, 25, same), home: range(0, 30, same), cut: 20 });
    expect(plan).toMatchObject({ standing: 'ahead', partingOffset: 20n, logEnd: 25n });
  });

  test('other records in front of the cut are found, although the log ends there and its end looks the same', async () => {
    const replaced = (offset: number): string =>
      offset >= 10 && offset < 18 ? `other ${offset}` : same(offset);
    const plan = await find({ lost: range(0, 20, replaced), home: range(0, 30, same), cut: 20 });
    expect(plan).toMatchObject({ standing: 'different', partingOffset: 10n });
  });

  describe('a mirror that somebody else wrote to', () => {
    const mirror = { home: range(0, 60, same), cut: 20, wasContinued: true };
    const late = (from: number, to: number) => (offset: number) =>
      offset >= from && offset < to ? `late ${offset}` : same(offset);

    test('parts where the first of theirs stands, and not at its cut', async () => {
      const plan = await find({ ...mirror, lost: range(0, 40, late(35, 40)) });
      expect(plan).toMatchObject({
        standing: 'ahead',
        partingOffset: 35n,
        compared: { start: 0n, end: 40n },
      });
    });

    test('parts there, although what follows is the same at the same offsets, for longer than any window', async () => {
      const plan = await find({ ...mirror, lost: range(0, 50, late(22, 23)) });
      expect(plan).toMatchObject({ standing: 'ahead', partingOffset: 22n });
    });

    test('parts where the new primary ends', async () => {
      const plan = await find({ ...mirror, lost: range(0, 64, same) });
      expect(plan).toMatchObject({ standing: 'ahead', partingOffset: 60n, logEnd: 64n });
    });

    test('parts right behind the cut where it was written to before anything was copied', async () => {
      const plan = await find({ ...mirror, lost: range(0, 23, late(20, 23)) });
      expect(plan).toMatchObject({ standing: 'ahead', partingOffset: 20n });
    });

    test('is compared as a whole where no cut is known', async () => {
      const plan = await find({ ...mirror, cut: null, lost: range(0, 40, late(3, 4)) });
      expect(plan).toMatchObject({ standing: 'ahead', partingOffset: 3n, compared: { start: 0n, end: 40n } });
    });

    test('continues where both are the same, and differs in front of the cut where its leader lost records', async () => {
      expect(await find({ ...mirror, lost: range(0, 40, same) })).toMatchObject({
        ...{ standing: 'continues', partingOffset: 40n },
      });
      const plan = await find({ ...mirror, lost: range(0, 40, late(12, 40)) });
      expect(plan).toMatchObject({ standing: 'different', partingOffset: 12n });
    });
  });

  test('offsets without a record say nothing: it is looked further in front', async () => {
    const [lost, home] = ['lost', 'home'].map(
      (side) =>
        new ArrayLog([
          encodeBatch(range(0, 3, (offset) => (offset < 2 ? same(offset) : side))),
          encodeBatch([], { baseOffset: 3n, lastOffset: 19n }),
        ]),
    );
    const options = { cutOffset: 20n, windowOffsets: 4n, gapsHoldCopies: false };
    const plan = await findParting({ lost: lost!, home: home! }, lostLog(lost!), options);
    expect(plan).toMatchObject({ standing: 'different', partingOffset: 2n });
  });

  test('an open transaction in front of the cut may be decided another way', async () => {
    const lost = new ArrayLog(inBatches(range(0, 18, same), [3]), { lastStableOffset: 15n });
    const home = new ArrayLog(inBatches(range(0, 30, same), [3]));
    const options = { cutOffset: 20n, windowOffsets: 4n, gapsHoldCopies: false };
    const plan = await findParting({ lost, home }, lostLog(lost), options);
    expect(plan).toMatchObject({ standing: 'undecided', partingOffset: 15n });
  });

  test('without a cut everything is compared', async () => {
    const home = range(0, 30, (offset) => (offset < 12 ? same(offset) : 'new'));
    const plan = await find({ lost: range(0, 20, same), home, cut: null });
    expect(plan).toMatchObject({ standing: 'different', partingOffset: 12n });
    expect(plan.compared).toEqual({ start: 0n, end: 20n });
  });

  test('an empty log continues, and one whose start is gone is compared from there', async () => {
    const home = new ArrayLog(inBatches(range(0, 30, same), [3]));
    const options = { cutOffset: 20n, windowOffsets: null, gapsHoldCopies: false };
    const empty = new ArrayLog([]);
    expect(await findParting({ lost: empty, home }, lostLog(empty), options)).toMatchObject({
      ...{ standing: 'continues', partingOffset: 0n, compared: null },
    });
    const late = new ArrayLog(inBatches(range(9, 20, same), [3]));
    expect(await findParting({ lost: late, home }, lostLog(late), options)).toMatchObject({
      ...{ standing: 'continues', partingOffset: 20n, compared: { start: 9n, end: 20n } },
    });
  });

  test('what the new primary does not have any more is only here, up to its start or where the logs part', async () => {
    const sides = { lost: range(0, 25, same), home: range(0, 30, same), cut: 20 };
    const older = async (starts: [number, number], cut = 20): Promise<bigint> =>
      (await find({ ...sides, cut, starts })).olderEnd;
    expect(await older([0, 15])).toBe(15n);
    expect(await older([5, 15])).toBe(15n);
    expect(await older([15, 5])).toBe(15n);
    expect(await older([0, 22])).toBe(20n);
    expect(await older([0, 15], 26)).toBe(15n);
  });

  test('markers on one side where the other has none are no difference in front of the cut', async () => {
    const marker = encodeBatch([record(6, 'marker')], { isControl: true, isTransactional: true });
    const lost = new ArrayLog([
      ...inBatches(range(0, 6, same), [3]),
      marker,
      ...inBatches(range(7, 20, same), [3]),
    ]);
    const home = new ArrayLog([...inBatches(range(0, 6, same), [4]), ...inBatches(range(7, 30, same), [5])]);
    const options = { cutOffset: 20n, windowOffsets: null, gapsHoldCopies: false };
    expect((await findParting({ lost, home }, lostLog(lost), options)).standing).toBe('continues');
  });
});

// Invariants: nothing in front of the parting differs; nothing at or behind it is kept; what continues is a prefix.
test('property: the parting is the first difference or the cut, whatever the batches and the window', async () => {
  const length = fc.integer({ min: 1, max: 60 });
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        lostEnd: length,
        cut: length,
        more: fc.nat(20),
        partAt: fc.nat(60),
        window: length,
        sizes: fc.tuple(sizes, sizes),
      }),
      async ({ lostEnd, cut, more, partAt, window, sizes: batches }) => {
        const lost = range(0, lostEnd, (offset) => (offset < partAt ? same(offset) : `lost ${offset}`));
        const home = range(0, cut + more, same);
        const plan = await find({ lost, home, cut, window, sizes: batches });
        const expected = Math.min(lostEnd, cut, partAt);
        expect(Number(plan.partingOffset)).toBe(plan.standing === 'continues' ? lostEnd : expected);
        expect(plan.standing === 'continues').toBe(lostEnd <= cut && partAt >= lostEnd);
      },
    ),
    { numRuns: 300 },
  );
});

// Invariant: every record of a log that is deleted is older history, or tail, or stands at the new primary just the same.
test('property: nothing is left out between what is saved and what the new primary has', async () => {
  const offset = fc.nat(40);
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ...{ lostEnd: fc.integer({ min: 1, max: 40 }), cut: offset, more: fc.nat(20), partAt: offset },
        ...{ window: fc.integer({ min: 1, max: 40 }), starts: fc.tuple(offset, offset) },
      }),
      async ({ lostEnd, cut, more, partAt, window, starts }) => {
        const lost = range(0, lostEnd, (at) => (at < partAt ? same(at) : `lost ${at}`));
        const home = range(0, cut + more, same);
        const homeStart = Math.min(starts[1], home.length);
        const plan = await find({ lost, home, cut, window, starts });
        const { logStart, olderEnd, partingOffset, logEnd } = plan;
        expect(logStart <= olderEnd && (olderEnd <= partingOffset || olderEnd === logStart)).toBe(true);
        for (let at = Number(logStart); at < logEnd; at++) {
          if (at < olderEnd || at >= partingOffset) continue;
          expect(at >= homeStart && at < Math.min(cut, partAt), `offset ${at}`).toBe(true);
        }
        // No more than that is saved as older history.
        expect(Number(olderEnd)).toBeLessThanOrEqual(Math.max(homeStart, Number(logStart)));
      },
    ),
    { numRuns: 500 },
  );
});
