// Where a copy goes on, and groups with it, on logs in memory: how far is read, and what is looked for outside of it.
import { describe, expect, test } from 'vitest';
import { BatchView, encodeBatch } from '../records/index.ts';
import type { LogOffsets, PartitionLog } from '../verify/index.ts';
import { remotePosition } from './positions.ts';
import type { ReadLogs } from './seen-records.ts';
import { findTakeover, type TakeoverPoint, type TakeoverQuestion } from './takeover-point.ts';

interface MemoryRecord {
  readonly value: string;
  readonly timestamp?: number;
}

/** Counts how many batches were fetched. */
function logOf(
  records: readonly MemoryRecord[],
  { start = 0, stable }: { start?: number; stable?: number } = {},
): ReadLogs & { readonly fetched: () => number } {
  const size = 50;
  let fetchedCount = 0;
  const end = BigInt(start + records.length);
  const offsets: LogOffsets = {
    logStartOffset: BigInt(start),
    highWatermark: end,
    lastStableOffset: stable === undefined ? end : BigInt(stable),
  };
  const timestampOf = (index: number): bigint =>
    BigInt(records[index]!.timestamp ?? Number(records[index]!.value));
  const log: PartitionLog = {
    offsets: async () => offsets,
    fetch: async (offset) => {
      fetchedCount += 1;
      const from = Math.floor((Number(offset) - start) / size) * size;
      const part = records.slice(from, from + size).map(({ value }, index) => ({
        ...{ offset: BigInt(start + from + index), timestamp: timestampOf(from + index) },
        ...{ key: Buffer.from('k'), value: Buffer.from(value), headers: [] },
      }));
      if (part.length === 0) return { batches: [], sizeBytes: 0, release: () => {} };
      const bytes = encodeBatch(part, { baseOffset: part[0]!.offset });
      const batches = [{ view: new BatchView(bytes, 0), isAborted: false }];
      return { batches, sizeBytes: bytes.length, release: () => {} };
    },
    settings: () => Promise.reject(new Error('nobody asks')),
    firstOffsetSince: async (timestamp) => {
      const index = records.findIndex((_record, at) => timestampOf(at) >= timestamp);
      return index < 0 ? null : BigInt(start + index);
    },
  };
  return { committed: log, uncommitted: log, fetched: () => fetchedCount };
}

const numbers = (from: number, to: number): MemoryRecord[] =>
  Array.from({ length: to - from }, (_, index) => ({ value: String(from + index) }));

function question(
  source: ReadLogs,
  remote: ReadLogs,
  more: Partial<TakeoverQuestion> = {},
): TakeoverQuestion {
  return { ...{ source, remote, committed: null, isCompacted: false, reachBackTo: null }, ...more };
}

async function found(asked: TakeoverQuestion): Promise<TakeoverPoint> {
  const verdict = await findTakeover(asked);
  if (verdict.kind === 'refused') throw new Error(verdict.reason);
  return verdict;
}

