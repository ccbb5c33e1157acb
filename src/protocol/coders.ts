// Composes readers and writers out of schemas: a struct's coder calls its fields' coders, down to the primitive
// types. What depends on the version alone (flexible or not, which fields exist, which are tagged) is decided
// here once, so that reading and writing is nothing but calls.
//
//   struct          fields in order; in flexible versions then the tagged fields (KIP-482):
//                   count, and for each, in ascending order: tag, size in bytes, value
//   nullable struct one byte first: -1 for null, else 1
//   string, bytes,  length (compact: unsigned varint of length + 1, 0 for null;
//   records, array  else int16 for strings, int32 for the others, -1 for null), then the content
import { LockstepError } from '../errors.ts';
import { defaultMaker, defaultTest } from './defaults.ts';
import { invalidFrame, type Reader } from './reader.ts';
import { type FieldSchema, type FieldType, includes, type StructSchema, zeroUuid } from './schema.ts';
import { Writer } from './writer.ts';

export type Read = (reader: Reader) => unknown;
type Write = (writer: Writer, value: never) => void;
export interface Coder {
  readonly read: Read;
  readonly write: Write;
  /** The least bytes that a value takes: what bounds an array's declared length. */
  readonly bytesMin: number;
}
export interface CodingContext {
  readonly message: string;
  readonly version: number;
  readonly flexible: boolean;
}

/** Elements that take no bytes can't be bounded by the bytes left. */
const emptyElementsMax = 100_000;
const taggedFieldsMax = 10_000;

// ── Structs ───────────────────────────────────────────────────────────────────────────────────────────

interface BoundField {
  readonly name: string;
  readonly coder: Coder;
  readonly makeDefault: () => unknown;
}
interface TaggedField extends BoundField {
  readonly tag: number;
  readonly isDefault: (value: unknown) => boolean;
}

export function structCoder(struct: StructSchema, context: CodingContext): Coder {
  const { version, flexible } = context;
  const plain: BoundField[] = [];
  const tagged: TaggedField[] = [];
  const absent: {
    name: string;
    makeDefault: () => unknown;
    isDefault: (value: unknown) => boolean;
    ignorable: boolean;
  }[] = [];
  for (const field of struct.fields) {
    const makeDefault = defaultMaker(field);
    const isDefault = defaultTest(field);
    if (!includes(field.versions, version)) {
      absent.push({ name: field.name, makeDefault, isDefault, ignorable: field.ignorable ?? false });
    } else if (flexible && field.tagged !== undefined && includes(field.tagged, version)) {
      tagged.push({
        name: field.name,
        coder: fieldCoder(field, context),
        makeDefault,
        isDefault,
        tag: field.tag!,
      });
    } else {
      plain.push({ name: field.name, coder: fieldCoder(field, context), makeDefault });
    }
  }
  tagged.sort((a, b) => a.tag - b.tag);
  const byTag = new Map(tagged.map((field) => [field.tag, field]));
  const readers = plain.map((field) => field.coder.read);
  const names = plain.map((field) => field.name);
  const count = plain.length;

  const read: Read = (reader) => {
    const value: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) value[names[i]!] = readers[i]!(reader);
    for (const field of tagged) value[field.name] = field.makeDefault();
    for (const field of absent) value[field.name] = field.makeDefault();
    if (flexible) readTagged(reader, byTag, value);
    return value;
  };
  const write: Write = (writer, input: Record<string, unknown>) => {
    for (const field of plain) {
      const value = input[field.name];
      field.coder.write(writer, (value === undefined ? field.makeDefault() : value) as never);
    }
    for (const { name, isDefault, ignorable } of absent) {
      const value = input[name];
      if (value !== undefined && !ignorable && !isDefault(value))
        throw lacksField(context, struct.name, name);
    }
    if (flexible) writeTagged(writer, tagged, input);
  };
  const bytesMin = plain.reduce((sum, field) => sum + field.coder.bytesMin, flexible ? 1 : 0);
  return { read, write, bytesMin };
}

function lacksField(context: CodingContext, struct: string, field: string): LockstepError {
  return new LockstepError(
    'UNSUPPORTED_VERSION',
    `${context.message} v${context.version} has no field ${struct === context.message ? '' : `${struct}.`}${field}; use a newer version or leave it out.`,
  );
}

