// LZ4 frames as Kafka writes them (Lz4BlockOutputStream): independent blocks of at most 64 KiB, no dictionary, no
// checksums of blocks or content, no content size.
//
//   | magic | flags | block size | header checksum | block size (LE, high bit: stored) | block | ... | 0 |
//
// Frames are read here, with bounds, whoever decompresses their blocks: a library that reads whole frames makes room for
// whatever they ask for, and the WebAssembly one traps on corrupt input and leaves its memory unusable for the next call.
// The frame's own checksums (xxHash) are not checked: the batch's CRC32C covers the same bytes.

import { InvalidBytes } from '../corrupt.ts';
import { BoundedOutput } from './bounded-output.ts';
import type { CompressedParts } from './free-now.ts';
import { decodeBlock, type Lz4Block, plainBytesMost } from './lz4-block.ts';
import { blockSizeBytes, compressedBlock, nativeLz4, plainBlock } from './lz4-native.ts';
import { wasmUtils } from './wasm.ts';

const frameMagic = 0x184d2204;
const flags = { version: 0xc0, independent: 0x20, blockChecksum: 0x10, contentSize: 0x08, reserved: 0x03 };
const versionOne = 0x40;
const storedBlock = 0x80000000;

/** Of every frame that Kafka's clients write: version 1, independent blocks, 64 KiB each, and the xxHash of both bytes. */
const frameHeader = Buffer.from('04224d18604082', 'hex');
const frameEnd = Buffer.alloc(blockSizeBytes);
/** What a block holds at most in such a frame, in bytes. */
const plainBlockBytes = 64 * 1024;
/** Records get smaller by less than that as a rule, and a byte of a block may stand for 255: room for that costs more. */
const expansionUsual = 8;

/** The frame in parts, for whoever puts something in front of it: each byte is copied once. */
export function compressLz4(bytes: Buffer): CompressedParts {
  // The WebAssembly one takes nothing once, and refuses whatever small comes next.
  if (bytes.length === 0) return { parts: [frameHeader, frameEnd], native: [] };
  const native = nativeLz4();
  if (native === null) return { parts: [wasmUtils().lz4Compress(bytes)], native: [] };
  const parts: Buffer[] = [frameHeader];
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += plainBlockBytes) {
    const plain = bytes.subarray(at, at + plainBlockBytes);
    const block = compressedBlock(native, plain);
    if (block === null) {
      parts.push(storedSize(plain.length), plain);
    } else {
      parts.push(block);
      blocks.push(block);
    }
  }
  parts.push(frameEnd);
  return { parts, native: blocks };
}

function storedSize(bytes: number): Buffer {
  const size = Buffer.allocUnsafe(blockSizeBytes);
  size.writeUInt32LE(bytes + storedBlock, 0);
  return size;
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
    const end = at + blockBytes;
    if (declared >= storedBlock) output.append(frame, at, end);
    else decompressBlock({ source: frame, from: at, end, bytesMax: blockBytesMax }, output);
    at = end + checksumBytes;
  }
}

/** Natively where that is possible. What the library refuses is judged by our own decoder, which says what is wrong. */
function decompressBlock(block: Lz4Block, output: BoundedOutput): void {
  const native = nativeLz4();
  if (native !== null) {
    const { source, from, end } = block;
    const most = output.roomFor(plainBytesMost(block));
    const usual = Math.min(most, Math.max(plainBlockBytes, (end - from) * expansionUsual));
    for (const room of new Set([usual, most])) {
      const plain = plainBlock(native, source.subarray(from, end), room);
      if (plain !== null) return output.appendOwned(plain);
    }
  }
  decodeBlock(block, output);
}

function maximumBlockBytes(descriptor: number): number {
  const size = (descriptor >> 4) & 7;
  if (size < 4 || (descriptor & 0x8f) !== 0) throw new InvalidBytes(5, `LZ4 block descriptor ${descriptor}`);
  return 1 << (2 * size + 8);
}
