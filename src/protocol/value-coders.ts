// Readers and writers of single values: numbers, strings, bytes, arrays.
//
//   string, bytes,  length (compact: unsigned varint of length + 1, 0 for null;
//   records, array  else int16 for strings, int32 for the others, -1 for null), then the content
//   nullable struct one byte first: -1 for null, else 1
//
// A writer checks what it is given, since Node's own would make some number of '5', 1.5 or NaN, and bytes of text;
// its complaint names the field.
import { invalidFrame, type Reader } from './reader.ts';
import type { PrimitiveType } from './schema.ts';
import type { Writer } from './writer.ts';

export type Read = (reader: Reader) => unknown;
export type Write = (writer: Writer, value: never) => void;
export interface Coder {
  readonly read: Read;
  readonly write: Write;
  /** The least bytes that a value takes, at least 1: what bounds an array's declared length. */
  readonly bytesMin: number;
  /** About how much memory a decoded value takes at least: what bounds how many of them a message may hold. */
  readonly memoryBytes: number;
}
/** How a field's value is laid out in one version. */
export interface Layout {
  /** The field's name, for errors. */
  readonly name: string;
  /** Lengths are compact (KIP-482). */
  readonly flexible: boolean;
  readonly nullable: boolean;
}

/** Kafka's own limit, in both directions. */
const stringBytesMax = 0x7fff;
const bytesMax = 0x7fffffff;
/** What V8 takes for a value with the slot that holds it, about. */
const memory = { number: 8, bigint: 32, string: 24, uuid: 48, slice: 120, array: 40 };
/** An object without its fields. */
export const structMemoryBytes = 32;
const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
/** The last of 22 base64url characters carries four bits only. */
const uuidPattern = /^[\w-]{21}[AQgw]$/;

export function valueCoder(kind: PrimitiveType, layout: Layout): Coder {
  const { name } = layout;
  const refuse = (value: unknown): never => {
    throw new Error(`${name} is ${described(value)}, not ${article(kind)} ${kind}`);
  };
  switch (kind) {
    case 'bool':
      return {
        bytesMin: 1,
        memoryBytes: memory.number,
        read: (r) => r.int8() !== 0,
        write: (w, v: boolean) => w.int8(v === true ? 1 : v === false ? 0 : refuse(v)),
      };
    case 'int8':
      return {
        bytesMin: 1,
        memoryBytes: memory.number,
        read: (r) => r.int8(),
        write: (w, v: number) => w.int8(isNumber(v) && (v << 24) >> 24 === v ? v : refuse(v)),
      };
    case 'int16':
      return {
        bytesMin: 2,
        memoryBytes: memory.number,
        read: (r) => r.int16(),
        write: (w, v: number) => w.int16(isNumber(v) && (v << 16) >> 16 === v ? v : refuse(v)),
      };
    case 'uint16':
      return {
        bytesMin: 2,
        memoryBytes: memory.number,
        read: (r) => r.uint16(),
        write: (w, v: number) => w.uint16(isNumber(v) && (v & 0xffff) === v ? v : refuse(v)),
      };
    case 'int32':
      return {
        bytesMin: 4,
        memoryBytes: memory.number,
        read: (r) => r.int32(),
        write: (w, v: number) => w.int32(isNumber(v) && (v | 0) === v ? v : refuse(v)),
      };
    case 'uint32':
      return {
        bytesMin: 4,
        memoryBytes: memory.number,
        read: (r) => r.uint32(),
        write: (w, v: number) => w.uint32(isNumber(v) && v >>> 0 === v ? v : refuse(v)),
      };
    case 'int64':
      return {
        bytesMin: 8,
        memoryBytes: memory.bigint,
        read: (r) => r.int64(),
        write: (w, v: bigint) => w.int64(isInt64(v) ? v : refuse(v)),
      };
    case 'float64':
      return {
        bytesMin: 8,
        memoryBytes: memory.number,
        read: (r) => r.float64(),
        write: (w, v: number) => w.float64(isNumber(v) ? v : refuse(v)),
      };
    case 'uuid':
      return {
        bytesMin: 16,
        memoryBytes: memory.uuid,
        read: (r) => r.uuid(),
        write: (w, v: string) => w.bytes(Buffer.from(isUuid(v) ? v : refuse(v), 'base64url')),
      };
    case 'string':
      return stringCoder(layout, refuse);
    case 'bytes':
    case 'records':
      return bytesCoder(layout, refuse);
  }
}

