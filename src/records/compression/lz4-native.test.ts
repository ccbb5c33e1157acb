// Two decoders and two compressors for LZ4, and a mirror has to give the same records whichever it has:
// 1. what one compresses, the other reads;
// 2. of hostile bytes, too, both give the same, or both refuse them;
// 3. neither makes room for more than it is allowed, whatever the bytes declare.
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BoundedOutput } from './bounded-output.ts';
import { compress, decompressOrInvalid } from './index.ts';
import { decodeBlock } from './lz4-block.ts';
import { blockSizeBytes, compressedBlock, nativeLz4, plainBlock, useNativeLz4 } from './lz4-native.ts';

afterEach(() => useNativeLz4(true));

function withNative<T>(isUsed: boolean, run: () => T): T {
  useNativeLz4(isUsed);
  return run();
}

const words = ['{"order":"', 'customer', '"},', 'eu-west', '\0\0\0\0\0\0\0\0', 'abcabcabcabc', 'x'];
const text = fc
  .array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 400 })
  .map((parts) => Buffer.from(parts.join('')));

/** The plain bytes, or null where they are refused. */
function outcome(isNative: boolean, frame: Buffer, bytesMax: number): Buffer | null {
  return withNative(isNative, () => {
    try {
      return decompressOrInvalid('lz4', frame, bytesMax);
    } catch {
      return null;
    }
  });
}

describe('LZ4, native and not', () => {
  // The first of all: WebAssembly that has compressed something forgives.
  it('compress nothing any number of times', () => {
    for (const isNative of [false, false, true, false]) {
      const frame = withNative(isNative, () => compress('lz4', Buffer.alloc(0)));
      expect(outcome(!isNative, frame, 0)).toEqual(Buffer.alloc(0));
    }
    expect(
      outcome(
        true,
        withNative(false, () => compress('lz4', Buffer.from('x'))),
        1,
      ),
    ).toEqual(Buffer.from('x'));
  });

  it('read what the other has compressed', () => {
    fc.assert(
      fc.property(text, fc.boolean(), fc.nat(3), (plain, isNative, repeats) => {
        const bytes = Buffer.concat(Array.from({ length: 1 + repeats * 20 }, () => plain));
        const frame = withNative(isNative, () => compress('lz4', bytes));
        expect(outcome(!isNative, frame, bytes.length)).toEqual(bytes);
      }),
    );
  });

  it('give the same for frames with changed bytes, or both refuse them', () => {
    let refused = 0;
    let read = 0;
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, changes, fc.boolean(), (plain, changed, isNative) => {
        const frame = withNative(isNative, () => compress('lz4', plain));
        for (const { at, to } of changed) frame[at % frame.length] = to;
        const natively = outcome(true, frame, 1_000_000);
        expect(natively).toEqual(outcome(false, frame, 1_000_000));
        if (natively === null) refused += 1;
        else read += 1;
      }),
      { numRuns: 4000 },
    );
    expect(refused).toBeGreaterThan(300);
    expect(read).toBeGreaterThan(300);
  });

  it('the library alone takes no block of random bytes that our decoder refuses, nor reads it otherwise', () => {
    const native = nativeLz4()!;
    const byte = fc.oneof(fc.constantFrom(0, 1, 0x10, 0x1f, 0xf0, 0xff), fc.integer({ min: 0, max: 255 }));
    let taken = 0;
    fc.assert(
      fc.property(
        fc.array(byte, { minLength: 1, maxLength: 60 }),
        fc.constantFrom(16, 300, 65_536),
        (bytes, room) => {
          const block = Buffer.from(bytes);
          const plain = plainBlock(native, block, room);
          if (plain === null) return;
          taken += 1;
          const output = new BoundedOutput(0, room);
          decodeBlock({ source: block, from: 0, end: block.length, bytesMax: 65_536 }, output);
          expect(plain).toEqual(output.result());
          expect(plain.length).toBeLessThanOrEqual(room);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('four bytes that declare 4 GB are a block like any other: the library is never told them', () => {
    const told: number[] = [];
    const spied = {
      ...nativeLz4()!,
      uncompressSync: (input: Buffer) => {
        told.push(input.readUInt32LE(0));
        return Buffer.alloc(0);
      },
    };
    plainBlock(spied as never, Buffer.from('ffffffff', 'hex'), 1020);
    expect(told).toEqual([1020]);
  });

  it('makes room for no more than what is allowed still, however large the blocks of a frame may be', () => {
    // Blocks of up to 4 MiB, and one that would be 1.6 MB: only 1 MB is allowed.
    const block = Buffer.concat([Buffer.from('1f610100', 'hex'), Buffer.alloc(6500, 255), Buffer.from([0])]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    const frame = Buffer.concat([Buffer.from('04224d186070ff', 'hex'), size, block, Buffer.alloc(4)]);
    useNativeLz4(true);
    expect(() => decompressOrInvalid('lz4', frame, 1_000_000)).toThrow('more than 1000000 bytes');
  });

  it.each([
    ['for eight times the block first, which holds records as they are usual', 400_000, [8]],
    ['then for all that the block can hold: 250 times as much', 4_000, [8, 255]],
  ])('makes room for blocks of 4 MiB %s', (_, randomCount, times) => {
    const native: NonNullable<ReturnType<typeof nativeLz4>> = createRequire(import.meta.url)('lz4-napi');
    const { uncompressSync } = native;
    const plain = Buffer.concat([Buffer.alloc(1_600_000, 'ab'), randomBytes(randomCount)]);
    const block = compressedBlock(native, plain)!;
    const frame = Buffer.concat([Buffer.from('04224d186070ff', 'hex'), block, Buffer.alloc(4)]);
    const rooms: number[] = [];
    const spy = vi.spyOn(native, 'uncompressSync').mockImplementation((input) => {
      rooms.push((input as Buffer).readUInt32LE(0));
      return uncompressSync(input);
    });
    const read = decompressOrInvalid('lz4', frame, 4_000_000);
    spy.mockRestore();
    expect(read.equals(plain)).toBe(true);
    const blockBytes = block.length - blockSizeBytes;
    expect(rooms).toEqual(times.map((time) => Math.min(4_000_000, Math.max(65_536, time * blockBytes))));
  });

  it('stores what does not get smaller, as Kafka does', () => {
    useNativeLz4(true);
    const bytes = randomBytes(100_000);
    const frame = compress('lz4', bytes);
    expect(frame.length).toBe(7 + 4 + 65_536 + 4 + 34_464 + 4);
    expect(frame.readUInt32LE(7)).toBe(0x80010000);
    expect(outcome(false, frame, 100_000)).toEqual(bytes);
  });
});
