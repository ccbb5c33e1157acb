// Our codec against Kafka's own generated classes: the same value must be the same bytes, for every message in
// every version. A codec checked only with itself can be wrong twice.

import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { LockstepError } from '../../src/errors.ts';
import {
  apis,
  decodeMessage,
  encodeRequest,
  encodeResponse,
  encodeToBuffer,
  kafkaErrors,
} from '../../src/protocol/index.ts';
import { type AnyMessage, allVersions, messageValue, type Value } from './arbitraries.ts';
import { askKafka, encodeQuestion } from './oracle.ts';

/** How many random values each message gets in each version, of possible ones and of any. */
const possibleCount = 6;
const anyCount = 4;
const seed = 43;

interface Case {
  readonly schema: AnyMessage;
  readonly version: number;
  readonly value: Value;
}

const possible = cases(possibleCount, false);
/** Values with fields that the version lacks: Kafka drops the ignorable ones and refuses the others. */
const any = cases(anyCount, true);
let errorRows: string[];
let headerRows: string[];
let possibleAnswers: string[];
let anyAnswers: string[];

function cases(numRuns: number, everyField: boolean): Case[] {
  return allVersions.flatMap(({ schema, version }, index) =>
    fc
      .sample(messageValue(schema, version, { everyField, jsonFloats: true }), {
        numRuns,
        seed: seed + index,
      })
      .map((value) => ({ schema, version, value })),
  );
}

beforeAll(async () => {
  const questions = [...possible, ...any].map((one) => encodeQuestion(one.schema, one.version, one.value));
  const [errors, headers, ...encoded] = await askKafka(['errors', 'headers', ...questions]);
  errorRows = errors!.split(' ');
  headerRows = headers!.split(' ');
  possibleAnswers = encoded.slice(0, possible.length);
  anyAnswers = encoded.slice(possible.length);
});

it('every message in every version has the bytes that Kafka gives it, and is read from them unchanged', () => {
  for (const [index, { schema, version, value }] of possible.entries()) {
    const byKafka = possibleAnswers[index]!;
    const where = `${schema.name} v${version} ${text(value)}`;
    expect(encodeToBuffer(schema, version, value as never).toString('base64'), where).toBe(byKafka);
    const decoded = decodeMessage(schema, version, Buffer.from(byKafka, 'base64'));
    expect(decoded, where).toEqual(value);
  }
  expect(new Set(possible.map(({ schema, version }) => `${schema.name} ${version}`)).size).toBeGreaterThan(
    600,
  );
});

it('fields that a version lacks are dropped or refused exactly where Kafka drops or refuses them', () => {
  let refusedCount = 0;
  for (const [index, { schema, version, value }] of any.entries()) {
    const byKafka = anyAnswers[index]!;
    const refused = byKafka.startsWith('UnsupportedVersion ');
    if (refused) refusedCount++;
    const where = `${schema.name} v${version} ${text(value)}: ${byKafka}`;
    expect(ours(schema, version, value), where).toBe(refused ? 'UNSUPPORTED_VERSION' : byKafka);
  }
  expect(refusedCount).toBeGreaterThan(100);
  expect(refusedCount).toBeLessThan(any.length - 1000);
});

it('every request and response has the header version that Kafka gives it', () => {
  const ourRows = Object.values(apis).flatMap((api) =>
    Array.from({ length: api.versions.max - api.versions.min + 1 }, (_, index) => {
      const version = api.versions.min + index;
      return `${api.key}:${version}:${requestHeaderVersion(api, version)}:${responseHeaderVersion(api, version)}`;
    }),
  );
  expect(ourRows.sort()).toEqual(headerRows.sort());
});

it("the error table is Kafka's, row by row", () => {
  const ourRows = [...kafkaErrors.values()].map(
    (error) => `${error.number},${error.name},${error.retriable},${error.invalidMetadata}`,
  );
  expect(ourRows.sort()).toEqual(errorRows.sort());
  for (const [number, error] of kafkaErrors) expect(error.number).toBe(number);
});

function ours(schema: AnyMessage, version: number, value: Value): string {
  try {
    return encodeToBuffer(schema, version, value as never).toString('base64');
  } catch (error) {
    if (error instanceof LockstepError) return error.code;
    throw error;
  }
}

/** Told from the bytes: v2 of the header ends with a count of tagged fields behind the client id. */
function requestHeaderVersion(api: (typeof apis)[keyof typeof apis], version: number): number {
  const bytes = Buffer.concat(encodeRequest(api as never, version, { correlationId: 7, clientId: 'c' }, {}));
  const body = encodeToBuffer(api.request as unknown as AnyMessage, version, {});
  const headerBytes = bytes.length - 4 - body.length;
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
  expect(bytes.subarray(4, 15).toString('hex')).toBe(`${hex16(api.key)}${hex16(version)}00000007${'0001'}63`);
  return headerBytes === 11 ? 1 : headerBytes === 12 && bytes[15] === 0 ? 2 : -1;
}

function responseHeaderVersion(api: (typeof apis)[keyof typeof apis], version: number): number {
  const bytes = Buffer.concat(encodeResponse(api as never, version, 7, {}));
  const body = encodeToBuffer(api.response as unknown as AnyMessage, version, {});
  const headerBytes = bytes.length - 4 - body.length;
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
  return headerBytes === 4 ? 0 : headerBytes === 5 && bytes[8] === 0 ? 1 : -1;
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}

function text(value: Value): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)).slice(
    0,
    2000,
  );
}
