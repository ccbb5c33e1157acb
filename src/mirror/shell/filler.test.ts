import { describe, expect, it } from 'vitest';
import { LockstepError } from '../../errors.ts';
import { readRecords, verifyChecksum } from '../../records/index.ts';
import { cutStart, Filler } from './filler.ts';
import type { Ask } from './log-answers.ts';

const identity = { producerId: 1n << 62n, epoch: 0, sequence: 7 };

describe('a filler', () => {
  it('is one dense batch of empty records without timestamps', () => {
    const { batch } = new Filler().job({ identity, offset: 7n, count: 1_000 });
    expect(verifyChecksum(batch.view)).toBe(true);
    expect(batch.recordCount).toBe(1_000);
    expect(batch.lastOffset - batch.baseOffset).toBe(999n);
    expect(batch.maxTimestamp).toBe(-1n);
    expect(batch.isControl).toBe(false);
    const records = [...readRecords(batch.view)];
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 1_000 }, (_, i) => BigInt(i)));
    for (const { timestamp, key, value, headers } of records) {
      expect([timestamp, key, value, headers]).toEqual([-1n, Buffer.alloc(0), null, []]);
    }
  });

  it('has memory of its own, so that stamping one leaves the others alone', () => {
    const filler = new Filler();
    const [a, b] = [
      filler.job({ identity, offset: 0n, count: 10 }),
      filler.job({ identity, offset: 0n, count: 10 }),
    ];
    a.batch.view.bytes.fill(0xff);
    expect(verifyChecksum(b.batch.view)).toBe(true);
    expect(verifyChecksum(filler.job({ identity, offset: 0n, count: 10 }).batch.view)).toBe(true);
  });

  it('can be given back exactly once, as every batch', () => {
    const { batch } = new Filler().job({ identity, offset: 0n, count: 1 });
    batch.release();
    expect(() => batch.release()).toThrow('given back twice');
  });
});

describe('cutting a start off', () => {
  const log = { topic: 't', topicId: 'id', partition: 3, leaderEpoch: 0 };
  const answering =
    (partitions: { partitionIndex: number; errorCode: number; lowWatermark: bigint }[]): Ask =>
    async () =>
      ({ throttleTimeMs: 0, topics: [{ name: 't', partitions }] }) as never;

  it('answers the new log start', async () => {
    const ask = answering([{ partitionIndex: 3, errorCode: 0, lowWatermark: 500n }]);
    expect(await cutStart(ask, log, 500n)).toBe(500n);
  });

  it.each([
    [29, 'NOT_AUTHORIZED', false, 'grant DELETE on the topic'],
    [44, 'KAFKA_ERROR', false, 'POLICY_VIOLATION'],
    [7, 'KAFKA_ERROR', true, 'REQUEST_TIMED_OUT'],
  ])('tells error %i as %s', async (errorCode, code, retriable, text) => {
    const ask = answering([{ partitionIndex: 3, errorCode, lowWatermark: -1n }]);
    const failure = await cutStart(ask, log, 500n).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LockstepError);
    expect(failure).toMatchObject({ code, retriable });
    expect((failure as Error).message).toContain(text);
    expect((failure as Error).message).toContain('below offset 500 of t-3');
  });

  it('does not take an answer about another partition for its own', async () => {
    const ask = answering([{ partitionIndex: 2, errorCode: 0, lowWatermark: 500n }]);
    await expect(cutStart(ask, log, 500n)).rejects.toMatchObject({ code: 'FRAME_INVALID' });
  });
});
