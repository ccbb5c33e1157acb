// The divergent tail of a lost partition, read to its very end, with what became of each transaction.
//
//   parting ........ last stable offset ........ log end
//   '-- decided -----------------'  '-- some are open --'
//
// In front of the last stable offset every transaction is decided, and a broker tells the aborted ones. Behind it a
// transaction is decided when a marker of its producer stands behind the batch; the markers there are gathered first.
// Markers are no records, and are not part of the tail.
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import {
  type BatchView,
  type Compression,
  type RawRecord,
  readRawRecords,
  readRecords,
} from '../../records/index.ts';
import { type LogBatch, type PartitionLog, readLog } from '../../verify/index.ts';

/** What became of the transaction that a record belongs to. */
export type TransactionFate = 'committed' | 'aborted' | 'undecided';

/** Records of one batch that are in the range. Their memory is good until the next batch is asked for. */
export interface TailBatch {
  readonly records: readonly RawRecord[];
  readonly compression: Compression;
  /** Null: not part of a transaction. */
  readonly fate: TransactionFate | null;
}

export interface TailLogs {
  /** Read with read_committed. */
  readonly committed: PartitionLog;
  /** The same log, read with read_uncommitted. */
  readonly uncommitted: PartitionLog;
}

export interface TailRange {
  readonly start: bigint;
  readonly lastStableOffset: bigint;
  readonly end: bigint;
}

/** @throws LockstepError BATCH_UNSUPPORTED, BATCH_CORRUPT; what `readLog` throws. */
export async function* readTail(
  { committed, uncommitted }: TailLogs,
  { start, lastStableOffset, end }: TailRange,
  signal?: AbortSignal,
): AsyncGenerator<TailBatch, void, undefined> {
  const options = signal === undefined ? {} : { signal };
  const decidedEnd = lastStableOffset < end ? lastStableOffset : end;
  for await (const { view, isAborted } of readLog(committed, start, decidedEnd, options)) {
    if (holdsRecords(view, start))
      yield tailBatch(
        view,
        { start, end: decidedEnd },
        view.isTransactional ? (isAborted ? 'aborted' : 'committed') : null,
      );
  }
  const openStart = later(start, decidedEnd);
  if (openStart >= end) return;
  const markers = await markersOf(readLog(uncommitted, openStart, end, options));
  for await (const { view } of readLog(uncommitted, openStart, end, options)) {
    if (holdsRecords(view, openStart))
      yield tailBatch(view, { start: openStart, end }, view.isTransactional ? fateOf(view, markers) : null);
  }
}

/** The markers of a stretch of a log, by producer id, in their order. */
type Markers = ReadonlyMap<bigint, readonly { readonly offset: bigint; readonly isCommit: boolean }[]>;

export async function markersOf(batches: AsyncIterable<LogBatch>): Promise<Markers> {
  const markers = new Map<bigint, { offset: bigint; isCommit: boolean }[]>();
  for await (const { view } of batches) {
    if (view.magic < 2 || !view.isControl) continue;
    for (const { offset, key } of readRecords(view)) {
      // Version int16, type int16 (Kafka: ControlRecordType).
      const type = key === null || key.length < 4 ? null : key.readInt16BE(2);
      if (type !== abortType && type !== commitType) continue;
      const own = markers.get(view.producerId) ?? [];
      own.push({ offset, isCommit: type === commitType });
      markers.set(view.producerId, own);
    }
  }
  return markers;
}

const abortType = 0;
const commitType = 1;

function fateOf(view: BatchView, markers: Markers): TransactionFate {
  const marker = markers.get(view.producerId)?.find(({ offset }) => offset > view.lastOffset);
  if (marker === undefined) return 'undecided';
  return marker.isCommit ? 'committed' : 'aborted';
}

function holdsRecords(view: BatchView, start: bigint): boolean {
  if (view.magic < 2)
    throw new LockstepError(
      'BATCH_UNSUPPORTED',
      `The batch at offset ${view.baseOffset} has format v${view.magic}, whose records are not saved; nothing is deleted. Copy it with a client of its time first.`,
      { detail: { baseOffset: view.baseOffset } },
    );
  return !view.isControl && view.recordCount > 0 && view.lastOffset >= start;
}

/** A batch may begin in front of the range, and end behind it. */
function tailBatch(
  view: BatchView,
  { start, end }: { readonly start: bigint; readonly end: bigint },
  fate: TransactionFate | null,
): TailBatch {
  const records = [...readRawRecords(view)].filter(({ offset }) => offset >= start && offset < end);
  return { records, compression: view.compression, fate };
}
