// Whatever bytes a peer sends, reading ends soon in a value or in FRAME_INVALID: no other error, no endless loop,
// no memory that the bytes did not pay for.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyMessage, allMessages, messageValue } from '../../test/protocol/arbitraries.ts';
import { LockstepError } from '../errors.ts';
import { decodeMessage, encodeToBuffer } from './codec.ts';
import { decodeRequest, decodeResponse, peekRequest } from './frames.ts';
import { apis } from './messages/apis.ts';
import type { Api } from './schema.ts';

/** Read by every connection; the rest gets fewer runs. */
const often = ['FetchResponse', 'ProduceResponse', 'MetadataResponse', 'ApiVersionsResponse'];
/** A wrong byte in a message of some hundred bytes is found out at once; this is for a machine under load. */
const decodeMsMax = 1000;

type Outcome = 'value' | 'FRAME_INVALID';

function outcomeOf(decode: () => unknown): Outcome {
  const startedAt = performance.now();
  try {
    decode();
    return 'value';
  } catch (error) {
    if (error instanceof LockstepError && error.code === 'FRAME_INVALID') return 'FRAME_INVALID';
    throw error;
  } finally {
    expect(performance.now() - startedAt).toBeLessThan(decodeMsMax);
  }
}

function read(schema: AnyMessage, version: number, bytes: Buffer): Outcome {
  return outcomeOf(() => decodeMessage(schema, version, bytes));
}

/** Valid messages to spoil, of the newest version and of the oldest. */
function samples(schema: AnyMessage, countEach: number): { version: number; bytes: Buffer }[] {
  return [...new Set(schema.versions)].flatMap((version) =>
    fc
      .sample(messageValue(schema, version), { numRuns: countEach, seed: version + 7 })
      .map((value) => ({ version, bytes: encodeToBuffer(schema, version, value as never) })),
  );
}

/** What stands where a length or a count is expected. */
const impossible = {
  'the largest int32': '7fffffff',
  'the smallest int32': '80000000',
  'minus two, as int32 and twice as int16': 'fffefffffffe',
  'minus one, also as int16': 'ffffffff',
  'the largest int16': '7fff',
  'the largest varint': 'ffffffff0f',
  'a varint of 33 bits': 'ffffffff1f',
  'a varint of six bytes': '808080808000',
  'a varint without end': 'ffffffffffffffffffff',
  'a varint of a million': 'c0843d',
};

const spoiled = allMessages.map(
  (schema) => [schema.name, schema, often.includes(schema.name) ? 6 : 1] as const,
);

describe.each(spoiled)('%s', (_name, schema, sampleCount) => {
  it('is never a value when its end is missing', () => {
    for (const { version, bytes } of samples(schema, sampleCount))
      for (let end = 0; end < Math.min(bytes.length, 600); end++)
        expect(read(schema, version, bytes.subarray(0, end)), `v${version} cut at ${end}`).toBe(
          'FRAME_INVALID',
        );
    expect.hasAssertions();
  });

  it('is a value or an error with any bit turned', () => {
    for (const { version, bytes } of samples(schema, sampleCount)) {
      for (let bit = 0; bit < Math.min(bytes.length, 300) * 8; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        read(schema, version, bytes);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
      }
    }
    expect.hasAssertions();
  });

  it('is a value or an error with an impossible length anywhere', () => {
    for (const { version, bytes } of samples(schema, sampleCount))
      for (const hex of Object.values(impossible))
        for (let position = 0; position < Math.min(bytes.length, 300); position++) {
          const overwritten = Buffer.from(bytes);
          overwritten.write(hex, position, 'hex');
          read(schema, version, overwritten);
        }
    expect.hasAssertions();
  });

  it('is a value or an error as random bytes', () => {
    const anyBytes = fc.uint8Array({ maxLength: 300, size: 'max' }).map((value) => Buffer.from(value));
    for (const version of new Set(schema.versions))
      fc.assert(
        fc.property(anyBytes, (bytes) => void read(schema, version, bytes)),
        { numRuns: sampleCount * 20 },
      );
    expect.hasAssertions();
  });
});

describe('frames', () => {
  it.each(Object.values(apis) as Api<unknown, unknown>[])(
    'of $name are values or errors as random bytes',
    (api) => {
      const bytes = fc.uint8Array({ maxLength: 100, size: 'max' }).map((value) => Buffer.from(value));
      const version = fc.integer(api.versions);
      fc.assert(
        fc.property(bytes, version, (frame, v) => {
          outcomeOf(() => decodeResponse(api, v, frame));
          outcomeOf(() => decodeRequest(api, v, frame));
          outcomeOf(() => peekRequest(frame));
        }),
        { numRuns: 50 },
      );
      expect.hasAssertions();
    },
  );

  it('say where they end too early', () => {
    expect(() => decodeResponse(apis.Heartbeat, 4, Buffer.from('0000000500', 'hex'))).toThrow(
      /HeartbeatResponse v4 ends too early, at byte 5 of 5/,
    );
    expect(() => peekRequest(Buffer.alloc(3))).toThrow(/a request of 3 bytes/);
  });
});

