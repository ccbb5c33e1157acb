// Whether a mirror's end says how far it was copied, on logs in memory: one batch for each letter.
import { expect, test } from 'vitest';
import { closingEpoch, linkProducerId } from '../mirror/index.ts';
import { BatchView, encodeBatch } from '../records/index.ts';
import type { LogOffsets, PartitionLog } from '../verify/index.ts';
import { whyMisplaced } from './in-place.ts';
import type { ReadLogs } from './seen-records.ts';

const producerId = linkProducerId({ sourceClusterId: 's', linkName: 'l', incarnation: 1 });

/** A letter is a record, `.` a marker, `x` an aborted record, `!` a closing marker. */
function logOf(letters: string, start = 0): ReadLogs {
  const offsets: LogOffsets = {
    logStartOffset: BigInt(start),
    highWatermark: BigInt(start + letters.length),
    lastStableOffset: BigInt(start + letters.length),
  };
  const batchAt = (at: number): BatchView => {
    const letter = letters[at]!;
    const isControl = letter === '.' || letter === '!';
    const [key, value] = isControl ? [Buffer.alloc(4), Buffer.alloc(6)] : [null, Buffer.from(letter)];
    const record = { offset: BigInt(start + at), timestamp: 5n, key, value, headers: [] };
    const producerEpoch = letter === '!' ? closingEpoch : 1;
    return new BatchView(encodeBatch([record], { isControl, producerId, producerEpoch }), 0);
  };
  const log: PartitionLog = {
    offsets: async () => offsets,
    fetch: async (offset) => ({
      batches: Array.from(letters.slice(Number(offset) - start), (letter, index) => ({
        view: batchAt(Number(offset) - start + index),
        isAborted: letter === 'x',
      })),
      sizeBytes: 1,
      release: () => {},
    }),
    settings: () => Promise.reject(new Error('nobody asks')),
    firstOffsetSince: () => Promise.reject(new Error('nobody asks')),
  };
  return { committed: log, uncommitted: log };
}

const why = (source: string, mirror: string, { shift = 0n, startOffset = 0n } = {}): Promise<string | null> =>
  whyMisplaced({ source: logOf(source), remote: logOf(mirror) }, { shift, startOffset });

test.each([
  ['a mirror', 'abc.xx.def', 'abc....d'],
  ['closed', 'abcdef', 'abcd!!'],
  ['nothing yet', 'abc', ''],
  ['at its source’s end', 'abc', 'abc'],
])('%s ends where it should', async (_what, source, mirror) => {
  expect(await why(source, mirror)).toBeNull();
});

test('behind what MirrorMaker 2 has copied and doubled', async () => {
  expect(await why('abcdefgh', 'abcabcdef', { shift: -3n, startOffset: 3n })).toBeNull();
  expect(await why('abcdefgh', 'abcabcdef!!', { shift: -3n, startOffset: 3n })).toBeNull();
});

test.each([
  ['somebody’s record between two of ours', 'abcdefgh', 'abcbde'],
  ['a marker too many at the end', 'abc.defg', 'abc..'],
  ['a marker too many in front of data', 'abc.defg', 'abc..d'],
  ['a record where the source has an aborted one', 'abx.defg', 'abd'],
  ['more than the source has', 'abc', 'abcd'],
])('%s: it does not', async (_what, source, mirror) => {
  expect(await why(source, mirror)).not.toBeNull();
  expect(await why(source, `${mirror}!!`)).not.toBeNull();
});
