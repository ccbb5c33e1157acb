import { beforeEach, describe, expect, it } from 'vitest';
import {
  type EncodeOptions,
  encodeBatch,
  markAborted,
  splitBatches,
  verifyChecksum,
} from '../../records/index.ts';
import { FrameLease } from './leased-batch.ts';
import { MemoryBudget } from './memory-budget.ts';
import { leaseBatches, leaseRuns } from './tiny-batches.ts';

const options = { from: 10n, shift: 4n, mergedBytesMax: 512 * 1024 };
let budget: MemoryBudget;
let givenBack: number;
let lease: FrameLease;

beforeEach(() => {
  budget = new MemoryBudget({ bytesMax: 1024 * 1024 });
  givenBack = 0;
  lease = new FrameLease(() => {
    givenBack += 1;
  }, budget);
});

/** A batch of one record for each offset; the ones in `what` are different. */
function frame(offsets: readonly number[], what: Readonly<Record<number, EncodeOptions>> = {}): Buffer {
  return Buffer.concat(
    offsets.map((offset) =>
      encodeBatch(
        [{ offset: BigInt(offset), timestamp: 1n, key: null, value: Buffer.from('value'), headers: [] }],
        what[offset],
      ),
    ),
  );
}

/** `10-13` alone, `10+13` put together; at the source's offsets, as all that is said here. */
function leased(records: Buffer, how = options): string[] {
  const made = leaseBatches(markAborted(splitBatches(records).batches, null), lease, how);
  const said = made.map(
    ({ baseOffset, lastOffset, isMerged }) => `${baseOffset + 4n}${isMerged ? '+' : '-'}${lastOffset + 4n}`,
  );
  for (const batch of made) batch.release();
  return said;
}

describe('tiny batches of an answer', () => {
  it('become one, where at least four neighbours may', () => {
    expect(leased(frame([10, 11, 12, 13]))).toEqual(['10+13']);
    expect(leased(frame([10, 11, 12]))).toEqual(['10-10', '11-11', '12-12']);
  });

  it('end before whatever can’t be appended as it lies there, a gap, and another leader epoch', () => {
    const ten = Array.from({ length: 10 }, (_, index) => 10 + index);
    expect(leased(frame(ten, { 15: { compression: 'lz4' } }))).toEqual(['10+14', '15-15', '16+19']);
    expect(leased(frame(ten, { 15: { producerId: 1n << 62n } }))).toEqual(['10+14', '15-15', '16+19']);
    expect(leased(frame(ten.filter((offset) => offset !== 14)))).toEqual(['10+13', '15+19']);
    const epochs = Object.fromEntries(
      [14, 15, 16, 17, 18, 19].map((at) => [at, { partitionLeaderEpoch: 5 }]),
    );
    expect(leased(frame(ten, epochs))).toEqual(['10+13', '14+19']);
  });

  it('stay alone where the destination has refused more, and below the offset that was asked for', () => {
    expect(leased(frame([10, 11, 12, 13]), { ...options, mergedBytesMax: 0 })).toHaveLength(4);
    expect(leased(frame([9, 10, 11, 12, 13]))).toEqual(['9-9', '10+13']);
  });

  it('stay alone where one of them can’t be read: the destination tells which', () => {
    const records = frame([10, 11, 12, 13]);
    records[records.length - 3]! ^= 1;
    expect(leased(records)).toHaveLength(4);
    expect(leaseRuns(records, lease, options)).toEqual({ leased: [], end: 0, nextOffset: 10n });
  });

  it('have memory of their own, in the same budget, and the frame is free', () => {
    const records = frame([10, 11, 12, 13, 14]);
    const runs = leaseRuns(records, lease, options);
    expect(runs).toMatchObject({ end: records.length, nextOffset: 15n });
    lease.release();
    expect(givenBack).toBe(1);
    expect(budget.heldBytes).toBe(runs.leased[0]?.sizeBytes);
    for (const batch of runs.leased) batch.release();
    expect(budget.heldBytes).toBe(0);
  });

  it('stand in memory that goes round, and serves nobody else meanwhile', () => {
    const [first] = leaseRuns(frame(manyFrom(10)), lease, options).leased;
    const [second] = leaseRuns(frame(manyFrom(1000)), lease, { ...options, from: 1000n }).leased;
    const memory = first!.view.buffer.buffer;
    expect(second!.view.buffer.buffer).not.toBe(memory);
    expect(budget.heldBytes).toBe(memory.byteLength + second!.view.buffer.buffer.byteLength);
    first!.release();
    const [third] = leaseRuns(frame(manyFrom(2000)), lease, { ...options, from: 2000n }).leased;
    expect(third!.view.buffer.buffer).toBe(memory);
    expect([second!, third!].map(({ view }) => [verifyChecksum(view), view.baseOffset])).toEqual([
      [true, 1000n],
      [true, 2000n],
    ]);
    for (const batch of [second!, third!]) batch.release();
    expect(budget.heldBytes).toBe(0);
  });
});

/** Enough that what is made of them is worth a buffer that goes round. */
function manyFrom(offset: number): number[] {
  return Array.from({ length: 1500 }, (_, index) => offset + index);
}
