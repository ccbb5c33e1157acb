// Record batches of Kafka's format v2: views, checksum arithmetic, records, compression, splitting and merging.

export { BatchView } from './batch-view.ts';
export {
  batchChecksum,
  type HeaderChanges,
  normalisedChecksum,
  rewriteHeader,
  verifyChecksum,
} from './header.ts';
export { attributeBits, type Compression, compressions, headerBytes, type TimestampType } from './layout.ts';
export { type SplitBatches, splitBatches } from './split-batches.ts';
