// The value of a field that is not there: Kafka's rules (FieldSpec.fieldDefault), or what the spec says.
import { type FieldDefault, type FieldSchema, zeroUuid } from './schema.ts';

function isEmptyDefault(value: FieldDefault): value is { readonly empty: true } {
  return typeof value === 'object' && value !== null;
}

/**
 * Makes the value that a field has where the message does not carry it. Structs made here are frozen and shared:
 * whoever wants to change one makes their own.
 */
export function defaultMaker(field: FieldSchema): () => unknown {
  const { type } = field;
  const value = field.default;
  if (!isEmptyDefault(value)) return () => value;
  switch (type.kind) {
    case 'array':
      return () => [];
    case 'struct': {
      // One frozen value for all: answers hold thousands of tagged structs that are nearly always absent.
      const fields = type.struct.fields.map((inner) => {
        const value = defaultMaker(inner)();
        return [inner.name, Array.isArray(value) ? Object.freeze(value) : value] as const;
      });
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

/** Whether a value is the default: then a tagged field is left out, and a version may lack the field. */
export function defaultTest(field: FieldSchema): (value: unknown) => boolean {
  const { type } = field;
  const expected = field.default;
  if (!isEmptyDefault(expected)) return (value) => value === expected;
  switch (type.kind) {
    case 'array':
      return (value) => Array.isArray(value) && value.length === 0;
    case 'struct': {
      const tests = type.struct.fields.map((inner) => [inner.name, defaultTest(inner)] as const);
      return (value) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
        const given = value as Record<string, unknown>;
        return tests.every(([name, test]) => given[name] === undefined || test(given[name]));
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
