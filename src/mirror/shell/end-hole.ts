// Where the markers at the end of a log begin, and which data stands before them.
import { LockstepError } from '../../errors.ts';
import { splitBatches } from '../../records/index.ts';
import { isLockstepProducerId } from '../partition/identity.ts';
import { askBatchHeaders, askFetch, headerOf, type TailHeader } from './batch-questions.ts';
import type { Ask, LogAddress } from './log-answers.ts';

/** The end of a log that ends with markers. */
export interface EndHole {
  /** The newest data batch before the markers; null where none was found. */
  readonly newestData: TailHeader | null;
  /** From here on there is nothing but markers; null where that is not known. */
  readonly start: bigint | null;
}

/**
 * What stands before the markers at the end of a log, or of its part below `logEnd`. `newest` is the last of them. The
 * markers of one hole have one epoch, so its start is found by halving; those of empty transactions tell nothing, and
 * are read one by one.
 */
export function askEndHole(
  ask: Ask,
  log: LogAddress,
  range: { logStart: bigint; logEnd: bigint },
  newest: TailHeader,
): Promise<EndHole> {
  return isLockstepProducerId(newest.producerId)
    ? halveHole(ask, log, range, newest)
    : readHole(ask, log, range);
}

async function halveHole(
  ask: Ask,
  log: LogAddress,
  { logStart, logEnd }: { logStart: bigint; logEnd: bigint },
  newest: TailHeader,
): Promise<EndHole> {
  const seen = new Map<bigint, TailHeader | null>();
  const headerAt = async (offset: bigint): Promise<TailHeader | null> => {
    const known = seen.get(offset);
    if (known !== undefined) return known;
    const answer = (await askBatchHeaders(ask, [log], () => offset)).get(log) ?? null;
    if (answer instanceof LockstepError) throw answer;
    seen.set(offset, answer);
    return answer;
  };
  // An offset that the cleaner took is answered with the batch behind it: what stood there nobody knows.
  const isInHole = async (offset: bigint): Promise<boolean> => {
    const header = await headerAt(offset);
    return (
      header?.isControl === true &&
      header.baseOffset <= offset &&
      header.producerId === newest.producerId &&
      header.producerEpoch === newest.producerEpoch
    );
  };
  let start = newest.baseOffset;
  let outside = logStart - 1n;
  for (let distance = 1n; start > logStart; distance *= 2n) {
    const probe = logEnd - 1n - distance;
    const offset = probe > logStart ? probe : logStart;
    if (!(await isInHole(offset))) {
      outside = offset;
      break;
    }
    if (offset < start) start = offset;
  }
  while (start - outside > 1n) {
    const middle = (start + outside) / 2n;
    if (await isInHole(middle)) start = middle;
    else outside = middle;
  }
  if (start <= logStart) return { newestData: null, start: logStart };
  const before = await headerAt(start - 1n);
  const isData = before !== null && !before.isControl && before.lastOffset < start;
  return { newestData: isData ? before : null, start };
}

/** How far back markers of empty transactions are read, in offsets; their holes are short, since they are slow. */
const readBackOffsetsMax = 16_384n;
const readBackBytesMax = 1024 * 1024;
const readBackFetchesMax = 64;

async function readHole(
  ask: Ask,
  log: LogAddress,
  { logStart, logEnd }: { logStart: bigint; logEnd: bigint },
): Promise<EndHole> {
  let end = logEnd;
  for (let distance = 64n; distance <= readBackOffsetsMax && end > logStart; distance *= 2n) {
    const wanted = logEnd - distance;
    const from = wanted > logStart ? wanted : logStart;
    const found = await newestDataIn(ask, log, from, end);
    if (found === 'unknown') return { newestData: null, start: null };
    if (found !== null) return { newestData: found.header, start: found.markersFrom };
    end = from;
  }
  return { newestData: null, start: end };
}

/** The newest data batch between two offsets, and where markers begin behind it; `'unknown'` when there was too much to read. */
async function newestDataIn(
  ask: Ask,
  log: LogAddress,
  from: bigint,
  to: bigint,
): Promise<{ header: TailHeader; markersFrom: bigint | null } | null | 'unknown'> {
  let newest: { header: TailHeader; markersFrom: bigint | null } | null = null;
  let offset = from;
  for (let fetches = 0; offset < to; fetches++) {
    if (fetches === readBackFetchesMax) return 'unknown';
    const at = offset;
    const answers = await askFetch(
      ask,
      [log],
      () => at,
      readBackBytesMax,
      (records) =>
        records === null
          ? []
          : splitBatches(records).batches.map((view) => ({ header: headerOf(view), next: view.nextOffset })),
    );
    const answer = answers.get(log);
    if (answer instanceof LockstepError) throw answer;
    if (answer === undefined || answer.length === 0) return 'unknown';
    for (const { header, next } of answer) {
      if (!header.isControl && header.baseOffset < to) newest = { header, markersFrom: null };
      else if (newest !== null) newest.markersFrom ??= header.baseOffset;
      offset = next;
    }
  }
  return newest;
}
