// Several readers of one broker, which is played by hand: who reads what, and that nothing is read by two.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { FetchRequest, Input } from '../../protocol/index.ts';
import { BrokerReaders } from './broker-readers.ts';
import { type FetchPosition, fetchKey } from './fetch-session.ts';
import type { FetchTarget } from './fetch-target.ts';
import { MemoryBudget } from './memory-budget.ts';
import { ReadLimit } from './read-limit.ts';

/** A partition with a backlog without end, a batch of nothing at a time. */
class Target implements FetchTarget {
  isFull = false;
  isLive = false;
  readonly shift = 0n;
  troubles = 0;
  answers = 0;
  readonly partition: number;
  #position: FetchPosition;

  constructor(partition: number) {
    this.partition = partition;
    this.#position = this.#at(0n);
  }
  get key(): string {
    return fetchKey(this.#position);
  }
  #at(offset: bigint): FetchPosition {
    const { partition } = this;
    return { topic: 'orders', topicId: 'id', partition, offset, leaderEpoch: 1, lastFetchedEpoch: 1 };
  }
  position(): FetchPosition | null {
    return this.isFull ? null : this.#position;
  }
  onFetched(asked: FetchPosition): void {
    expect(asked).toBe(this.#position);
    this.answers += 1;
    this.#position = this.#at(asked.offset + 1n);
    readers.wake(this.key);
  }
  onFetchError(): void {}
  onDiverging(): void {}
  onUnreadable(): void {}
  onReaderTrouble(): void {
    this.troubles += 1;
  }
}

/** Knows which partitions each session follows, answers each request at the next turn, and checks that sessions share none. */
class Broker {
  readonly sessions = new Map<number, { connection: number; partitions: Set<number>; askedAtMs: number }>();
  /** Fetches under way, by connection. */
  readonly underWay = new Map<number, number>();
  underWayMax = 0;
  answerMs = 40;
  opened = 0;
  #bytes = 0;
  #nextSession = 1;
  #isUp = true;
  readonly #breaks = new Set<() => void>();

