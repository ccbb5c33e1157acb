// Invariants of the comparison:
// 1. the same records are identical whatever their batches, codecs and producers; 2. any one change to any one
// record is found, with its kind and offset; 3. a log that cannot be read is a failure, never "identical".

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compression, encodeOptions, recordList } from '../../test/records/arbitraries.ts';
import { ArrayLog, batchesOf, inBatches } from '../../test/verify/array-log.ts';
import { corruptions, plainRecords } from '../../test/verify/corruptions.ts';
import {
  encodeBatch,
  mergeBatches,
  type RecordView,
  rewriteHeader,
  splitBatches,
  splitRuns,
} from '../records/index.ts';
import { compareLogs } from './compare-logs.ts';
import { readLog } from './partition-log.ts';

const all = { start: 0n, end: 1n << 62n };
const compare = (source: Buffer[], destination: Buffer[], range = all) =>
  compareLogs(batchesOf(...source), batchesOf(...destination), range);

/** The same batches under another producer, as a mirror writes them. */
function mirrored(batches: Buffer[]): Buffer[] {
  return batches.map((bytes) => {
    const copy = Buffer.from(bytes);
    const view = splitBatches(copy).batches[0]!;
    const attributes = view.attributes & ~0x50;
    rewriteHeader(view, {
      attributes,
      producerId: 1n << 62n,
      producerEpoch: 2,
      baseSequence: 77,
      partitionLeaderEpoch: 9,
    });
    return copy;
  });
}

describe.each([
  ['in batches like the source', [4], {}],
  ['in other batches', [3, 5, 2], {}],
  ['in one compressed batch', [100], { compression: 'lz4' }],
] as const)('a copy %s', (_, sizes, options) => {
  const records = plainRecords(20, 100n);
  const source = inBatches(records, [4], {
    producerId: 5n,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: true,
  });

  it('is identical when every record is', async () => {
    const { difference, failure, compared } = await compare(source, inBatches(records, [...sizes], options));
    expect([difference, failure]).toEqual([null, null]);
    expect(compared.records).toBe(20n);
  });

  describe.each(corruptions)('with $name', ({ apply, kind, from = 0 }) => {
    it.each([1, 3, 4, 10, 18])('is found at record %i', async (at) => {
      const copy = inBatches(apply(records, at), [...sizes], options);
      const { difference } = await compare(source, copy);
      expect(difference).toMatchObject({ kind, offset: 100n + BigInt(at) + BigInt(from) });
    });
  });

  it('with a cut tail lacks the first record behind the cut', async () => {
    const { difference } = await compare(source, inBatches(records.slice(0, 17), [...sizes], options));
    expect(difference).toEqual({ kind: 'missing', offset: 117n });
  });

  it('with a record behind the end has one too many', async () => {
    const { difference } = await compare(source, inBatches(plainRecords(21, 100n), [...sizes], options));
    expect(difference).toEqual({ kind: 'extra', offset: 120n });
  });

  it('with a record where the source has a hole has one too many', async () => {
    const holed = inBatches(records.toSpliced(6, 1), [4]);
    const { difference } = await compare(holed, inBatches(records, [...sizes], options));
    expect(difference).toEqual({ kind: 'extra', offset: 106n });
  });
});

