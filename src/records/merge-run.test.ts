import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from './encode-batch.ts';
import type { EncodeOptions, RecordView } from './index.ts';
import { mergeRun, readRecords, splitBatches, verifyChecksum } from './index.ts';
import { mergeBatches } from './reshape.ts';

const options = { from: 10n, batchBytesMax: 2_048, runBytesMax: 512 * 1024, batchCountMin: 2 };

function record(offset: bigint, timestamp = 1_763_700_000_000n): RecordView {
  return { offset, timestamp, key: null, value: Buffer.from(`value ${offset}`), headers: [] };
}

/** Batches of one record each from offset 10 on, the one at `at` with `what`. */
function tiny(count: number, at = -1, what: EncodeOptions = {}): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    encodeBatch([record(10n + BigInt(index))], { partitionLeaderEpoch: 4, ...(index === at && what) }),
  );
}

describe('a run', () => {
  it('takes no more memory than it holds, and keeps what it holds when the next one is made', () => {
    const records = Buffer.concat(tiny(2_000));
    const first = mergeRun(records, 0, options)!;
    const before = Buffer.from(first.batch);
    mergeRun(Buffer.concat(tiny(3_000)), 0, options);
    expect(first.batch.length).toBeGreaterThan(10_000);
    expect(first.batch.buffer.byteLength).toBeLessThan(first.batch.length * 1.1);
    expect(first.batch.equals(before)).toBe(true);
  });

  it('holds the records that the batches held, as merging them one by one does, byte for byte', () => {
    const timestamp = fc.oneof(
      fc.bigInt({ min: 1_763_700_000_000n, max: 1_763_700_100_000n }),
      fc.bigInt({ min: -1n, max: 2n ** 46n }),
    );
    const batch = fc.array(
      fc.record({
        timestamp,
        key: fc.option(fc.uint8Array({ maxLength: 40 })),
        value: fc.option(fc.uint8Array({ maxLength: 300 })),
        headers: fc.array(fc.record({ key: fc.uint8Array(), value: fc.option(fc.uint8Array()) }), {
          maxLength: 2,
        }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.array(batch, { minLength: 2, maxLength: 20 }), (batches) => {
        let offset = 10n;
        const buffer = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes));
        const encoded = batches.map((records) =>
          encodeBatch(
            records.map(({ timestamp, key, value, headers }) => ({
              ...{ offset: offset++, timestamp, key: buffer(key), value: buffer(value) },
              headers: headers.map((header) => ({
                key: Buffer.from(header.key),
                value: buffer(header.value),
              })),
            })),
            { partitionLeaderEpoch: 4 },
          ),
        );
        const frame = Buffer.concat([Buffer.from('frame'), ...encoded, Buffer.from([1, 2, 3])]);
        const run = mergeRun(frame, 5, { ...options, batchBytesMax: 10_000 });
        const { batches: views } = splitBatches(Buffer.concat(encoded));
        expect(run?.end).toBe(frame.length - 3);
        expect(run?.nextOffset).toBe(offset);
        expect(run?.batch.equals(mergeBatches(views, { partitionLeaderEpoch: 4 }))).toBe(true);
        // Whatever both share, the records are read by code that neither uses.
        const [merged] = splitBatches(run!.batch).batches;
        expect(verifyChecksum(merged!)).toBe(true);
        expect([...readRecords(merged!)]).toEqual(views.flatMap((view) => [...readRecords(view)]));
      }),
    );
  });

  it.each<[string, Buffer[], number]>([
    ['a compressed batch', tiny(6, 3, { compression: 'lz4' }), 3],
    ['a transaction', tiny(6, 3, { isTransactional: true, producerId: 7n }), 3],
    ['a control batch', tiny(6, 3, { isControl: true }), 3],
    ['LogAppendTime', tiny(6, 3, { timestampType: 'LogAppendTime', maxTimestamp: 5n }), 3],
    ['a delete horizon', tiny(6, 3, { deleteHorizonMs: 1_763_700_000_000n }), 3],
    ['another leader epoch', tiny(6, 3, { partitionLeaderEpoch: 5 }), 3],
    ['what a mirror wrote', tiny(6, 3, { producerId: 1n << 62n }), 3],
    ['a gap inside of a batch', tiny(6, 3, { lastOffset: 14n }), 3],
    ['an emptied batch', [...tiny(3), encodeBatch([], { baseOffset: 13n, lastOffset: 13n }), ...tiny(1)], 3],
    ['a gap between batches', tiny(6).filter((_, index) => index !== 3), 3],
    ['a large batch', [...tiny(3), encodeBatch([{ ...record(13n), value: Buffer.alloc(3_000) }])], 3],
    ['a cut batch', [...tiny(3), tiny(4)[3]!.subarray(0, 70)], 3],
    ['a timestamp beyond 2^50', [...tiny(3), encodeBatch([record(13n, 2n ** 51n)])], 3],
  ])('ends before %s', (_what, batches, count) => {
    const run = mergeRun(Buffer.concat(batches), 0, options);
    expect(run?.nextOffset).toBe(10n + BigInt(count));
    expect(run?.end).toBe(batches.slice(0, count).reduce((bytes, { length }) => bytes + length, 0));
  });

  it('is as long as it may be', () => {
    const batches = tiny(10);
    const run = mergeRun(Buffer.concat(batches), 0, { ...options, runBytesMax: batches[0]!.length * 4 + 1 });
    expect(run?.nextOffset).toBe(14n);
  });

  it('is none where it would be short, or begins elsewhere than was asked for', () => {
    expect(mergeRun(Buffer.concat(tiny(1)), 0, options)).toBeNull();
    expect(mergeRun(Buffer.concat(tiny(9)), 0, { ...options, from: 11n })).toBeNull();
    expect(mergeRun(Buffer.concat(tiny(9)), 0, { ...options, runBytesMax: 0 })).toBeNull();
  });

  it('is none where a byte was changed, whichever it is: the destination is to see that', () => {
    const frame = Buffer.concat(tiny(3));
    const secondAt = tiny(1)[0]!.length;
    // From its checksum on, which is one of them.
    for (let at = secondAt + 17; at < secondAt * 2; at++) {
      const changed = Buffer.from(frame);
      changed[at]! ^= 1;
      const run = mergeRun(changed, 0, options);
      // A header that is another one ends the run in front of it, which is too short then.
      expect(run, `byte ${at - secondAt} of the second batch`).toBeNull();
    }
  });
});
