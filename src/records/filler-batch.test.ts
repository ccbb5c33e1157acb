import { describe, expect, it } from 'vitest';
import { BatchView, compressions, encodeBatch, fillerBatch, readRecords, verifyChecksum } from './index.ts';

describe('a filler', () => {
  // The sizes at which an offset delta takes one byte more.
  it.each([1, 64, 65, 8192, 8193, 20_000])(
    'of %i records has an empty key and nothing else at each offset',
    (count) => {
      const records = Array.from({ length: count }, (_, index) => ({
        offset: BigInt(index),
        timestamp: 1_800_000_000_000n,
        key: Buffer.alloc(0),
        value: null,
        headers: [],
      }));
      for (const compression of compressions) {
        const filler = fillerBatch({ count, timestamp: 1_800_000_000_000n, compression });
        expect(filler.equals(encodeBatch(records, { compression })), compression).toBe(true);
      }
    },
  );

  it('of a million records fits into the 1 MB that topics take by default', () => {
    const view = new BatchView(fillerBatch({ count: 1_000_000, timestamp: -1n }), 0);
    expect(view).toMatchObject({
      recordCount: 1_000_000,
      lastOffset: 999_999n,
      maxTimestamp: -1n,
      producerId: -1n,
    });
    expect(view.sizeBytes).toBeLessThan(1_048_588);
    expect(verifyChecksum(view)).toBe(true);
    let seen = 0n;
    for (const { offset, timestamp } of readRecords(view)) {
      if (offset !== seen || timestamp !== -1n)
        throw new Error(`record ${seen} is ${offset} at ${timestamp}`);
      seen += 1n;
    }
    expect(seen).toBe(1_000_000n);
  });
});
