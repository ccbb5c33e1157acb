// Random values for any message and version, made from its schema alone: what the codec must carry unchanged.
// Whether a field exists, and what it holds when it does not, is worked out here again, apart from the codec.

import fc from 'fast-check';
import * as messages from '../../src/protocol/messages/index.ts';
import type { FieldSchema, FieldType, MessageSchema, StructSchema } from '../../src/protocol/schema.ts';

export type Value = Record<string, unknown>;
export type AnyMessage = MessageSchema<Value>;

/** Every message there is: requests, responses, headers and data. */
export const allMessages = Object.values(messages) as unknown as readonly AnyMessage[];

export const allVersions: readonly { readonly schema: AnyMessage; readonly version: number }[] =
  allMessages.flatMap((schema) => versionsOf(schema).map((version) => ({ schema, version })));

export function versionsOf({ versions: [min, max] }: AnyMessage): number[] {
  return Array.from({ length: max - min + 1 }, (_, index) => min + index);
}

export interface ValueOptions {
  /**
   * Also fill fields that the version lacks, so that the value may be impossible in it; but not those of structs,
   * which Kafka's converters do not know in such a version.
   */
  readonly everyField?: boolean;
  /** Only floats that JSON can carry. */
  readonly jsonFloats?: boolean;
}

/** How often a tagged field, or one that the version lacks, has its default: both ways must be seen often. */
const defaultWeight = 2;
const arrayLengthMax = 3;
/** Above the size from which the writer references bytes instead of copying them. */
const largeBytes = 1500;

export function messageValue(
  schema: StructSchema,
  version: number,
  options: ValueOptions = {},
): fc.Arbitrary<Value> {
  const fields = schema.fields.map((field) => fieldValue(field, version, options));
  return fc
    .tuple(...fields)
    .map((values) => Object.fromEntries(schema.fields.map(({ name }, index) => [name, values[index]])));
}

function fieldValue(field: FieldSchema, version: number, options: ValueOptions): fc.Arbitrary<unknown> {
  const byDefault = fc.constant(null).map(() => defaultOf(field));
  const isThere = within(field.versions, version);
  if (!isThere && (options.everyField !== true || holdsStructs(field.type))) return byDefault;
  const value = typeValue(field.type, version, options);
  const orNull = within(field.nullable, version) ? fc.option(value, { nil: null, freq: 4 }) : value;
  if (isThere && !within(field.tagged, version)) return orNull;
  const weight = isThere ? defaultWeight : defaultWeight * 5;
  return fc.oneof({ weight, arbitrary: byDefault }, { weight: 3, arbitrary: orNull });
}

function holdsStructs(type: FieldType): boolean {
  return type.kind === 'struct' || (type.kind === 'array' && holdsStructs(type.of));
}

function typeValue(type: FieldType, version: number, options: ValueOptions): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean();
    case 'int8':
      return fc.integer({ min: -128, max: 127 });
    case 'int16':
      return fc.integer({ min: -32768, max: 32767 });
    case 'uint16':
      return fc.integer({ min: 0, max: 65535 });
    case 'int32':
      return fc.integer();
    case 'uint32':
      return fc.integer({ min: 0, max: 4294967295 });
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float64':
      return options.jsonFloats === true ? fc.double({ noNaN: true, noDefaultInfinity: true }) : fc.double();
    case 'uuid':
      return bytes(16, 16).map((value) => value.toString('base64url'));
    case 'string':
      // 200 characters: long enough for a length varint of two bytes.
      return fc.oneof(
        { weight: 9, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 200, maxLength: 210 }) },
      );
    case 'bytes':
    case 'records':
      return fc.oneof({ weight: 9, arbitrary: bytes(0, 12) }, { weight: 1, arbitrary: largeSlice });
    case 'array':
      return fc.array(typeValue(type.of, version, options), { maxLength: arrayLengthMax });
    case 'struct':
      return messageValue(type.struct, version, options);
  }
}

const largeSlice = fc.nat(255).map((fill) => Buffer.alloc(largeBytes, fill));

function bytes(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((value) => Buffer.from(value));
}

/** What a decoded value holds in a field that its bytes did not carry. */
export function defaultOf(field: FieldSchema): unknown {
  if (field.default === null || typeof field.default !== 'object') return field.default;
  switch (field.type.kind) {
    case 'string':
      return '';
    case 'uuid':
      return Buffer.alloc(16).toString('base64url');
    case 'array':
      return [];
    case 'struct':
      return Object.fromEntries(field.type.struct.fields.map((inner) => [inner.name, defaultOf(inner)]));
    default:
      return Buffer.alloc(0);
  }
}

export function within(versions: readonly [number, number] | undefined, version: number): boolean {
  return versions !== undefined && version >= versions[0] && version <= versions[1];
}
