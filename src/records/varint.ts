// Kafka's zigzag base-128 numbers (ByteUtils.readVarint and friends), and a reader that never leaves its bytes.

import { InvalidBytes } from './corrupt.ts';

/** Reads forward through `bytes`; throws InvalidBytes rather than reading behind `end`. */
export class ByteReader {
  readonly bytes: Buffer;
  position: number;
  end: number;

  constructor(bytes: Buffer, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    if (this.position >= this.end) throw new InvalidBytes(this.position, 'the bytes end inside a record');
    return this.bytes[this.position++]!;
  }

  /** A signed 32-bit number of at most 5 bytes. */
  varint(): number {
    const first = this.byte();
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let value = first & 0x7f;
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new InvalidBytes(this.position, 'a 32-bit number has more than 5 bytes');
  }

  /** A signed 64-bit number of at most 10 bytes. */
  varlong(): bigint {
    // Up to 7 bytes hold 49 bits, which a number takes exactly; more is rare.
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 7; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(value % 2 === 0 ? value / 2 : -(value + 1) / 2);
      scale *= 128;
    }
    let large = BigInt(value);
    for (let shift = 49n; shift <= 63n; shift += 7n) {
      const byte = this.byte();
      large |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (BigInt.asUintN(64, large) >> 1n) ^ -(large & 1n));
    }
    throw new InvalidBytes(this.position, 'a 64-bit number has more than 10 bytes');
  }

  /** The same, as a number where it has at most 7 bytes (48 bits and the sign). */
  shortVarlong(): number | bigint {
    const start = this.position;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 7; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    this.position = start;
    return this.varlong();
  }

  /** Passes `length` bytes. */
  skip(length: number): void {
    if (length < 0 || length > this.remaining) {
      throw new InvalidBytes(
        this.position,
        `length ${length} reaches behind the ${this.remaining} bytes left`,
      );
    }
    this.position += length;
  }

  /** `length` bytes, not copied. */
  take(length: number): Buffer {
    const start = this.position;
    this.skip(length);
    return this.bytes.subarray(start, this.position);
  }

  /** A length and as many bytes; any negative length is null, as in Kafka's DefaultRecord. */
  nullableBytes(): Buffer | null {
    const length = this.varint();
    return length < 0 ? null : this.take(length);
  }
}

export function varintBytes(value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let count = 1;
  while (rest > 0x7f) {
    rest >>>= 7;
    count++;
  }
  return count;
}

/** Writes at `at` and returns the position behind. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

export function varlongBytes(value: bigint): number {
  let rest = zigzag(value);
  let count = 1;
  while (rest > 0x7fn) {
    rest >>= 7n;
    count++;
  }
  return count;
}

export function writeVarlong(bytes: Buffer, at: number, value: bigint): number {
  let rest = zigzag(value);
  while (rest > 0x7fn) {
    bytes[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  bytes[at++] = Number(rest);
  return at;
}

/** For numbers of at most 52 bits and a sign. */
export function varlongNumberBytes(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let count = 1;
  while (rest > 0x7f) {
    rest = Math.floor(rest / 128);
    count++;
  }
  return count;
}

/** `writeVarlong` for numbers of at most 52 bits and a sign. */
export function writeVarlongNumber(bytes: Buffer, at: number, value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest > 0x7f) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

/** Differences of 64-bit numbers wrap around as Java's do. */
function zigzag(value: bigint): bigint {
  const wrapped = BigInt.asIntN(64, value);
  return BigInt.asUintN(64, (wrapped << 1n) ^ (wrapped >> 63n));
}
