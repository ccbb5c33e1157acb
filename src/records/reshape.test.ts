// Invariant: whatever is split, merged or re-encoded, consumers see the same records at the same offsets.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compression, described, encodeOptions, recordList } from '../../test/records/arbitraries.ts';
import { loadGolden } from '../../test/records/golden.ts';
import {
  BatchView,
  encodeBatch,
  mergeBatches,
  type RecordView,
  readRecords,
  splitRuns,
  verifyChecksum,
  withCreateTime,
} from './index.ts';

const viewOf = (bytes: Buffer) => new BatchView(bytes, 0);
const seen = (views: Iterable<BatchView>) =>
  Array.from(views).flatMap((view) => Array.from(readRecords(view), described));

function golden(words: string): BatchView {
  const found = loadGolden().find(({ name }) => name.includes(words));
  return viewOf(Buffer.from(found!.base64, 'base64'));
}

describe('a batch with gaps split into runs', () => {
  it('gives the same records in batches without gaps, with the same codec and no producer', () => {
    fc.assert(
      fc.property(recordList({ gapMax: 2 }), encodeOptions, (records, options) => {
        const view = viewOf(encodeBatch(records, options));
        const runs = splitRuns(view).map(viewOf);
        expect(seen(runs)).toEqual(records.map(described));
        for (const run of runs) {
          expect(verifyChecksum(run)).toBe(true);
          expect(run.hasGaps).toBe(false);
          expect(run.compression).toBe(view.compression);
          expect([run.producerId, run.isTransactional]).toEqual([-1n, false]);
        }
        for (const [index, run] of runs.entries()) {
          if (index > 0) expect(run.baseOffset).toBeGreaterThan(runs[index - 1]!.nextOffset);
        }
      }),
    );
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
        encodeOptions,
        (records, sizes, codec, options) => {
          const views = cut(records, sizes).map((part) => viewOf(encodeBatch(part, options)));
          const merged = viewOf(mergeBatches(views, { compression: codec }));
          expect(verifyChecksum(merged)).toBe(true);
          expect(seen([merged])).toEqual(records.map(described));
          expect([merged.compression, merged.hasGaps]).toEqual([codec, false]);
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
