import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeOptions, recordList } from '../../test/records/arbitraries.ts';
import { BatchView, encodeBatch, isSameBatch, rewriteHeader } from './index.ts';

const rewritten = [
  [12, 16], // partition leader epoch
  [17, 21], // checksum, which follows
  [43, 57], // producer id, producer epoch, base sequence
] as const;

it('batches are the same after a mirror rewrote the header, and no longer when any other bit differs', () => {
  fc.assert(
    fc.property(recordList(), encodeOptions, fc.nat(), fc.nat(7), (records, options, place, bit) => {
      const bytes = encodeBatch(records, options);
      const one = new BatchView(bytes, 0);
      const other = new BatchView(Buffer.concat([Buffer.alloc(5), bytes]), 5);
      rewriteHeader(other, {
        attributes: (one.attributes & ~0x10) | 0x40,
        producerId: 2n ** 62n,
        producerEpoch: 4,
        baseSequence: 1,
        partitionLeaderEpoch: 9,
      });
      expect(isSameBatch(one, other)).toBe(true);
      expect(isSameBatch(other, one)).toBe(true);

      const at = place % bytes.length;
      if (rewritten.some(([from, end]) => at >= from && at < end)) return;
      if (at === 22 && (bit === 4 || bit === 6)) return; // transactional and delete horizon
      if (at >= 8 && at < 12) return; // the length; splitBatches would have cut elsewhere
      other.buffer[5 + at]! ^= 1 << bit;
      expect(isSameBatch(one, other)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
