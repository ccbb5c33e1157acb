// Kafka's own reader on the batches that we encode: it checks the checksum, and must see the very same records.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { lz4LibraryInUse, useNativeLz4 } from '../../src/records/compression/lz4-native.ts';
import {
  BatchView,
  encodeBatch,
  fillerBatch,
  mergeBatches,
  rewriteHeader,
  splitRuns,
  withCreateTime,
  withoutGaps,
} from '../../src/records/index.ts';
import { installKafka, runKafkaTool } from '../../src/regions/index.ts';
import { encodeOptions, recordList, sourceBatch } from './arbitraries.ts';
import { describedBatch, loadGolden, parseGolden } from './golden.ts';

/** What the native library makes, and what WebAssembly makes where there is none. */
function byBothLz4(make: () => Buffer): Buffer[] {
  return [true, false].map((isNative) => {
    useNativeLz4(isNative);
    const batch = make();
    expect(lz4LibraryInUse()).toBe(isNative ? 'native' : 'wasm');
    return batch;
  });
}

afterEach(() => useNativeLz4(true));

const program = fileURLToPath(new URL('Golden.java', import.meta.url));

it("every batch we make is read by Kafka's MemoryRecords exactly as by us", async () => {
  const cases = fc.sample(fc.tuple(recordList({ gapMax: 1, maxLength: 25 }), encodeOptions), {
    numRuns: 400,
    seed: 3,
  });
  const batches = cases.map(([records, options]) => encodeBatch(records, options));
  // What the mirror does to batches: rewritten headers, runs, merged neighbours, LogAppendTime as CreateTime.
  for (const bytes of batches.slice(0, 100)) {
    const view = new BatchView(Buffer.from(bytes), 0);
    rewriteHeader(view, {
      attributes: view.attributes & ~0x50,
      producerId: 2n ** 62n + 5n,
      producerEpoch: 1,
      baseSequence: 9,
    });
    batches.push(view.bytes, ...splitRuns(view));
    if (view.hasGaps) continue;
    batches.push(mergeBatches([view], { compression: 'zstd' }));
    batches.push(...byBothLz4(() => mergeBatches([view], { compression: 'lz4' })));
  }
  for (const { records, options } of fc.sample(sourceBatch, { numRuns: 200, seed: 4 })) {
    const view = new BatchView(encodeBatch(records, options), 0);
    batches.push(view.bytes, ...splitRuns(view, { from: view.baseOffset + 5n }));
    if (records.length > 0) batches.push(withoutGaps([view], { from: view.baseOffset, bytesMax: 900_000 })!);
    const dense = records.map((record, index) => ({ ...record, offset: BigInt(index) }));
    const neighbours = [dense.slice(0, 3), dense.slice(3, 4), dense.slice(4)].filter(
      ({ length }) => length > 0,
    );
    const { compression, timestampType, maxTimestamp } = options;
    const how = {
      ...(compression && { compression }),
      ...(timestampType && { timestampType }),
      ...(maxTimestamp && { maxTimestamp }),
    };
    const views = neighbours.map((part) => new BatchView(encodeBatch(part, how), 0));
    if (views.length > 0) batches.push(mergeBatches(views));
  }
  for (const { base64 } of loadGolden()) {
    const view = new BatchView(Buffer.from(base64, 'base64'), 0);
    if (view.timestampType === 'LogAppendTime') batches.push(withCreateTime(view));
    batches.push(...(view.isControl ? [] : splitRuns(view)));
  }
  for (const count of [1, 65, 8193]) batches.push(fillerBatch({ count, timestamp: -1n }));
  const large = {
    offset: 1n,
    timestamp: 5n,
    key: null,
    value: Buffer.alloc(900 * 1024, 'x1 y2 z3'),
    headers: [],
  };
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    batches.push(encodeBatch([large, { ...large, offset: 2n }], { compression }));
  }
  const random = { ...large, value: randomBytes(300_000) };
  batches.push(...byBothLz4(() => encodeBatch([large, { ...random, offset: 2n }], { compression: 'lz4' })));

  const kafka = await installKafka({ version: '4.3.1' });
  const stdin = batches.map((bytes) => bytes.toString('base64')).join('\n');
  const { code, stdout, stderr } = await runKafkaTool(kafka, program, ['read'], { stdin });

  expect(stderr).toBe('');
  expect(code).toBe(0);
  const read = parseGolden(stdout);
  expect(read).toHaveLength(batches.length);
  for (const [index, { batches: byKafka }] of read.entries()) {
    expect([describedBatch(new BatchView(batches[index]!, 0))]).toEqual(byKafka);
  }
});
