// A remote topic of MirrorMaker 2 before Lockstep's first append to it: each way in which the point may be wrong.
import { describe, expect, it } from 'vitest';
import { BatchView, encodeBatch, type RecordView } from '../../records/index.ts';
import { compareWitness } from './compare-takeover.ts';
import type { Ask } from './log-answers.ts';

const topicId = '11111111-2222-3333-4444-555555555555';
const log = { topic: 'orders', topicId, partition: 0, leaderEpoch: 1 };

/** One record for each word, from `from` on; `-` leaves its offset out, as a marker or compaction does. */
function logOf(words: string, from = 0) {
  const batches = words.split(' ').flatMap((word, index) => {
    if (word === '-') return [];
    const offset = BigInt(from + index);
    const record: RecordView = { offset, timestamp: 7n, key: null, value: Buffer.from(word), headers: [] };
    return [encodeBatch([record], { baseOffset: offset })];
  });
  const ask = (async (_api: unknown, input: { topics: { partitions: { fetchOffset: bigint }[] }[] }) => {
    const { fetchOffset } = input.topics[0]!.partitions[0]!;
    const found = batches.filter((batch) => new BatchView(batch, 0).nextOffset > fetchOffset);
    const partition = {
      ...{ partitionIndex: 0, errorCode: 0, abortedTransactions: [] },
      records: Buffer.concat(found.slice(0, 2)),
    };
    return { errorCode: 0, responses: [{ topic: '', topicId, partitions: [partition] }] };
  }) as unknown as Ask;
  return { log, ask };
}

/** Source offsets 4, 5, 6 stand at 1, 2, 3; then two that MirrorMaker 2 doubled. The copy goes on with g, offset 7, at 6. */
const source = logOf('a b c d e f g h', 1);
const mirror = logOf('c d e f d e');
const range = {
  witness: { from: 4n, shift: 3n },
  ...{ end: 7n, sourceStart: 1n, mirrorStart: 0n, mirrorEnd: 6n },
};

describe('before the first append to a topic that was taken over', () => {
  it('agrees where both logs are as they were', async () => {
    expect(await compareWitness(source, mirror, range)).toEqual({ kind: 'agrees', compared: true });
  });

  it.each([
    ['one record too early: it would come twice', 6n, 'holds the first record already'],
    ['several too early', 5n, 'holds the first record already'],
    ['one record too late: it would be missing', 8n, 'key, value or headers'],
  ])('differs where the point is %s', async (_what, end, what) => {
    const verdict = await compareWitness(source, mirror, { ...range, end });
    expect(verdict).toMatchObject({ kind: 'differs', what: expect.stringContaining(what) });
  });

  it('differs where the point is too late and the mirror ends with the witness', async () => {
    const verdict = await compareWitness(source, logOf('c d e f'), { ...range, end: 8n, mirrorEnd: 4n });
    expect(verdict).toMatchObject({ kind: 'differs', what: 'only the source has a record there' });
  });

  it.each([2n, 4n])('differs where the witness lies elsewhere (shift %s)', async (shift) => {
    const verdict = await compareWitness(source, mirror, { ...range, witness: { from: 4n, shift } });
    expect(verdict).toMatchObject({ kind: 'differs' });
  });

  it('works below 0: a mirror that holds more than the source', async () => {
    const more = {
      witness: { from: 1n, shift: -2n },
      end: 3n,
      sourceStart: 1n,
      mirrorStart: 0n,
      mirrorEnd: 5n,
    };
    const doubling = logOf('x y z a b');
    expect(await compareWitness(source, doubling, more)).toEqual({ kind: 'agrees', compared: true });
    expect(await compareWitness(source, doubling, { ...more, end: 2n })).toMatchObject({ kind: 'differs' });
  });

  it('does not hold against it what retention or compaction took since', async () => {
    expect(await compareWitness(source, mirror, { ...range, sourceStart: 7n })).toEqual({
      kind: 'agrees',
      compared: false,
    });
    expect(await compareWitness(logOf('a b c - e f g h', 1), logOf('c d - f d e'), range)).toEqual({
      kind: 'agrees',
      compared: true,
    });
  });
});
