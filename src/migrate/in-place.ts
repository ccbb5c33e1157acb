// Before Connect is told how far a mirror goes: do its newest offsets hold what they were meant for? Where somebody else
// wrote between our batches the log ends too high, and MirrorMaker 2 would leave out as many records.

import { closingEpoch, isLockstepProducerId } from '../mirror/index.ts';
import { earlier, later } from '../offsets.ts';
import { readRawRecords } from '../records/index.ts';
import { readLog } from '../verify/index.ts';
import { digestOfRecord, type ReadingOptions, type ReadLogs, seenRecords } from './seen-records.ts';

/** Where a mirror lies in its source. */
export interface Lies {
  /** Source offset - offset at the mirror. */
  readonly shift: bigint;
  /** The first source offset that this holds for. */
  readonly startOffset: bigint;
}

/** So many of the newest offsets are compared. */
const offsetsCompared = 1_000n;

/** Why the newest offsets are not those of the source; null where they are. What only one side holds may be compacted away. */
export async function whyMisplaced(
  { source, remote }: { readonly source: ReadLogs; readonly remote: ReadLogs },
  { shift, startOffset }: Lies,
  options: ReadingOptions = {},
): Promise<string | null> {
  const here = await remote.committed.offsets(options.signal);
  const there = await source.committed.offsets(options.signal);
  if (here.lastStableOffset < here.highWatermark)
    return `a transaction is open in it from offset ${here.lastStableOffset} on`;
  const first = later(
    here.highWatermark - offsetsCompared,
    later(startOffset - shift, there.logStartOffset - shift),
  );
  const from = later(first, here.logStartOffset);
  let end = here.highWatermark;
  /** By offset at the mirror: null where it holds nothing for consumers. */
  const held = new Map<bigint, string | null>();
  for await (const { view, isAborted } of readLog(remote.committed, from, here.highWatermark)) {
    const isNothing = view.isControl || isAborted;
    if (view.isControl && isLockstepProducerId(view.producerId) && view.producerEpoch === closingEpoch)
      end = earlier(end, view.baseOffset);
    else if (isNothing)
      for (let offset = view.baseOffset; offset < view.nextOffset; offset++) held.set(offset, null);
    else
      for (const { offset, timestamp, tail } of readRawRecords(view))
        held.set(offset, digestOfRecord(timestamp, tail));
  }
  if (end + shift > there.highWatermark)
    return `it ends at ${end}, behind the source’s end (${there.highWatermark - shift} there)`;
  const range = { from: from + shift, to: end + shift };
  const originals = new Map<bigint, string | null>();
  for await (const { offset, digest, isAborted } of seenRecords(source, there, range, options))
    originals.set(offset - shift, isAborted ? null : digest);
  for (const [offset, digest] of held) {
    const original = originals.get(offset);
    const isAnother = digest === null ? original != null : original !== undefined && original !== digest;
    if (offset >= from && offset < end && isAnother)
      return `offset ${offset} of it does not hold what the source has at ${offset + shift}`;
  }
  return null;
}
