import { describe, expect, it } from 'vitest';
import type { DescribedTransaction, ListedTransaction, ProducerState } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import {
  type FoundTransaction,
  findOpenTransactions,
  type TransactionQuestions,
  type WaitingPartition,
} from './find-open-transactions.ts';
import { OpenTransactions } from './open-transactions.ts';

const orders: WaitingPartition = { topic: 'orders', partition: 0, lastStableOffset: 100n };

const producer = (fields: Partial<ProducerState>): ProducerState => ({
  producerId: 4711n,
  producerEpoch: 0,
  lastSequence: 0,
  lastTimestamp: 1_000n,
  coordinatorEpoch: -1,
  currentTransactionStartOffset: 100n,
  ...fields,
});

const known = (fields: Partial<DescribedTransaction> = {}): DescribedTransaction => ({
  transactionalId: 'payments-1',
  producerId: 4711n,
  producerEpoch: 0,
  state: 'Ongoing',
  timeoutMs: 60_000,
  startedAtMs: 5_000n,
  partitions: [{ topic: 'orders', partition: 0 }],
  ...fields,
});

/** A cluster with these producers on orders-0 (at each look the next list) and these transactions. */
function cluster(options: {
  producers: (readonly ProducerState[] | LockstepError)[];
  transactions?: DescribedTransaction[];
  mayDescribe?: boolean;
  listed?: LockstepError;
}): TransactionQuestions & { looks: number } {
  const { transactions = [], mayDescribe = true } = options;
  return {
    looks: 0,
    async producers(partitions) {
      const seen = options.producers[Math.min(this.looks++, options.producers.length - 1)]!;
      return partitions.map((item) => ({
        item,
        outcome: seen instanceof LockstepError ? { ok: false, error: seen } : { ok: true, value: seen },
      }));
    },
    async listed(producerIds) {
      if (options.listed !== undefined) throw options.listed;
      if (!mayDescribe) return [];
      return transactions.filter(({ producerId }) => producerIds.includes(producerId)) as ListedTransaction[];
    },
    async described(ids) {
      return new Map(
        ids.map((id) => [
          id,
          { ok: true, value: transactions.find((entry) => entry.transactionalId === id) ?? null },
        ]),
      );
    },
    mayDescribe: async () => ({ ok: true, value: mayDescribe }),
  };
}

async function find(questions: TransactionQuestions) {
  const [found] = await findOpenTransactions(questions, [orders]);
  expect(found?.[0]).toBe(orders);
  return found?.[1];
}

describe('who holds the last stable offset', () => {
  it('is the open transaction that starts lowest, with what its coordinator knows', async () => {
    const later = producer({ producerId: 5n, currentTransactionStartOffset: 130n });
    const done = producer({ producerId: 6n, currentTransactionStartOffset: -1n });
    expect(
      await find(cluster({ producers: [[done, later, producer({})]], transactions: [known()] })),
    ).toMatchObject({
      kind: 'open',
      producerId: 4711n,
      transactionalId: 'payments-1',
      startOffset: 100n,
      startedAtMs: 5_000n,
      timeoutMs: 60_000,
    });
  });

  it('is nobody when every open transaction starts above: followers lack the marker of the one that ended', async () => {
    const later = producer({ currentTransactionStartOffset: 130n });
    expect(await find(cluster({ producers: [[later]], transactions: [known()] }))).toEqual({ kind: 'ended' });
  });

  it.each(['PrepareCommit', 'PrepareAbort', 'PrepareEpochFence'])(
    'ends by itself in state %s',
    async (state) => {
      expect(
        await find(cluster({ producers: [[producer({})]], transactions: [known({ state })] })),
      ).toMatchObject({ kind: 'ending', state });
    },
  );

  it.each<[string, DescribedTransaction[]]>([
    ['no coordinator knows the producer id', []],
    [
      'its coordinator has another partition in it',
      [known({ partitions: [{ topic: 'orders', partition: 1 }] })],
    ],
    ['its coordinator has ended it', [known({ state: 'CompleteAbort', partitions: [] })]],
  ])('hangs when %s', async (_name, transactions) => {
    const questions = cluster({ producers: [[producer({})]], transactions });
    expect(await find(questions)).toMatchObject({ kind: 'hanging', startOffset: 100n });
    expect(questions.looks).toBe(2);
  });

  it('is not called hanging when it ended between the questions', async () => {
    const gone = producer({ currentTransactionStartOffset: -1n });
    expect(await find(cluster({ producers: [[producer({})], [gone]] }))).toEqual({ kind: 'ended' });
    const next = producer({ currentTransactionStartOffset: 100n, producerId: 9n });
    expect(await find(cluster({ producers: [[producer({})], [next]] }))).toEqual({ kind: 'ended' });
  });

  it('stays nameless, and is not called hanging, where this user may not describe transactional ids', async () => {
    const questions = cluster({ producers: [[producer({})]], transactions: [known()], mayDescribe: false });
    expect(await find(questions)).toMatchObject({ kind: 'nameless', producerId: 4711n });
  });

  it('says which right is missing, and what failed otherwise', async () => {
    const denied = new LockstepError('NOT_AUTHORIZED', 'denied');
    const late = new LockstepError('REQUEST_TIMED_OUT', 'no answer');
    expect(await find(cluster({ producers: [denied] }))).toEqual({
      kind: 'unknown',
      reason: 'denied',
      missingRight: 'READ on topic orders',
    });
    expect(await find(cluster({ producers: [[producer({})]], listed: late }))).toEqual({
      kind: 'unknown',
      reason: 'no answer',
      missingRight: null,
    });
  });
});

