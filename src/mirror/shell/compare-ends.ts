// Compares the ends of two logs by what consumers see there. Asked before a later life of a mirror begins: producers wrote
// the log when it was a primary, and the other side copied it.
//
// The problem: nothing of the batches themselves has to be alike. A producer's transactions and aborted records stand
// where the copy has markers, batches were cut and put together, and either side may have been compacted since. The
// answer: record by record, each offset with what a read_committed consumer finds there, from a few of the newest offsets
// back to enough of them.
//
//   one side      other side    verdict
//   record        record        timestamp, key, value and headers have to be equal
//   record        nothing       different: a marker, or an aborted record, stands where the other has a record
//   record        gone          equal: compaction took it
//   nothing       nothing, gone equal
import { createHash } from 'node:crypto';
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { type MarkedBatch, markAborted, readRawRecords, splitBatches } from '../../records/index.ts';
import { askFetch } from './batch-questions.ts';
import type { Ask, LogAddress } from './log-answers.ts';

/** One of the two; `shift` is added to offsets that it is asked for. */
export interface ComparedLog {
  readonly log: LogAddress;
  readonly ask: Ask;
  readonly shift: bigint;
}

export type EndsVerdict =
  | { readonly kind: 'agrees'; readonly compared: boolean }
  | { readonly kind: 'differs'; readonly offset: bigint; readonly what: string };

/** What a consumer finds at an offset; offsets that are not there were compacted away. */
interface VisibleEnd {
  /** By offset: timestamp, and a digest of the rest. */
  readonly records: ReadonlyMap<bigint, { readonly timestamp: bigint; readonly digest: string }>;
  /** Stretches that stand in the log and hold nothing. */
  readonly nothing: readonly { readonly from: bigint; readonly to: bigint }[];
  readonly bytes: number;
}

const readCommitted = 1;
const fetchBytesMax = 1024 * 1024;
const firstOffsets = 16n;
/** From look to look so many times more offsets. */
const growth = 16n;
const offsetsMax = 65_536n;
/** So many records that are alike do, or so many bytes. */
const recordsEnough = 100;
const bytesEnough = 1024 * 1024;

/**
 * Compares the newest offsets of both logs below `to`, and none below `from`.
 * @throws LockstepError, retriable, where one of them is not decided up to there: a transaction is open.
 */
export async function compareEnds(
  source: ComparedLog,
  mirror: ComparedLog,
  { from, to }: { readonly from: bigint; readonly to: bigint },
): Promise<EndsVerdict> {
  for (let count = firstOffsets; ; count *= growth) {
    const range = { from: later(from, to - count), to };
    const [original, copy] = await Promise.all([readEnd(source, range), readEnd(mirror, range)]);
    const difference = differenceOf(original, copy);
    if (difference !== null) return difference;
    const comparedCount = [...copy.records.keys()].filter((offset) => original.records.has(offset)).length;
    const isEnough = comparedCount >= recordsEnough || copy.bytes >= bytesEnough;
    if (isEnough || range.from === from || count >= offsetsMax)
      return { kind: 'agrees', compared: comparedCount > 0 };
  }
}

async function readEnd(
  { log, ask, shift }: ComparedLog,
  { from, to }: { readonly from: bigint; readonly to: bigint },
): Promise<VisibleEnd> {
  const records = new Map<bigint, { timestamp: bigint; digest: string }>();
  const nothing: { from: bigint; to: bigint }[] = [];
  const end = to + shift;
  let bytes = 0;
  for (let offset = from + shift; offset < end; ) {
    const at = offset;
    const answers = await askFetch(
      ask,
      [log],
      () => at,
      fetchBytesMax,
      (fetched, aborted) => {
        const batches = fetched === null ? [] : markAborted(splitBatches(fetched).batches, aborted);
        for (const batch of batches) {
          if (holdsNothing(batch))
            nothing.push({ from: batch.view.baseOffset - shift, to: batch.view.nextOffset - shift });
          else
            for (const { offset: recordOffset, timestamp, tail } of readRawRecords(batch.view))
              if (recordOffset >= at && recordOffset < end)
                records.set(recordOffset - shift, { timestamp, digest: digestOf(tail) });
        }
        return { bytes: fetched?.length ?? 0, next: batches.at(-1)?.view.nextOffset ?? null };
      },
      readCommitted,
    );
    const answer = answers.get(log);
    if (answer instanceof LockstepError) throw answer;
    if (answer === undefined || answer.next === null) throw undecided(log, at);
    bytes += answer.bytes;
    offset = answer.next;
  }
  return { records, nothing, bytes };
}

/** Empty batches are what the cleaner leaves of records. */
function holdsNothing({ view, isAborted }: MarkedBatch): boolean {
  return isAborted || view.isControl;
}

/** Of key, value and headers. */
export function digestOf(tail: Buffer): string {
  return createHash('sha256').update(tail).digest('base64');
}

function differenceOf(original: VisibleEnd, copy: VisibleEnd): EndsVerdict | null {
  let first: { offset: bigint; what: string } | null = null;
  const note = (offset: bigint, what: string): void => {
    if (first === null || offset < first.offset) first = { offset, what };
  };
  for (const [offset, { timestamp, digest }] of copy.records) {
    const other = original.records.get(offset);
    if (other === undefined) {
      if (isNothing(original, offset)) note(offset, 'only the mirror has a record there');
    } else if (other.timestamp !== timestamp) note(offset, 'timestamp');
    else if (other.digest !== digest) note(offset, 'key, value or headers');
  }
  for (const offset of original.records.keys())
    if (!copy.records.has(offset) && isNothing(copy, offset))
      note(offset, 'only the source has a record there');
  return first === null ? null : { kind: 'differs', ...(first as { offset: bigint; what: string }) };
}

function isNothing({ nothing }: VisibleEnd, offset: bigint): boolean {
  return nothing.some(({ from, to }) => from <= offset && offset < to);
}

function undecided({ topic, partition }: LogAddress, offset: bigint): LockstepError {
  const what = `${topic}-${partition} is decided up to ${offset} only: a transaction is open, and both logs can be compared when it has ended`;
  return new LockstepError('KAFKA_ERROR', what, { retriable: true });
}
