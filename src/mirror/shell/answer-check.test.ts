import { describe, expect, it, test } from 'vitest';
import {
  type AbortedTransaction,
  BatchView,
  batchChecksum,
  encodeBatch,
  markAborted,
} from '../../records/index.ts';
import { checkAnswer } from './answer-check.ts';

const record = (offset: bigint, fields: { key?: Buffer } = {}) => ({
  offset,
  timestamp: 1n,
  key: fields.key ?? null,
  value: Buffer.from('value'),
  headers: [],
});

/** Records at these offsets, of a transaction of producer 7 where `transactional`. */
function data(offsets: bigint[], options: { transactional?: boolean } = {}): BatchView {
  const batch = encodeBatch(
    offsets.map((offset) => record(offset)),
    {
      compression: 'none',
      producerId: 7n,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: options.transactional ?? false,
    },
  );
  return new BatchView(batch, 0);
}

function changed(view: BatchView, change: (buffer: Buffer) => void): BatchView {
  const copy = Buffer.from(view.bytes);
  change(copy);
  const sealed = new BatchView(copy, 0);
  copy.writeInt32BE(batchChecksum(sealed) | 0, 17);
  return sealed;
}

const controlBits = 0x30;
/** A transaction marker of producer 7; types as Kafka has them. */
function marker(offset: bigint, type: number): BatchView {
  const key = Buffer.from([0, 0, 0, type]);
  const batch = encodeBatch([record(offset, { key })], {
    compression: 'none',
    producerId: 7n,
    producerEpoch: 0,
    baseSequence: -1,
    isTransactional: true,
  });
  return changed(new BatchView(batch, 0), (buffer) => buffer.writeInt16BE(controlBits, 21));
}
const abort = 0;
const commit = 1;

/** A batch that the cleaner emptied: its header alone. */
function emptied(base: bigint, last: bigint): BatchView {
  const header = Buffer.from(data([base]).bytes.subarray(0, 61));
  header.writeInt32BE(61 - 12, 8);
  header.writeInt32BE(Number(last - base), 23);
  header.writeInt32BE(0, 57);
  return changed(new BatchView(header, 0), () => {});
}

interface Question {
  offset?: bigint;
  end?: bigint;
  aborted?: AbortedTransaction[];
}
function check(views: BatchView[], { offset = 0n, end = 100n, aborted = [] }: Question = {}): number {
  return checkAnswer(markAborted(views, aborted), { offset, end }).length;
}

describe('what honest sources answer', () => {
  test.each<[string, BatchView[], Question?]>([
    ['batches that follow each other', [data([0n, 1n]), data([2n])]],
    ['one that starts below what was asked for, and reaches it', [data([0n, 1n, 2n])], { offset: 2n }],
    ['gaps between and inside of batches', [data([0n, 3n]), data([9n])]],
    ['a batch that compaction emptied', [emptied(0n, 9n), data([10n])]],
    ['the end of an old transaction', [marker(0n, abort)]],
    ['a committed transaction', [data([0n], { transactional: true }), marker(1n, commit)]],
    [
      'an aborted one',
      [data([0n], { transactional: true }), marker(1n, abort)],
      { aborted: [{ producerId: 7n, firstOffset: 0n }] },
    ],
    [
      'one after the other',
      [
        data([0n], { transactional: true }),
        marker(1n, commit),
        data([2n], { transactional: true }),
        marker(3n, abort),
        data([4n], { transactional: true }),
      ],
      { aborted: [{ producerId: 7n, firstOffset: 2n }] },
    ],
    ['records above an end that was read a moment before', [data([0n, 1n]), data([2n])], { end: 0n }],
  ])('%s', (_name, views, question) => {
    expect(check(views, question)).toBe(views.length);
  });

  it('is cut where a hole reaches above the end: the next answer has the newer end', () => {
    const views = [data([0n]), data([5n]), data([6n])];
    expect(check(views, { end: 5n })).toBe(1);
    expect(check(views, { end: 6n })).toBe(3);
    expect(check([data([0n]), marker(1n, commit)], { end: 1n })).toBe(1);
  });
});

describe('what none can answer', () => {
  const allZero = (buffer: Buffer) => buffer.writeInt32BE(0, 57);
  test.each<[string, BatchView[], RegExp, Question?]>([
    ['an old batch again', [data([0n, 1n])], /offsets 0 to 1, and 5 was asked for/, { offset: 5n }],
    ['batches over each other', [data([0n, 1n]), data([1n])], /the one before it ends below 2/],
    ['batches in another order', [data([5n]), data([0n])], /goes back/],
    [
      'records that are not counted',
      [changed(data([0n, 1n]), allZero)],
      /counts no records and has \d+ bytes/,
    ],
    ['a hole up to beyond the end', [data([2n ** 62n])], /lies beyond the end/],
    ['a batch with gaps that reaches beyond the end', [data([0n, 100n])], /lies beyond the end/],
    [
      'data said to be a marker',
      [changed(data([0n]), (buffer) => buffer.writeInt16BE(0x20, 21))],
      /no transaction marker/,
    ],
    ['a marker of another kind', [marker(0n, 2)], /no transaction marker/],
    [
      'an aborted transaction that is not listed',
      [data([0n], { transactional: true }), marker(1n, abort)],
      /says abort, and its transaction is not in the list/,
    ],
    [
      'a committed one that is',
      [data([0n], { transactional: true }), marker(1n, commit)],
      /says commit, and its transaction is in the list/,
      { aborted: [{ producerId: 7n, firstOffset: 0n }] },
    ],
  ])('%s', (_name, views, message, question) => {
    expect(() => check(views, question)).toThrow(message);
    expect(() => check(views, question)).toThrow(expect.objectContaining({ code: 'BATCH_CORRUPT' }));
  });

  it('a wrong checksum of what would be left out', () => {
    for (const view of [marker(0n, commit), emptied(0n, 3n)]) {
      view.buffer[20]! ^= 1;
      expect(() => check([view])).toThrow(/does not have the checksum/);
    }
    const aborted = data([0n], { transactional: true });
    aborted.buffer[aborted.buffer.length - 1]! ^= 1;
    expect(() => check([aborted], { aborted: [{ producerId: 7n, firstOffset: 0n }] })).toThrow(/checksum/);
  });
});

it('leaves formats v0 and v1 to the named state that they end in', () => {
  const view = data([0n]);
  view.buffer[16] = 1;
  expect(check([view], { offset: 50n })).toBe(1);
});
