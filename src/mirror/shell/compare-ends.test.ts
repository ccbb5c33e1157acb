// What a primary's producers left at the end of a log against what was copied of it: all that differs there rightly, and
// what does not.
import { describe, expect, it } from 'vitest';
import {
  type AbortedTransaction,
  BatchView,
  type EncodeOptions,
  encodeBatch,
  type RecordView,
} from '../../records/index.ts';
import { type ComparedLog, compareEnds } from './compare-ends.ts';
import type { Ask } from './log-answers.ts';

const topicId = '11111111-2222-3333-4444-555555555555';
const log = { topic: 'orders', topicId, partition: 0, leaderEpoch: 1 };
const all = { from: 0n, to: 10n };

function record(offset: number, value = `value ${offset}`): RecordView {
  const at = BigInt(offset);
  return { offset: at, timestamp: 1_000n + at, key: null, value: Buffer.from(value), headers: [] };
}

function records(from: number, to: number, options: EncodeOptions = {}): Buffer {
  const list = Array.from({ length: to - from }, (_, index) => record(from + index));
  return encodeBatch(list, { producerId: 1n << 62n, producerEpoch: 0, baseSequence: from, ...options });
}

/** A marker: key (version, type), as coordinators and WriteTxnMarkers write it. */
function marker(offset: number, { producerId = 1n << 62n, isCommit = true } = {}): Buffer {
  const key = Buffer.from([0, 0, 0, isCommit ? 1 : 0]);
  const entry = { ...record(offset), key, value: Buffer.alloc(6) };
  return encodeBatch([entry], { producerId, isControl: true, isTransactional: true });
}

/** Answers Fetch from these batches, a few in each answer. */
function logOf(
  batches: readonly Buffer[],
  { stable = 10n, aborted = [] as AbortedTransaction[], perAnswer = 2, shift = 0n } = {},
): ComparedLog {
  const ask = (async (_api: unknown, input: { topics: { partitions: { fetchOffset: bigint }[] }[] }) => {
    const { fetchOffset } = input.topics[0]!.partitions[0]!;
    const found = batches.filter((batch) => {
      const view = new BatchView(batch, 0);
      return view.nextOffset > fetchOffset && view.lastOffset < stable;
    });
    const partition = {
      ...{ partitionIndex: 0, errorCode: 0, abortedTransactions: aborted },
      records: Buffer.concat(found.slice(0, perAnswer)),
    };
    return { errorCode: 0, responses: [{ topic: '', topicId, partitions: [partition] }] };
  }) as unknown as Ask;
  return { log, ask, shift };
}

const producer = { producerId: 7n, producerEpoch: 3, baseSequence: 400 };
const agrees = { kind: 'agrees', compared: true };

