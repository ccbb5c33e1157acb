import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AbortedTransaction, BatchView, encodeBatch, markAborted } from './index.ts';

const markerTypes = { abort: 0, commit: 1 } as const;

function data(
  offset: bigint,
  producerId: bigint,
  options: { isTransactional?: boolean; count?: number } = {},
) {
  const { isTransactional = true, count = 1 } = options;
  const records = Array.from({ length: count }, (_, index) => ({
    offset: offset + BigInt(index),
    timestamp: 5n,
    key: null,
    value: Buffer.from('value'),
    headers: [],
  }));
  const view = new BatchView(encodeBatch(records, { isTransactional, producerId, compression: 'lz4' }), 0);
  // Whoever decompresses it meets no LZ4 frame.
  view.payload.fill(0xee);
  return view;
}

function marker(offset: bigint, producerId: bigint, type: keyof typeof markerTypes, key = markerKey(type)) {
  const record = { offset, timestamp: 5n, key, value: Buffer.alloc(6), headers: [] };
  return new BatchView(encodeBatch([record], { isControl: true, isTransactional: true, producerId }), 0);
}

function markerKey(type: keyof typeof markerTypes): Buffer {
  return Buffer.from([0, 0, 0, markerTypes[type]]);
}

const abortedOffsets = (batches: BatchView[], aborted: AbortedTransaction[] | null) =>
  markAborted(batches, aborted)
    .filter(({ isAborted }) => isAborted)
    .map(({ view }) => view.baseOffset);

describe('the batches of aborted transactions', () => {
  it('are told apart where transactions of several producers interleave', () => {
    const batches = [
      data(0n, 1n),
      data(1n, 2n),
      data(2n, 3n),
      data(3n, 1n),
      marker(4n, 2n, 'abort'),
      data(5n, 2n), // its next transaction, committed
      marker(6n, 1n, 'commit'),
      data(7n, 3n),
      marker(8n, 2n, 'commit'),
      marker(9n, 3n, 'abort'),
      data(10n, 3n), // committed or still open: not named
    ];
    const aborted = [
      { producerId: 3n, firstOffset: 2n },
      { producerId: 2n, firstOffset: 1n },
    ];
    expect(abortedOffsets(batches, aborted)).toEqual([1n, 2n, 7n]);
  });

  it('end at the marker: the next transaction of the same producer is seen, the one after it not', () => {
    const batches = [
      data(0n, 7n),
      marker(1n, 7n, 'abort'),
      data(2n, 7n),
      marker(3n, 7n, 'commit'),
      data(4n, 7n),
      marker(5n, 7n, 'abort'),
    ];
    const aborted = [
      { producerId: 7n, firstOffset: 0n },
      { producerId: 7n, firstOffset: 4n },
    ];
    expect(abortedOffsets(batches, aborted)).toEqual([0n, 4n]);
  });

  it('are known in a response that begins in the middle of one, and in one that ends there', () => {
    const aborted = [
      { producerId: 7n, firstOffset: 10n },
      { producerId: 8n, firstOffset: 45n },
    ];
    const batches = [data(40n, 7n), marker(41n, 7n, 'abort'), data(42n, 7n), data(45n, 8n)];
    expect(abortedOffsets(batches, aborted)).toEqual([40n, 45n]);
  });

  it('begin inside no batch of another producer, but count from the batch that reaches their first offset', () => {
    const batches = [data(0n, 7n, { count: 10 }), data(10n, 8n, { count: 5 })];
    expect(abortedOffsets(batches, [{ producerId: 8n, firstOffset: 10n }])).toEqual([10n]);
    expect(abortedOffsets(batches, [{ producerId: 7n, firstOffset: 0n }])).toEqual([0n]);
    expect(abortedOffsets(batches, [{ producerId: 8n, firstOffset: 15n }])).toEqual([]);
  });

  it('hold nothing that the same producer wrote outside of transactions', () => {
    const batches = [data(0n, 7n, { isTransactional: false }), data(1n, 7n)];
    expect(abortedOffsets(batches, [{ producerId: 7n, firstOffset: 0n }])).toEqual([1n]);
  });

  it('are none in formats v0 and v1, whose bytes are where v2 has other fields', () => {
    const legacy = data(3n, 7n);
    legacy.buffer[16] = 1;
    expect(abortedOffsets([legacy, data(4n, 7n)], [{ producerId: 7n, firstOffset: 0n }])).toEqual([4n]);
  });

  it('are none where the broker names none', () => {
    expect(abortedOffsets([data(0n, 7n), marker(1n, 7n, 'abort')], null)).toEqual([]);
    expect(abortedOffsets([data(0n, 7n), marker(1n, 7n, 'abort')], [])).toEqual([]);
  });
});

