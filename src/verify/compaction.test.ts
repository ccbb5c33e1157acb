// Invariants: 1. whatever cleaners did on either side, two logs of one history are identical; 2. of a log that lost
// the last record of a key the loss is named; 3. without cleanup.policy=compact nothing may be missing.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArrayLog, inBatches } from '../../test/verify/array-log.ts';
import { plainRecords } from '../../test/verify/corruptions.ts';
import { encodeBatch, type RecordView } from '../records/index.ts';
import type { LogSettings } from './log-settings.ts';
import { type VerifyPartitionOptions, verifyPartition } from './verify-partition.ts';

const nowMs = BigInt(Date.now());
const day = 86_400_000n;

/** A history of keys; an upper-case key stands for a tombstone of the same key. */
function history(keys: string, ageDays = 10n): RecordView[] {
  return plainRecords(keys.length).map((record, index) => {
    const letter = keys[index]!;
    const isTombstone = letter !== letter.toLowerCase();
    return {
      ...record,
      timestamp: nowMs - ageDays * day + BigInt(index),
      key: Buffer.from(letter.toLowerCase()),
      value: isTombstone ? null : record.value,
    };
  });
}

/** The log without the records at these offsets; its ends stay. */
function log(
  records: RecordView[],
  without: number[] = [],
  settings: Partial<LogSettings> = { isCompacted: true },
) {
  const left = records.filter((_, index) => !without.includes(index));
  // Kafka's cleaner keeps the last batch of a log, if need be without records.
  const end = BigInt(records.length);
  const last = encodeBatch([], { baseOffset: end, lastOffset: end });
  const array = new ArrayLog([...inBatches(left, [3]), last], { logStartOffset: 0n });
  array.topicSettings = { ...array.topicSettings, isDeleted: false, ...settings };
  return array;
}

const verify = (source: ArrayLog, destination: ArrayLog, options: Partial<VerifyPartitionOptions> = {}) =>
  verifyPartition({ source, destination, topic: 'state', partition: 0, waitMsMax: 0, pollMs: 1, ...options });

describe('a side that is compacted', () => {
  const records = history('abacbadbea');

  it.each([
    ['destination', [0, 1, 2]],
    ['source', [0, 1, 2]],
  ] as const)('may lack, in the %s, what a later record of the key supersedes', async (side, without) => {
    const [whole, cleaned] = [log(records, [], { isCompacted: false }), log(records, [...without])];
    const verdict = await (side === 'source' ? verify(cleaned, whole) : verify(whole, cleaned));
    expect(verdict).toMatchObject({
      outcome: 'identical',
      notCompared: [],
      compared: { records: 7n, compactedRecords: 3n, holes: 1n, end: 11n },
    });
  });

  it('may lack what the other side lacks, each its own', async () => {
    expect(await verify(log(records, [0, 4]), log(records, [1, 2, 4]))).toMatchObject({
      outcome: 'identical',
      compared: { records: 6n, compactedRecords: 3n, holes: 2n },
    });
  });

  it.each([
    ['the last record of a key', [3], 3n, 'missing'],
    ['the last of several', [2, 5, 9], 9n, 'missing'],
  ] as const)('must not lack %s', async (_, without, offset, kind) => {
    const verdict = await verify(log(records), log(records, [...without]));
    expect(verdict).toMatchObject({ outcome: 'different', differences: [{ kind, offset }] });
    const other = await verify(log(records, [...without]), log(records));
    expect(other).toMatchObject({ outcome: 'different', differences: [{ kind: 'extra', offset }] });
  });

  it('must not lack anything when the other side is the compacted one', async () => {
    const verdict = await verify(log(records), log(records, [0], { isCompacted: false }));
    expect(verdict.differences).toEqual([{ kind: 'missing', offset: 0n }]);
  });

  it('is not asked for its settings as long as nothing is missing', async () => {
    const [source, destination] = [log(records), log(records)];
    source.onSettings = destination.onSettings = () => {
      throw new Error('settings were asked for');
    };
    expect((await verify(source, destination)).outcome).toBe('identical');
  });

  it('may lack what a record behind the compared end supersedes', async () => {
    const source = log(records);
    const destination = log(records, [3]);
    expect((await verify(source, destination)).outcome).toBe('different');
    destination.views.push(...new ArrayLog([encodeBatch([{ ...records[3]!, offset: 11n }])]).views);
    // The source's end was 11 when it was asked; the destination has one more by the time it is read again.
    destination.onFetch = () => {
      destination.highWatermark = destination.lastStableOffset = 12n;
    };
    expect(await verify(source, destination)).toMatchObject({ outcome: 'identical' });
  });

  it('may lack records without a key', async () => {
    const keyless = records.map((record, index) => (index === 3 ? { ...record, key: null } : record));
    expect(await verify(log(keyless), log(keyless, [3]))).toMatchObject({ outcome: 'identical' });
  });

  it('must not have a record moved, though a later one has its key', async () => {
    const gap = history('aabaca').toSpliced(2, 1);
    const moved = gap.map((record) => (record.offset === 1n ? { ...record, offset: 2n } : record));
    const verdict = await verify(log(gap), log(moved));
    expect(verdict.differences).toEqual([
      { kind: 'offset', offset: 1n, sourceOffset: 1n, destinationOffset: 2n },
    ]);
    const same = [0, 1, 2].map((offset) => ({ ...gap[0]!, offset: BigInt(offset) }));
    expect(await verify(log(same, [0, 1]), log(same))).toMatchObject({ outcome: 'identical' });
  });
});

