// One reader and a broker that is played by hand: what is asked, and who gets which answer.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { type FetchRequest, type Input, zeroUuid } from '../../protocol/index.ts';
import { type AbortedTransaction, encodeBatch } from '../../records/index.ts';
import type { FetchPosition } from './fetch-session.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { LeasedBatch } from './leased-batch.ts';
import { MemoryBudget } from './memory-budget.ts';
import { ReadLimit } from './read-limit.ts';
import { SourceReader } from './source-reader.ts';

/** The same object for the same position, as partitions give it. */
const positions = new Map<string, FetchPosition>();

class Target implements FetchTarget {
  readonly isFull = false;
  isLive = false;
  readonly shift: bigint;
  readonly heard: string[] = [];
  readonly seen: string[] = [];
  readonly partition: number;
  offset: bigint | null = 0n;

  constructor(partition: number, shift = 0n) {
    this.partition = partition;
    this.shift = shift;
  }
  position(): FetchPosition | null {
    const { partition, offset } = this;
    if (offset === null) return null;
    const name = `${partition}@${offset}`;
    const epochs = { leaderEpoch: 1, lastFetchedEpoch: 1 };
    const position = positions.get(name) ?? { topic: 'orders', topicId: 'id', partition, offset, ...epochs };
    positions.set(name, position);
    return position;
  }
  onFetched(asked: FetchPosition, batches: LeasedBatch[]): void {
    this.heard.push(`${batches.length} batches for ${asked.offset}`);
    for (const { baseOffset, lastOffset, isAborted } of batches) {
      this.seen.push(`${baseOffset}-${lastOffset}${isAborted ? ' aborted' : ''}`);
    }
    for (const batch of batches) batch.release();
  }
  onFetchError(asked: FetchPosition, errorCode: number): void {
    this.heard.push(`error ${errorCode} for ${asked.offset}`);
  }
  onDiverging(asked: FetchPosition): void {
    this.heard.push(`diverging for ${asked.offset}`);
  }
  onUnreadable(asked: FetchPosition): void {
    this.heard.push(`unreadable for ${asked.offset}`);
  }
  onReaderTrouble(reason: string): void {
    this.heard.push(reason);
  }
}

interface Request {
  readonly offsets: bigint[];
  readonly bytesMax: number;
  /** 0: a full request. */
  readonly sessionEpoch: number;
  answer(records: Record<number, Buffer>): void;
  /** A quota: nothing is told, whatever there is. */
  holdBack(): void;
  fail(): void;
}
const requests: Request[] = [];
let aborted: AbortedTransaction[] | null = null;
/** How answers name the topic: up to Fetch version 12 by its name, then by its id. */
let topicName = { topicId: 'id', topic: '' };
/** 0: the broker knows no sessions. */
let sessionId = 0;
let budget: MemoryBudget;
let limit = new ReadLimit();
/** What a connection waits for before it is open. */
let opened: Promise<void> | undefined;
let reader: SourceReader;

function start(heldBytes = 0): void {
  budget = new MemoryBudget({ bytesMax: 1_000_000 });
  budget.take(heldBytes);
  const connection = {
    isOpen: true,
    close: () => {},
    sendForFrame: (_api: unknown, request: Input<FetchRequest>) =>
      new Promise((resolve, reject) => {
        const offsets = (request.topics ?? []).flatMap((topic) =>
          (topic.partitions ?? []).map((partition) => partition.fetchOffset ?? -1n),
        );
        const answer = (records: Record<number, Buffer>): void => {
          const partitions = Object.entries(records).map(([index, bytes]) => ({
            partitionIndex: Number(index),
            errorCode: 0,
            divergingEpoch: { epoch: -1, endOffset: -1n },
            abortedTransactions: aborted,
            records: bytes,
          }));
          const body = { errorCode: 0, sessionId, responses: [{ ...topicName, partitions }] };
          resolve({ body, frame: { bytes: Buffer.alloc(10), release: () => {} } });
        };
        const holdBack = (): void => {
          const body = { errorCode: 0, sessionId, throttleTimeMs: 100, responses: [] };
          resolve({ body, frame: { bytes: Buffer.alloc(10), release: () => {} } });
        };
        const fail = () =>
          reject(new LockstepError('CONNECTION_CLOSED', 'it broke off', { retriable: true }));
        const { maxBytes: bytesMax = 0, sessionEpoch = -1 } = request;
        requests.push({ offsets, bytesMax, sessionEpoch, answer, holdBack, fail });
      }),
  } as unknown as Connection;
  reader = new SourceReader({
    open: async () => {
      await opened;
      return connection;
    },
    budget,
    limit,
    fetchBytesMax: 1000,
    fetchResponseBytesMax: 1000,
    fetchWaitMsMax: 10,
    onTrouble: async () => {},
  });
}