function readTagged(reader: Reader, byTag: Map<number, TaggedField>, value: Record<string, unknown>): void {
  const count = reader.uvarint();
  if (count > taggedFieldsMax) throw invalidFrame(`${count} tagged fields`);
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint();
    const sizeBytes = reader.uvarint();
    if (sizeBytes > reader.remainingBytes)
      throw invalidFrame(`a tagged field of ${sizeBytes} bytes where ${reader.remainingBytes} are left`);
    const end = reader.position + sizeBytes;
    const field = byTag.get(tag);
    if (field !== undefined) {
      value[field.name] = field.coder.read(reader);
      if (reader.position !== end)
        throw invalidFrame(`the tagged field ${field.name} does not end where it says`);
    }
    reader.position = end;
  }
}

function writeTagged(writer: Writer, tagged: readonly TaggedField[], input: Record<string, unknown>): void {
  const present = tagged.filter(
    ({ name, isDefault }) => input[name] !== undefined && !isDefault(input[name]),
  );
  writer.uvarint(present.length);
  for (const { name, tag, coder } of present) {
    const content = new Writer();
    coder.write(content, input[name] as never);
    writer.uvarint(tag);
    writer.uvarint(content.sizeBytes);
    writer.append(content.finish());
  }
}

// ── Fields ────────────────────────────────────────────────────────────────────────────────────────────

function fieldCoder(field: FieldSchema, context: CodingContext): Coder {
  const flexible =
    field.flexible === undefined ? context.flexible : includes(field.flexible, context.version);
  const nullable = field.nullable !== undefined && includes(field.nullable, context.version);
  return typeCoder(field.type, { ...context, flexible }, nullable, field.name);
}

function typeCoder(type: FieldType, context: CodingContext, nullable: boolean, name: string): Coder {
  switch (type.kind) {
    case 'bool':
      return { bytesMin: 1, read: (r) => r.int8() !== 0, write: (w, v: boolean) => w.int8(v ? 1 : 0) };
    case 'int8':
      return wholeNumber(
        1,
        -0x80,
        0x7f,
        (r) => r.int8(),
        (w, v) => w.int8(v),
        name,
      );
    case 'int16':
      return wholeNumber(
        2,
        -0x8000,
        0x7fff,
        (r) => r.int16(),
        (w, v) => w.int16(v),
        name,
      );
    case 'uint16':
      return wholeNumber(
        2,
        0,
        0xffff,
        (r) => r.uint16(),
        (w, v) => w.uint16(v),
        name,
      );
    case 'int32':
      return wholeNumber(
        4,
        -0x80000000,
        0x7fffffff,
        (r) => r.int32(),
        (w, v) => w.int32(v),
        name,
      );
    case 'uint32':
      return wholeNumber(
        4,
        0,
        0xffffffff,
        (r) => r.uint32(),
        (w, v) => w.uint32(v),
        name,
      );
    case 'int64':
      return { bytesMin: 8, read: (r) => r.int64(), write: (w, v: bigint) => w.int64(v) };
    case 'float64':
      return { bytesMin: 8, read: (r) => r.float64(), write: (w, v: number) => w.float64(v) };
    case 'uuid':
      return { bytesMin: 16, read: (r) => r.uuid(), write: (w, v: string) => w.bytes(uuidBytes(v, name)) };
    case 'string':
      return stringCoder(context.flexible, nullable, name);
    case 'bytes':
    case 'records':
      return bytesCoder(context.flexible, nullable, name);
    case 'array':
      return arrayCoder(typeCoder(type.of, context, false, name), context.flexible, nullable, name);
    case 'struct':
      return nullable
        ? nullableStructCoder(structCoder(type.struct, context))
        : structCoder(type.struct, context);
  }
}

/** Buffer's own check lets NaN and fractions through, and does not know the field's name. */
function wholeNumber(
  bytesMin: number,
  min: number,
  max: number,
  read: (reader: Reader) => number,
  write: (writer: Writer, value: number) => void,
  name: string,
): Coder {
  return {
    bytesMin,
    read,
    write: (writer, value: number) => {
      if (!Number.isInteger(value) || value < min || value > max)
        throw new Error(`${name} is no whole number from ${min} to ${max}`);
      write(writer, value);
    },
  };
}

