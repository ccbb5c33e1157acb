import { describe, expect, test } from 'vitest';
import { BatchView, readRecords, verifyChecksum } from '../src/records/index.ts';
import { prepareBatches, type Workload } from './write-log.ts';

const plain: Workload = {
  partitions: 8,
  recordBytes: 1024,
  batchBytes: 131_072,
  compression: 'none',
  markerEveryRecords: null,
};
const first = (workload: Workload) => new BatchView(prepareBatches(workload, 1)[0]!, 0);

test('a batch has as many records of the size as fit, and differs from the next one', () => {
  const [one, two] = prepareBatches(plain, 2);
  const view = new BatchView(one!, 0);
  expect(one!.length).toBeLessThanOrEqual(131_072);
  expect(one!.length).toBeGreaterThan(131_072 - 1_100);
  expect([...readRecords(view)].every(({ value }) => value?.length === 1024)).toBe(true);
  expect(one!.equals(two!)).toBe(false);
  expect(verifyChecksum(view)).toBe(true);
});

test('a batch that has room for less than two records has one', () => {
  expect(first({ ...plain, recordBytes: 200, batchBytes: 300 }).recordCount).toBe(1);
});

describe.each(['lz4', 'zstd'] as const)('compressed with %s', (compression) => {
  test('a batch is as large on the wire as one without compression, with about two to five times the records', () => {
    const view = first({ ...plain, compression });
    expect(view.compression).toBe(compression);
    expect(view.sizeBytes / 131_072).toBeGreaterThan(0.85);
    expect(view.sizeBytes / 131_072).toBeLessThan(1.15);
    const times = view.recordCount / first(plain).recordCount;
    expect(times).toBeGreaterThan(1.7);
    expect(times).toBeLessThan(6);
  });
});

test('in transactions, a batch has a divisor of the records between two markers', () => {
  const view = first({ ...plain, markerEveryRecords: 100 });
  expect([view.recordCount, view.isTransactional]).toEqual([100, true]);
  expect(first({ ...plain, markerEveryRecords: 100, batchBytes: 80_000 }).recordCount).toBe(50);
});
