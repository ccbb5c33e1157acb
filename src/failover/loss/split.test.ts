import { describe, expect, test } from 'vitest';
import { cutTransactions, type PlacedPart } from './split.ts';

/** A committed part that ends at `atMs`; all of it lies in [from, to]. */
function part(
  changes: Partial<Omit<PlacedPart, 'end'>> & { atMs?: number; endEpoch?: number; isCommit?: boolean },
) {
  const { atMs = 0, endEpoch = 1, isCommit = true, ...rest } = changes;
  const place = { topic: 'orders', partition: 0, cutOffset: 100n };
  const data = { producerId: 7n, producerEpoch: 0, from: 90n, to: 95n };
  return { ...place, ...data, ...rest, end: { isCommit, epoch: endEpoch, atMs: BigInt(atMs) } } as PlacedPart;
}

const here = { from: 90n, to: 95n };
const missing = { partition: 1, from: 100n, to: 104n };
const none = new Map<bigint, string>();

describe('a transaction on two partitions', () => {
  test('is split when one came over and the other did not', () => {
    expect(cutTransactions([part(here), part(missing)], new Map([[7n, 'pay']]))).toEqual({
      split: [
        {
          ...{
            kind: 'split',
            transactionalId: 'pay',
            producerId: '7',
            outcome: 'committed',
            matchedBy: 'epoch',
          },
          ...{ here: ['orders-0'], missing: ['orders-1 from 100'] },
        },
      ],
      lostCount: 0,
    });
  });

  test('is lost when both are behind the cut, and whole when neither is', () => {
    expect(cutTransactions([part({ from: 100n, to: 101n }), part(missing)], none)).toEqual({
      split: [],
      lostCount: 1,
    });
    expect(cutTransactions([part(here), part({ ...here, partition: 1 })], none)).toEqual({
      split: [],
      lostCount: 0,
    });
  });

  test('is no loss when it was aborted: nobody could read it', () => {
    const parts = [part({ ...here, isCommit: false }), part({ ...missing, isCommit: false })];
    expect(cutTransactions(parts, none)).toEqual({ split: [], lostCount: 0 });
  });

  test('of another epoch is another transaction', () => {
    const parts = [part(here), part({ ...missing, producerEpoch: 1, endEpoch: 2 })];
    expect(cutTransactions(parts, none)).toEqual({ split: [], lostCount: 1 });
  });
});

test('the first record behind the cut is missing, the last one in front of it is here', () => {
  const last = part({ from: 99n, to: 99n });
  const first = part({ partition: 1, from: 100n, to: 100n });
  expect(cutTransactions([last, first], none).split).toMatchObject([
    { here: ['orders-0'], missing: ['orders-1 from 100'] },
  ]);
});

test('the cut in the midst of a partition splits its transaction', () => {
  expect(cutTransactions([part({ from: 98n, to: 103n })], none).split).toMatchObject([
    { here: ['orders-0'], missing: ['orders-0 from 100'], transactionalId: null },
  ]);
});

describe('where epochs stay the same (before KIP-890)', () => {
  const old = { endEpoch: 0 };

  test('markers that stand close together are likely those of one transaction', () => {
    const parts = [part({ ...here, ...old, atMs: 10 }), part({ ...missing, ...old, atMs: 12 })];
    expect(cutTransactions(parts, none).split).toMatchObject([{ matchedBy: 'time', here: ['orders-0'] }]);
  });

  test('the next transaction on the same partition is another one', () => {
    const parts = [
      part({ ...here, ...old, atMs: 10 }),
      part({ from: 100n, to: 101n, ...old, atMs: 20 }),
      part({ ...missing, ...old, atMs: 21 }),
    ];
    expect(cutTransactions(parts, none)).toEqual({ split: [], lostCount: 1 });
  });

  test('markers that stand far apart are not taken for one', () => {
    const parts = [part({ ...here, ...old, atMs: 10 }), part({ ...missing, ...old, atMs: 9_000 })];
    expect(cutTransactions(parts, none)).toEqual({ split: [], lostCount: 1 });
  });
});