  open = async (): Promise<Connection> => {
    if (!this.#isUp) throw new LockstepError('CLUSTER_UNREACHABLE', 'down', { retriable: true });
    const number = this.opened++;
    let isOpen = true;
    const broken = new Set<(error: LockstepError) => void>();
    const end = (): void => {
      isOpen = false;
      for (const fail of broken) fail(new LockstepError('CONNECTION_CLOSED', 'broken', { retriable: true }));
      for (const [id, { connection }] of this.sessions) if (connection === number) this.sessions.delete(id);
    };
    this.#breaks.add(end);
    let last: Promise<unknown> = Promise.resolve();
    return {
      get isOpen() {
        return isOpen;
      },
      roundTripMs: 80,
      close: end,
      statistics: () => ({ readBytes: this.#bytes }),
      sendForFrame: (_api: unknown, request: Input<FetchRequest>) => {
        const count = (this.underWay.get(number) ?? 0) + 1;
        this.underWay.set(number, count);
        this.underWayMax = Math.max(this.underWayMax, count);
        const failed = new Promise<never>((_resolve, reject) => broken.add(reject));
        failed.catch(() => {});
        const answered = last
          .then(() => new Promise((resolve) => setTimeout(resolve, this.answerMs)))
          .then(() => this.#answer(number, request));
        last = answered;
        return Promise.race([answered, failed]).finally(() =>
          this.underWay.set(number, this.underWay.get(number)! - 1),
        );
      },
    } as unknown as Connection;
  };

  breakAll(): void {
    for (const end of this.#breaks) end();
    this.#breaks.clear();
  }

  #answer(connection: number, request: Input<FetchRequest>) {
    const id = request.sessionEpoch === 0 ? this.#nextSession++ : (request.sessionId ?? 0);
    if (request.sessionEpoch === 0)
      this.sessions.set(id, { connection, partitions: new Set(), askedAtMs: 0 });
    const session = this.sessions.get(id)!;
    session.askedAtMs = Date.now();
    const { partitions } = session;
    for (const { partitions: gone = [] } of request.forgottenTopicsData ?? [])
      for (const partition of gone) partitions.delete(partition);
    for (const topic of request.topics ?? [])
      for (const { partition = -1 } of topic.partitions ?? []) partitions.add(partition);
    this.#bytes += 100_000;
    const answers = [...partitions].map((partitionIndex) => ({
      ...{
        partitionIndex,
        errorCode: 0,
        divergingEpoch: { epoch: -1, endOffset: -1n },
        abortedTransactions: null,
      },
      ...{ records: null, highWatermark: 1_000_000n, lastStableOffset: 1_000_000n, logStartOffset: 0n },
    }));
    const body = {
      errorCode: 0,
      sessionId: id,
      responses: [{ topic: '', topicId: 'id', partitions: answers }],
    };
    return { body, frame: { bytes: Buffer.alloc(10), release: () => {} } };
  }
}

let broker: Broker;
let readers: BrokerReaders;
let targets: Target[];

function start(connections: number | 'auto', partitions = 8): void {
  targets = Array.from({ length: partitions }, (_, partition) => new Target(partition));
  readers = new BrokerReaders({
    ...{
      connections,
      open: broker.open,
      limit: new ReadLimit(),
      budget: new MemoryBudget({ bytesMax: 2 ** 26 }),
    },
    ...{
      fetchBytesMax: 2 ** 20,
      fetchResponseBytesMax: 2 ** 22,
      fetchWaitMsMax: 500,
      onTrouble: async () => {},
    },
  });
  for (const target of targets) readers.add(target.key, target);
}

/** A session that nobody asks any more is nothing but a memory of the broker's. */
function asked(): { connection: number; partitions: Set<number> }[] {
  return [...broker.sessions.values()].filter(({ askedAtMs }) => Date.now() - askedAtMs < 500);
}

/** How many partitions the sessions of each connection follow. */
function followed(): number[] {
  const counts = new Map<number, number>();
  for (const { connection, partitions } of asked())
    counts.set(connection, (counts.get(connection) ?? 0) + partitions.size);
  return [...counts.values()].filter((count) => count > 0).sort();
}

beforeEach(() => {
  vi.useFakeTimers();
  broker = new Broker();
});
afterEach(async () => {
  const closing = readers.close();
  await vi.advanceTimersByTimeAsync(1_000);
  await closing;
  vi.useRealTimers();
});

describe('a fixed number of connections', () => {
  it('shares partitions that catch up out among them, two fetches under way on each, none read by two', async () => {
    start(4);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(followed()).toEqual([2, 2, 2, 2]);
    expect(broker.underWayMax).toBe(2);
    const all = asked().flatMap(({ partitions }) => [...partitions]);
    expect(all.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(targets.every(({ answers }) => answers > 10)).toBe(true);
    expect(targets.every(({ troubles }) => troubles === 0)).toBe(true);
  });

  it('reads on when it is rung where a wake-up was lost, and waits for ever otherwise', async () => {
    start(2);
    await vi.advanceTimersByTimeAsync(2_000);
    for (const target of targets) target.isFull = true;
    await vi.advanceTimersByTimeAsync(2_000);
    const before = targets.map(({ answers }) => answers);
    for (const target of targets) target.isFull = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(targets.map(({ answers }) => answers)).toEqual(before);
    readers.ring();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(targets.every(({ answers }, index) => answers > before[index]!)).toBe(true);
  });

  it('reads on after all of them broke, and everybody was told', async () => {
    start(4);
    await vi.advanceTimersByTimeAsync(5_000);
    broker.breakAll();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(targets.every(({ troubles }) => troubles > 0)).toBe(true);
    const before = targets.map(({ answers }) => answers);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(targets.every(({ answers }, index) => answers > before[index]!)).toBe(true);
    expect(followed()).toEqual([2, 2, 2, 2]);
  });

  it('tells partitions whose reader waited for room when the connection broke that another one had', async () => {
    start(1, 2);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(broker.underWayMax).toBe(2);
    const waiting = targets[0]!;
    waiting.isFull = true;
    await vi.advanceTimersByTimeAsync(500);
    broker.breakAll();
    waiting.isFull = false;
    const { answers } = waiting;
    readers.wake(waiting.key);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(waiting.troubles).toBe(1);
    expect(waiting.answers).toBeGreaterThan(answers);
  });

  it('asks no lane for a partition that was taken away while it changed lanes', async () => {
    start(2, 4);
    await vi.advanceTimersByTimeAsync(1_010);
    for (const target of targets) readers.remove(target.key);
    await vi.advanceTimersByTimeAsync(2_000);
    const before = targets.map(({ answers }) => answers);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(targets.map(({ answers }) => answers)).toEqual(before);
  });
});

describe('auto', () => {
  it('opens more while each carries more, and has one fetch on each where partitions are alone', async () => {
    start('auto');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(followed()).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('has one fetch under way on the one connection again when nothing is behind', async () => {
    start('auto', 2);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(broker.underWayMax).toBe(2);
    for (const target of targets) target.isLive = true;
    await vi.advanceTimersByTimeAsync(10_000);
    broker.underWayMax = 0;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(broker.underWayMax).toBe(1);
    expect(followed()).toEqual([2]);
  });

  it('has one fetch on each connection for hundreds of partitions: a broker looks at all of them for each', async () => {
    start('auto', 501);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(broker.underWayMax).toBe(1);
    expect(targets.every(({ answers, troubles }) => answers > 10 && troubles === 0)).toBe(true);
  });

  it('takes a source for near where one answer came at once, however long the handshake took', async () => {
    start('auto');
    broker.answerMs = 1;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(broker.underWayMax).toBe(1);
    expect(broker.opened).toBe(1);
  });
});
