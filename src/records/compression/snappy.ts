// Snappy in the two forms that Kafka's logs hold: xerial's stream of blocks (Kafka's Java clients; snappy-java's
// SnappyOutputStream) and one raw block (some other clients). snappy-java reads both, so brokers accept both.
//
//   xerial: 0x82 "SNAPPY" 0x00 | version int32 | compatible int32 | { length int32 | raw block } ...
//
// Only compression is the library's: see lz4.ts for why.

import { InvalidBytes } from '../corrupt.ts';
import { BoundedOutput, copyAcross, copyBack, tooLarge } from './bounded-output.ts';
import { wasmUtils } from './wasm.ts';

const streamMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const streamHeader = Buffer.concat([streamMagic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
/** snappy-java's default block size, which Kafka uses. */
const blockBytes = 32 * 1024;
/** A copy of at most 64 bytes takes three bytes: nothing expands further. */
const expansionMax = 22;

/** Compresses to xerial's stream, like Kafka's Java clients; the stream's parts. */
export function compressSnappy(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [streamHeader];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = wasmUtils().snappyCompress(bytes.subarray(at, at + blockBytes));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return parts;
}

/** @throws InvalidBytes for impossible bytes, and above `bytesMax`. */
export function decompressSnappy(source: Buffer, bytesMax: number): Buffer {
  const output = new BoundedOutput(source.length * 4, bytesMax);
  if (!isStreamHeader(source, 0)) {
    decodeBlock(source, 0, source.length, output);
    return output.result();
  }
  let at = streamHeader.length;
  while (at < source.length) {
    if (isStreamHeader(source, at)) {
      // Streams may follow one another, as in snappy-java.
      at += streamHeader.length;
      continue;
    }
    if (source.length - at < 4) throw new InvalidBytes(at, 'a snappy block length is cut');
    const length = source.readInt32BE(at);
    at += 4;
    if (length <= 0 || length > source.length - at) {
      throw new InvalidBytes(at - 4, `snappy block length ${length} is impossible here`);
    }
    decodeBlock(source, at, at + length, output);
    at += length;
  }
  return output.result();
}

function isStreamHeader(source: Buffer, at: number): boolean {
  return (
    source.length - at >= streamHeader.length &&
    source.compare(streamMagic, 0, streamMagic.length, at, at + streamMagic.length) === 0
  );
}

function decodeBlock(source: Buffer, from: number, end: number, output: BoundedOutput): void {
  // 1. The block declares its decompressed length as a little-endian base-128 number.
  let at = from;
  let declared = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw new InvalidBytes(from, 'a snappy length is cut');
    const byte = source[at++]!;
    declared += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (declared > (end - at) * expansionMax) {
    throw new InvalidBytes(from, `snappy length ${declared} does not fit ${end - from} compressed bytes`);
  }
  if (output.makeRoom(declared) < declared) throw tooLarge(from, output.bytesMax);

  // 2. Literals and copies follow.
  const { bytes } = output;
  const start = output.length;
  const limit = start + declared;
  let to = start;
  while (at < end) {
    const tag = source[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const lengthBytes = length - 59;
        if (end - at < lengthBytes) throw new InvalidBytes(at, 'a snappy literal length is cut');
        length = source.readUIntLE(at, lengthBytes);
        at += lengthBytes;
      }
      length += 1;
      if (length > end - at || length > limit - to)
        throw new InvalidBytes(at, 'a snappy literal is too long');
      copyAcross(source, at, length, bytes, to);
      at += length;
      to += length;
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (end - at < offsetBytes) throw new InvalidBytes(at, 'a snappy copy is cut');
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const distance = kind === 1 ? ((tag & 0xe0) << 3) | source[at]! : source.readUIntLE(at, offsetBytes);
    at += offsetBytes;
    if (distance === 0 || distance > to - start) {
      throw new InvalidBytes(
        at - offsetBytes,
        `snappy copy distance ${distance} reaches in front of its block`,
      );
    }
    if (length > limit - to) throw new InvalidBytes(at, 'a snappy copy is too long');
    copyBack(bytes, to, distance, length);
    to += length;
  }
  if (to !== limit)
    throw new InvalidBytes(at, `a snappy block ends after ${to - start} of ${declared} bytes`);
  output.length = to;
}
