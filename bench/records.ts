// node scripts/start.mjs bench/records.ts
//
// What it costs this process to put records into other batches, in µs a record: merging tiny batches, cutting the start
// of a batch off, runs between gaps, other timestamps. No broker. Medians of 40 rounds; a table on stdout.
import { randomBytes } from 'node:crypto';
import {
  type BatchView,
  type EncodeOptions,
  encodeBatch,
  mergeBatches,
  splitBatches,
  splitRuns,
} from '../src/records/index.ts';

const warmUpRounds = 20;
const rounds = 40;
const value = randomBytes(100);

interface Shape extends EncodeOptions {
  readonly batches: number;
  readonly recordsPerBatch: number;
  /** 2: every second offset is missing. */
  readonly step?: number;
}

/** Neighbouring batches of records with values of 100 bytes, in one frame. */
function batchesOf({ batches, recordsPerBatch, step = 1, ...options }: Shape): BatchView[] {
  const encoded = Array.from({ length: batches }, (_, batch) =>
    encodeBatch(
      Array.from({ length: recordsPerBatch }, (_, index) => ({
        offset: BigInt((batch * recordsPerBatch + index) * step),
        timestamp: 1_763_700_000_000n + BigInt(batch),
        key: null,
        value,
        headers: [],
      })),
      options,
    ),
  );
  return splitBatches(Buffer.concat(encoded)).batches;
}

function measure(
  what: string,
  views: readonly BatchView[],
  run: (views: readonly BatchView[]) => unknown,
): void {
  const records = views.reduce((sum, view) => sum + view.recordCount, 0);
  for (let round = 0; round < warmUpRounds; round++) run(views);
  const microseconds = Array.from({ length: rounds }, () => {
    const startedMs = performance.now();
    run(views);
    return ((performance.now() - startedMs) * 1000) / records;
  }).sort((one, other) => one - other);
  console.log(`${what.padEnd(58)} ${microseconds[rounds / 2]!.toFixed(3)}`);
}

const reshape = (views: readonly BatchView[]) => views.map((view) => splitRuns(view));
const withoutFirst = (views: readonly BatchView[]) =>
  views.map((view) => splitRuns(view, { from: view.baseOffset + 1n }));
const hundreds = { batches: 10, recordsPerBatch: 100 };
const appendTime = { timestampType: 'LogAppendTime', maxTimestamp: 1_763_700_000_001n } as const;

console.log(`${'records of 100 bytes'.padEnd(58)} µs a record`);
measure('1,000 batches of one record merged', batchesOf({ batches: 1000, recordsPerBatch: 1 }), mergeBatches);
measure(
  '1,000 batches of 10 records merged',
  batchesOf({ batches: 1000, recordsPerBatch: 10 }),
  mergeBatches,
);
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  const of = (shape: Partial<Shape>) => batchesOf({ ...hundreds, compression, ...shape });
  measure(`${compression}: first of 100 records cut off`, of({}), withoutFirst);
  measure(`${compression}: every second offset missing`, of({ step: 2 }), reshape);
  measure(`${compression}: LogAppendTime to CreateTime`, of(appendTime), reshape);
}
