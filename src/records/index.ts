// Record batches of Kafka's format v2: views, checksum arithmetic, records, compression, splitting and merging.

export { type AbortedTransaction, type MarkedBatch, markAborted } from './aborted-transactions.ts';
export { BatchView } from './batch-view.ts';
export { compress, decompress, decompressedCount, loadCodecs, lz4LibraryInUse } from './compression/index.ts';
export { type EncodeOptions, encodeBatch, encodeRawBatch, encodeTail } from './encode-batch.ts';
export { fillerBatch, fillerRecordsMax } from './filler-batch.ts';
export { batchChecksum, normalisedChecksum, rewriteHeader, verifyChecksum } from './header.ts';
export { attributeBits, type Compression, compressions, headerBytes } from './layout.ts';
export { mergeRun } from './merge-run.ts';
export {
  type HeaderView,
  parseTail,
  type RawRecord,
  type RecordView,
  readRawRecords,
  readRecords,
} from './read-records.ts';
export type { ReadOptions } from './record-cursor.ts';
export { mergeBatches, splitRuns, withCreateTime, withoutGaps } from './reshape.ts';
export { isSameBatch } from './same-batch.ts';
export { splitBatches } from './split-batches.ts';
