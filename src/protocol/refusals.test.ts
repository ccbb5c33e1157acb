// Input that can't be written is refused with the name of the field, never turned into other bytes.

import { describe, expect, it } from 'vitest';
import { type ErrorCode, LockstepError } from '../errors.ts';
import { encodeMessage } from './codec.ts';
import * as messages from './messages/index.ts';

type Row = readonly [what: string, schema: string, version: number, input: unknown, says: string];

const id = 'AQIDBAUGBwgJCgsMDQ4PEA';
const fetchPartition = (partition: unknown) => ({ topics: [{ topicId: id, partitions: [partition] }] });
const produce = (partition: unknown) => ({ topicData: [{ name: 't', partitionData: [partition] }] });

const wrong: Row[] = [
  ['a number that is text', 'FetchRequest', 17, { maxWaitMs: '5' }, 'maxWaitMs'],
  ['a number with a fraction', 'FetchRequest', 17, { maxWaitMs: 1.5 }, 'maxWaitMs'],
  ['a number that is none', 'FetchRequest', 17, { maxWaitMs: Number.NaN }, 'maxWaitMs'],
  ['a bigint where a number belongs', 'FetchRequest', 17, { maxWaitMs: 5n }, 'maxWaitMs'],
  ['null where a number belongs', 'FetchRequest', 17, { maxWaitMs: null }, 'maxWaitMs'],
  ['an int32 one too large', 'FetchRequest', 17, { maxBytes: 0x80000000 }, 'maxBytes'],
  ['an int32 one too small', 'FetchRequest', 17, { maxBytes: -0x80000001 }, 'maxBytes'],
  ['an int8 one too large', 'FetchRequest', 17, { isolationLevel: 128 }, 'isolationLevel'],
  ['an int8 one too small', 'FetchRequest', 17, { isolationLevel: -129 }, 'isolationLevel'],
  ['an int16 one too large', 'ProduceRequest', 11, { acks: 32768 }, 'acks'],
  ['an int16 one too small', 'ProduceRequest', 11, { acks: -32769 }, 'acks'],
  ['a uint16 below 0', 'AddRaftVoterRequest', 0, { listeners: [{ port: -1 }] }, 'port'],
  ['a uint16 one too large', 'AddRaftVoterRequest', 0, { listeners: [{ port: 65536 }] }, 'port'],
  ['an int64 that is a number', 'FetchRequest', 17, fetchPartition({ fetchOffset: 5 }), 'fetchOffset'],
  ['an int64 too large', 'FetchRequest', 17, fetchPartition({ fetchOffset: 2n ** 63n }), 'fetchOffset'],
  [
    'an int64 too small',
    'FetchRequest',
    17,
    fetchPartition({ fetchOffset: -(2n ** 63n) - 1n }),
    'fetchOffset',
  ],
  ['a float that is text', 'AlterClientQuotasRequest', 1, { entries: [{ ops: [{ value: '1' }] }] }, 'value'],
  [
    'a bool that is text',
    'MetadataRequest',
    12,
    { allowAutoTopicCreation: 'false' },
    'allowAutoTopicCreation',
  ],
  ['a bool that is a number', 'MetadataRequest', 12, { allowAutoTopicCreation: 0 }, 'allowAutoTopicCreation'],
  ['a string that is a number', 'FetchRequest', 17, { rackId: 5 }, 'rackId'],
  ['a string that is bytes', 'FetchRequest', 17, { rackId: Buffer.from('a') }, 'rackId'],
  ['a string of 32,768 bytes', 'FetchRequest', 17, { rackId: 'é'.repeat(16384) }, 'rackId'],
  ['null where the string must be', 'FetchRequest', 17, { rackId: null }, 'rackId'],
  ['bytes that are text', 'ProduceRequest', 11, produce({ records: 'abc' }), 'records'],
  ['bytes that are an array', 'ProduceRequest', 11, produce({ records: [1, 2] }), 'records'],
  [
    'bytes that are two bytes a number',
    'ProduceRequest',
    11,
    produce({ records: new Uint16Array(4) }),
    'records',
  ],
  ['null where bytes must be', 'SaslAuthenticateRequest', 2, { authBytes: null }, 'authBytes'],
  ['an array that is text', 'FetchRequest', 17, { topics: 'abc' }, 'topics'],
  ['an array that is an object', 'FetchRequest', 17, { topics: {} }, 'topics'],
  ['null where an array must be', 'FetchRequest', 17, { topics: null }, 'topics'],
  ['null as an element', 'FetchRequest', 17, { topics: [null] }, 'topics'],
  ['a number as an element', 'FetchRequest', 17, { topics: [5] }, 'topics'],
  ['a hole as an element', 'FetchRequest', 17, { topics: new Array(1) }, 'topics'],
  ['null for a tagged struct', 'FetchRequest', 17, { replicaState: null }, 'replicaState'],
  ['a number for a tagged struct', 'FetchRequest', 17, { replicaState: 5 }, 'replicaState'],
  ['text for a tagged number', 'FetchRequest', 18, fetchPartition({ highWatermark: '5' }), 'highWatermark'],
  [
    'a wrong value inside a tagged struct',
    'FetchRequest',
    17,
    { replicaState: { replicaId: 'x' } },
    'replicaId',
  ],
  [
    'text for a struct that may be null',
    'ConsumerGroupHeartbeatResponse',
    0,
    { assignment: 'x' },
    'assignment',
  ],
  ['a uuid of 15 bytes', 'FetchRequest', 17, { topics: [{ topicId: id.slice(0, 20) }] }, 'topicId'],
  ['a uuid of 17 bytes', 'FetchRequest', 17, { topics: [{ topicId: `${id}A` }] }, 'topicId'],
  [
    'a uuid in hex',
    'FetchRequest',
    17,
    { topics: [{ topicId: '0102030405060708090a0b0c0d0e0f10' }] },
    'topicId',
  ],
  ['a uuid with blanks', 'FetchRequest', 17, { topics: [{ topicId: `${id.slice(0, 20)}  ` }] }, 'topicId'],
  [
    'a uuid with surplus bits',
    'FetchRequest',
    17,
    { topics: [{ topicId: `${id.slice(0, 21)}B` }] },
    'topicId',
  ],
  ['a uuid that is bytes', 'FetchRequest', 17, { topics: [{ topicId: Buffer.alloc(16) }] }, 'topicId'],
  ['null where a uuid must be', 'FetchRequest', 17, { topics: [{ topicId: null }] }, 'topicId'],
  ['no message at all', 'FetchRequest', 17, null, 'FetchRequest'],
  ['a message that is a list', 'FetchRequest', 17, [], 'FetchRequest'],
];