describe('two logs agree', () => {
  const copy = logOf([records(0, 3), records(3, 8), marker(8), marker(9)]);

  it('where batches were cut elsewhere, compressed, and written by others', async () => {
    const former = [records(0, 5, { ...producer, compression: 'lz4' }), records(5, 8, producer)];
    const markers = [8, 9].map((offset) => marker(offset, { producerId: 7n }));
    expect(await compareEnds(copy, logOf([...former, ...markers]), all)).toEqual(agrees);
    expect(await compareEnds(logOf([...former, ...markers]), copy, all)).toEqual(agrees);
  });

  it('where producers left aborted records, and the copy markers', async () => {
    const transaction = { ...producer, isTransactional: true };
    const former = logOf(
      [records(0, 8, producer), records(8, 9, transaction), marker(9, { producerId: 7n, isCommit: false })],
      {
        aborted: [{ producerId: 7n, firstOffset: 8n }],
      },
    );
    expect(await compareEnds(copy, former, all)).toEqual(agrees);
    // The same records, committed.
    const committed = logOf([
      records(0, 8, producer),
      records(8, 9, transaction),
      marker(9, { producerId: 7n }),
    ]);
    expect(await compareEnds(copy, committed, all)).toEqual({
      ...{ kind: 'differs', offset: 8n, what: 'only the mirror has a record there' },
    });
  });

  it('where compaction took records on either side', async () => {
    const cleaned = encodeBatch([record(3), record(6)], { baseOffset: 3n, lastOffset: 7n });
    const thin = logOf([records(0, 2), cleaned, marker(8), marker(9)]);
    expect(await compareEnds(copy, thin, all)).toEqual(agrees);
    expect(await compareEnds(thin, copy, all)).toEqual(agrees);
    const nothing = logOf([encodeBatch([], { baseOffset: 0n, lastOffset: 9n })]);
    expect(await compareEnds(copy, nothing, all)).toEqual({ kind: 'agrees', compared: false });
  });

  it('where the broker stamped what producers wrote', async () => {
    const stamped = [3, 4].map((offset) => ({ ...record(offset), timestamp: 5_000n }));
    const former = encodeBatch(
      [3, 4].map((offset) => record(offset)),
      { ...producer, timestampType: 'LogAppendTime', maxTimestamp: 5_000n },
    );
    const range = { from: 3n, to: 5n };
    expect(await compareEnds(logOf([encodeBatch(stamped)]), logOf([former]), range)).toEqual(agrees);
  });

  it('where the mirror is shifted', async () => {
    const later = logOf([records(5, 8)], { shift: 5n });
    const moved = [0, 1, 2].map((offset) => ({ ...record(offset + 5), offset: BigInt(offset) }));
    expect(await compareEnds(later, logOf([encodeBatch(moved, producer)]), { from: 0n, to: 3n })).toEqual(
      agrees,
    );
  });
});

describe('two logs differ', () => {
  const source = logOf([records(0, 8), marker(8), marker(9)]);
  const other = (change: Partial<RecordView>, at = 7): ComparedLog => {
    const list = Array.from({ length: 8 }, (_, offset) =>
      offset === at ? { ...record(offset), ...change } : record(offset),
    );
    return logOf([encodeBatch(list, producer), marker(8), marker(9)]);
  };

  it.each<[string, Partial<RecordView>, string]>([
    ['timestamp', { timestamp: 1n }, 'timestamp'],
    ['value', { value: Buffer.from('other') }, 'key, value or headers'],
    ['tombstone', { value: null }, 'key, value or headers'],
    ['headers', { headers: [{ key: Buffer.from('a'), value: null }] }, 'key, value or headers'],
  ])('in a record’s %s', async (_name, change, what) => {
    expect(await compareEnds(source, other(change), all)).toEqual({ kind: 'differs', offset: 7n, what });
    // The newest record may be alike, and one before it not.
    expect(await compareEnds(source, other(change, 2), all)).toEqual({ kind: 'differs', offset: 2n, what });
  });

  it('where one has a record and the other a marker', async () => {
    const longer = logOf([records(0, 9, producer), marker(9)]);
    const first = { kind: 'differs', offset: 8n };
    expect(await compareEnds(source, longer, all)).toEqual({
      ...{ ...first, what: 'only the mirror has a record there' },
    });
    expect(await compareEnds(longer, source, all)).toEqual({
      ...{ ...first, what: 'only the source has a record there' },
    });
  });
});

it('looks further back until enough records were compared', async () => {
  const markers = Array.from({ length: 40 }, (_, index) => marker(300 + index));
  const long = (value?: string) =>
    logOf(
      [
        encodeBatch(
          Array.from({ length: 300 }, (_, offset) => record(offset, offset === 250 ? value : undefined)),
        ),
        ...markers,
      ],
      { stable: 340n, perAnswer: 7 },
    );
  const range = { from: 0n, to: 340n };
  expect(await compareEnds(long(), long(), range)).toEqual(agrees);
  expect(await compareEnds(long(), long('other'), range)).toMatchObject({ kind: 'differs', offset: 250n });
});

it('can’t say while a transaction is open on one of the sides', async () => {
  const whole = logOf([records(0, 8), marker(8), marker(9)]);
  const open = logOf([records(0, 8), marker(8), marker(9)], { stable: 8n });
  for (const sides of [
    [whole, open],
    [open, whole],
  ] as const)
    await expect(compareEnds(sides[0], sides[1], all)).rejects.toThrow(
      'orders-0 is decided up to 8 only: a transaction is open',
    );
});
