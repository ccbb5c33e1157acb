// Every way in which a copy can be wrong, and what a verifier must say of it.

import type { RecordView } from '../../src/records/index.ts';
import type { DifferenceKind } from '../../src/verify/index.ts';

export interface Corruption {
  name: string;
  /** Changes a copy of the records at index `at`; there is a record before and one behind. */
  apply(records: RecordView[], at: number): RecordView[];
  kind: DifferenceKind;
  /** The offset to be named, as a distance from the record's; default 0. */
  from?: number;
}

/** The records that the copies are made of: all different, with key, value and two headers. */
export function plainRecords(count: number, firstOffset = 0n): RecordView[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: firstOffset + BigInt(index),
    timestamp: 1_700_000_000_000n + BigInt(index * 10),
    key: Buffer.from(`key ${index}`),
    value: Buffer.from(`value ${index} `.repeat(5)),
    headers: [
      { key: Buffer.from('trace'), value: Buffer.from(`id ${index}`) },
      { key: Buffer.from('empty'), value: Buffer.alloc(0) },
    ],
  }));
}

/** Replaces one record. */
const one = (change: (record: RecordView) => Partial<RecordView>) => (records: RecordView[], at: number) =>
  records.map((record, index) => (index === at ? { ...record, ...change(record) } : record));

const flipped = (bytes: Buffer | null) => {
  const copy = Buffer.from(bytes!);
  copy[copy.length - 1]! ^= 1;
  return copy;
};

export const corruptions: Corruption[] = [
  { name: 'one bit of a key', kind: 'key', apply: one(({ key }) => ({ key: flipped(key) })) },
  { name: 'one bit of a value', kind: 'value', apply: one(({ value }) => ({ value: flipped(value) })) },
  {
    name: 'one bit of a header key',
    kind: 'headers',
    apply: one(({ headers }) => ({
      headers: [{ ...headers[0]!, key: flipped(headers[0]!.key) }, headers[1]!],
    })),
  },
  {
    name: 'one bit of a header value',
    kind: 'headers',
    apply: one(({ headers }) => ({
      headers: [{ ...headers[0]!, value: flipped(headers[0]!.value) }, headers[1]!],
    })),
  },
  {
    name: 'headers in another order',
    kind: 'headers',
    apply: one(({ headers }) => ({ headers: headers.toReversed() })),
  },
  { name: 'a header less', kind: 'headers', apply: one(({ headers }) => ({ headers: headers.slice(0, 1) })) },
  {
    name: 'a header more',
    kind: 'headers',
    apply: one(({ headers }) => ({ headers: [...headers, headers[0]!] })),
  },
  {
    name: 'null instead of an empty header value',
    kind: 'headers',
    apply: one(({ headers }) => ({ headers: [headers[0]!, { ...headers[1]!, value: null }] })),
  },
  {
    name: 'a timestamp later by 1 ms',
    kind: 'timestamp',
    apply: one(({ timestamp }) => ({ timestamp: timestamp + 1n })),
  },
  {
    name: 'a timestamp earlier by 1 ms',
    kind: 'timestamp',
    apply: one(({ timestamp }) => ({ timestamp: timestamp - 1n })),
  },
  { name: 'a null key', kind: 'key', apply: one(() => ({ key: null })) },
  { name: 'an empty key', kind: 'key', apply: one(() => ({ key: Buffer.alloc(0) })) },
  { name: 'a null value', kind: 'value', apply: one(() => ({ value: null })) },
  { name: 'an empty value', kind: 'value', apply: one(() => ({ value: Buffer.alloc(0) })) },
  {
    name: 'a byte moved from value to key',
    kind: 'key',
    apply: one(({ key, value }) => ({
      key: Buffer.concat([key!, value!.subarray(0, 1)]),
      value: value!.subarray(1),
    })),
  },
  {
    name: 'a missing record, its offset empty',
    kind: 'missing',
    apply: (records, at) => records.toSpliced(at, 1),
  },
  {
    name: 'a missing record, all behind it one lower',
    kind: 'timestamp',
    apply: (records, at) =>
      records
        .toSpliced(at, 1)
        .map((record, index) => (index >= at ? { ...record, offset: record.offset - 1n } : record)),
  },
  {
    name: 'a record twice, all behind it one higher',
    kind: 'timestamp',
    from: 1,
    apply: (records, at) =>
      records.flatMap((record, index) => [
        { ...record, offset: record.offset + (index > at ? 1n : 0n) },
        ...(index === at ? [{ ...record, offset: record.offset + 1n }] : []),
      ]),
  },
  {
    name: 'two records that changed places',
    kind: 'timestamp',
    apply: (records, at) =>
      records.with(at, { ...records[at + 1]!, offset: records[at]!.offset }).with(at + 1, {
        ...records[at]!,
        offset: records[at + 1]!.offset,
      }),
  },
  {
    name: 'one offset inserted, all from here on one higher',
    kind: 'offset',
    apply: (records, at) =>
      records.map((record, index) => (index >= at ? { ...record, offset: record.offset + 1n } : record)),
  },
];