/** Lengths: compact ones are one more than the length, 0 for null; others are the length, -1 for null. */
function lengthCoder(
  kind: 'int16' | 'int32',
  flexible: boolean,
): {
  read: (reader: Reader) => number;
  write: (writer: Writer, length: number) => void;
  bytesMin: number;
} {
  if (flexible)
    return { bytesMin: 1, read: (r) => r.uvarint() - 1, write: (w, length) => w.uvarint(length + 1) };
  if (kind === 'int16') return { bytesMin: 2, read: (r) => r.int16(), write: (w, length) => w.int16(length) };
  return { bytesMin: 4, read: (r) => r.int32(), write: (w, length) => w.int32(length) };
}

function stringCoder(flexible: boolean, nullable: boolean, name: string): Coder {
  const length = lengthCoder('int16', flexible);
  return {
    bytesMin: length.bytesMin,
    read: (reader) => {
      const lengthBytes = length.read(reader);
      if (lengthBytes < 0) return nullOr(nullable, name, lengthBytes);
      return reader.text(lengthBytes);
    },
    write: (writer, value: string | null) => {
      if (value === null) return writeNull(writer, length.write, nullable, name);
      const lengthBytes = Buffer.byteLength(value, 'utf8');
      if (lengthBytes > 0x7fff)
        throw new Error(`${name} has ${lengthBytes} bytes, more than a string may have (32767)`);
      length.write(writer, lengthBytes);
      writer.text(value, lengthBytes);
    },
  };
}

function bytesCoder(flexible: boolean, nullable: boolean, name: string): Coder {
  const length = lengthCoder('int32', flexible);
  return {
    bytesMin: length.bytesMin,
    read: (reader) => {
      const lengthBytes = length.read(reader);
      if (lengthBytes < 0) return nullOr(nullable, name, lengthBytes);
      return reader.slice(lengthBytes);
    },
    write: (writer, value: Uint8Array | null) => {
      if (value === null) return writeNull(writer, length.write, nullable, name);
      length.write(writer, value.length);
      writer.bytes(value);
    },
  };
}

function arrayCoder(element: Coder, flexible: boolean, nullable: boolean, name: string): Coder {
  const length = lengthCoder('int32', flexible);
  return {
    bytesMin: length.bytesMin,
    read: (reader) => {
      const count = length.read(reader);
      if (count < 0) return nullOr(nullable, name, count);
      const countMax = element.bytesMin === 0 ? emptyElementsMax : reader.remainingBytes / element.bytesMin;
      if (count > countMax)
        throw invalidFrame(`${count} elements of ${name} where ${reader.remainingBytes} bytes are left`);
      const values: unknown[] = [];
      for (let i = 0; i < count; i++) values.push(element.read(reader));
      return values;
    },
    write: (writer, values: readonly never[] | null) => {
      if (values === null) return writeNull(writer, length.write, nullable, name);
      length.write(writer, values.length);
      for (const value of values) element.write(writer, value);
    },
  };
}

/** A struct that may be null has a byte before it: -1 for null, else 1. */
function nullableStructCoder(struct: Coder): Coder {
  return {
    bytesMin: 1,
    read: (reader) => (reader.int8() < 0 ? null : struct.read(reader)),
    write: (writer, value: never) => {
      if (value === null) return writer.int8(-1);
      writer.int8(1);
      struct.write(writer, value);
    },
  };
}

function nullOr(nullable: boolean, name: string, length: number): null {
  if (nullable && length === -1) return null;
  throw invalidFrame(`a length of ${length} for ${name}`);
}

function writeNull(
  writer: Writer,
  writeLength: (writer: Writer, length: number) => void,
  nullable: boolean,
  name: string,
): void {
  if (!nullable) throw new Error(`${name} must not be null in this version`);
  writeLength(writer, -1);
}

function uuidBytes(value: string, name: string): Buffer {
  // Buffer.from skips what is no base64, so the text's length is checked too.
  const bytes = Buffer.from(value, 'base64url');
  if (bytes.length !== 16 || value.length !== zeroUuid.length)
    throw new Error(`${name} is no uuid of 16 bytes`);
  return bytes;
}
