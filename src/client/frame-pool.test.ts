import { describe, expect, it } from 'vitest';
import { FramePool } from './frame-pool.ts';

describe('FramePool', () => {
  it('gives a frame of exactly the asked size and reuses its memory after release', () => {
    const pool = new FramePool();
    const first = pool.take(7500);
    expect(first.bytes.length).toBe(7500);
    first.bytes.fill(7);
    const memory = first.bytes.buffer;
    first.release();
    const second = pool.take(8000);
    expect(second.bytes.length).toBe(8000);
    expect(second.bytes.buffer).toBe(memory);
    expect(pool.statistics()).toMatchObject({
      takenCount: 2,
      reusedCount: 1,
      outstandingCount: 1,
      outstandingBytes: 8192,
    });
  });

  it('never gives the same memory to two owners at once', () => {
    const pool = new FramePool();
    const frames = Array.from({ length: 20 }, () => pool.take(4096));
    expect(new Set(frames.map((frame) => frame.bytes.buffer)).size).toBe(20);
    frames.forEach((frame) => {
      frame.release();
    });
    const again = Array.from({ length: 20 }, () => pool.take(4096));
    expect(new Set(again.map((frame) => frame.bytes.buffer)).size).toBe(20);
    expect(pool.statistics().reusedCount).toBe(20);
  });

  it('refuses a second release, and the memory is in the pool once only', () => {
    const pool = new FramePool();
    const frame = pool.take(10);
    frame.release();
    expect(() => frame.release()).toThrow(/released twice/);
    expect(pool.take(10).bytes.buffer).not.toBe(pool.take(10).bytes.buffer);
  });

  it('keeps no more idle bytes than it may', () => {
    const pool = new FramePool({ keptBytesMax: 10_000 });
    const frames = [pool.take(4096), pool.take(4096), pool.take(4096)];
    expect(pool.statistics().outstandingBytes).toBe(12_288);
    for (const frame of frames) frame.release();
    expect(pool.statistics()).toMatchObject({
      keptBytes: 8192,
      outstandingBytes: 0,
      outstandingBytesPeak: 12_288,
    });
  });

  it('takes a buffer up to twice as large before it makes a new one, since sizes wander', () => {
    const pool = new FramePool();
    pool.take(16_000).release();
    const smaller = pool.take(9000);
    expect(smaller.bytes.length).toBe(9000);
    expect(pool.statistics()).toMatchObject({ reusedCount: 1, outstandingBytes: 16_384, keptBytes: 0 });
    smaller.release();
    expect(pool.statistics()).toMatchObject({ outstandingBytes: 0, keptBytes: 16_384 });
    pool.take(5000).release();
    expect(pool.statistics().reusedCount).toBe(1);
  });

  it('gives up the sizes that were out of use longest when it keeps too much', () => {
    const pool = new FramePool({ keptBytesMax: 20_000 });
    pool.take(4096).release();
    pool.take(16_384).release();
    expect(pool.statistics().keptBytes).toBe(16_384);
    pool.take(16_384).release();
    expect(pool.statistics()).toMatchObject({ reusedCount: 1, keptBytes: 16_384 });
    pool.take(30_000).release();
    expect(pool.statistics()).toMatchObject({ keptBytes: 16_384, outstandingBytes: 0 });
  });

  it('has four sizes to each power of two', () => {
    const pool = new FramePool({ keptBytesMax: 0 });
    const cases: [number, number][] = [
      [4, 4096],
      [4096, 4096],
      [4097, 5120],
      [5121, 6144],
      [8192, 8192],
      [1 << 20, 1 << 20],
      [(1 << 20) + 1, (1 << 20) + (1 << 18)],
      [(1 << 27) + 1, (1 << 27) + (1 << 25)],
    ];
    for (const [sizeBytes, classBytes] of cases) {
      const frame = pool.take(sizeBytes);
      expect([sizeBytes, frame.bytes.buffer.byteLength]).toEqual([sizeBytes, classBytes]);
      frame.release();
    }
  });
});