function stringCoder(layout: Layout, refuse: (value: unknown) => never): Coder {
  const { name } = layout;
  const length = lengthCoder('int16', layout.flexible);
  return {
    bytesMin: length.bytesMin,
    memoryBytes: memory.string,
    read: (reader) => {
      const lengthBytes = length.read(reader);
      if (lengthBytes < 0) return nullOr(layout, lengthBytes);
      if (lengthBytes > stringBytesMax)
        throw invalidFrame(`a string of ${lengthBytes} bytes for ${name}, more than Kafka writes`);
      return reader.text(lengthBytes);
    },
    write: (writer, value: string | null) => {
      if (value === null) return writeNull(writer, length.write, layout);
      if (typeof value !== 'string') refuse(value);
      const lengthBytes = Buffer.byteLength(value, 'utf8');
      if (lengthBytes > stringBytesMax)
        throw new Error(`${name} has ${lengthBytes} bytes, more than a string may have (${stringBytesMax})`);
      length.write(writer, lengthBytes);
      writer.text(value, lengthBytes);
    },
  };
}

function bytesCoder(layout: Layout, refuse: (value: unknown) => never): Coder {
  const length = lengthCoder('int32', layout.flexible);
  return {
    bytesMin: length.bytesMin,
    memoryBytes: memory.slice,
    read: (reader) => {
      const lengthBytes = length.read(reader);
      if (lengthBytes < 0) return nullOr(layout, lengthBytes);
      return reader.slice(lengthBytes);
    },
    write: (writer, value: Uint8Array | null) => {
      if (value === null) return writeNull(writer, length.write, layout);
      if (!(value instanceof Uint8Array) || value.length > bytesMax) refuse(value);
      length.write(writer, value.length);
      writer.bytes(value);
    },
  };
}

export function arrayCoder(element: Coder, layout: Layout): Coder {
  const { name } = layout;
  const length = lengthCoder('int32', layout.flexible);
  // Kafka has no such element; a declared count of them could not be checked against the bytes that are left.
  if (element.bytesMin < 1) throw new Error(`elements of ${name} take no bytes`);
  return {
    bytesMin: length.bytesMin,
    memoryBytes: memory.array,
    read: (reader) => {
      const count = length.read(reader);
      if (count < 0) return nullOr(layout, count);
      if (count > reader.remainingBytes / element.bytesMin)
        throw invalidFrame(`${count} elements of ${name} where ${reader.remainingBytes} bytes are left`);
      reader.countMemory(count * element.memoryBytes, name);
      const values: unknown[] = [];
      for (let i = 0; i < count; i++) values.push(element.read(reader));
      return values;
    },
    write: (writer, values: readonly never[] | null) => {
      if (values === null) return writeNull(writer, length.write, layout);
      if (!Array.isArray(values)) throw new Error(`${name} is ${described(values)}, not an array`);
      length.write(writer, values.length);
      for (const value of values) element.write(writer, value);
    },
  };
}

/** A struct that may be null has a byte before it: -1 for null, else 1. */
export function nullableStructCoder(struct: Coder): Coder {
  return {
    bytesMin: 1,
    memoryBytes: memory.number,
    read: (reader) => (reader.int8() < 0 ? null : struct.read(reader)),
    write: (writer, value: never) => {
      if (value === null) return writer.int8(-1);
      writer.int8(1);
      struct.write(writer, value);
    },
  };
}

interface LengthCoder {
  readonly read: (reader: Reader) => number;
  readonly write: (writer: Writer, length: number) => void;
  readonly bytesMin: number;
}

/** Compact lengths are one more than the length, 0 for null; others are the length, -1 for null. */
function lengthCoder(kind: 'int16' | 'int32', flexible: boolean): LengthCoder {
  if (flexible)
    return { bytesMin: 1, read: (r) => r.uvarint() - 1, write: (w, length) => w.uvarint(length + 1) };
  if (kind === 'int16') return { bytesMin: 2, read: (r) => r.int16(), write: (w, length) => w.int16(length) };
  return { bytesMin: 4, read: (r) => r.int32(), write: (w, length) => w.int32(length) };
}

function nullOr({ name, nullable }: Layout, length: number): null {
  if (nullable && length === -1) return null;
  throw invalidFrame(`a length of ${length} for ${name}`);
}

function writeNull(writer: Writer, writeLength: LengthCoder['write'], { name, nullable }: Layout): void {
  if (!nullable) throw new Error(`${name} must not be null in this version`);
  writeLength(writer, -1);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isInt64(value: unknown): value is bigint {
  return typeof value === 'bigint' && value >= int64Min && value <= int64Max;
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuidPattern.test(value);
}

function article(noun: string): string {
  return /^i/.test(noun) ? 'an' : 'a';
}

/** What was given instead, without its content: strings and bytes may be secrets. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return `the ${typeof value} ${value}`;
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return `a value of type ${typeof value}`;
}
