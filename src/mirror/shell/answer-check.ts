// What no honest source can answer. A batch that is copied is checked by the destination: its checksum is carried along,
// and its counts are compared with its records. What becomes a hole is seen by nobody after us, and offsets stand
// outside of every checksum: so whatever would leave a record out, or move one, is checked here first.
//
// - Offsets rise from batch to batch, and the first batch reaches the offset that was asked for.
// - A batch without records has no bytes for them. A control batch is a transaction marker, and what it says of its
//   transaction is what the list of aborted transactions says.
// - What is left out has the checksum it was stored with, and lies below the end that the same answer tells. Brokers
//   read that end a moment before the records; what lies above is read again.
//
// A source that lies in agreement with itself is believed: a gap where none is, other records with right checksums.
import { LockstepError } from '../../errors.ts';
import {
  type BatchView,
  headerBytes,
  type MarkedBatch,
  readRecords,
  verifyChecksum,
} from '../../records/index.ts';

export interface AnswerFacts {
  /** The offset that was asked for. */
  readonly offset: bigint;
  /** Where the same answer says that decided records end. */
  readonly end: bigint;
}

/** Marker types in the key of a control record (Kafka: ControlRecordType): version int16, type int16. */
const markerTypes: Readonly<Record<number, 'abort' | 'commit'>> = { 0: 'abort', 1: 'commit' };
const markerKeyBytesMin = 4;

/**
 * The batches of one answer as far as they can be believed.
 * @throws LockstepError BATCH_CORRUPT where they contradict the question, the answer or each other.
 */
export function checkAnswer(
  batches: readonly MarkedBatch[],
  { offset, end }: AnswerFacts,
): readonly MarkedBatch[] {
  const transactions = new Map<bigint, { isAborted: boolean }>();
  let expected = offset;
  for (const [index, { view, isAborted }] of batches.entries()) {
    // Fields of old formats are elsewhere; such a batch ends the mirror anyway.
    if (view.magic !== 2) return batches;
    const { baseOffset, lastOffset } = view;
    if (index === 0 ? lastOffset < offset : baseOffset < expected) {
      const what =
        index === 0 ? `and ${offset} was asked for` : `and the one before it ends below ${expected}`;
      throw corrupt(view, `goes back: it holds offsets ${baseOffset} to ${lastOffset}, ${what}`);
    }
    if (isLeftOut(view, isAborted)) checkLeftOut(view);
    checkTransaction(view, isAborted, transactions);
    const leavesOut = isLeftOut(view, isAborted) || view.hasGaps || baseOffset > expected;
    if (leavesOut && lastOffset >= end) {
      if (index > 0) return batches.slice(0, index);
      throw corrupt(
        view,
        `lies beyond the end: it holds offsets ${baseOffset} to ${lastOffset}, and the log is decided up to ${end}`,
      );
    }
    expected = lastOffset + 1n;
  }
  return batches;
}

function isLeftOut(view: BatchView, isAborted: boolean): boolean {
  return isAborted || view.isControl || view.recordCount === 0;
}

function checkLeftOut(view: BatchView): void {
  if (!verifyChecksum(view)) throw corrupt(view, 'does not have the checksum it was stored with');
  if (view.recordCount === 0 && view.sizeBytes > headerBytes) {
    throw corrupt(view, `counts no records and has ${view.sizeBytes - headerBytes} bytes of them`);
  }
}

/** `seen`: per producer id, data since its last marker. */
function checkTransaction(
  view: BatchView,
  isAborted: boolean,
  seen: Map<bigint, { isAborted: boolean }>,
): void {
  if (!view.isControl) {
    // Emptied ones stay for their sequence after their transaction was cleaned away.
    if (view.isTransactional && view.recordCount > 0) seen.set(view.producerId, { isAborted });
    return;
  }
  const [marker] = readRecords(view);
  // The cleaner leaves an empty batch of a marker that nobody needs any more.
  if (marker === undefined) return;
  const { key } = marker;
  const type = key === null || key.length < markerKeyBytesMin ? undefined : markerTypes[key.readInt16BE(2)];
  if (type === undefined) throw corrupt(view, 'is a control batch, and no transaction marker');
  const data = seen.get(view.producerId);
  seen.delete(view.producerId);
  if (data !== undefined && data.isAborted !== (type === 'abort')) {
    const listed = data.isAborted
      ? 'is in the list of aborted transactions'
      : 'is not in the list of aborted transactions';
    throw corrupt(view, `says ${type}, and its transaction ${listed}`);
  }
}

function corrupt({ baseOffset }: BatchView, what: string): LockstepError {
  return new LockstepError('BATCH_CORRUPT', `The source's batch at offset ${baseOffset} ${what}.`, {
    detail: { baseOffset },
  });
}
