import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { BatchView } from '../batch-view.ts';
import { encodeBatch } from '../encode-batch.ts';
import { type Compression, compressions } from '../layout.ts';
import { RecordCursor } from '../record-cursor.ts';
import { mergeBatches } from '../reshape.ts';
import { freeNow } from './free-now.ts';
import { compress, compressToParts, decompress } from './index.ts';
import { useNativeLz4 } from './lz4-native.ts';

const isGone = ({ buffer }: Buffer) => (buffer as ArrayBuffer).detached;

describe('memory that is given back at once', () => {
  it('is that of bytes which have it for themselves, and of no others', () => {
    const whole = Buffer.from(new ArrayBuffer(100));
    const [first, rest] = [whole.subarray(0, 10), whole.subarray(10)];
    for (const part of [first, rest, Buffer.alloc(0), Buffer.from('of the pool that Node has')])
      freeNow(part);
    expect(isGone(whole)).toBe(false);
    freeNow(whole);
    expect(isGone(whole)).toBe(true);
  });

  it('is that of LZ4 blocks, not what all frames share or what is stored as it came', () => {
    const plain = Buffer.concat([Buffer.alloc(64 * 1024, 'ab cd '), randomBytes(64 * 1024)]);
    const before = compress('lz4', plain);
    const { parts, native } = compressToParts('lz4', plain);
    expect(Buffer.concat(parts).equals(before)).toBe(true);
    native.forEach(freeNow);
    expect([native.length, parts.filter(isGone).length]).toEqual([1, 1]);
    expect(decompress('lz4', compress('lz4', plain)).equals(plain)).toBe(true);
  });
});

describe.each(compressions.flatMap((codec) => [true, false].map((isNative) => ({ codec, isNative }))))(
  'batches of codec $codec that were put together, LZ4 native: $isNative',
  ({ codec, isNative }) => {
    afterAll(() => useNativeLz4(true));

    it('lie in their frame as before', () => {
      useNativeLz4(isNative);
      // Each has all of its buffer, as nothing in a frame does: whoever frees too much frees these.
      const views = [0, 10, 20].map((from) => wholeBatch(from, codec));
      const before = views.map(({ bytes }) => Buffer.from(bytes));
      const merged = mergeBatches(views, { compression: codec });
      expect(views.map(({ bytes }, index) => bytes.equals(before[index]!))).toEqual([true, true, true]);
      expect(merged.equals(mergeBatches(views, { compression: codec }))).toBe(true);
    });

    it('give back what was made to read one, and nothing of an empty one', () => {
      useNativeLz4(isNative);
      const view = wholeBatch(0, codec);
      const cursor = new RecordCursor(view);
      cursor.free();
      expect(isGone(view.buffer)).toBe(false);
      const empty = new BatchView(
        wholeOf(encodeBatch([], { baseOffset: 5n, lastOffset: 5n, compression: codec })),
        0,
      );
      new RecordCursor(empty).free();
      expect(isGone(empty.buffer)).toBe(false);
    });
  },
);

function wholeBatch(from: number, compression: Compression): BatchView {
  const records = Array.from({ length: 10 }, (_, index) => ({
    ...{ offset: BigInt(from + index), timestamp: 7n, key: null, headers: [] },
    value: Buffer.from(`value ${index} `.repeat(50)),
  }));
  return new BatchView(wholeOf(encodeBatch(records, { compression })), 0);
}

function wholeOf(bytes: Buffer): Buffer {
  const whole = Buffer.from(new ArrayBuffer(bytes.length));
  bytes.copy(whole);
  return whole;
}
