// Before the first append to a topic that MirrorMaker 2 has copied into: is it still as it was when it was taken over?
//
//   it ends where the copy is to go on    the witness is compared: records that both logs held, offset by offset
//   it ends below                         records of it are lost: `Diverged`
//   it ends above                         what came since has to be what the mirror would hold there (compare-ends.ts)
//
// MirrorMaker 2 reads read_uncommitted unless told otherwise, so the witness is compared with all that the source holds,
// aborted or not.
import { LockstepError } from '../../errors.ts';
import { earlier, later } from '../../offsets.ts';
import { readRawRecords, splitBatches } from '../../records/index.ts';
import { askFetch } from './batch-questions.ts';
import { type ComparedLog, digestOf, type EndsVerdict } from './compare-ends.ts';

/** The newest stretch that both logs held alike when a mirror was taken over. */
export interface TakeoverWitness {
  /** Its first source offset; it ends where the copy goes on. */
  readonly from: bigint;
  /** Source offset - offset at the mirror, in this stretch. */
  readonly shift: bigint;
}

interface SeenRecord {
  readonly timestamp: bigint;
  readonly digest: string;
}

const fetchBytesMax = 1024 * 1024;

/**
 * Compares the witness, source offsets from `witness.from` to `end`. Offsets in the answer are the mirror's. What retention
 * or compaction took on either side since is not compared.
 * @throws LockstepError, retriable, when a log can't be read now.
 */
export async function compareWitness(
  source: Omit<ComparedLog, 'shift'>,
  mirror: Omit<ComparedLog, 'shift'>,
  { witness, end, sourceStart, mirrorStart, mirrorEnd }: WitnessRange,
): Promise<EndsVerdict> {
  const from = later(witness.from, later(sourceStart, mirrorStart + witness.shift));
  if (from >= end) return { kind: 'agrees', compared: false };
  // One further: the first record that is to be copied must not be there.
  const [originals, copies] = await Promise.all([
    readAll(source, { from, to: end + 1n }),
    readAll(mirror, { from: from - witness.shift, to: earlier(end + 1n - witness.shift, mirrorEnd) }),
  ]);
  const next = end - witness.shift;
  const [first, there] = [originals.get(end), copies.get(next)];
  if (first !== undefined && there?.digest === first.digest && there.timestamp === first.timestamp)
    return { kind: 'differs', offset: next, what: 'it holds the first record already that is to be copied' };
  copies.delete(next);
  originals.delete(end);
  for (const offset of originals.keys())
    if (offset - witness.shift >= mirrorEnd)
      return { kind: 'differs', offset: offset - witness.shift, what: 'only the source has a record there' };
  let count = 0;
  for (const [offset, copy] of copies) {
    const original = originals.get(offset + witness.shift);
    if (original === undefined) continue;
    if (original.timestamp !== copy.timestamp) return { kind: 'differs', offset, what: 'timestamp' };
    if (original.digest !== copy.digest) return { kind: 'differs', offset, what: 'key, value or headers' };
    count += 1;
  }
  return { kind: 'agrees', compared: count > 0 };
}

export interface WitnessRange {
  readonly witness: TakeoverWitness;
  /** Source offset, excluded. */
  readonly end: bigint;
  /** Of both logs, each in its own offsets. */
  readonly sourceStart: bigint;
  readonly mirrorStart: bigint;
  readonly mirrorEnd: bigint;
}

async function readAll(
  { log, ask }: Omit<ComparedLog, 'shift'>,
  { from, to }: { readonly from: bigint; readonly to: bigint },
): Promise<Map<bigint, SeenRecord>> {
  const records = new Map<bigint, SeenRecord>();
  for (let offset = from; offset < to; ) {
    const at = offset;
    const answers = await askFetch(
      ask,
      [log],
      () => at,
      fetchBytesMax,
      (fetched) => {
        const { batches } = fetched === null ? { batches: [] } : splitBatches(fetched);
        for (const view of batches) {
          if (view.magic !== 2 || view.isControl) continue;
          for (const { offset: recordOffset, timestamp, tail } of readRawRecords(view))
            if (recordOffset >= at && recordOffset < to)
              records.set(recordOffset, { timestamp, digest: digestOf(tail) });
        }
        return batches.at(-1)?.nextOffset ?? null;
      },
    );
    const next = answers.get(log);
    if (next instanceof LockstepError) throw next;
    if (next === undefined || next === null) return records;
    offset = next;
  }
  return records;
}
