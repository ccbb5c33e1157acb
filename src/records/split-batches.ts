// Cuts the records of a fetch response into batches. Brokers fill a response by bytes, so its last batch may be
// cut; that is normal. A length no batch can have is not: it is refused here, so that views need no checks.

import { LockstepError } from '../errors.ts';
import { BatchView } from './batch-view.ts';
import {
  baseOffsetAt,
  batchLengthAt,
  headerBytes,
  lastOffsetDeltaAt,
  legacyBytesMin,
  logOverheadBytes,
  magicAt,
  recordCountAt,
} from './layout.ts';

/** The whole batches of some records, and how many bytes of a cut batch follow them. */
export interface SplitBatches {
  batches: BatchView[];
  incompleteBytes: number;
}

/**
 * The batches in `records`, in order. Formats v0 and v1 are passed on as views with their `magic`.
 * @throws LockstepError BATCH_CORRUPT when a header is impossible; `detail` has `position` and `baseOffset`.
 */
export function splitBatches(records: Buffer): SplitBatches {
  const batches: BatchView[] = [];
  let position = 0;
  while (records.length - position > magicAt) {
    const sizeBytes = checkedSizeBytes(records, position);
    if (sizeBytes > records.length - position) break;
    checkHeader(records, position);
    batches.push(new BatchView(records, position));
    position += sizeBytes;
  }
  return { batches, incompleteBytes: records.length - position };
}

/** Needs the bytes up to the magic. */
function checkedSizeBytes(records: Buffer, position: number): number {
  const magic = records.readInt8(position + magicAt);
  if (magic < 0 || magic > 2) corrupt(records, position, `format ${magic} is unknown`);
  const batchLength = records.readInt32BE(position + batchLengthAt);
  const batchLengthMin = magic === 2 ? headerBytes - logOverheadBytes : legacyBytesMin;
  if (batchLength < batchLengthMin) {
    corrupt(records, position, `length ${batchLength} is below the least possible, ${batchLengthMin}`);
  }
  return logOverheadBytes + batchLength;
}

/** Needs the whole header. Kafka never stores negative counts, deltas or offsets. */
function checkHeader(records: Buffer, position: number): void {
  if (records.readInt8(position + baseOffsetAt) < 0)
    corrupt(records, position, 'its base offset is negative');
  if (records.readInt8(position + magicAt) < 2) return;
  const lastOffsetDelta = records.readInt32BE(position + lastOffsetDeltaAt);
  if (lastOffsetDelta < 0) corrupt(records, position, `last offset delta ${lastOffsetDelta} is negative`);
  const recordCount = records.readInt32BE(position + recordCountAt);
  if (recordCount < 0 || recordCount - 1 > lastOffsetDelta) {
    corrupt(
      records,
      position,
      `record count ${recordCount} does not fit last offset delta ${lastOffsetDelta}`,
    );
  }
}

function corrupt(records: Buffer, position: number, what: string): never {
  const baseOffset = records.readBigInt64BE(position + baseOffsetAt);
  throw new LockstepError(
    'BATCH_CORRUPT',
    `Corrupt record batch at byte ${position} of the fetched records (base offset ${baseOffset}): ${what}.`,
    { detail: { position, baseOffset } },
  );
}
