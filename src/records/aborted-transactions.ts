// Which batches of a read_committed fetch belong to aborted transactions. Brokers send them all the same and name
// the aborted transactions beside them, each by producer id and first offset; a transaction ends at its marker.
// Follows Kafka's CompletedFetch; each fetch response is complete in itself. Only headers and markers are read.

import type { BatchView } from './batch-view.ts';
import { corruptBatch } from './corrupt.ts';
import { readRecords } from './read-records.ts';

export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: bigint;
}

/** A batch as fetched with read_committed: whether its transaction was aborted is said beside the batch. */
export interface MarkedBatch {
  view: BatchView;
  isAborted: boolean;
}

/** Marker types in the key of a control record (Kafka: ControlRecordType): version int16, type int16. */
const abortMarkerType = 0;
const markerKeyBytesMin = 4;

/**
 * The batches of one fetch response, each with whether its transaction was aborted. Markers themselves are not.
 * @throws LockstepError BATCH_CORRUPT when the marker of an aborted transaction's producer can't be read.
 */
export function markAborted(
  batches: readonly BatchView[],
  abortedTransactions: readonly AbortedTransaction[] | null,
): MarkedBatch[] {
  if (abortedTransactions === null || abortedTransactions.length === 0) {
    return batches.map((view) => ({ view, isAborted: false }));
  }
  const upcoming = abortedTransactions.toSorted((one, other) =>
    one.firstOffset < other.firstOffset ? -1 : 1,
  );
  const open = new Set<bigint>();
  let next = 0;
  return batches.map((view) => {
    if (view.magic < 2) return { view, isAborted: false };
    for (; next < upcoming.length && upcoming[next]!.firstOffset <= view.lastOffset; next++) {
      open.add(upcoming[next]!.producerId);
    }
    if (view.isControl) {
      if (open.has(view.producerId) && isAbortMarker(view)) open.delete(view.producerId);
      return { view, isAborted: false };
    }
    return { view, isAborted: view.isTransactional && open.has(view.producerId) };
  });
}

function isAbortMarker(view: BatchView): boolean {
  const [marker] = readRecords(view);
  // The cleaner leaves an empty batch of a marker that nobody needs any more.
  if (marker === undefined) return false;
  const key = marker.key;
  if (key === null || key.length < markerKeyBytesMin) {
    throw corruptBatch(view.baseOffset, 0, 'a transaction marker has no type');
  }
  return key.readInt16BE(2) === abortMarkerType;
}
