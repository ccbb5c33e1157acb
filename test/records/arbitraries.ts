// Random records and batches for property tests, and how to write a record down so that two can be compared.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  type Compression,
  compressions,
  type EncodeOptions,
  type RecordView,
} from '../../src/records/index.ts';

const bytes = fc.oneof(
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)) },
  { weight: 1, arbitrary: fc.nat(3000).map((length) => Buffer.alloc(length, 'pattern that repeats ')) },
);
const nullableBytes = fc.option(bytes, { freq: 4 });
/** Kafka's own reader turns header keys into strings, so they are UTF-8. */
const header = fc.record({
  key: fc.string({ maxLength: 10, unit: 'grapheme' }).map((key) => Buffer.from(key)),
  value: nullableBytes,
});
const timestamp = fc.oneof(
  { weight: 5, arbitrary: fc.bigInt(1_700_000_000_000n, 1_700_000_100_000n) },
  { weight: 1, arbitrary: fc.bigInt(-1n, 2n ** 62n) },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
  { weight: 1, arbitrary: fc.constantFrom(-(2n ** 63n), -(2n ** 51n), -2n, 0n, 2n ** 48n, 2n ** 63n - 1n) },
);

/** Records with ascending offsets; `gapMax` 0 gives neighbours. */
export function recordList(options: { minLength?: number; maxLength?: number; gapMax?: number } = {}) {
  const { minLength = 1, maxLength = 12, gapMax = 0 } = options;
  const record = fc.record({
    timestamp,
    key: nullableBytes,
    value: nullableBytes,
    headers: fc.array(header, { maxLength: 3 }),
    gap: fc.nat(gapMax),
  });
  return fc
    .tuple(fc.bigInt(0n, 2n ** 40n), fc.array(record, { minLength, maxLength }))
    .map(([first, list]): RecordView[] => {
      let offset = first;
      return list.map(({ gap, ...rest }) => {
        offset += BigInt(gap);
        const placed = { offset, ...rest };
        offset += 1n;
        return placed;
      });
    });
}

export const compression: fc.Arbitrary<Compression> = fc.constantFrom(...compressions);

export const encodeOptions: fc.Arbitrary<EncodeOptions> = fc.record(
  {
    compression,
    partitionLeaderEpoch: fc.nat(1000),
    producerId: fc.bigInt(0n, 2n ** 63n - 1n),
    producerEpoch: fc.nat(2 ** 15 - 1),
    baseSequence: fc.nat(2 ** 31 - 1),
    isTransactional: fc.boolean(),
  },
  { requiredKeys: ['compression'] },
);

/** A batch as a source broker may hold it: gaps anywhere, any codec, either timestamp type, any kind of producer. */
export const sourceBatch: fc.Arbitrary<{ records: RecordView[]; options: EncodeOptions }> = fc
  .tuple(
    recordList({ gapMax: 2, minLength: 0, maxLength: 20 }),
    encodeOptions,
    fc.option(timestamp, { nil: undefined }),
    fc.option(timestamp, { nil: undefined }),
    fc.nat(3),
    fc.nat(3),
  )
  .map(([records, options, appendTime, deleteHorizonMs, before, behind]) => {
    const first = (records[0]?.offset ?? 50n) - BigInt(before);
    return {
      records,
      options: {
        ...options,
        baseOffset: first < 0n ? 0n : first,
        lastOffset: (records.at(-1)?.offset ?? 50n) + BigInt(behind),
        ...(appendTime === undefined ? {} : { timestampType: 'LogAppendTime', maxTimestamp: appendTime }),
        ...(deleteHorizonMs === undefined ? {} : { deleteHorizonMs }),
      },
    };
  });

/** What consumers see of such a batch: the time of the append, where the topic has it. */
export function visible({
  records,
  options,
}: {
  records: RecordView[];
  options: EncodeOptions;
}): RecordView[] {
  if (options.timestampType !== 'LogAppendTime') return records;
  return records.map((record) => ({ ...record, timestamp: options.maxTimestamp! }));
}

/** One record in the words of Golden.java. */
export function described(record: RecordView) {
  return {
    offset: String(record.offset),
    timestamp: String(record.timestamp),
    key: hex(record.key),
    value: hex(record.value),
    headers: record.headers.map(({ key, value }) => ({ key: key.toString('hex'), value: hex(value) })),
  };
}

function hex(value: Buffer | null): string | null {
  if (value === null) return null;
  if (value.length <= 200) return value.toString('hex');
  return `sha256:${createHash('sha256').update(value).digest('hex')}`;
}