describe('where the copy goes on', () => {
  test('behind the newest record, reading no more than it takes', async () => {
    const [source, remote] = [logOf(numbers(0, 100_000)), logOf(numbers(0, 30_000))];
    const { start, shift, remoteEnd, witness } = await found(question(source, remote));
    expect({ start, shift, remoteEnd, witness }).toEqual({
      ...{ start: 30_000n, shift: 0n, remoteEnd: 30_000n },
      witness: { from: 29_900n, shift: 0n },
    });
    expect(remote.fetched()).toBeLessThan(100);
  });

  test('behind a run that began again long before the end and stopped early, found by the next record', async () => {
    // 20,000, then again from 5,000 on, but 3,000 only: none of the newest ones tells.
    const remote = logOf([...numbers(0, 20_000), ...numbers(5_000, 8_000)]);
    const point = await found(question(logOf(numbers(0, 25_000)), remote));
    expect(point).toMatchObject({ start: 20_000n, shift: -3_000n, witness: { from: 19_900n, shift: 0n } });
  });

  test('the same where the run that came further lies beyond what may be held: refused', async () => {
    const remote = logOf([...numbers(0, 20_000), ...numbers(5_000, 8_000)]);
    const asked = question(logOf(numbers(0, 25_000)), remote, { recordsMax: 2_000 });
    expect(await findTakeover(asked)).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('were copied before (remote offset 8000)'),
    });
  });

  test('looks back to what MirrorMaker 2 has written down', async () => {
    const remote = logOf(numbers(0, 20_000));
    const point = await found(question(logOf(numbers(0, 25_000)), remote, { committed: 4_000n }));
    expect(point.stretch!.source[point.stretch!.alignment.coveredFrom]!.offset).toBeLessThanOrEqual(4_001n);
  });

  test('where markers and retention have moved the offsets', async () => {
    const remote = logOf(numbers(500, 3_000), { start: 7 });
    const point = await found(question(logOf(numbers(900, 4_000), { start: 1_000 }), remote));
    expect(point).toMatchObject({ start: 3_100n, remoteEnd: 2_507n, shift: 593n });
  });

  test.each<[string, TakeoverQuestion, string]>([
    [
      'a transaction is open in the remote topic',
      question(logOf(numbers(0, 9)), logOf(numbers(0, 5), { stable: 3 })),
      'a transaction is open',
    ],
    [
      'no timestamps',
      question(logOf(numbers(0, 9)), logOf([{ value: 'x', timestamp: -1 }])),
      'no timestamps',
    ],
    ['all of it is gone', question(logOf(numbers(0, 9)), logOf([], { start: 5 })), 'nothing shows how far'],
    ['another log', question(logOf(numbers(0, 9)), logOf(numbers(100, 120))), 'does not stand at the source'],
    [
      'records all alike',
      question(logOf(Array(900).fill({ value: '1' })), logOf(Array(300).fill({ value: '1' }))),
      'stands at 900 places',
    ],
  ])('is not told: %s', async (_what, asked, reason) => {
    expect(await findTakeover(asked)).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining(reason),
    });
  });

  test.each([
    ['nothing was copied yet', numbers(3, 9), 3, [], 0, 3n, 3n],
    ['nothing is left at the source', [], 40, numbers(0, 30), 0, 40n, 10n],
    ['neither has anything', [], 40, [], 12, 40n, 28n],
  ])('%s: no witness is needed', async (_what, originals, sourceStart, copies, remoteStart, start, shift) => {
    const [source, remote] = [
      logOf(originals, { start: sourceStart }),
      logOf(copies, { start: remoteStart }),
    ];
    expect(await found(question(source, remote))).toMatchObject({
      start,
      shift,
      witness: null,
      stretch: null,
    });
  });
});

describe('where a group goes on', () => {
  const source = logOf(numbers(0, 30_000));
  const remote = logOf([...numbers(0, 20_000), ...numbers(19_500, 25_000)]);
  const logs = { source, remote };

  test.each([
    ['behind the point: at the end, until it is copied', 27_000n, 25_500n],
    ['at the point', 25_000n, 25_500n],
    ['in what was compared', 24_990n, 25_490n],
    [
      'at a record that stands there twice, too far back to be compared: at the first of them',
      19_700n,
      19_700n,
    ],
    ['far in front of what was compared', 4_321n, 4_321n],
    ['at the very first', 0n, 0n],
  ])('%s', async (_what, position, offset) => {
    const point = await found(question(source, remote));
    expect(await remotePosition(point, logs, position)).toEqual({ kind: 'exact', offset });
  });

  test('at a record that stands there twice, as far as is compared: where everything behind it comes once', async () => {
    const point = await found(question(source, remote, { reachBackTo: 19_700n }));
    expect(await remotePosition(point, logs, 19_700n)).toEqual({ kind: 'exact', offset: 20_200n });
  });

  test('what the source has deleted, and what does not stand in the remote topic, is said', async () => {
    const later = logOf(numbers(100, 30_000), { start: 100 });
    const short = { source: later, remote: logOf(numbers(15_000, 25_000)) };
    const point = await found(question(short.source, short.remote));
    expect(await remotePosition(point, short, 50n)).toMatchObject({ kind: 'deleted' });
    expect(await remotePosition(point, short, 9_000n)).toMatchObject({ kind: 'unknown' });
  });
});
