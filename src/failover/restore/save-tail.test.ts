import { describe, expect, test } from 'vitest';
import { ArrayLog } from '../../../test/verify/array-log.ts';
import {
  encodeBatch,
  encodeRawBatch,
  type RawRecord,
  type RecordView,
  readRawRecords,
  splitBatches,
} from '../../records/index.ts';
import type { LogSource } from '../../verify/index.ts';
import { verifyTail } from './save-tail.ts';
import { savedRecord } from './saved-record.ts';
import { markersOf, readTail, type TailBatch } from './tail.ts';

const origin = { topic: 'orders', partition: 2 };

function record(offset: number, value = `value ${offset}`): RecordView {
  return { offset: BigInt(offset), timestamp: 7n, key: null, value: Buffer.from(value), headers: [] };
}

const tail = [0, 1, 2, 3, 4].map((offset) => record(offset));
const rawOf = (records: readonly RecordView[]): RawRecord[] => [
  ...readRawRecords(splitBatches(encodeBatch(records)).batches[0]!),
];

/** The quarantine with these records, in this order. */
function savedLog(records: readonly RawRecord[]): ArrayLog {
  const saved = records.map((one, index) => savedRecord(one, origin, null, BigInt(index)));
  return new ArrayLog(
    saved.map(({ offset, timestamp, tail: bytes }) => {
      const view = { offset, timestamp, tail: bytes };
      return encodeRawBatch([view]);
    }),
  );
}

const wholeTail = () => new ArrayLog([encodeBatch(tail.slice(0, 3)), encodeBatch(tail.slice(3))]);

const verify = (saved: ArrayLog, lost = wholeTail()) =>
  verifyTail({
    ...{ origin, savedTo: 'orders.lost', lost: { committed: lost, uncommitted: lost } },
    range: { start: 1n, lastStableOffset: 5n, end: 5n },
    logs: { partitionLog: () => saved } as unknown as LogSource,
  });

describe('what was saved, read back', () => {
  const wanted = rawOf(tail).slice(1);

  test('is all there', async () => {
    expect((await verify(savedLog(wanted))).records).toBe(4n);
  });

  test.each([
    ['lacks its last record', wanted.slice(0, 3), 'offset 4 is not in orders.lost'],
    ['lacks one in its midst', [wanted[0]!, ...wanted.slice(2)], 'offset 2 is not in orders.lost'],
    ['holds one twice', [wanted[0]!, ...wanted], 'offset 1 is no record of orders-2'],
    ['holds another value', rawOf([record(1, 'other'), ...tail.slice(2)]), 'offset 1 is not what stands'],
    ['holds one more', [...wanted, ...rawOf([record(9)])], 'offset 4 is no record of orders-2'],
    ['is empty', [], 'offset 1 is not in orders.lost'],
  ])('%s: named, and nothing is deleted', async (_name, saved, message) => {
    await expect(verify(savedLog(saved))).rejects.toThrow(message);
    await expect(verify(savedLog(saved))).rejects.toThrow('nothing is deleted');
  });

  test('holds what the cleaner has taken from the lost log since', async () => {
    const lost = new ArrayLog([encodeBatch([tail[1]!, tail[4]!], { lastOffset: 4n })]);
    expect((await verify(savedLog(wanted), lost)).records).toBe(2n);
  });
});

describe('the tail of a log', () => {
  const transactional = (offset: number, producerId: bigint) =>
    encodeBatch([record(offset)], { isTransactional: true, producerId, producerEpoch: 0, baseSequence: 0 });
  const marker = (offset: number, producerId: bigint, isCommit: boolean) => {
    const key = Buffer.from([0, 0, 0, isCommit ? 1 : 0]);
    const own = { ...record(offset, ''), key };
    return encodeBatch([own], { isTransactional: true, isControl: true, producerId, producerEpoch: 0 });
  };
  // 0 open | 1 committed | 2 its marker | 3 the same producer, aborted | 4 its marker | 5 plain
  const log = new ArrayLog([
    transactional(0, 1n),
    transactional(1, 2n),
    marker(2, 2n, true),
    transactional(3, 2n),
    marker(4, 2n, false),
    encodeBatch([record(5)]),
  ]);

  async function tailFrom(start: bigint, lastStableOffset: bigint): Promise<[bigint, TailBatch['fate']][]> {
    const found: [bigint, TailBatch['fate']][] = [];
    for await (const { records, fate } of readTail(
      { committed: log, uncommitted: log },
      { start, lastStableOffset, end: 6n },
    ))
      found.push([records[0]!.offset, fate]);
    return found;
  }

  test('says what became of each transaction behind the last stable offset', async () => {
    expect(await tailFrom(0n, 0n)).toEqual([
      [0n, 'undecided'],
      [1n, 'committed'],
      [3n, 'aborted'],
      [5n, null],
    ]);
  });

  test('in front of it the broker tells the aborted ones, and the others are committed', async () => {
    expect(await tailFrom(1n, 6n)).toEqual([
      [1n, 'committed'],
      [3n, 'committed'],
      [5n, null],
    ]);
    log.aborted = [{ producerId: 2n, firstOffset: 3n }];
    expect((await tailFrom(2n, 6n))[0]).toEqual([3n, 'aborted']);
  });

  test('begins and ends in the midst of a batch', async () => {
    const whole = new ArrayLog([encodeBatch(tail)]);
    const found: bigint[] = [];
    for (const lastStableOffset of [5n, 0n]) {
      const range = { start: 2n, lastStableOffset, end: 4n };
      for await (const { records } of readTail({ committed: whole, uncommitted: whole }, range))
        found.push(...records.map(({ offset }) => offset));
    }
    expect(found).toEqual([2n, 3n, 2n, 3n]);
  });

  test('markers that are none are passed over', async () => {
    const odd = encodeBatch([{ ...record(0), key: Buffer.from([0, 0, 0, 2]) }], {
      isControl: true,
      producerId: 1n,
    });
    async function* batches() {
      yield { view: splitBatches(odd).batches[0]!, isAborted: false };
    }
    expect((await markersOf(batches())).size).toBe(0);
  });
});