describe('markers', () => {
  const aborted = [{ producerId: 7n, firstOffset: 0n }];

  it('end nothing when the cleaner left an empty batch of them, or their type is unknown', () => {
    const options = { isControl: true, isTransactional: true, producerId: 7n, baseOffset: 1n };
    const emptied = new BatchView(encodeBatch([], options), 0);
    const unknown = marker(2n, 7n, 'abort', Buffer.from([0, 0, 0, 9]));
    expect(abortedOffsets([data(0n, 7n), emptied, unknown, data(3n, 7n)], aborted)).toEqual([0n, 3n]);
  });

  it('are refused as corrupt when their key is too short, as in Kafka, where they matter', () => {
    const short = marker(1n, 7n, 'abort', Buffer.from([0, 0, 0]));
    expect(() => markAborted([data(0n, 7n), short], aborted)).toThrow(
      expect.objectContaining({ code: 'BATCH_CORRUPT' }),
    );
    expect(abortedOffsets([marker(0n, 8n, 'abort', Buffer.alloc(1)), data(1n, 7n)], aborted)).toEqual([1n]);
  });
});

/** What a broker's log and its index of aborted transactions hold after some producers' steps. */
function logOf(steps: { producer: number; step: 'write' | 'commit' | 'abort'; count: number }[]) {
  const batches: { view: BatchView; producer: number }[] = [];
  const transactions: { producer: number; first: bigint; last: bigint; isAborted: boolean }[] = [];
  const open = new Map<number, bigint>();
  let end = 0n;
  for (const { producer, step, count } of steps) {
    const first = open.get(producer);
    if (step === 'write') {
      if (first === undefined) open.set(producer, end);
      batches.push({ view: data(end, BigInt(producer), { count }), producer });
      end += BigInt(count);
    } else if (first !== undefined) {
      open.delete(producer);
      transactions.push({ producer, first, last: end, isAborted: step === 'abort' });
      batches.push({ view: marker(end, BigInt(producer), step), producer });
      end += 1n;
    }
  }
  const lastStable = [...open.values()].reduce((least, first) => (first < least ? first : least), end);
  return { batches: batches.filter(({ view }) => view.baseOffset < lastStable), transactions };
}

it('random transactions: a response cut anywhere shows exactly what was aborted', () => {
  const step = fc.record({
    producer: fc.integer({ min: 1, max: 4 }),
    step: fc.constantFrom('write' as const, 'write' as const, 'commit' as const, 'abort' as const),
    count: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), fc.nat(60), (steps, from, length) => {
      const { batches, transactions } = logOf(steps);
      const answer = batches.slice(from, from + length + 1);
      if (answer.length === 0) return;
      // Kafka: AbortedTxn of LocalLog.read: what ends at or behind the fetched offset and begins before the end.
      const fetched = answer[0]!.view.baseOffset;
      const bound = answer.at(-1)!.view.nextOffset;
      const named = transactions
        .filter(({ isAborted, first, last }) => isAborted && last >= fetched && first < bound)
        .map(({ producer, first }) => ({ producerId: BigInt(producer), firstOffset: first }));
      const marked = markAborted(
        answer.map(({ view }) => view),
        named,
      );
      const expected = answer.map(({ view, producer }) => ({
        view,
        isAborted:
          !view.isControl &&
          transactions.some(
            (transaction) =>
              transaction.isAborted &&
              transaction.producer === producer &&
              transaction.first <= view.baseOffset &&
              view.lastOffset < transaction.last,
          ),
      }));
      expect(marked).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});
