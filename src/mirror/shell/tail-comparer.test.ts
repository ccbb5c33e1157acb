// Two batches compared at one offset, where headers alone do not decide.
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../records/index.ts';
import { differenceAt } from './tail-comparer.ts';

function batch(offsets: readonly bigint[], value = 'value', lastOffset?: bigint): Buffer {
  const records = offsets.map((offset) => ({
    offset,
    timestamp: 5n,
    key: null,
    value: Buffer.from(`${value} ${offset}`),
    headers: [],
  }));
  const bytes = encodeBatch(records, { compression: 'none', baseOffset: offsets[0]! });
  // As the cleaner leaves it: the last offset stays although its record is gone.
  if (lastOffset !== undefined) bytes.writeInt32BE(Number(lastOffset - 5n), 23);
  return bytes;
}

describe('differenceAt', () => {
  const whole = batch([5n, 6n, 7n]);
  const compacted = batch([5n, 6n], 'value', 7n);

  it('finds equal records whatever the batch boundaries', () => {
    expect(differenceAt(6n, batch([5n, 6n]), 6n, whole)).toBeNull();
  });

  it('finds them where the mirror is shifted', () => {
    expect(differenceAt(1n, batch([0n, 1n], 'value'), 6n, whole)).toBe('value');
    const shifted = encodeBatch(
      [{ offset: 1n, timestamp: 5n, key: null, value: Buffer.from('value 6'), headers: [] }],
      { compression: 'none' },
    );
    expect(differenceAt(1n, shifted, 6n, whole)).toBeNull();
  });

  it('finds other records', () => {
    expect(differenceAt(7n, batch([5n, 6n, 7n], 'other'), 7n, whole)).toBe('value');
  });

  it('does not hold against the mirror what compaction took, on either side', () => {
    expect(differenceAt(7n, whole, 7n, compacted)).toBe('unknown');
    expect(differenceAt(7n, compacted, 7n, whole)).toBe('unknown');
    expect(differenceAt(4n, batch([5n]), 4n, whole)).toBe('unknown');
  });

  it('misses a record where no compaction explains it', () => {
    expect(differenceAt(8n, whole, 8n, batch([5n, 6n, 7n, 8n]))).toBe('only the source has a record there');
    expect(differenceAt(8n, batch([5n, 6n, 7n, 8n]), 8n, whole)).toBe('only the mirror has a record there');
  });
});
