// LZ4 frames as Kafka writes them (Lz4BlockOutputStream): independent blocks, no dictionary.
//
// Only compression is the library's. Its WebAssembly decompressor traps on corrupt input and leaves its memory
// unusable for the next call, and it allocates what the input asks for; so frames are read here, with bounds.
// The frame's own checksums (xxHash) are not checked: the batch's CRC32C covers the same bytes.

import { InvalidBytes } from '../corrupt.ts';
import { BoundedOutput, copyAcross, copyBack, tooLarge } from './bounded-output.ts';
import { wasmUtils } from './wasm.ts';

const frameMagic = 0x184d2204;
const flags = { version: 0xc0, independent: 0x20, blockChecksum: 0x10, contentSize: 0x08, reserved: 0x03 };
const versionOne = 0x40;
const storedBlock = 0x80000000;
const matchLengthMin = 4;
/** One byte of a long match length stands for at most 255 bytes of output. */
const expansionMax = 255;

export function compressLz4(bytes: Buffer): Buffer {
  return wasmUtils().lz4Compress(bytes);
}

/** @throws InvalidBytes for what Kafka's Lz4BlockInputStream refuses too, and above `bytesMax`. */
export function decompressLz4(frame: Buffer, bytesMax: number): Buffer {
  if (frame.length < 7) throw new InvalidBytes(frame.length, 'the LZ4 frame ends in its header');
  if (frame.readUInt32LE(0) !== frameMagic) throw new InvalidBytes(0, 'this is no LZ4 frame');
  const flag = frame[4]!;
  if (
    (flag & flags.version) !== versionOne ||
    (flag & flags.independent) === 0 ||
    (flag & flags.reserved) !== 0
  ) {
    throw new InvalidBytes(4, `LZ4 frame flags 0x${flag.toString(16)} are not supported by Kafka`);
  }
  const blockBytesMax = maximumBlockBytes(frame[5]!);
  const checksumBytes = (flag & flags.blockChecksum) === 0 ? 0 : 4;
  let at = (flag & flags.contentSize) === 0 ? 7 : 15;

  const output = new BoundedOutput(frame.length * 4, bytesMax);
  for (;;) {
    if (frame.length - at < 4) throw new InvalidBytes(at, 'the LZ4 frame has no end mark');
    const declared = frame.readUInt32LE(at);
    at += 4;
    if (declared === 0) return output.result();
    const blockBytes = declared & ~storedBlock;
    if (blockBytes === 0 || blockBytes > blockBytesMax || blockBytes > frame.length - at) {
      throw new InvalidBytes(at - 4, `LZ4 block length ${blockBytes} is impossible here`);
    }
    if (declared >= storedBlock) output.append(frame, at, at + blockBytes);
    else decodeBlock(frame, at, at + blockBytes, output, blockBytesMax);
    at += blockBytes + checksumBytes;
  }
}

function maximumBlockBytes(descriptor: number): number {
  const size = (descriptor >> 4) & 7;
  if (size < 4 || (descriptor & 0x8f) !== 0) throw new InvalidBytes(5, `LZ4 block descriptor ${descriptor}`);
  return 1 << (2 * size + 8);
}

function decodeBlock(
  source: Buffer,
  from: number,
  end: number,
  output: BoundedOutput,
  blockBytesMax: number,
): void {
  const room = output.makeRoom(Math.min(blockBytesMax, (end - from) * expansionMax));
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
    if (literals > limit - to) throw tooLarge(at, Math.min(output.bytesMax, blockBytesMax));
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
    if (length > limit - to) throw tooLarge(at, Math.min(output.bytesMax, blockBytesMax));
    copyBack(bytes, to, distance, length);
    to += length;
  }
  output.length = to;
}
