import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LockstepError } from '../errors.ts';
import { FramePool } from './frame-pool.ts';
import { FrameReader } from './frame-reader.ts';

function collect(frameBytesMax: number) {
  const pool = new FramePool();
  const frames: string[] = [];
  const allocatedBytes: number[] = [];
  const reader = new FrameReader(frameBytesMax, {
    allocate: (sizeBytes) => {
      allocatedBytes.push(sizeBytes);
      return pool.take(sizeBytes);
    },
    onFrame: (frame) => {
      frames.push(frame.bytes.toString('hex'));
      frame.release();
    },
  });
  return { reader, frames, pool, allocatedBytes };
}

function frame(content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length);
  return Buffer.concat([length, content]);
}

const contents = [Buffer.from('00000001aa', 'hex'), Buffer.from('00000002', 'hex'), Buffer.alloc(5000, 3)];
const stream = Buffer.concat(contents.map(frame));
const expected = contents.map((content) => content.toString('hex'));

describe('FrameReader', () => {
  it('cuts frames from a stream fed one byte at a time out of one reused buffer', () => {
    const { reader, frames, pool } = collect(10_000);
    const oneByte = Buffer.alloc(1);
    for (const byte of stream) {
      oneByte[0] = byte;
      reader.push(oneByte, 1);
    }
    expect(frames).toEqual(expected);
    expect(pool.statistics().outstandingCount).toBe(0);
  });

  it('cuts the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const { reader, frames } = collect(10_000);
        const readBuffer = Buffer.alloc(3000);
        for (let position = 0, turn = 0; position < stream.length; turn += 1) {
          const size = Math.min(sizes[turn % sizes.length]!, stream.length - position);
          stream.copy(readBuffer, 0, position, position + size);
          reader.push(readBuffer, size);
          position += size;
        }
        expect(frames).toEqual(expected);
      }),
    );
  });

  it.each([
    ['negative', 'ffffffff'],
    ['the most negative', '80000000'],
    ['zero', '00000000'],
    ['too short for a correlation id', '00000003'],
    ['one above the maximum', '00002711'],
    ['the largest', '7fffffff'],
    ['a TLS alert', '15030300'],
    ['HTTP', Buffer.from('HTTP').toString('hex')],
  ])('refuses a length that is %s, without allocating for it', (_name, hex) => {
    for (const piece of [4, 1]) {
      const { reader, allocatedBytes } = collect(10_000);
      const bytes = Buffer.from(`${hex}00000000`, 'hex');
      expect(() => {
        for (let position = 0; position < bytes.length; position += piece)
          reader.push(bytes.subarray(position, position + piece), piece);
      }).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
      expect(allocatedBytes).toEqual([]);
    }
  });

  it('gives an unfinished frame back when the stream ends', () => {
    const { reader, pool } = collect(10_000);
    reader.push(stream.subarray(0, 30), 30);
    expect(reader.partialBytes).toBe(30 - 9 - 8);
    expect(pool.statistics().outstandingCount).toBe(1);
    reader.discard();
    expect(pool.statistics().outstandingCount).toBe(0);
    expect(reader.partialBytes).toBe(0);
  });

  it('offers the rest of a large frame for reading into, and nothing else', () => {
    const { reader, frames } = collect(1_000_000);
    const large = Buffer.alloc(100_000, 5);
    const small = Buffer.from('00000009', 'hex');
    const bytes = frame(large);
    expect(reader.directTarget()).toBeNull();
    reader.push(bytes, 50);
    const first = reader.directTarget()!;
    expect(first.length).toBe(100_000 - 46);
    bytes.copy(first, 0, 50, 30_050);
    reader.advance(30_000);
    const second = reader.directTarget()!;
    expect(second.length).toBe(70_000 - 46);
    bytes.copy(second, 0, 30_050);
    reader.advance(second.length);
    expect(reader.directTarget()).toBeNull();
    reader.push(frame(small), 8);
    expect(frames).toEqual([large.toString('hex'), small.toString('hex')]);
  });

  it('never reuses the memory of a frame that was being filled when the stream ended', () => {
    const { reader, pool } = collect(1_000_000);
    reader.push(frame(Buffer.alloc(100_000)), 50);
    reader.discard();
    expect(pool.statistics()).toMatchObject({ outstandingCount: 0, outstandingBytes: 0, keptBytes: 0 });
  });

  it('survives random bytes: whole frames or FRAME_INVALID, never more memory than the maximum', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
        const { reader, allocatedBytes } = collect(1000);
        try {
          for (const piece of pieces) reader.push(Buffer.from(piece), piece.length);
        } catch (error) {
          expect(error).toBeInstanceOf(LockstepError);
          expect((error as LockstepError).code).toBe('FRAME_INVALID');
        }
        expect(Math.max(0, ...allocatedBytes)).toBeLessThanOrEqual(1000);
      }),
      { numRuns: 500 },
    );
  });
});
