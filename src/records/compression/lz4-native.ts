// LZ4 blocks by the native library (lz4-napi: lz4_flex in Rust, without unsafe code in its decoder). It is an optional
// dependency with a binary for each platform, so nothing is compiled when Lockstep is installed; where there is none for a
// platform, JavaScript and WebAssembly do the same, slower.
//
// The library puts the size of the plain bytes in front of a block, as four bytes, and makes room for what they say. A
// frame has the block's own length there. So these four bytes are always ours: never what somebody sent.
//
//   library   | plain size (LE) | block |
//   frame     | block size (LE) | block | block size | block | ... | 0 |
import { createRequire } from 'node:module';

type Lz4 = Pick<typeof import('lz4-napi'), 'compressSync' | 'uncompressSync'>;

/** What a block has in front of it in both forms, in bytes. */
export const blockSizeBytes = 4;

let loaded: Lz4 | null | undefined;

/** Null where it can't be loaded. Loaded when the first block needs it, or a link begins. */
export function nativeLz4(): Lz4 | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

/** What compresses and decompresses LZ4 in this process; null while nothing has asked for it. */
export function lz4LibraryInUse(): 'native' | 'wasm' | null {
  return loaded === undefined ? null : loaded === null ? 'wasm' : 'native';
}

function load(): Lz4 | null {
  try {
    return createRequire(import.meta.url)('lz4-napi') as Lz4;
  } catch {
    // No binary for this platform, or installed without optional packages. `lockstep_lz4_native` tells.
    return null;
  }
}

/** For tests: whether the native library is used from now on, where there is one. */
export function useNativeLz4(isUsed: boolean): void {
  loaded = isUsed ? undefined : null;
}

/** A compressed block as a frame has it, with its size in front; null where it is not smaller than the plain bytes. */
export function compressedBlock({ compressSync }: Lz4, plain: Buffer): Buffer | null {
  const block = compressSync(plain);
  const bytes = block.length - blockSizeBytes;
  if (bytes >= plain.length) return null;
  block.writeUInt32LE(bytes, 0);
  return block;
}

/**
 * The plain bytes of a block.
 * @param room the most bytes to make room for; what is larger is refused.
 * @returns null where the library refuses it.
 */
export function plainBlock({ uncompressSync }: Lz4, block: Buffer, room: number): Buffer | null {
  const input = scratchOf(blockSizeBytes + block.length);
  input.writeUInt32LE(room, 0);
  block.copy(input, blockSizeBytes);
  try {
    return uncompressSync(input);
  } catch {
    return null;
  }
}

/** Where blocks stand behind a size of ours, one at a time. */
let scratch = Buffer.alloc(0);

function scratchOf(bytes: number): Buffer {
  if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(bytes);
  return scratch.subarray(0, bytes);
}