const good = encodeBatch([{ offset: 0n, timestamp: 1n, key: null, value: null, headers: [] }], {
  compression: 'none',
});
const spoiled = Buffer.from(good);
spoiled.writeInt32BE(-7, 8);

afterEach(async () => {
  aborted = null;
  opened = undefined;
  sessionId = 0;
  limit = new ReadLimit();
  topicName = { topicId: 'id', topic: '' };
  const closing = reader.close();
  for (const request of requests.splice(0)) request.answer({});
  await closing;
});

it('takes an answer that a quota holds back for none about its partitions', async () => {
  start();
  sessionId = 7;
  reader.add('id/0', new Target(0));
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  requests[0]!.holdBack();
  await vi.waitFor(() => expect(requests).toHaveLength(2));
  expect(reader.answeredAtMs).not.toBeNull();
  expect(reader.heardAtMs('id/0')).toBeNull();
  requests[1]!.answer({});
  await vi.waitFor(() => expect(requests).toHaveLength(3));
  expect(reader.heardAtMs('id/0')).toBe(reader.answeredAtMs);
});

it('asks for what is wanted when there is room, not for what was wanted before the wait', async () => {
  start(1_200_000);
  const target = new Target(0);
  target.offset = 1000n;
  reader.add('id/0', target);
  await new Promise(setImmediate);
  target.offset = 500n;
  budget.giveBack(1_200_000);
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  expect(requests[0]!.offsets).toEqual([500n]);
});

it('hands each answer over with the position that was asked for', async () => {
  start();
  const target = new Target(0);
  reader.add('id/0', target);
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  target.offset = 7n;
  requests.shift()!.answer({ 0: good });
  await vi.waitFor(() => expect(target.heard).toEqual(['1 batches for 0']), { interval: 1 });
});

it('keeps no room for what it can’t ask, nor while there is nothing to ask', async () => {
  start();
  const target = new Target(0);
  let asked = 0;
  const { position } = target;
  target.position = () => {
    asked += 1;
    if (asked < 100) throw new Error('a broken invariant');
    return position.call(target);
  };
  reader.add('id/0', target);
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  expect(target.heard[0]).toContain('a broken invariant');
  expect(budget.heldBytes).toBeLessThanOrEqual(1_000);
  target.offset = null;
  requests.shift()!.answer({ 0: good });
  await vi.waitFor(() => expect(budget.heldBytes).toBe(0), { interval: 1 });
});

it('asks no more for a partition that left, and gives its answer to nobody', async () => {
  start();
  const [stays, leaves, comes] = [new Target(0), new Target(1), new Target(1)];
  reader.add('id/0', stays);
  reader.add('id/1', leaves);
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toHaveLength(2), { interval: 1 });
  reader.remove('id/1');
  stays.offset = 4n;
  requests.pop()!.answer({ 0: good, 1: good });
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toEqual([4n]), { interval: 1 });
  // Another one under its key asks for what it wants itself.
  comes.offset = 9n;
  reader.add('id/1', comes);
  requests.pop()!.answer({ 0: good });
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toEqual([4n, 9n]), { interval: 1 });
  expect([leaves.heard, comes.heard]).toEqual([[], []]);
});

it('asks no more for a partition that left while the connection was opened', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  opened = promise;
  start();
  reader.add('id/0', new Target(0));
  reader.add('id/1', new Target(1));
  await new Promise(setImmediate);
  reader.remove('id/1');
  resolve();
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  requests.pop()!.answer({ 0: good, 1: good });
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  expect(requests[0]!.offsets).toEqual([0n]);
});

describe('a partition that leaves and comes back to the same place', () => {
  it('is asked for anew also where it left while the connection was opened', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    opened = promise;
    start();
    sessionId = 7;
    reader.add('id/0', new Target(0));
    await new Promise(setImmediate);
    reader.remove('id/0');
    resolve();
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    reader.add('id/0', new Target(0));
    requests.pop()!.answer({});
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]).toMatchObject({ sessionEpoch: 0, offsets: [0n] });
  });

  it('is asked for anew, since a session has no news of it', async () => {
    start();
    sessionId = 7;
    const [stays, former, next] = [new Target(0), new Target(1), new Target(1)];
    reader.add('id/0', stays);
    reader.add('id/1', former);
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    requests.pop()!.answer({});
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]).toMatchObject({ sessionEpoch: 1, offsets: [] });
    reader.remove('id/1');
    reader.add('id/1', next);
    requests.pop()!.answer({});
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]).toMatchObject({ sessionEpoch: 0, offsets: [0n, 0n] });
  });

  it('is so also when nothing was asked for in between', async () => {
    start();
    sessionId = 7;
    reader.add('id/0', new Target(0));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    reader.remove('id/0');
    requests.pop()!.answer({});
    await new Promise(setImmediate);
    expect(requests).toEqual([]);
    reader.add('id/0', new Target(0));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]).toMatchObject({ sessionEpoch: 0, offsets: [0n] });
  });

  it('costs nothing where the broker was told that it left', async () => {
    start();
    sessionId = 7;
    reader.add('id/0', new Target(0));
    reader.add('id/1', new Target(1));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    reader.remove('id/1');
    requests.pop()!.answer({});
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    reader.add('id/1', new Target(1));
    requests.pop()!.answer({});
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]).toMatchObject({ sessionEpoch: 2, offsets: [0n] });
  });
});

