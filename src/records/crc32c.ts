// CRC32C (Castagnoli) arithmetic: the full checksum, and how a checksum moves when bytes in front of an
// untouched rest change.
//
// The checksum is linear over GF(2): for two messages of equal length, crc(A) xor crc(B) is the checksum of
// A xor B computed without initial value and final inversion ("raw"). Where A and B differ only in some bytes
// followed by n equal ones, that is raw(difference) followed by n zero bytes. Appending zero bytes is itself a
// linear map of the 32-bit state, so one table for each power of two covers every n: 31 maps of 4 x 256 words,
// 127 KiB in all, and at most 31 x 4 look-ups however long the payload is.
//
// The full checksum is native where npm has a binary for the platform and was allowed to install it (it is an optional
// package of @node-rs/crc32): 14 GB/s of one core here, 0.2 GB/s in JavaScript elsewhere.

import { createRequire } from 'node:module';

const reflectedPolynomial = 0x82f63b78;

/** How many powers of two of zero bytes have a map: lengths up to 2^31 - 1, the most a batch can declare. */
const shiftBits = 31;

/** One step of the checksum by one byte: state' = byteTable[(state ^ byte) & 0xff] ^ (state >>> 8). */
export const byteTable: Int32Array = makeByteTable();

const shiftTables: Int32Array = makeShiftTables();

const wholeCrc32c = loadNative() ?? crc32cInJavaScript;

/** The CRC32C of a whole message, as Kafka computes it; unsigned. */
export function crc32c(bytes: Buffer): number {
  return wholeCrc32c(bytes) >>> 0;
}

export function crc32cInJavaScript(bytes: Uint8Array): number {
  let state = -1;
  for (let at = 0; at < bytes.length; at++) state = byteTable[(state ^ bytes[at]!) & 0xff]! ^ (state >>> 8);
  return ~state >>> 0;
}

function loadNative(): ((bytes: Uint8Array) => number) | null {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as typeof import('@node-rs/crc32')).crc32c;
  } catch {
    return null;
  }
}

/** The raw state after `zeroByteCount` zero bytes. Takes and returns a signed 32-bit state. */
export function shiftByZeroBytes(state: number, zeroByteCount: number): number {
  let shifted = state | 0;
  let rest = zeroByteCount;
  for (let at = 0; rest !== 0; at += 1024, rest >>>= 1) {
    if ((rest & 1) === 0) continue;
    shifted =
      shiftTables[at + (shifted & 0xff)]! ^
      shiftTables[at + 256 + ((shifted >>> 8) & 0xff)]! ^
      shiftTables[at + 512 + ((shifted >>> 16) & 0xff)]! ^
      shiftTables[at + 768 + (shifted >>> 24)]!;
  }
  return shifted;
}

function makeByteTable(): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let state = byte;
    for (let bit = 0; bit < 8; bit++) state = state & 1 ? (state >>> 1) ^ reflectedPolynomial : state >>> 1;
    table[byte] = state;
  }
  return table;
}

/** Table k maps the state by 2^k zero bytes; it is table k-1 applied twice. */
function makeShiftTables(): Int32Array {
  const tables = new Int32Array(shiftBits * 1024);
  for (let bit = 0; bit < shiftBits; bit++) {
    for (let place = 0; place < 4; place++) {
      for (let byte = 0; byte < 256; byte++) {
        const state = byte << (8 * place);
        tables[bit * 1024 + place * 256 + byte] =
          bit === 0 ? byteTable[state & 0xff]! ^ (state >>> 8) : twice(tables, bit - 1, state);
      }
    }
  }
  return tables;
}

function twice(tables: Int32Array, bit: number, state: number): number {
  return mapBy(tables, bit, mapBy(tables, bit, state));
}

function mapBy(tables: Int32Array, bit: number, state: number): number {
  const at = bit * 1024;
  return (
    tables[at + (state & 0xff)]! ^
    tables[at + 256 + ((state >>> 8) & 0xff)]! ^
    tables[at + 512 + ((state >>> 16) & 0xff)]! ^
    tables[at + 768 + (state >>> 24)]!
  );
}
