// Invariant: whatever is split, merged or re-encoded, consumers see the same records at the same offsets.

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  compression,
  described,
  encodeOptions,
  recordList,
  sourceBatch,
  visible,
} from '../../test/records/arbitraries.ts';
import { loadGolden } from '../../test/records/golden.ts';
import { useNativeLz4 } from './compression/lz4-native.ts';
import {
  BatchView,
  compressions,
  encodeBatch,
  mergeBatches,
  type RecordView,
  readRecords,
  splitRuns,
  verifyChecksum,
  withCreateTime,
  withoutGaps,
} from './index.ts';

afterEach(() => useNativeLz4(true));

const viewOf = (bytes: Buffer) => new BatchView(bytes, 0);
const seen = (views: Iterable<BatchView>) =>
  Array.from(views).flatMap((view) => Array.from(readRecords(view), described));

/** What a codec takes more or less for the same records, put together in another way. */
const codecBytes = 4;

function golden(words: string): BatchView {
  const found = loadGolden().find(({ name }) => name.includes(words));
  return viewOf(Buffer.from(found!.base64, 'base64'));
}

describe('batches whose gaps are filled with copies', () => {
  /** What stands behind a batch, from its last offset on. */
  const behind = (view: BatchView, gap: number): BatchView => {
    const offset = view.lastOffset + 1n + BigInt(gap);
    const record = { offset, timestamp: 7n, key: null, value: Buffer.from('behind'), headers: [] };
    return viewOf(encodeBatch([record], { partitionLeaderEpoch: 9 }));
  };

  it('hold every offset, each with the record at it or the next one behind it, a part at a time', () => {
    const bytesMax = fc.oneof(fc.constant(10_000_000), fc.integer({ min: 0, max: 2_000 }));
    fc.assert(
      fc.property(sourceBatch, fc.nat(70), fc.nat(3), bytesMax, (source, place, gap, bytesMax) => {
        const view = viewOf(encodeBatch(source.records, source.options));
        const begin = view.baseOffset - 5n + (BigInt(place) % (view.lastOffset - view.baseOffset + 9n));
        if (begin < 0n) return;
        const next = behind(view, gap);
        const views = [view, next];
        const left = [...visible(source), ...readRecords(next)].filter(({ offset }) => offset >= begin);
        let from = begin;
        for (;;) {
          const filled = withoutGaps(views, { from, bytesMax });
          if (filled === null) break;
          const made = viewOf(filled);
          expect(verifyChecksum(made)).toBe(true);
          expect([made.baseOffset, made.hasGaps]).toEqual([from, false]);
          const expected: unknown[] = [];
          for (let offset = from; offset <= made.lastOffset; offset++) {
            const record = left.find((record) => record.offset >= offset)!;
            expected.push(described({ ...record, offset }));
          }
          expect(seen([made])).toEqual(expected);
          expect([made.maxTimestamp, made.baseTimestamp]).toEqual(timestampsOf(made));
          const lastIsBehind = made.lastOffset > (visible(source).at(-1)?.offset ?? -1n);
          expect(made.partitionLeaderEpoch).toBe(lastIsBehind ? 9 : view.partitionLeaderEpoch);
          expect(made.recordCount === 1 || made.sizeBytes <= bytesMax).toBe(true);
          from = made.lastOffset + 1n;
        }
        expect(from).toBe(left.length === 0 ? begin : next.lastOffset + 1n);
      }),
    );
  });

  it('are of a bounded size, however long a gap is, and each has memory of its own', () => {
    const record = {
      offset: 5_000_000_000n,
      timestamp: 1n,
      key: null,
      value: Buffer.alloc(100),
      headers: [],
    };
    const view = viewOf(encodeBatch([record]));
    const filled = withoutGaps([view], { from: 5n, bytesMax: 500_000 })!;
    expect(filled.length).toBeLessThanOrEqual(500_000);
    expect(filled.buffer.byteLength).toBe(filled.length);
    const bytes = Buffer.from(filled);
    expect(viewOf(filled)).toMatchObject({ baseOffset: 5n, hasGaps: false });
    withoutGaps([view], { from: 1_000_000n, bytesMax: 500_000 });
    expect(filled.equals(bytes)).toBe(true);
    expect(viewOf(withoutGaps([view], { from: 5n, bytesMax: 0 })!).recordCount).toBe(1);
  });
});

