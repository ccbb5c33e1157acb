import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LockstepError } from '../errors.ts';
import { splitBatches } from './split-batches.ts';

/** A v2 header with as many payload bytes; only what the splitter reads is set. */
function batch(baseOffset: bigint, payloadBytes: number, recordCount = 1): Buffer {
  const bytes = Buffer.alloc(61 + payloadBytes);
  bytes.writeBigInt64BE(baseOffset, 0);
  bytes.writeInt32BE(49 + payloadBytes, 8);
  bytes[16] = 2;
  bytes.writeInt32BE(recordCount - 1, 23);
  bytes.writeInt32BE(recordCount, 57);
  return bytes;
}

function patched(change: (bytes: Buffer) => void): Buffer {
  const bytes = batch(5n, 10);
  change(bytes);
  return bytes;
}

describe('records split into batches', () => {
  it('gives every whole batch and counts the bytes of a cut one, wherever the cut is', () => {
    const records = Buffer.concat([batch(0n, 3), batch(1n, 0, 4), batch(5n, 20)]);
    const starts = [0, 64, 125, 206];
    for (let length = 0; length <= records.length; length++) {
      const { batches, incompleteBytes } = splitBatches(records.subarray(0, length));
      const whole = starts.filter((start) => start !== 0 && start <= length).length;
      expect(batches.map((view) => view.baseOffset)).toEqual([0n, 1n, 5n].slice(0, whole));
      expect(incompleteBytes).toBe(length - starts[whole]!);
    }
  });

  it('passes on batches of formats v0 and v1 without reading v2 fields', () => {
    const legacy = Buffer.alloc(26 + 5, 0xff);
    legacy.writeBigInt64BE(9n, 0);
    legacy.writeInt32BE(19, 8);
    legacy[16] = 1;
    const { batches } = splitBatches(Buffer.concat([legacy, batch(10n, 1)]));
    expect(batches.map((view) => [view.baseOffset, view.magic, view.sizeBytes])).toEqual([
      [9n, 1, 31],
      [10n, 2, 62],
    ]);
  });

  it.each([
    ['a negative length', patched((bytes) => bytes.writeInt32BE(-1, 8)), 'length -1'],
    ['a length below the header', patched((bytes) => bytes.writeInt32BE(48, 8)), 'length 48'],
    ['a zero length', patched((bytes) => bytes.writeInt32BE(0, 8)), 'length 0'],
    ['an unknown format', patched((bytes) => bytes.writeInt8(3, 16)), 'format 3'],
    ['a negative base offset', patched((bytes) => bytes.writeBigInt64BE(-5n, 0)), 'base offset is negative'],
    ['a negative last offset delta', patched((bytes) => bytes.writeInt32BE(-1, 23)), 'last offset delta -1'],
    ['a negative record count', patched((bytes) => bytes.writeInt32BE(-1, 57)), 'record count -1'],
    ['more records than offsets', patched((bytes) => bytes.writeInt32BE(2, 57)), 'record count 2'],
  ])('refuses %s and says where', (_, bytes, words) => {
    const records = Buffer.concat([batch(4n, 1), bytes]);
    const split = () => splitBatches(records);
    expect(split).toThrow(LockstepError);
    expect(split).toThrow(words);
    expect(split).toThrow('byte 62');
  });

  it('takes a length of two gigabytes for a cut batch and allocates nothing', () => {
    const bytes = patched((batchBytes) => batchBytes.writeInt32BE(2 ** 31 - 1, 8));
    expect(splitBatches(bytes)).toEqual({ batches: [], incompleteBytes: bytes.length });
  });

  it('ends on random bytes with batches inside the buffer or with BATCH_CORRUPT', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (random) => {
        const records = Buffer.concat([batch(1n, 7), random]);
        try {
          const { batches, incompleteBytes } = splitBatches(records);
          const wholeBytes = batches.reduce((sum, view) => sum + view.sizeBytes, 0);
          expect(wholeBytes + incompleteBytes).toBe(records.length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BATCH_CORRUPT' });
        }
      }),
    );
  });
});
