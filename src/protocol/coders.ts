// Composes readers and writers out of schemas: a struct's coder calls its fields' coders, down to the primitive
// types (value-coders.ts). What depends on the version alone (flexible or not, which fields exist, which are tagged)
// is decided here once, so that reading and writing is nothing but calls.
//
//   struct          fields in order; in flexible versions then the tagged fields (KIP-482):
//                   count, and for each, in ascending order: tag, size in bytes, value
//
// A tagged field is left out while it has its default. Tags that we do not know are skipped.
import { LockstepError } from '../errors.ts';
import { defaultMaker, defaultTest } from './defaults.ts';
import { invalidFrame, type Reader } from './reader.ts';
import { type FieldSchema, type FieldType, includes, type StructSchema } from './schema.ts';
import {
  arrayCoder,
  type Coder,
  described,
  type Layout,
  nullableStructCoder,
  type Read,
  structMemoryBytes,
  valueCoder,
  type Write,
} from './value-coders.ts';
import { Writer } from './writer.ts';

/** What is the same for all structs of a message in one version. */
export interface CodingContext {
  readonly message: string;
  readonly version: number;
  readonly flexible: boolean;
}

interface PlainField {
  readonly name: string;
  readonly coder: Coder;
  readonly makeDefault: () => unknown;
}
interface TaggedField extends PlainField {
  readonly tag: number;
  readonly isDefault: (value: unknown) => boolean;
}
/** One that the version lacks. */
interface AbsentField {
  readonly name: string;
  readonly makeDefault: () => unknown;
  readonly isDefault: (value: unknown) => boolean;
  readonly ignorable: boolean;
}

/** More than any message of Kafka's has, by far. */
const taggedFieldsMax = 10_000;
const slotBytes = 8;

/** @param path how errors name the struct: the field that holds it, or nothing for a message. */
export function structCoder(struct: StructSchema, context: CodingContext, path = ''): Coder {
  const { flexible } = context;
  const { plain, tagged, absent } = boundFields(struct, context, path === '' ? '' : `${path}.`);
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
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      throw new Error(`${path || 'the message'} is ${described(input)}, not a ${struct.name}`);
    for (const field of plain) {
      const value = input[field.name];
      field.coder.write(writer, (value === undefined ? field.makeDefault() : value) as never);
    }
    for (const { name, isDefault, ignorable } of absent) {
      const value = input[name];
      if (value !== undefined && !ignorable && !isDefault(value)) throw lacksField(context, path, name);
    }
    if (flexible) writeTagged(writer, tagged, input);
  };
  const bytesMin = plain.reduce((sum, field) => sum + field.coder.bytesMin, flexible ? 1 : 0);
  const memoryBytes = plain.reduce(
    (sum, field) => sum + field.coder.memoryBytes,
    structMemoryBytes + slotBytes * (tagged.length + absent.length),
  );
  return { read, write, bytesMin, memoryBytes };
}

function boundFields(struct: StructSchema, context: CodingContext, prefix: string) {
  const plain: PlainField[] = [];
  const tagged: TaggedField[] = [];
  const absent: AbsentField[] = [];
  for (const field of struct.fields) {
    const { name, tag, ignorable = false } = field;
    const makeDefault = defaultMaker(field);
    const isDefault = defaultTest(field);
    if (!includes(field.versions, context.version)) {
      absent.push({ name, makeDefault, isDefault, ignorable });
      continue;
    }
    const coder = fieldCoder(field, context, prefix);
    if (tag !== undefined && isTagged(field, context))
      tagged.push({ name, coder, makeDefault, isDefault, tag });
    else plain.push({ name, coder, makeDefault });
  }
  tagged.sort((a, b) => a.tag - b.tag);
  return { plain, tagged, absent };
}

function isTagged({ tagged }: FieldSchema, { flexible, version }: CodingContext): boolean {
  return flexible && tagged !== undefined && includes(tagged, version);
}

function fieldCoder(field: FieldSchema, context: CodingContext, prefix: string): Coder {
  const { version } = context;
  const flexible = field.flexible === undefined ? context.flexible : includes(field.flexible, version);
  const nullable = field.nullable !== undefined && includes(field.nullable, version);
  return typeCoder(field.type, context, { name: prefix + field.name, flexible, nullable });
}

function typeCoder(type: FieldType, context: CodingContext, layout: Layout): Coder {
  const { name, flexible, nullable } = layout;
  switch (type.kind) {
    case 'array':
      return arrayCoder(typeCoder(type.of, context, { ...layout, nullable: false }), layout);
    case 'struct': {
      const struct = structCoder(type.struct, { ...context, flexible }, name);
      return nullable ? nullableStructCoder(struct) : struct;
    }
    default:
      return valueCoder(type.kind, layout);
  }
}

function lacksField({ message, version }: CodingContext, path: string, field: string): LockstepError {
  const where = path === '' ? field : `${path}.${field}`;
  return new LockstepError(
    'UNSUPPORTED_VERSION',
    `${message} v${version} has no field ${where}; use a newer version or leave it out.`,
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
