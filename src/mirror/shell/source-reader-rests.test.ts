// When a reader of one of several wide lanes asks again; pauses are told and pass at once.
import { expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { MemoryBudget } from './memory-budget.ts';
import { ReadLimit } from './read-limit.ts';
import { SourceReader } from './source-reader.ts';

const gapMsMin = 60_000;
const position = {
  ...{ topic: 'orders', topicId: 'id', partition: 0, offset: 0n },
  ...{ leaderEpoch: 1, lastFetchedEpoch: 1 },
};
const { pauses } = vi.hoisted(() => ({ pauses: [] as number[] }));
vi.mock('node:timers/promises', () => ({ setTimeout: async (ms: number) => void pauses.push(ms) }));

/** What it paused for when answers of so many bytes had come. */
async function pausesAfter(answerBytes: readonly number[], gap: { gapMsMin?: number }): Promise<number[]> {
  pauses.length = 0;
  const held = Promise.withResolvers<never>();
  const allAsked = Promise.withResolvers<void>();
  const left = [...answerBytes];
  const body = { errorCode: 0, sessionId: 0, throttleTimeMs: 0, responses: [] };
  const connection = {
    isOpen: true,
    close: () => held.reject(new Error('closed')),
    sendForFrame: async () => {
      const bytes = left.shift();
      if (bytes !== undefined) return { body, frame: { bytes: Buffer.alloc(bytes), release: () => {} } };
      allAsked.resolve();
      return await held.promise;
    },
  } as unknown as Connection;
  const reader = new SourceReader({
    ...{
      open: async () => connection,
      budget: new MemoryBudget({ bytesMax: 2 ** 26 }),
      limit: new ReadLimit(),
    },
    ...{ fetchBytesMax: 1_000, fetchResponseBytesMax: 1_000, fetchWaitMsMax: 10, onTrouble: async () => {} },
    pace: () => ({ answerBytesMax: 1_000, partitionBytesMax: 1_000, waitMsMax: 10, ...gap }),
  });
  const nothing = () => {};
  reader.add('id/0', {
    ...{ isFull: false, isLive: true, shift: 0n, position: () => position },
    ...{ onFetched: nothing, onFetchError: nothing, onDiverging: nothing },
    ...{ onUnreadable: nothing, onReaderTrouble: nothing },
  });
  await allAsked.promise;
  await reader.close();
  return [...pauses];
}

it('rests after an answer with little for what is left of the gap', async () => {
  const [first, second, ...more] = await pausesAfter([10, 10], { gapMsMin });
  expect(more).toEqual([]);
  for (const pausedMs of [first, second]) {
    expect(pausedMs).toBeGreaterThan(0);
    expect(pausedMs).toBeLessThanOrEqual(gapMsMin);
  }
});

it('goes on at once after an answer with much: partitions catch up', async () => {
  expect(await pausesAfter([2 ** 17, 2 ** 17], { gapMsMin })).toEqual([]);
});

it('goes on at once where it is the only lane', async () => {
  expect(await pausesAfter([10, 10], {})).toEqual([]);
});