it('asks no more for a partition that wants nothing', async () => {
  start();
  const targets = [0, 1].map((partition) => new Target(partition));
  for (const target of targets) reader.add(`id/${target.partition}`, target);
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toHaveLength(2), { interval: 1 });
  targets[0]!.offset = null;
  targets[1]!.offset = 5n;
  reader.wake('id/1');
  requests.pop()!.answer({ 0: good });
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toEqual([5n]), { interval: 1 });
});

it('finds out what a target wants that has not told, a little later', async () => {
  start();
  sessionId = 7;
  const [tells, does] = [new Target(0), new Target(1)];
  reader.add('id/0', tells);
  reader.add('id/1', does);
  const told: bigint[] = [];
  const answerAll = (): void => {
    for (const request of requests.splice(0)) {
      told.push(...request.offsets);
      request.answer({});
    }
  };
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  answerAll();
  does.offset = 5n;
  await vi.waitFor(
    () => {
      answerAll();
      expect(told).toEqual([0n, 0n, 5n]);
    },
    { interval: 1 },
  );
});

it('gives the answer for a partition that left to nobody who took its place meanwhile', async () => {
  start();
  const [before, after] = [new Target(0), new Target(0)];
  reader.add('id/0', before);
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  reader.remove('id/0');
  reader.add('id/0', after);
  requests.pop()!.answer({ 0: good });
  await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
  expect([before.heard, after.heard]).toEqual([[], []]);
  requests.pop()!.answer({ 0: good });
  await vi.waitFor(() => expect(after.heard).toEqual(['1 batches for 0']), { interval: 1 });
  expect(before.heard).toEqual([]);
});

it('knows whose answer it is from a broker that has topic ids and answers by name (Kafka 2.8 to 3.0)', async () => {
  start();
  topicName = { topicId: zeroUuid, topic: 'orders' };
  const targets = [0, 1].map((partition) => new Target(partition));
  for (const target of targets) reader.add(`id/${target.partition}`, target);
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toHaveLength(2), { interval: 1 });
  requests.pop()!.answer({ 1: good });
  await vi.waitFor(() => expect(targets[1]!.heard).toEqual(['1 batches for 0']), { interval: 1 });
  expect(targets[0]!.heard).toEqual([]);
});

it('keeps a partition with impossible bytes from spoiling the answer for the others', async () => {
  start();
  const targets = [0, 1, 2].map((partition) => new Target(partition));
  for (const target of targets) reader.add(`id/${target.partition}`, target);
  await vi.waitFor(() => expect(requests.at(-1)?.offsets).toHaveLength(3), { interval: 1 });
  requests.pop()!.answer({ 0: good, 1: spoiled, 2: good });
  await vi.waitFor(() => expect(targets[2]!.heard).toEqual(['1 batches for 0']), { interval: 1 });
  expect(targets.map((target) => target.heard)).toEqual([
    ['1 batches for 0'],
    ['unreadable for 0'],
    ['1 batches for 0'],
  ]);
});

describe('a transaction that was aborted', () => {
  const inTransaction = { isTransactional: true, producerId: 8n };
  const record = (offset: bigint, key: Buffer | null = null) => ({
    offset,
    timestamp: 1n,
    key,
    value: null,
    headers: [],
  });
  const abort = Buffer.from([0, 0, 0, 0]);
  const batches = [
    encodeBatch([record(100n), record(101n)], inTransaction),
    encodeBatch([record(102n)], { ...inTransaction, producerId: 9n }),
    encodeBatch([record(103n, abort)], { ...inTransaction, isControl: true }),
    encodeBatch([record(104n)], inTransaction),
  ];

  it('is named beside the records; its batches come marked, in the offsets of the mirror', async () => {
    start();
    const target = new Target(0, 100n);
    target.offset = 100n;
    reader.add('id/0', target);
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]!.offsets).toEqual([100n]);
    aborted = [{ producerId: 8n, firstOffset: 90n }];
    requests.shift()!.answer({ 0: Buffer.concat(batches) });
    await vi.waitFor(() => expect(target.heard).toEqual(['4 batches for 100']), { interval: 1 });
    expect(target.seen).toEqual(['0-1 aborted', '2-2', '3-3', '4-4']);
  });

  it.each([0, 2])('is not believed when batch %i, which is left out, has a wrong checksum', async (at) => {
    start();
    const target = new Target(0);
    reader.add('id/0', target);
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    aborted = [{ producerId: 8n, firstOffset: 90n }];
    const bytes = Buffer.from(batches[at]!);
    bytes[bytes.length - 1]! ^= 1;
    requests.shift()!.answer({ 0: Buffer.concat(batches.with(at, bytes)) });
    await vi.waitFor(() => expect(target.heard).toEqual(['unreadable for 0']), { interval: 1 });
  });
});

