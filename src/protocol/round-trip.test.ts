// Invariants of the codec, for every message in every version:
//
//   1. what is decoded from an encoded value equals it; fields that the version lacks have their defaults
//   2. decoding ends where the bytes end, and starts where it is told
//   3. the parts of a message are its bytes; large byte fields are among them, not copied
//   4. decoded bytes are slices of what was read
//
// That the bytes are also Kafka's is test/protocol/java-agrees.test.ts.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AnyMessage,
  allMessages,
  messageValue,
  type Value,
  versionsOf,
} from '../../test/protocol/arbitraries.ts';
import { decodeMessage, decodeMessageWithEnd, encodeMessage, encodeToBuffer } from './codec.ts';
import { apis } from './messages/apis.ts';

const runsPerVersion = 12;

describe.each(allMessages.map((schema) => [schema.name, schema] as const))('%s', (_name, schema) => {
  it('is read as it was written, in every version', () => {
    for (const version of versionsOf(schema)) {
      const property = fc.property(messageValue(schema, version), (value) =>
        checkOne(schema, version, value),
      );
      fc.assert(property, { numRuns: runsPerVersion });
    }
    expect.hasAssertions();
  });
});

function checkOne(schema: AnyMessage, version: number, value: Value): void {
  const parts = encodeMessage(schema, version, value as never);
  const bytes = encodeToBuffer(schema, version, value as never);
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  for (const large of largeBuffers(value)) expect(parts).toContain(large);

  const { value: decoded, end } = decodeMessageWithEnd(schema, version, bytes);
  expect(end).toBe(bytes.length);
  expect(decoded).toStrictEqual(value);
  for (const slice of buffersIn(decoded)) expect(isSliceOf(bytes, slice)).toBe(true);

  const within = Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([4])]);
  expect(decodeMessageWithEnd(schema, version, within, 3).end).toBe(3 + bytes.length);
  expect(decodeMessage(schema, version, within, 3)).toStrictEqual(value);
}

it('knows all messages: a hundred and more, in several hundred versions', () => {
  expect(allMessages.length).toBe(2 * Object.keys(apis).length + headersAndData);
  expect(allMessages.flatMap(versionsOf).length).toBeGreaterThan(600);
});

/** Two headers, and what records and groups hold. */
const headersAndData = 12;

describe('large bytes', () => {
  it('are put in by reference and read as slices', () => {
    const records = Buffer.alloc(100_000, 7);
    const small = Buffer.alloc(10, 8);
    const value = {
      topicData: [
        {
          name: 'orders',
          partitionData: [
            { index: 0, records },
            { index: 1, records: small },
          ],
        },
      ],
    };
    const parts = encodeMessage(apis.Produce.request, 11, value);
    const bytes = Buffer.concat(parts);
    const [first, second] = decodeMessage(apis.Produce.request, 11, bytes).topicData[0]!.partitionData;

    expect(parts.filter((part) => part === records)).toHaveLength(1);
    expect(parts).toHaveLength(3);
    expect(isSliceOf(bytes, first!.records!)).toBe(true);
    expect(first!.records!.equals(records)).toBe(true);
    expect(second!.records!.equals(small)).toBe(true);
  });
});

describe('defaults', () => {
  it('stand for whatever is not given, on every level', () => {
    const bytes = encodeToBuffer(apis.Fetch.request, 17, { topics: [{ partitions: [{}] }] });
    const request = decodeMessage(apis.Fetch.request, 17, bytes);

    expect(request).toMatchObject({ clusterId: null, maxBytes: 0x7fffffff, sessionEpoch: -1, rackId: '' });
    expect(request.replicaState).toEqual({ replicaId: -1, replicaEpoch: -1n });
    expect(request.topics[0]!.partitions[0]).toMatchObject({ currentLeaderEpoch: -1, logStartOffset: -1n });
  });

  it('are not shared between decoded values in a way that one could change the other', () => {
    const bytes = encodeToBuffer(apis.Fetch.response, 12, { responses: [{ partitions: [{}, {}] }] });
    const [first, second] = decodeMessage(apis.Fetch.response, 12, bytes).responses[0]!.partitions;

    expect(() => Object.assign(first!.currentLeader, { leaderId: 5 })).toThrow(TypeError);
    first!.abortedTransactions?.push({ producerId: 1n, firstOffset: 2n });
    expect(second!.currentLeader.leaderId).toBe(-1);
    expect(second!.abortedTransactions).toEqual([]);
  });
});

/** Empty bytes may lie anywhere. Small buffers share Node's pool, so their place counts, not only their memory. */
function isSliceOf(whole: Buffer, slice: Buffer): boolean {
  if (slice.length === 0) return true;
  const offset = slice.byteOffset - whole.byteOffset;
  return slice.buffer === whole.buffer && offset >= 0 && offset + slice.length <= whole.length;
}

function* buffersIn(value: unknown): Generator<Buffer> {
  if (Buffer.isBuffer(value)) yield value;
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) yield* buffersIn(inner);
}

function largeBuffers(value: Value): Buffer[] {
  return [...buffersIn(value)].filter(({ length }) => length >= 1024);
}