describe('equal records', () => {
  it('are identical in any batches, codecs and producers', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 });
    const manyOptions = fc.array(encodeOptions, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        recordList({ maxLength: 25, gapMax: 2 }),
        sizes,
        manyOptions,
        sizes,
        manyOptions,
        async (records, ones, oneOptions, others, otherOptions) => {
          const one = inBatches(records, ones, ...oneOptions);
          const other = inBatches(records, others, ...otherOptions);
          const { difference, failure, compared } = await compare(one, other);
          expect([difference, failure]).toEqual([null, null]);
          expect(compared.records).toBe(BigInt(records.length));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('differ as soon as any one bit of what consumers see differs, whatever the batches', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        recordList({ minLength: 3, maxLength: 15 }),
        fc.nat(),
        fc.nat(4),
        sizes,
        sizes,
        compression,
        async (records, place, part, ones, others, codec) => {
          const at = place % records.length;
          const changed = records.map((record, index) => (index === at ? changedIn(record, part) : record));
          const { difference } = await compare(
            inBatches(records, ones),
            inBatches(changed, others, { compression: codec }),
          );
          const kind = (['timestamp', 'key', 'value', 'headers', 'headers'] as const)[part];
          expect(difference).toEqual({ kind, offset: records[at]!.offset });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are passed as whole batches when only the producer differs, without opening one', async () => {
    const source = inBatches(plainRecords(50), [7], {
      compression: 'gzip',
      isTransactional: true,
      producerId: 1n,
    });
    const { difference, compared } = await compare(source, mirrored(source));
    expect(difference).toBeNull();
    expect(compared).toMatchObject({ equalBatches: 8, openedBatches: 0, records: 50n });
  });

  it('are identical after merging, splitting into runs and re-encoding LogAppendTime', async () => {
    const records = plainRecords(20);
    const small = inBatches(records, [1]);
    const merged = mergeBatches(splitBatches(Buffer.concat(small)).batches, { compression: 'zstd' });
    expect((await compare(small, [merged])).difference).toBeNull();

    const gaps = encodeBatch([records[1]!, records[2]!, records[9]!], { baseOffset: 0n, lastOffset: 19n });
    expect((await compare([gaps], splitRuns(splitBatches(gaps).batches[0]!))).difference).toBeNull();

    const appended = { timestampType: 'LogAppendTime', maxTimestamp: 1_800_000_000_000n } as const;
    const asCreated = records.map((record) => ({ ...record, timestamp: 1_800_000_000_000n }));
    expect((await compare([encodeBatch(records, appended)], [encodeBatch(asCreated)])).difference).toBeNull();
    expect((await compare([encodeBatch(records, appended)], [encodeBatch(records)])).difference).toEqual({
      kind: 'timestamp',
      offset: 0n,
    });
  });
});

describe('holes', () => {
  const marker = (offset: bigint) =>
    encodeBatch([{ offset, timestamp: 5n, key: Buffer.alloc(4), value: null, headers: [] }], {
      isControl: true,
    });
  const [a, b, c] = plainRecords(3) as [RecordView, RecordView, RecordView];

  it('may be a marker here, nothing or an empty batch there', async () => {
    const source = [encodeBatch([a]), marker(1n), encodeBatch([c])];
    const empty = encodeBatch([], { baseOffset: 1n, lastOffset: 1n });
    for (const destination of [
      [encodeBatch([a, c])],
      [encodeBatch([a]), empty, encodeBatch([c])],
      [encodeBatch([a], { lastOffset: 1n }), encodeBatch([c])],
    ]) {
      const { difference, compared } = await compare(source, destination, { start: 0n, end: 3n });
      expect(difference).toBeNull();
      expect(compared).toMatchObject({ records: 2n, holes: 1n });
    }
  });

  it('are no holes where one side has a record', async () => {
    const withMarker = [encodeBatch([a]), marker(1n), encodeBatch([c])];
    const without = [encodeBatch([a, b, c])];
    expect((await compare(withMarker, without)).difference).toEqual({ kind: 'extra', offset: 1n });
    expect((await compare(without, withMarker)).difference).toEqual({ kind: 'missing', offset: 1n });
  });

  it('are the records of aborted transactions, and only those', async () => {
    const abort = Buffer.from([0, 0, 0, 0]);
    const commit = Buffer.from([0, 0, 0, 1]);
    const end = (offset: bigint, key: Buffer) =>
      encodeBatch([{ offset, timestamp: 5n, key, value: null, headers: [] }], {
        isControl: true,
        isTransactional: true,
        producerId: 8n,
      });
    const inTransaction = { isTransactional: true, producerId: 8n };
    const [r0, r1, r3, r5, r6] = [0, 1, 3, 5, 6].map((at) => plainRecords(8)[at]!) as [
      RecordView,
      RecordView,
      RecordView,
      RecordView,
      RecordView,
    ];
    const source = new ArrayLog([
      encodeBatch([r0], inTransaction), // aborted
      encodeBatch([r1], { ...inTransaction, producerId: 9n }), // another producer's, committed
      end(2n, abort),
      encodeBatch([r3], inTransaction), // the next transaction of the same producer, committed
      end(4n, commit),
      encodeBatch([r5]), // no transaction
      encodeBatch([r6], inTransaction), // aborted
      end(7n, abort),
    ]);
    source.aborted = [
      { producerId: 8n, firstOffset: 6n },
      { producerId: 8n, firstOffset: 0n },
    ];
    source.batchesPerFetch = 100;
    const read = () => readLog(source, 0n, 8n);
    const range = { start: 0n, end: 8n };
    const right = await compareLogs(read(), batchesOf(encodeBatch([r1, r3, r5])), range);
    expect(right.difference).toBeNull();
    expect(right.compared).toMatchObject({ records: 3n, holes: 5n });
    const wrong = await compareLogs(read(), batchesOf(encodeBatch([r1, r3, r5, r6])), range);
    expect(wrong.difference).toEqual({ kind: 'extra', offset: 6n });
  });
});

it('a log is read to the batch that holds the last offset, whatever was appended behind it meanwhile', async () => {
  const source = new ArrayLog(inBatches(plainRecords(8), [2]));
  source.batchesPerFetch = 100;
  const seen: bigint[] = [];
  for await (const { view } of readLog(source, 3n, 5n)) seen.push(view.baseOffset);
  expect(seen).toEqual([2n, 4n]);
});

describe('copies in a gap', () => {
  const records = plainRecords(6);
  const gap = inBatches([records[0]!, records[3]!, records[4]!], [1]);
  const copyAt = (offset: bigint, of = records[3]!) => ({ ...of, offset });
  const range = { start: 0n, end: 5n };
  const compareFilled = (fill: RecordView[], gapsHoldCopies = true) =>
    compareLogs(
      batchesOf(...gap),
      batchesOf(...inBatches([records[0]!, ...fill, records[3]!, records[4]!], [2])),
      range,
      { gapsHoldCopies },
    );

  it('are accepted and counted where the link says so, also next to markers', async () => {
    const whole = await compareFilled([copyAt(1n), copyAt(2n)]);
    expect(whole.difference).toBeNull();
    expect(whole.compared).toMatchObject({ records: 3n, filledCopies: 2n, holes: 0n });
    const half = await compareFilled([copyAt(2n)]);
    expect(half.difference).toBeNull();
    expect(half.compared).toMatchObject({ records: 3n, filledCopies: 1n, holes: 1n });
  });

  it('are extra records where it does not', async () => {
    const { difference } = await compareFilled([copyAt(1n), copyAt(2n)], false);
    expect(difference).toEqual({ kind: 'extra', offset: 1n });
  });

  it.each([
    ['the record before the gap', records[0]!],
    ['the record after the next', records[4]!],
    ['one with another timestamp', { ...records[3]!, timestamp: 1n }],
    ['one with another header', { ...records[3]!, headers: [] }],
  ])('are not %s', async (_, of) => {
    const { difference } = await compareFilled([copyAt(1n), copyAt(2n, of)]);
    expect(difference).toEqual({ kind: 'extra', offset: 2n });
  });

  it('do not excuse a record that is missing, or moved', async () => {
    const moved = await compareLogs(
      batchesOf(...gap),
      batchesOf(...inBatches([records[0]!, copyAt(2n), records[4]!], [1])),
      range,
      { gapsHoldCopies: true },
    );
    expect(moved.difference).toEqual({ kind: 'missing', offset: 3n });
  });
});

describe('a range', () => {
  it('leaves out what lies before its start and behind its end, also inside a batch', async () => {
    const records = plainRecords(20);
    const changed = corruptions[1]!.apply(corruptions[1]!.apply(records, 4), 15);
    for (const sizes of [[20], [6]]) {
      const range = { start: 5n, end: 15n };
      const { difference, compared } = await compare(
        inBatches(records, [6]),
        inBatches(changed, sizes),
        range,
      );
      expect(difference).toBeNull();
      expect(compared).toMatchObject({ start: 5n, end: 15n, records: 10n, holes: 0n });
    }
    const wider = await compare(inBatches(records, [6]), inBatches(changed, [6]), { start: 5n, end: 16n });
    expect(wider.difference).toEqual({ kind: 'value', offset: 15n });
  });
});

describe('a log that cannot be read', () => {
  const records = plainRecords(12);
  const corrupt = (batches: Buffer[], at: number) => {
    const bytes = Buffer.from(batches[at]!);
    bytes[bytes.length - 3]! ^= 4;
    return batches.with(at, bytes);
  };

  it.each([
    ['source', [4]],
    ['destination', [4]],
    ['source', [5]],
    ['destination', [5]],
  ] as const)(
    'because of a wrong checksum in the %s is a failure there, not identical',
    async (side, sizes) => {
      const source = inBatches(records, [4]);
      const copy = inBatches(records, [...sizes]);
      const { failure, difference, compared } = await compare(
        side === 'source' ? corrupt(source, 1) : source,
        side === 'destination' ? corrupt(copy, 1) : copy,
      );
      expect(difference).toBeNull();
      expect(failure).toMatchObject({ side, cause: { code: 'BATCH_CORRUPT' } });
      expect(compared.end).toBeLessThanOrEqual(5n);
      expect(compared.records).toBe(compared.end);
    },
  );

  it('because only the stored checksum of the copy is wrong is a failure, though all records are right', async () => {
    const source = inBatches(records, [4]);
    const copy = mirrored(source);
    copy[1]![18]! ^= 1;
    const { failure, compared } = await compare(source, copy);
    expect(failure).toMatchObject({ side: 'destination', cause: { code: 'BATCH_CORRUPT' } });
    expect(compared.end).toBe(4n);
  });

  it('because the same byte is corrupt on both sides is a failure too', async () => {
    const both = corrupt(inBatches(records, [4]), 2);
    const { failure, compared } = await compare(both, mirrored(both));
    expect(failure).toMatchObject({ side: 'source', cause: { code: 'BATCH_CORRUPT' } });
    expect(compared.end).toBe(8n);
  });

  it('because of format v1 is a failure that says so', async () => {
    const legacy = Buffer.from(inBatches(records, [12])[0]!);
    legacy[16] = 1;
    const { failure } = await compare(inBatches(records, [12]), [legacy]);
    expect(failure).toMatchObject({ side: 'destination', cause: { code: 'BATCH_UNSUPPORTED' } });
  });
});

/** The record with one part changed. */
function changedIn(record: RecordView, part: number): RecordView {
  const other = (bytes: Buffer | null) =>
    bytes === null
      ? Buffer.alloc(0)
      : bytes.length === 0
        ? null
        : Buffer.from(bytes.map((byte, at) => (at === 0 ? byte ^ 0x80 : byte)));
  switch (part) {
    case 0:
      return { ...record, timestamp: record.timestamp ^ 1n };
    case 1:
      return { ...record, key: other(record.key) };
    case 2:
      return { ...record, value: other(record.value) };
    case 3:
      return { ...record, headers: [...record.headers, { key: Buffer.from('x'), value: null }] };
    default:
      return {
        ...record,
        headers:
          record.headers.length === 0 ? [{ key: Buffer.alloc(0), value: null }] : record.headers.slice(1),
      };
  }
}