const notInVersion: Row[] = [
  ['a topic id before topic ids', 'DeleteTopicsRequest', 5, { topics: [{ topicId: id }] }, 'topics'],
  ['a transaction before transactions', 'OffsetFetchRequest', 6, { requireStable: true }, 'requireStable'],
  ['a list before it existed', 'OffsetFetchRequest', 5, { groups: [{ groupId: 'g' }] }, 'groups'],
  ['a tagged struct before its tag', 'FetchRequest', 12, { replicaState: { replicaId: 5 } }, 'replicaState'],
  ['what a newer version dropped', 'FetchRequest', 15, { replicaId: 5 }, 'replicaId'],
  ['a wrong type before its version', 'FetchRequest', 12, { replicaState: 5 }, 'replicaState'],
  ['a version that Kafka dropped', 'FetchRequest', 3, {}, '4 to 18'],
  ['a version not made yet', 'FetchRequest', 19, {}, '4 to 18'],
];

describe('a wrong value is refused by its name', () => {
  it.each(wrong)('%s', (_what, schema, version, input, says) => {
    const error = refusal(schema, version, input, 'CODEC_INPUT_INVALID');

    expect(error.message).toContain(says);
    expect(error.message).toContain(`${schema} v${version}`);
  });
});

describe('what a version lacks is refused by its name', () => {
  it.each(notInVersion)('%s', (_what, schema, version, input, says) => {
    expect(refusal(schema, version, input, 'UNSUPPORTED_VERSION').message).toContain(says);
  });

  it('unless it is the default, or Kafka lets it be ignored', () => {
    const encode = (version: number, input: unknown) =>
      Buffer.concat(encodeMessage(messages.FetchRequest, version, input as never)).toString('hex');

    expect(encode(12, { replicaState: { replicaId: -1, replicaEpoch: -1n } })).toBe(encode(12, {}));
    expect(encode(4, { rackId: 'a', sessionId: 0 })).toBe(encode(4, {}));
  });
});

it('a refusal names no content of strings and bytes: they may be secrets', () => {
  const error = refusal('SaslAuthenticateRequest', 2, { authBytes: 'top-secret' }, 'CODEC_INPUT_INVALID');

  expect(`${error.message} ${String(error.cause)}`).not.toContain('top-secret');
});

it('what is next to a limit is written', () => {
  const inputs = [
    { maxWaitMs: 0x7fffffff, minBytes: -0x80000000, isolationLevel: -128, rackId: 'x'.repeat(32767) },
    fetchPartition({ fetchOffset: 2n ** 63n - 1n, logStartOffset: -(2n ** 63n) }),
    { isolationLevel: 127, maxWaitMs: -0 },
  ];
  for (const input of inputs)
    expect(encodeMessage(messages.FetchRequest, 17, input as never).length).toBeGreaterThan(0);
});

function refusal(name: string, version: number, input: unknown, code: ErrorCode): LockstepError {
  const schema = (messages as Record<string, unknown>)[name];
  try {
    encodeMessage(schema as never, version, input as never);
  } catch (error) {
    expect(error).toBeInstanceOf(LockstepError);
    expect((error as LockstepError).code).toBe(code);
    return error as LockstepError;
  }
  throw new Error(`${name} v${version} was written`);
}