describe('a tombstone', () => {
  it('may be gone with all of its key when it is old', async () => {
    const records = history('aAb');
    expect(await verify(log(records), log(records, [0, 1]))).toMatchObject({ outcome: 'identical' });
    expect(await verify(log(records, [0, 1]), log(records))).toMatchObject({ outcome: 'identical' });
    expect(await verify(log(records, [0]), log(records, [0, 1]))).toMatchObject({ outcome: 'identical' });
  });

  it('must not be gone while a record of its key is left: the key would be there again', async () => {
    const records = history('aAb');
    const verdict = await verify(log(records), log(records, [1]));
    expect(verdict.differences).toEqual([{ kind: 'missing', offset: 1n }]);
  });

  it('must not be gone when it is younger than delete.retention.ms', async () => {
    const records = history('aAb', 0n).map((record) => ({ ...record, timestamp: record.timestamp - 1000n }));
    const verdict = await verify(log(records), log(records, [0, 1]));
    expect(verdict.differences).toEqual([{ kind: 'missing', offset: 1n }]);
  });

  it('from the future that is gone can not be judged', async () => {
    const records = history('aAb', -100n);
    expect(await verify(log(records), log(records, [0, 1]))).toMatchObject({
      outcome: 'incomplete',
      differences: [],
      notCompared: [{ reason: 'compaction', side: 'destination', start: 1n, end: 2n, records: 1n }],
    });
  });
});

describe('memory', () => {
  /** So many keys, each with as many records as there are rounds; null makes a tombstone. */
  const keys = 3000;
  const rounds = (...values: (string | null)[]) =>
    values.flatMap((value, round) =>
      Array.from({ length: keys }, (_, index) => ({
        ...plainRecords(1)[0]!,
        offset: BigInt(round * keys + index),
        key: Buffer.from(`key ${index}`),
        value: value === null ? null : Buffer.from(value),
      })),
    );
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
  const fitting = Math.floor(1024 * 0.7);

  it('is bounded: when it is full the rest is read for the keys that are waited for', async () => {
    const records = rounds('one', 'two', 'three');
    const second = upTo(keys).map((index) => keys + index);
    const verdict = await verify(log(records), log(records, second), { waitingSlotsMax: 1024 });
    expect(verdict).toMatchObject({
      outcome: 'identical',
      notCompared: [],
      compared: { compactedRecords: BigInt(keys) },
    });
    // Without its third record the second is the last of its key; the first, which is there, is no later one.
    const third = 2 * keys + 7;
    const wrong = await verify(log(records, [third]), log(records, [...second, third]), {
      waitingSlotsMax: 1024,
    });
    expect(wrong.differences).toEqual([{ kind: 'missing', offset: BigInt(keys + 7) }]);
  });

  it('is bounded: what does not fit even so is counted, and the rest is judged', async () => {
    const records = rounds(null);
    const verdict = await verify(log(records), log(records, upTo(keys)), { waitingSlotsMax: 1024 });
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      differences: [],
      notCompared: [{ reason: 'compaction', side: 'destination', records: BigInt(keys - fitting) }],
    });
    expect(await verify(log(records), log(records, upTo(keys)))).toMatchObject({ outcome: 'identical' });
  });
});

it('whatever cleaners did is identical; the loss of a last record is found, if it was no old tombstone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...'abcdeABC'), { minLength: 1, maxLength: 25 }),
      fc.infiniteStream(fc.nat(3)),
      fc.nat(24),
      async (letters, choices, place) => {
        const records = history(letters.join(''));
        const lastOf = (index: number) =>
          letters.findLastIndex((letter) => letter.toLowerCase() === letters[index]!.toLowerCase());
        /** A cleaner that got anywhere: an early part of the log is clean, old tombstones may be gone. */
        const cleaned = () => {
          const to = choices.next().value! * 9;
          const dropsTombstones = choices.next().value! > 1;
          return letters.flatMap((letter, index) => {
            const isLast = letters.slice(0, to).findLastIndex((each) => same(each, letter)) === index;
            const isGone = isLast ? dropsTombstones && letter !== letter.toLowerCase() : true;
            return index < to && isGone ? [index] : [];
          });
        };
        const [one, other] = [cleaned(), cleaned()];
        const right = await verify(log(records, one), log(records, other));
        expect(right).toMatchObject({ outcome: 'identical', differences: [], notCompared: [] });

        const lost = lastOf(place % letters.length);
        const isTombstone = letters[lost] !== letters[lost]!.toLowerCase();
        if (isTombstone || one.includes(lost)) return;
        const wrong = await verify(log(records, one), log(records, [...other, lost]));
        expect(wrong.differences).toEqual([{ kind: 'missing', offset: BigInt(lost) }]);
      },
    ),
    { numRuns: 500 },
  );
});

const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