describe('a limit in bytes a second', () => {
  const answerBytes = 14;
  function startLimited(bytesPerSecondMax: number, ...targets: Target[]): void {
    limit = new ReadLimit();
    limit.set({ bytesPerSecondMax, share: 1 });
    start();
    for (const target of targets) reader.add(`id/${target.partition}`, target);
  }

  it('asks for no more than may be read, and counts what was', async () => {
    startLimited(2000, new Target(0));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]!.bytesMax).toBe(1000);
    limit.set({ bytesPerSecondMax: 400, share: 1 });
    requests.pop()!.answer({});
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    expect(requests[0]!.bytesMax).toBeLessThanOrEqual(300);
    expect(limit.status().readBytes).toBe(answerBytes);
  });

  it('waits for what was too much, until the limit is lifted', async () => {
    startLimited(1000, new Target(0));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    limit.spend({ bytes: 1_000_000, behindBytes: 1_000_000 });
    requests.pop()!.answer({ 0: good });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(requests).toEqual([]);
    limit.set(null);
    await vi.waitFor(() => expect(requests).toHaveLength(1), { timeout: 5_000 });
  });

  it('asks for live partitions alone when little is left, and for all of them again later', async () => {
    const [live, behind] = [new Target(0), new Target(1)];
    live.isLive = true;
    startLimited(10_000, live, behind);
    await vi.waitFor(() => expect(requests.at(-1)?.offsets).toHaveLength(2), { interval: 1 });
    limit.spend({ bytes: 9_000, behindBytes: 9_000 });
    live.offset = 3n;
    requests.pop()!.answer({ 0: good });
    await vi.waitFor(() => expect(requests.at(-1)?.offsets).toEqual([3n]), { interval: 1 });
    requests.pop()!.answer({ 0: good });
    expect(behind.heard).toEqual([]);
    await vi.waitFor(
      () => {
        if (requests.at(-1)?.offsets.length === 1) requests.pop()!.answer({});
        expect(requests.at(-1)?.offsets).toHaveLength(2);
      },
      { timeout: 5_000, interval: 5 },
    );
    requests.pop()!.answer({ 1: good });
    await vi.waitFor(() => expect(behind.heard).toEqual(['1 batches for 0']), { interval: 1 });
  });

  it('pays for an answer that broke off', async () => {
    startLimited(1000, new Target(0));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    requests.pop()!.fail();
    await vi.waitFor(() => expect(limit.status().readBytes).toBe(750), { interval: 1 });
  });
});

describe('a target that another reader of the broker takes over', () => {
  it('leaves when the answer under way is here and was handed to it, and is asked for no more', async () => {
    start();
    const [moved, stays] = [new Target(0), new Target(1)];
    for (const target of [moved, stays]) reader.add(`id/${target.partition}`, target);
    await vi.waitFor(() => expect(requests.at(-1)?.offsets).toHaveLength(2), { interval: 1 });
    const taken: FetchTarget[] = [];
    reader.handOver('id/0', (target) => taken.push(target));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(taken).toEqual([]);
    moved.offset = 1n;
    requests.pop()!.answer({ 0: good });
    await vi.waitFor(() => expect(requests.at(-1)?.offsets).toEqual([0n]), { interval: 1 });
    expect(taken).toEqual([moved]);
    expect(moved.heard).toEqual(['1 batches for 0']);
  });

  it('is not handed over when it has left meanwhile', async () => {
    start();
    reader.add('id/0', new Target(0));
    await vi.waitFor(() => expect(requests).toHaveLength(1), { interval: 1 });
    const taken: FetchTarget[] = [];
    reader.handOver('id/0', (target) => taken.push(target));
    reader.remove('id/0');
    requests.pop()!.answer({ 0: good });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(taken).toEqual([]);
  });

  it('is told where no connection was open meanwhile: the source may have been away', () => {
    start();
    const target = new Target(0);
    reader.takeOver('id/0', target);
    expect(target.heard).toEqual(['another connection to the source is opened']);
  });
});
