// Kafka's compression codecs, one function each way. A batch's records are compressed as one block.

import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { LockstepError } from '../../errors.ts';
import { InvalidBytes } from '../corrupt.ts';
import type { Compression } from '../layout.ts';
import { tooLarge } from './bounded-output.ts';
import type { CompressedParts } from './free-now.ts';
import { compressLz4, decompressLz4 } from './lz4.ts';
import { nativeLz4 } from './lz4-native.ts';
import { compressSnappy, decompressSnappy } from './snappy.ts';
import { wasmUtils } from './wasm.ts';

export { lz4LibraryInUse } from './lz4-native.ts';

/**
 * The most bytes one batch may decompress to unless told otherwise, in bytes. Brokers keep batches below
 * message.max.bytes (1 MiB by default) compressed; 256 MiB leaves room for generous settings and good ratios,
 * and still keeps a hostile batch from taking the process down.
 */
export const decompressedBytesMaxDefault = 256 * 1024 * 1024;

/** For who runs for months: what was installed may be another version, or gone, when the first batch needs a codec. */
export function loadCodecs(): void {
  nativeLz4();
  try {
    wasmUtils();
  } catch {
    // Told by who needs it; most never do.
  }
}

export function compress(compression: Compression, bytes: Buffer): Buffer {
  const { parts } = compressToParts(compression, bytes);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** The same in parts, for whoever puts something in front of them. */
export function compressToParts(compression: Compression, bytes: Buffer): CompressedParts {
  switch (compression) {
    case 'none':
      return { parts: [bytes], native: [] };
    case 'gzip':
      return { parts: [gzipSync(bytes)], native: [] };
    case 'snappy':
      return { parts: compressSnappy(bytes), native: [] };
    case 'lz4':
      return compressLz4(bytes);
    case 'zstd':
      return { parts: [zstdCompressSync(bytes)], native: [] };
  }
}

/**
 * @param decompressedBytesMax the most bytes to return; beyond it the bytes count as corrupt.
 * @throws LockstepError BATCH_CORRUPT; `detail.position` is a place in the compressed bytes (0 where the codec
 * does not say). Callers that know the batch use `decompressOrInvalid`.
 */
export function decompress(
  compression: Compression,
  bytes: Buffer,
  decompressedBytesMax = decompressedBytesMaxDefault,
): Buffer {
  try {
    return decompressOrInvalid(compression, bytes, decompressedBytesMax);
  } catch (error) {
    if (!(error instanceof InvalidBytes)) throw error;
    throw new LockstepError(
      'BATCH_CORRUPT',
      `Corrupt ${compression} block at byte ${error.position}: ${error.message}.`,
      {
        cause: error,
        detail: { compression, position: error.position },
      },
    );
  }
}

/**
 * Blocks that this process has decompressed so far. A mirror decompresses only batches that it has to put together anew
 * (a part of their offsets is there already, say); comparing and verifying may, too.
 */
export function decompressedCount(): number {
  return decompressed;
}

let decompressed = 0;

/** The same with errors as `InvalidBytes`. */
export function decompressOrInvalid(compression: Compression, bytes: Buffer, bytesMax: number): Buffer {
  if (compression !== 'none') decompressed++;
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return byZlib('gzip', bytesMax, () => gunzipSync(bytes, { maxOutputLength: bytesMax }));
    case 'snappy':
      return decompressSnappy(bytes, bytesMax);
    case 'lz4':
      return decompressLz4(bytes, bytesMax);
    case 'zstd':
      return byZlib('zstd', bytesMax, () =>
        zstdDecompressSync(bytes, {
          maxOutputLength: bytesMax,
          // Kafka's default window, 2^23 and below, and generous settings of other clients fit into this.
          params: { [constants.ZSTD_d_windowLogMax]: 27 },
        }),
      );
  }
}

function byZlib(name: string, bytesMax: number, decode: () => Buffer): Buffer {
  try {
    return decode();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(0, bytesMax);
    throw new InvalidBytes(0, `${name} cannot decompress it (${code})`);
  }
}