describe('a batch with gaps split into runs', () => {
  it('gives exactly the records from an offset on, as consumers see them, in batches that brokers accept', () => {
    fc.assert(
      fc.property(sourceBatch, fc.nat(70), (source, place) => {
        const view = viewOf(encodeBatch(source.records, source.options));
        const from = view.baseOffset - 1n + (BigInt(place) % (view.lastOffset - view.baseOffset + 3n));
        const expected = visible(source).filter(({ offset }) => offset >= from);
        const runs = splitRuns(view, { from }).map(viewOf);
        expect(seen(runs)).toEqual(expected.map(described));
        for (const run of runs) {
          expect(verifyChecksum(run)).toBe(true);
          expect([run.hasGaps, run.timestampType]).toEqual([false, 'CreateTime']);
          expect([run.maxTimestamp, run.baseTimestamp]).toEqual(timestampsOf(run));
          expect([view.compression, 'none']).toContain(run.compression);
          expect([run.producerId, run.producerEpoch, run.baseSequence]).toEqual([-1n, -1, -1]);
          expect([run.isTransactional, run.isControl, run.hasDeleteHorizon]).toEqual([false, false, false]);
          expect(run.partitionLeaderEpoch).toBe(view.partitionLeaderEpoch);
          expect(run.sizeBytes <= view.sizeBytes || run.recordCount === 1).toBe(true);
        }
        // Neighbours stay together, unless they would not fit.
        for (const [index, run] of runs.slice(1).entries()) {
          const before = runs[index]!;
          expect(run.baseOffset).toBeGreaterThanOrEqual(before.nextOffset);
          const isCut = run.baseOffset === before.nextOffset;
          // At about the size of the source's batch either is right: codecs give the one run a few bytes more or less.
          if (isCut)
            expect(mergeBatches([before, run], view).length).toBeGreaterThanOrEqual(
              view.sizeBytes - codecBytes,
            );
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('gives parts that are no larger than the batch, where the records take more room than before', () => {
    const records = Array.from({ length: 200 }, (_, index) => ({
      offset: BigInt(index),
      timestamp: BigInt(index) * 7919n,
      key: null,
      value: randomBytes(20),
      headers: [],
    }));
    const tight = encodeBatch(records, { timestampType: 'LogAppendTime', maxTimestamp: 0n });
    // Deltas become 0 as LogAppendTime, and long when they count from an outlier.
    const far = encodeBatch(
      records.map((record, index) => ({ ...record, timestamp: index === 1 ? 2n ** 60n : 0n })),
    );
    expect(splitRuns(viewOf(tight))).toHaveLength(1);
    const parts = splitRuns(viewOf(far), { from: 1n }).map(viewOf);
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect(part.sizeBytes).toBeLessThanOrEqual(far.length);
    expect(parts.map((part) => part.recordCount).reduce((sum, count) => sum + count)).toBe(199);
    for (const [index, part] of parts.slice(1).entries())
      expect(part.baseOffset).toBe(parts[index]!.nextOffset);
  });

  it("takes a batch of Kafka's cleaner apart: offsets 21, 22 and 25, the delete horizon not taken for a time", () => {
    const runs = splitRuns(golden('gaps inside')).map(viewOf);
    expect(runs.map((run) => [run.baseOffset, run.recordCount])).toEqual([
      [21n, 2],
      [25n, 1],
    ]);
    expect(seen(runs).map(({ timestamp }) => timestamp)).toEqual(['1001', '1002', '1005']);
    expect(runs.every((run) => !run.hasDeleteHorizon)).toBe(true);
  });

  it('leaves a run plain where its codec would make it larger', () => {
    const record = (offset: bigint, value: string) => ({
      offset,
      timestamp: 5n,
      key: null,
      value: Buffer.from(value),
      headers: [],
    });
    const records = [record(0n, 'short'), record(2n, 'long '.repeat(1000)), record(4n, 'brief')];
    for (const codec of compressions) {
      const runs = splitRuns(viewOf(encodeBatch(records, { compression: codec }))).map(viewOf);
      expect(runs.map((run) => run.compression)).toEqual(['none', codec, 'none']);
    }
  });

  it('gives nothing for an empty batch', () => {
    expect(splitRuns(golden('empty batch'))).toEqual([]);
  });
});

describe('neighbouring batches merged', () => {
  it('hold the same records in one batch of the codec asked for', () => {
    fc.assert(
      fc.property(
        recordList({ maxLength: 30 }),
        fc.array(fc.nat(4)),
        compression,
        fc.array(fc.record({ options: encodeOptions, appendTime: fc.option(fc.bigInt(0n, 2n ** 62n)) }), {
          minLength: 1,
        }),
        fc.boolean(),
        (records, sizes, codec, kinds, isNative) => {
          useNativeLz4(isNative);
          const parts = cut(records, sizes).map((part, index) => {
            const { options, appendTime } = kinds[index % kinds.length]!;
            return appendTime === null
              ? { records: part, options }
              : {
                  records: part,
                  options: { ...options, timestampType: 'LogAppendTime' as const, maxTimestamp: appendTime },
                };
          });
          const views = parts.map((part) => viewOf(encodeBatch(part.records, part.options)));
          const merged = viewOf(mergeBatches(views, { compression: codec, plainBytesMax: 2_000_000 }));
          // Read by the decompressor that did not make it.
          useNativeLz4(!isNative);
          const expected = parts.flatMap(visible);
          expect(verifyChecksum(merged)).toBe(true);
          expect(seen([merged])).toEqual(expected.map(described));
          expect([merged.compression, merged.hasGaps]).toEqual([codec, false]);
          expect([merged.maxTimestamp, merged.baseTimestamp]).toEqual(timestampsOf(merged));
          expect([merged.producerId, merged.isTransactional]).toEqual([-1n, false]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keep timestamps that wrap around 64 bits, in the records and in the header', () => {
    const [most, least] = [2n ** 63n - 1n, -(2n ** 63n)];
    const records = [most, least, 0n].map((timestamp, index) => ({
      offset: BigInt(index),
      timestamp,
      key: null,
      value: null,
      headers: [],
    }));
    const whole = viewOf(encodeBatch(records));
    const merged = viewOf(mergeBatches([whole]));
    expect(seen([merged])).toEqual(records.map(described));
    expect([merged.maxTimestamp, merged.baseTimestamp]).toEqual([most, most]);
    const rest = splitRuns(whole, { from: 1n }).map(viewOf);
    expect(seen(rest)).toEqual(records.slice(1).map(described));
    expect([rest[0]!.maxTimestamp, rest[0]!.baseTimestamp]).toEqual([0n, least]);
  });

  it('are the same whether they were reshaped before or not', () => {
    fc.assert(
      fc.property(
        recordList({ maxLength: 30 }),
        fc.array(fc.nat(4)),
        encodeOptions,
        fc.nat(30),
        (records, sizes, options, place) => {
          const views = cut(records, sizes).map((part) => viewOf(encodeBatch(part, options)));
          const from = records[place % records.length]!.offset;
          const pieces = views.flatMap((view) => splitRuns(view, { from })).map(viewOf);
          const one = mergeBatches(pieces, { partitionLeaderEpoch: -1 });
          expect(one).toEqual(encodeBatch(records.filter(({ offset }) => offset >= from)));
        },
      ),
    );
  });

  it('are refused when one is no neighbour, has gaps or holds markers', () => {
    const record = (offset: bigint): RecordView => ({
      offset,
      timestamp: 0n,
      key: null,
      value: null,
      headers: [],
    });
    const first = viewOf(encodeBatch([record(0n)]));
    for (const second of [
      encodeBatch([record(2n)]),
      encodeBatch([], { baseOffset: 1n }),
      encodeBatch([record(1n), record(3n)]),
      encodeBatch([record(1n)], { isControl: true }),
    ]) {
      expect(() => mergeBatches([first, viewOf(second)])).toThrow(
        expect.objectContaining({ code: 'CODEC_INPUT_INVALID' }),
      );
    }
  });
});

describe('a LogAppendTime batch as CreateTime', () => {
  it.each(['LogAppendTime, uncompressed', 'LogAppendTime, lz4'])('%s: keeps what consumers see', (name) => {
    const view = golden(name);
    const copy = viewOf(withCreateTime(view));
    expect([view.timestampType, copy.timestampType]).toEqual(['LogAppendTime', 'CreateTime']);
    expect(seen([copy])).toEqual(seen([view]));
    expect(seen([copy]).map(({ timestamp }) => timestamp)).toEqual(['1800000000000', '1800000000000']);
    expect([copy.maxTimestamp, copy.compression]).toEqual([1_800_000_000_000n, view.compression]);
  });
});

describe('records that cannot be one batch', () => {
  it.each([
    ['the same offset twice', [5n, 5n]],
    ['a falling offset', [5n, 4n]],
    ['offsets further apart than 2^31 - 1', [0n, 2n ** 31n]],
  ])('are refused: %s', (_, offsets) => {
    const records = offsets.map((offset) => ({ offset, timestamp: 0n, key: null, value: null, headers: [] }));
    expect(() => encodeBatch(records)).toThrow(expect.objectContaining({ code: 'CODEC_INPUT_INVALID' }));
  });
});

/** The greatest and the first timestamp of a batch's records, as its header has to say. */
function timestampsOf(view: BatchView): [bigint, bigint] {
  const timestamps = Array.from(readRecords(view), ({ timestamp }) => timestamp);
  return [timestamps.reduce((most, one) => (one > most ? one : most), -1n), timestamps[0]!];
}

/** Cuts a list into parts of the given sizes (at least 1), the rest as the last part. */
function cut(records: RecordView[], sizes: number[]): RecordView[][] {
  const parts: RecordView[][] = [];
  let at = 0;
  for (const size of [...sizes, records.length]) {
    if (at >= records.length) break;
    parts.push(records.slice(at, at + size + 1));
    at += size + 1;
  }
  return parts;
}
