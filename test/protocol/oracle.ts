// Asks Oracle.java, that is, Kafka's own message classes: all questions in one JVM, one answer each.

import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { FieldSchema, FieldType, StructSchema } from '../../src/protocol/schema.ts';
import { installKafka, runKafkaTool } from '../../src/regions/index.ts';
import { type AnyMessage, defaultOf, type Value, within } from './arbitraries.ts';

const program = fileURLToPath(new URL('Oracle.java', import.meta.url));
const timeoutMs = 120_000;

/** A number in JSON exactly as written (ES2025; TypeScript's es2024 library does not know it yet). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => unknown };

/** The answers, in the order of the questions. */
export async function askKafka(questions: readonly string[]): Promise<string[]> {
  const kafka = await installKafka({ version: '4.3.1' });
  const stdin = questions.map((question) => `${question}\n`).join('');
  const { code, stdout, stderr } = await runKafkaTool(kafka, program, [], { stdin, timeoutMs });
  if (code !== 0) throw new Error(`Oracle.java ended with ${code}: ${stderr.slice(0, 4000)}`);
  const answers = stdout.split('\n').slice(0, -1);
  if (answers.length !== questions.length)
    throw new Error(`${answers.length} answers to ${questions.length} questions`);
  return answers;
}

export function encodeQuestion(schema: AnyMessage, version: number, value: Value): string {
  return `encode\t${className(schema)}\t${version}\t${JSON.stringify(json(schema, version, value))}`;
}

/** Messages of the wire are called ...Data in Java; those inside records and groups bear their plain names. */
function className({ name }: AnyMessage): string {
  return /(Request|Response|Header)$/.test(name) || name === 'DefaultPrincipal' ? `${name}Data` : name;
}

/**
 * A value in the JSON of Kafka's converters: bytes and records in base64, int64 as bare numbers, floats with a
 * point.
 */
function json(struct: StructSchema, version: number, value: Value): unknown {
  const entries = struct.fields
    .filter((field) => value[field.name] !== undefined)
    .filter((field) => isSaid(field, version, value[field.name]))
    .map((field) => [field.name, fieldJson(field.type, version, value[field.name])] as const);
  return Object.fromEntries(entries);
}

/** Kafka's converters know no structs, nor null as a default, of fields that the version lacks. */
function isSaid(field: FieldSchema, version: number, value: unknown): boolean {
  return within(field.versions, version) || !isDeepStrictEqual(value, defaultOf(field));
}

function fieldJson(type: FieldType, version: number, value: unknown): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'int64':
      return rawJson(String(value));
    case 'float64':
      return rawJson(floatText(value as number));
    case 'bytes':
    case 'records':
      return (value as Buffer).toString('base64');
    case 'array':
      return (value as unknown[]).map((element) => fieldJson(type.of, version, element));
    case 'struct':
      return json(type.struct, version, value as Value);
    default:
      return value;
  }
}

/** The converters refuse a float that looks like an integer. */
function floatText(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
