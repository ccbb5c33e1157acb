// Invariants of the checksum by difference, against recomputation with the native CRC32C:
// 1. a rewritten valid batch is valid; 2. a rewritten invalid batch is invalid; 3. the payload is untouched;
// 4. the normalised checksum is the same before and after any rewrite of the fields it ignores.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchView } from './batch-view.ts';
import { crc32c, shiftByZeroBytes } from './crc32c.ts';
import { batchChecksum, normalisedChecksum, rewriteHeader, verifyChecksum } from './header.ts';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const int16 = fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const rewritten = fc.record(
  { producerId: int64, producerEpoch: int16, baseSequence: int32 },
  { requiredKeys: [] },
);
const changes = fc.record(
  {
    baseOffset: int64,
    partitionLeaderEpoch: int32,
    attributes: int16,
    producerId: int64,
    producerEpoch: int16,
    baseSequence: int32,
  },
  { requiredKeys: [] },
);
/** Batches of random bytes with right length, format and checksum, somewhere inside a larger buffer. */
const batch = fc
  .tuple(fc.uint8Array({ minLength: 61, maxLength: 3000 }), fc.nat(20), fc.nat(20))
  .map(([bytes, before, after]) => {
    const buffer = Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(after, 9)]);
    buffer.writeInt32BE(bytes.length - 12, before + 8);
    buffer[before + 16] = 2;
    const view = new BatchView(buffer, before);
    buffer.writeUInt32BE(batchChecksum(view), before + 17);
    return view;
  });

describe('the header rewritten in place', () => {
  it('keeps a valid batch valid, sets the fields and leaves all other bytes alone', () => {
    fc.assert(
      fc.property(batch, changes, (view, changed) => {
        const before = Buffer.from(view.buffer);
        rewriteHeader(view, changed);
        expect(verifyChecksum(view)).toBe(true);
        expect(view).toMatchObject(changed);
        const old = new BatchView(before, view.start);
        rewriteHeader(view, {
          baseOffset: old.baseOffset,
          partitionLeaderEpoch: old.partitionLeaderEpoch,
          attributes: old.attributes,
          producerId: old.producerId,
          producerEpoch: old.producerEpoch,
          baseSequence: old.baseSequence,
        });
        expect(view.buffer.equals(before)).toBe(true);
      }),
    );
  });

  it('never makes a corrupt payload look right', () => {
    fc.assert(
      fc.property(batch, changes, fc.nat(), fc.integer({ min: 1, max: 255 }), (view, changed, at, flip) => {
        const place = view.start + 21 + (at % (view.sizeBytes - 21));
        view.buffer[place]! ^= flip;
        rewriteHeader(view, changed);
        const overwritten = new BatchView(Buffer.from(view.buffer), view.start);
        expect(verifyChecksum(overwritten)).toBe(false);
      }),
    );
  });

  it('has the same normalised checksum whatever the producer fields and the two cleared bits are', () => {
    fc.assert(
      fc.property(batch, rewritten, fc.constantFrom(0, 0x10, 0x40, 0x50), (view, changed, bits) => {
        const before = normalisedChecksum(view);
        rewriteHeader(view, { ...changed, attributes: view.attributes ^ bits, baseOffset: 7n });
        expect(normalisedChecksum(view)).toBe(before);
        rewriteHeader(view, {
          attributes: view.attributes & ~0x50,
          producerId: -1n,
          producerEpoch: -1,
          baseSequence: -1,
        });
        expect(view.crc).toBe(before);
      }),
    );
  });

  it('has another normalised checksum when codec, timestamp type or control bit differ', () => {
    fc.assert(
      fc.property(batch, fc.constantFrom(1, 2, 4, 8, 0x20), (view, bit) => {
        const before = normalisedChecksum(view);
        rewriteHeader(view, { attributes: view.attributes ^ bit });
        expect(normalisedChecksum(view)).not.toBe(before);
      }),
    );
  });
});

describe('the checksum state shifted by zero bytes', () => {
  it('adds up: shifting by a and then b is shifting by a + b, up to the longest batch', () => {
    const length = fc.integer({ min: 0, max: 2 ** 30 - 1 });
    fc.assert(
      fc.property(int32, length, length, (state, a, b) => {
        expect(shiftByZeroBytes(shiftByZeroBytes(state, a), b)).toBe(shiftByZeroBytes(state, a + b));
      }),
    );
  });

  it.each([0, 1, 2, 255, 256, 65_537, 2 ** 24 + 12_345])(
    'agrees with the native checksum over %i zero bytes',
    (n) => {
      const one = Buffer.alloc(n + 4);
      const two = Buffer.alloc(n + 4);
      two.writeUInt32LE(0xdeadbeef);
      // The raw state after the four differing bytes is that of the same messages without the zero bytes.
      const short = crc32c(one.subarray(0, 4)) ^ crc32c(two.subarray(0, 4));
      expect(shiftByZeroBytes(short, n) >>> 0).toBe((crc32c(one) ^ crc32c(two)) >>> 0);
    },
  );
});
