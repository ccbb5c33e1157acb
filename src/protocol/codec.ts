// Turns schemas into code: for each message and version a reader and a writer are composed once from small
// functions, and kept. One codec serves every API, both directions, flexible versions (KIP-482) or not.
import { LockstepError } from '../errors.ts';
import { invalidFrame, Reader } from './reader.ts';
import {
  type FieldDefault,
  type FieldSchema,
  type FieldType,
  type Input,
  includes,
  type MessageSchema,
  type StructSchema,
  zeroUuid,
} from './schema.ts';
import { Writer } from './writer.ts';

type Read = (reader: Reader) => unknown;
type Write = (writer: Writer, value: never) => void;
interface Coder {
  readonly read: Read;
  readonly write: Write;
  /** The least bytes that a value takes: what bounds an array's declared length. */
  readonly bytesMin: number;
}
interface Context {
  readonly message: string;
  readonly version: number;
  readonly flexible: boolean;
}

/** Elements that take no bytes can't be bounded by the bytes left. */
const emptyElementsMax = 100_000;
const taggedFieldsMax = 10_000;

/** @throws LockstepError CODEC_INPUT_INVALID for a wrong value, UNSUPPORTED_VERSION for a field the version lacks. */
export function encodeMessage<T>(schema: MessageSchema<T>, version: number, input: Input<T>): Buffer[] {
  const writer = new Writer();
  writeMessage(schema, version, input, writer);
  return writer.finish();
}

export function encodeToBuffer<T>(schema: MessageSchema<T>, version: number, input: Input<T>): Buffer {
  return Buffer.concat(encodeMessage(schema, version, input));
}

/** Reads a message; bytes and records are slices of `buffer`. @throws LockstepError FRAME_INVALID. */
export function decodeMessage<T>(schema: MessageSchema<T>, version: number, buffer: Buffer, start = 0): T {
  return decodeMessageWithEnd(schema, version, buffer, start).value;
}

/** As `decodeMessage`, with the position behind the message. */
export function decodeMessageWithEnd<T>(
  schema: MessageSchema<T>,
  version: number,
  buffer: Buffer,
  start = 0,
): { value: T; end: number } {
  const coder = coderOf(schema, version);
  const reader = new Reader(buffer, start);
  try {
    const value = coder.read(reader) as T;
    return { value, end: reader.position };
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    throw invalidFrame(
      `${schema.name} v${version} ends too early, at byte ${reader.position} of ${buffer.length}`,
      error,
    );
  }
}

export function writeMessage<T>(
  schema: MessageSchema<T>,
  version: number,
  input: Input<T>,
  writer: Writer,
): void {
  const coder = coderOf(schema, version);
  try {
    coder.write(writer, input as never);
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LockstepError('CODEC_INPUT_INVALID', `${schema.name} v${version} can't be written: ${reason}`, {
      cause: error,
    });
  }
}

const coders = new WeakMap<object, Map<number, Coder>>();

function coderOf(schema: MessageSchema<unknown>, version: number): Coder {
  let versions = coders.get(schema);
  if (versions === undefined) {
    versions = new Map();
    coders.set(schema, versions);
  }
  let coder = versions.get(version);
  if (coder === undefined) {
    if (!includes(schema.versions, version)) {
      const [min, max] = schema.versions;
      throw new LockstepError(
        'UNSUPPORTED_VERSION',
        `${schema.name} has the versions ${min} to ${max}, not ${version}.`,
      );
    }
    const flexible = includes(schema.flexible, version);
    coder = structCoder(schema, { message: schema.name, version, flexible });
    versions.set(version, coder);
  }
  return coder;
}

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

function structCoder(struct: StructSchema, context: Context): Coder {
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
    const makeDefault = defaultMaker(field, context);
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

function lacksField(context: Context, struct: string, field: string): LockstepError {
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

function fieldCoder(field: FieldSchema, context: Context): Coder {
  const flexible =
    field.flexible === undefined ? context.flexible : includes(field.flexible, context.version);
  const nullable = field.nullable !== undefined && includes(field.nullable, context.version);
  return typeCoder(field.type, { ...context, flexible }, nullable, field.name);
}

function typeCoder(type: FieldType, context: Context, nullable: boolean, name: string): Coder {
  switch (type.kind) {
    case 'bool':
      return { bytesMin: 1, read: (r) => r.int8() !== 0, write: (w, v: boolean) => w.int8(v ? 1 : 0) };
    case 'int8':
      return { bytesMin: 1, read: (r) => r.int8(), write: (w, v: number) => w.int8(v) };
    case 'int16':
      return { bytesMin: 2, read: (r) => r.int16(), write: (w, v: number) => w.int16(v) };
    case 'uint16':
      return { bytesMin: 2, read: (r) => r.uint16(), write: (w, v: number) => w.uint16(v) };
    case 'int32':
      return { bytesMin: 4, read: (r) => r.int32(), write: (w, v: number) => w.int32(v) };
    case 'uint32':
      return { bytesMin: 4, read: (r) => r.uint32(), write: (w, v: number) => w.uint32(v) };
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
  const bytes = Buffer.from(value, 'base64url');
  if (bytes.length !== 16) throw new Error(`${name} is no uuid of 16 bytes`);
  return bytes;
}

// ── Defaults ──────────────────────────────────────────────────────────────────────────────────────────

function isEmptyDefault(value: FieldDefault): value is { readonly empty: true } {
  return typeof value === 'object' && value !== null;
}

function defaultMaker(field: FieldSchema, context: Context): () => unknown {
  const { type } = field;
  const value = field.default;
  if (!isEmptyDefault(value)) return () => value;
  switch (type.kind) {
    case 'array':
      return () => [];
    case 'struct': {
      // One frozen value for all: answers hold thousands of tagged structs that are nearly always absent.
      const fields = type.struct.fields.map((inner) => [inner.name, defaultMaker(inner, context)()] as const);
      const shared = Object.freeze(Object.fromEntries(fields));
      return () => shared;
    }
    case 'uuid':
      return () => zeroUuid;
    case 'string':
      return () => '';
    default:
      return () => Buffer.alloc(0);
  }
}

function defaultTest(field: FieldSchema): (value: unknown) => boolean {
  const { type } = field;
  const expected = field.default;
  if (!isEmptyDefault(expected)) return (value) => value === expected;
  switch (type.kind) {
    case 'array':
      return (value) => Array.isArray(value) && value.length === 0;
    case 'struct': {
      const tests = type.struct.fields.map((inner) => [inner.name, defaultTest(inner)] as const);
      return (value) => {
        const given = value as Record<string, unknown> | null;
        return (
          given !== null && tests.every(([name, test]) => given[name] === undefined || test(given[name]))
        );
      };
    }
    case 'uuid':
      return (value) => value === zeroUuid;
    case 'string':
      return (value) => value === '';
    default:
      return (value) => value instanceof Uint8Array && value.length === 0;
  }
}