describe('each impossible thing is named', () => {
  const fetchHead = '00000000 0000 00000000';
  const topic = '0102030405060708090a0b0c0d0e0f10';
  const partition = `00000000 0000 ${'00'.repeat(24)} 00 ffffffff`;
  it.each([
    [
      'more topics than bytes',
      apis.Fetch.response,
      17,
      `${fetchHead} ffffffff0f`,
      /4294967294 elements of responses/,
    ],
    [
      'a null list where none may be',
      apis.Fetch.response,
      17,
      `${fetchHead} 00`,
      /a length of -1 for responses/,
    ],
    ['a list of minus two', apis.Fetch.response, 4, '00000000 fffffffe', /a length of -2 for responses/],
    [
      'records beyond the end',
      apis.Fetch.response,
      17,
      `${fetchHead} 02 ${topic} 02 ${partition} 90a10f`,
      /a length of 249999 /,
    ],
    [
      'a count in 33 bits',
      apis.Fetch.response,
      17,
      `${fetchHead} ffffffff1f`,
      /a varint of more than 32 bits/,
    ],
    [
      'a count in six bytes',
      apis.Fetch.response,
      17,
      `${fetchHead} 808080808000`,
      /a varint of more than 32 bits/,
    ],
    ['a million tags', apis.Fetch.response, 17, `${fetchHead} 01 c0843d`, /1000000 tagged fields/],
    [
      'a tag beyond the end',
      apis.Fetch.response,
      17,
      `${fetchHead} 01 01 63 ffffffff0f`,
      /a tagged field of 4294967295 bytes/,
    ],
    [
      'a tag shorter than its value',
      apis.Fetch.response,
      17,
      `${fetchHead} 01 01 00 00 01`,
      /nodeEndpoints does not end where/,
    ],
    [
      'a tag longer than its value',
      apis.Fetch.response,
      17,
      `${fetchHead} 01 01 00 02 01 00`,
      /nodeEndpoints does not end where/,
    ],
    ['minus two where null may be', apis.Metadata.request, 1, 'fffffffe', /a length of -2 for topics/],
    ['a string of minus two', apis.Heartbeat.request, 0, 'fffe', /a length of -2 for groupId/],
    [
      'a string longer than any of Kafka',
      apis.Metadata.response,
      9,
      `00000000 02 00000001 808004 ${'61'.repeat(70000)}`,
      /a string of 65535 bytes for brokers.host/,
    ],
  ] as const)('%s', (_what, schema, version, hex, says) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');

    expect(read(schema as never, version, bytes)).toBe('FRAME_INVALID');
    expect(() => decodeMessage(schema as never, version, bytes)).toThrow(says);
  });
});

describe('memory', () => {
  it('is not taken for elements that are only declared', () => {
    const declared = Buffer.concat([
      Buffer.from('00000000' + '0000' + '00000000' + 'ffffff7f', 'hex'),
      Buffer.alloc(1000),
    ]);
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 100; i++)
      expect(read(apis.Fetch.response as never, 17, declared)).toBe('FRAME_INVALID');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
  });

  it('is not taken for more small elements than fit, though each has its bytes', () => {
    // 10 million topics of three bytes: name, partitions and tags, all empty. As objects they take more than a GB.
    const topicCount = 10_000_000;
    const count = Buffer.from('81ade204', 'hex'); // topicCount + 1
    const topics = Buffer.alloc(topicCount * 3, Buffer.from([1, 1, 0]));
    const bytes = Buffer.concat([Buffer.alloc(10), count, topics, Buffer.alloc(1)]);

    expect(() => decodeMessage(apis.Fetch.response, 12, bytes)).toThrow(
      /with responses it would take more than/,
    );
  });

  it('is there for the metadata of a large cluster', () => {
    const partition = { leaderId: 1, replicaNodes: [1, 2, 3], isrNodes: [1, 2, 3], offlineReplicas: [] };
    const partitions = new Array(1000).fill(partition);
    const topics = new Array(100).fill({ name: 'topic', partitions });
    const bytes = encodeToBuffer(apis.Metadata.response, 12, { topics });

    expect(decodeMessage(apis.Metadata.response, 12, bytes).topics.at(-1)!.partitions).toHaveLength(1000);
  });
});
