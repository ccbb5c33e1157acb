// Which batches of a read_committed fetch belong to aborted transactions. Brokers send them all the same and name
// the aborted transactions beside them, each by producer id and first offset; a transaction ends at its marker.
// Follows Kafka's CompletedFetch; each fetch response is complete in itself.

import type { BatchView } from '../records/index.ts';
import { readRecords } from '../records/index.ts';
import type { LogBatch } from './log-cursor.ts';

export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: bigint;
}

/** Marker types in the key of a control record (Kafka: ControlRecordType): version int16, type int16. */
const abortMarkerType = 0;

/** The batches of one fetch response, each with whether its transaction was aborted. */
export function markAborted(
  batches: readonly BatchView[],
  abortedTransactions: readonly AbortedTransaction[] | null,
): LogBatch[] {
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
  const key = marker?.key;
  return key != null && key.length >= 4 && key.readInt16BE(2) === abortMarkerType;
}