describe('when it is asked', () => {
  function watched() {
    const asked: string[][] = [];
    let nowMs = 0;
    let answer: () => Promise<void> = async () => {};
    const transactions = new OpenTransactions({
      nowMs: () => nowMs,
      ask: async (partitions) => {
        asked.push(partitions.map(({ topic, partition }) => `${topic}-${partition}`));
        await answer();
        return partitions.map((each): FoundTransaction => [each, { kind: 'ended' }]);
      },
    });
    return {
      asked,
      transactions,
      hold: (until: () => Promise<void>) => {
        answer = until;
      },
      /** Fetch answers every half second until `ms`. */
      until: async (ms: number, note: () => void) => {
        for (; nowMs < ms; nowMs += 500) {
          note();
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    };
  }
  const at = (partition: number) => ({ topic: 'orders', partition });
  const behind = { lastStableOffset: 5n, highWatermark: 9n };

  it('is not asked about a transaction that ends soon, nor about one after the other', async () => {
    const { asked, transactions, until } = watched();
    let offset = 0n;
    await until(60_000, () => {
      offset += 1n;
      transactions.note(at(0), { lastStableOffset: offset, highWatermark: offset + 10n });
      transactions.note(at(1), { lastStableOffset: 7n, highWatermark: 7n });
    });
    expect(asked).toEqual([]);
    expect(transactions.describe(at(0))).toBeNull();
  });

  it('is asked after 3 s, then every 15 s, about all partitions at once', async () => {
    const { asked, transactions, until } = watched();
    const note = () => {
      for (const partition of [0, 1, 2]) transactions.note(at(partition), behind);
    };
    await until(3_000, note);
    expect(asked).toEqual([]);
    await until(3_500, note);
    expect(asked).toEqual([['orders-0', 'orders-1', 'orders-2']]);
    expect(transactions.describe(at(1))).toEqual({ kind: 'ended' });
    await until(18_000, note);
    expect(asked).toHaveLength(1);
    await until(33_500, note);
    expect(asked).toHaveLength(3);
  });

  it('has one question under way at a time', async () => {
    const { asked, transactions, until, hold } = watched();
    let answered = () => {};
    hold(() => new Promise<void>((resolve) => (answered = resolve)));
    await until(60_000, () => transactions.note(at(0), behind));
    expect(asked).toHaveLength(1);
    answered();
    await until(61_000, () => transactions.note(at(0), behind));
    expect(asked).toHaveLength(2);
  });

  it('drops an answer that comes when the partition waits for another transaction, or for none', async () => {
    const { transactions, until, hold } = watched();
    let answered = () => {};
    hold(() => new Promise<void>((resolve) => (answered = resolve)));
    await until(4_000, () => transactions.note(at(0), behind));
    transactions.note(at(0), { lastStableOffset: 8n, highWatermark: 9n });
    answered();
    await until(4_500, () => {});
    expect(transactions.describe(at(0))).toBeNull();
    transactions.note(at(0), { lastStableOffset: 9n, highWatermark: 9n });
    expect(transactions.describe(at(0))).toBeNull();
  });

  it('asks about a limited number of partitions at once, the others next', async () => {
    const asked: number[] = [];
    let nowMs = 0;
    const transactions = new OpenTransactions({
      nowMs: () => nowMs,
      partitionsMax: 3,
      ask: async (partitions) => {
        asked.push(partitions.length);
        return [];
      },
    });
    for (; nowMs < 8_000; nowMs += 500) {
      for (let partition = 0; partition < 7; partition++) transactions.note(at(partition), behind);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(asked).toEqual([3, 3, 1]);
  });
});
