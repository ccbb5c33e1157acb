// Invariants of reading and writing records:
// 1. what is encoded is read back the same, with every codec; 2. hostile bytes end in BATCH_CORRUPT or
// BATCH_UNSUPPORTED, in bounded time and memory; 3. a checksum notices every flipped bit.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compression, described, encodeOptions, recordList } from '../../test/records/arbitraries.ts';
import {
  BatchView,
  compress,
  encodeBatch,
  parseTail,
  readRecords,
  rewriteHeader,
  splitBatches,
  verifyChecksum,
} from './index.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** A batch of one uncompressed record that has these bytes. */
function batchOf(record: Buffer, recordCount = 1): BatchView {
  const bytes = Buffer.concat([Buffer.alloc(61), record]);
  bytes.writeBigInt64BE(70n, 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes[16] = 2;
  bytes.writeInt32BE(recordCount - 1, 23);
  bytes.writeInt32BE(recordCount, 57);
  return new BatchView(bytes, 0);
}

function varints(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.reduce((sum, value) => sum + varintBytes(value), 0));
  let at = 0;
  for (const value of values) at = writeVarint(bytes, at, value);
  return bytes;
}

/** Record body: attributes 0, timestamp delta 0, offset delta 0, then `rest`. */
const body = (...rest: number[]) => Buffer.concat([Buffer.alloc(3), varints(...rest)]);
const record = (content: Buffer) => Buffer.concat([varints(content.length), content]);

describe('records', () => {
  it('are read as they were encoded, with every codec, gap and header', () => {
    fc.assert(
      fc.property(recordList({ gapMax: 5 }), encodeOptions, (records, options) => {
        const bytes = encodeBatch(records, options);
        const { batches, incompleteBytes } = splitBatches(bytes);
        expect([batches.length, incompleteBytes]).toEqual([1, 0]);
        const view = batches[0]!;
        expect(verifyChecksum(view)).toBe(true);
        expect(view).toMatchObject(options);
        expect(Array.from(readRecords(view), described)).toEqual(records.map(described));
        expect(view.lastOffset).toBe(records.at(-1)!.offset);
      }),
      { numRuns: 300 },
    );
  });

  it('end in an error and nothing worse when any byte of a batch is hit, and the checksum sees it', () => {
    fc.assert(
      fc.property(
        recordList(),
        compression,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, codec, at, flip) => {
          const bytes = encodeBatch(records, { compression: codec });
          const place = 21 + (at % (bytes.length - 21));
          bytes[place]! ^= flip;
          const view = new BatchView(bytes, 0);
          expect(verifyChecksum(view)).toBe(false);
          readToEnd(view);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('end in an error and nothing worse when the payload is cut or random', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(7),
        fc.integer({ min: -5 }),
        (payload, codec, recordCount) => {
          const view = batchOf(Buffer.from(payload), recordCount);
          rewriteHeader(view, { attributes: codec });
          readToEnd(view);
        },
      ),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(recordList({ minLength: 2 }), compression, fc.nat(), (records, codec, cut) => {
        const whole = encodeBatch(records, { compression: codec });
        const bytes = Buffer.from(whole.subarray(0, 61 + (cut % (whole.length - 61))));
        bytes.writeInt32BE(bytes.length - 12, 8);
        expect(() => [...readRecords(new BatchView(bytes, 0))]).toThrow(/^Corrupt record batch/);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['a length of two gigabytes', varints(2 ** 31 - 1), 'length 2147483647'],
    ['a negative length', varints(-2), 'length -2'],
    ['a length of five continued bytes', Buffer.alloc(8, 0xff), 'more than 5 bytes'],
    ['a key behind the record', record(body(5)), 'length 5'],
    ['a value behind the record', record(body(-1, 2 ** 30)), 'length 1073741824'],
    ['two thousand million headers', record(body(-1, -1, 2e9)), 'header count 2000000000'],
    ['a negative header count', record(body(-1, -1, -1)), 'header count -1'],
    ['a null header key', record(body(-1, -1, 1, -1, -1)), 'length -1'],
    ['bytes behind the last header', record(body(-1, -1, 0, 0)), '1 bytes follow the last header'],
    [
      'bytes behind the last record',
      Buffer.concat([record(body(-1, -1, 0)), Buffer.alloc(3)]),
      '3 bytes follow',
    ],
    [
      'an offset behind the last',
      record(Buffer.concat([Buffer.alloc(2), varints(1, -1, -1, 0)])),
      'offset delta 1',
    ],
    [
      'an offset before the base',
      record(Buffer.concat([Buffer.alloc(2), varints(-1, -1, -1, 0)])),
      'offset delta -1',
    ],
    ['no records at all', Buffer.alloc(0), 'the bytes end'],
  ])('are refused where they have %s', (_, bytes, words) => {
    const read = () => [...readRecords(batchOf(bytes))];
    expect(read).toThrow(words);
    expect(read).toThrow('base offset 70');
    expect(read).toThrow(expect.objectContaining({ code: 'BATCH_CORRUPT' }));
  });

  it('stop at the declared count of two thousand million without allocating for it', () => {
    const view = batchOf(record(body(-1, -1, 0)), 2_000_000_000);
    expect(() => [...readRecords(view)]).toThrow('the bytes end');
  });

  it('of formats v0 and v1 are refused by name', () => {
    const view = batchOf(Buffer.alloc(4));
    view.buffer[16] = 1;
    expect(() => [...readRecords(view)]).toThrow(expect.objectContaining({ code: 'BATCH_UNSUPPORTED' }));
  });

  it('decompress up to the bound and not a byte further', () => {
    const records = [{ offset: 0n, timestamp: 0n, key: null, value: Buffer.alloc(100_000), headers: [] }];
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const view = new BatchView(encodeBatch(records, { compression: codec }), 0);
      const plainBytes = encodeBatch(records).length - 61;
      expect([...readRecords(view, { decompressedBytesMax: plainBytes })]).toHaveLength(1);
      expect(() => [...readRecords(view, { decompressedBytesMax: plainBytes - 1 })]).toThrow(
        `more than ${plainBytes - 1} bytes`,
      );
    }
  });

  it('keep null and empty apart in tails', () => {
    expect(parseTail(0n, varints(-1, 0, 1, 0, -1))).toEqual({
      key: null,
      value: Buffer.alloc(0),
      headers: [{ key: Buffer.alloc(0), value: null }],
    });
  });

  it('are not taken from a batch whose codec does not fit', () => {
    const view = batchOf(compress('gzip', record(body(-1, -1, 0))));
    for (const codec of [2, 3, 4]) {
      rewriteHeader(view, { attributes: codec });
      expect(() => [...readRecords(view)]).toThrow(expect.objectContaining({ code: 'BATCH_CORRUPT' }));
    }
    rewriteHeader(view, { attributes: 5 });
    expect(() => [...readRecords(view)]).toThrow(expect.objectContaining({ code: 'BATCH_UNSUPPORTED' }));
  });
});

/** Reads all records or fails with an error of ours; anything else fails the test. */
function readToEnd(view: BatchView): void {
  try {
    for (const { headers } of readRecords(view, { decompressedBytesMax: 1 << 20 })) headers.length;
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^BATCH_(CORRUPT|UNSUPPORTED)$/) });
  }
}
