// One LZ4 block, decompressed in JavaScript: where the native library can't be loaded, and where it refuses a block, to
// say what is wrong with it and where.
import { InvalidBytes } from '../corrupt.ts';
import { type BoundedOutput, copyAcross, copyBack, tooLarge } from './bounded-output.ts';

const matchLengthMin = 4;
/** One byte of a long match length stands for at most 255 bytes of output. */
const expansionMax = 255;

/** Where a block lies, and the size that its frame allows it when it is decompressed, in bytes. */
export interface Lz4Block {
  readonly source: Buffer;
  readonly from: number;
  readonly end: number;
  readonly bytesMax: number;
}

/** The most that so many bytes can hold, within the block size of their frame; in bytes. */
export function plainBytesMost({ from, end, bytesMax }: Lz4Block): number {
  return Math.min(bytesMax, (end - from) * expansionMax);
}

/** @throws InvalidBytes */
export function decodeBlock(block: Lz4Block, output: BoundedOutput): void {
  const { source, from, end, bytesMax } = block;
  const most = plainBytesMost(block);
  const room = output.makeRoom(most);
  const bound = room < most ? output.bytesMax : bytesMax;
  const { bytes } = output;
  const start = output.length;
  const limit = start + room;
  let to = start;
  let at = from;
  while (at < end) {
    const token = source[at++]!;

    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (at >= end) throw new InvalidBytes(at, 'an LZ4 literal length is cut');
        more = source[at++]!;
        literals += more;
      }
    }
    if (literals > end - at) throw new InvalidBytes(at, 'LZ4 literals reach behind their block');
    if (literals > limit - to) throw tooLarge(at, bound);
    copyAcross(source, at, literals, bytes, to);
    at += literals;
    to += literals;
    if (at === end) break;

    if (end - at < 2) throw new InvalidBytes(at, 'an LZ4 match is cut');
    const distance = source[at]! | (source[at + 1]! << 8);
    at += 2;
    if (distance === 0 || distance > to - start) {
      throw new InvalidBytes(at - 2, `LZ4 match distance ${distance} reaches in front of its block`);
    }
    let length = (token & 15) + matchLengthMin;
    if (length === 15 + matchLengthMin) {
      let more = 255;
      while (more === 255) {
        if (at >= end) throw new InvalidBytes(at, 'an LZ4 match length is cut');
        more = source[at++]!;
        length += more;
      }
    }
    if (length > limit - to) throw tooLarge(at, bound);
    copyBack(bytes, to, distance, length);
    to += length;
  }
  output.length = to;
}
