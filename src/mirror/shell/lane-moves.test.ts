// Partitions that change lanes while everything else happens, by seeds: two brokers that are played by hand lead hundreds of
// partitions; records are written, leaders move, partitions stop and start, topics are made anew, connections break.
//
//   1. no partition is part of two fetches at once, and none is asked for by whoever it was taken from
//   2. each record reaches its partition once, in order: each answer is for the position at which the partition stands
//   3. when nothing happens any more, every partition that is read has all of its log
//   4. partitions did change lanes meanwhile, and when all have been quiet for a while, nobody is read apart any more
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { FetchRequest, Input } from '../../protocol/index.ts';
import { encodeBatch } from '../../records/index.ts';
import { quietMs } from './active-partitions.ts';
import { BrokerReaders } from './broker-readers.ts';
import type { FetchConnections } from './fetch-lanes.ts';
import { type FetchPosition, fetchKey } from './fetch-session.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { LeasedBatch } from './leased-batch.ts';
import { MemoryBudget } from './memory-budget.ts';
import { ReadLimit } from './read-limit.ts';

const partitionCount = 320;
const longPollMs = 500;
const noSession = { errorCode: 70, sessionId: 0, responses: [] };

// A reader's pauses pass as all time does here.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

/** A log: how many records, which broker leads it. */
interface Log {
  readonly partition: number;
  topicId: string;
  end: number;
  leader: number;
  epoch: number;
}
const keyOf = ({ topicId, partition }: Pick<Log, 'topicId' | 'partition'>): string =>
  `${topicId}/${partition}`;

/** What a fetch answers with at most. */
const recordsMax = 3;
const batches = new Map<number, Buffer>();
function batchAt(offset: number): Buffer {
  let batch = batches.get(offset);
  if (batch === undefined) {
    const record = { offset: BigInt(offset), timestamp: 1n, key: null, value: null, headers: [] };
    batch = encodeBatch([record], { compression: 'none' });
    batches.set(offset, batch);
  }
  return batch;
}

class Target implements FetchTarget {
  readonly isFull = false;
  readonly shift = 0n;
  readonly log: Log;
  readonly topicId: string;
  next = 0;
  troubles = 0;
  readers: BrokerReaders | null = null;
  /** From its beginning at one broker to its end there. */
  reading: { connection: { isOpen: boolean } | null } = { connection: null };
  #position: FetchPosition | null = null;

  constructor(log: Log) {
    this.log = log;
    this.topicId = log.topicId;
  }
  get key(): string {
    return fetchKey({ topic: 'orders', topicId: this.topicId, partition: this.log.partition });
  }
  get isLive(): boolean {
    return this.log.end - this.next < 20;
  }
  position(): FetchPosition {
    const { partition, epoch: leaderEpoch } = this.log;
    const offset = BigInt(this.next);
    if (this.#position?.offset !== offset || this.#position.leaderEpoch !== leaderEpoch) {
      const { topicId } = this;
      this.#position = { topic: 'orders', topicId, partition, offset, leaderEpoch, lastFetchedEpoch: 1 };
    }
    return this.#position;
  }
  onFetched(asked: FetchPosition, leased: LeasedBatch[]): void {
    if (this.readers === null) throw new Error(`${this.key} is not read any more`);
    if (asked.offset !== BigInt(this.next)) throw new Error(`${this.key}: ${asked.offset}, not ${this.next}`);
    for (const batch of leased) {
      if (batch.baseOffset !== BigInt(this.next))
        throw new Error(`${this.key} has ${batch.baseOffset}, not ${this.next}`);
      this.next += 1;
      batch.release();
    }
    this.readers.wake(this.key);
  }
  onFetchError(): void {}
  onDiverging(): void {}
  onUnreadable(_asked: FetchPosition, reason: string): void {
    throw new Error(reason);
  }
  onReaderTrouble(): void {
    this.troubles += 1;
  }
}

interface Session {
  readonly connection: object;
  readonly followed: Map<string, number>;
}

/** Waits for records as brokers do, one request of a connection after the other. */
class Broker {
  readonly id: number;
  readonly #world: World;
  readonly sessions = new Map<number, Session>();
  readonly #underWay = new Set<Target['reading']>();
  readonly #connections = new Set<{ readonly isOpen: boolean; close(): void }>();
  #nextSession = 1;
  /** How often a partition was asked for over another connection than the time before, which is still there. */
  changes = 0;

  constructor(id: number, world: World) {
    this.id = id;
    this.#world = world;
  }

  /** It refuses more connections than that. */
  openMax = Number.POSITIVE_INFINITY;

  open = async (): Promise<Connection> => {
    if (this.openCount >= this.openMax)
      throw new LockstepError('CLUSTER_UNREACHABLE', 'refused', { retriable: true });
    const closed = Promise.withResolvers<void>();
    const broken = new Set<(error: LockstepError) => void>();
    const connection = {
      isOpen: true,
      asked: [] as Target['reading'][],
      roundTripMs: this.#world.roundTripMs,
      closed: closed.promise,
      statistics: () => ({ readBytes: 0 }),
      close: () => {
        connection.isOpen = false;
        closed.resolve();
        // What is on the way is lost.
        for (const reading of connection.asked) this.#underWay.delete(reading);
        for (const fail of broken)
          fail(new LockstepError('CONNECTION_CLOSED', 'broken', { retriable: true }));
      },
      sendForFrame: (_api: unknown, request: Input<FetchRequest>) => {
        const failed = new Promise<never>((_resolve, reject) => broken.add(reject));
        failed.catch(() => {});
        return Promise.race([this.#answer(connection, request), failed]);
      },
    };
    this.#connections.add(connection);
    return connection as unknown as Connection;
  };

  get openCount(): number {
    return [...this.#connections].filter(({ isOpen }) => isOpen).length;
  }

  breakAll(): void {
    for (const connection of this.#connections) connection.close();
  }

  forgetSessions(): void {
    this.sessions.clear();
  }

  async #answer(connection: { isOpen: boolean; asked: Target['reading'][] }, request: Input<FetchRequest>) {
    const frame = { bytes: Buffer.alloc(10), release: () => {} };
    const isNew = request.sessionEpoch === 0;
    const id = isNew ? this.#nextSession++ : (request.sessionId ?? 0);
    if (isNew) this.sessions.set(id, { connection, followed: new Map() });
    const session = this.sessions.get(id);
    if (session === undefined) return { body: noSession, frame };
    for (const { topicId, partitions = [] } of request.forgottenTopicsData ?? [])
      for (const partition of partitions) session.followed.delete(`${topicId}/${partition}`);
    for (const { topicId, partitions = [] } of request.topics ?? [])
      for (const { partition = -1, fetchOffset = -1n } of partitions)
        session.followed.set(`${topicId}/${partition}`, Number(fetchOffset));
    const asked = this.#begin(connection, session);
    connection.asked = asked;
    const untilMs = performance.now() + (request.maxWaitMs ?? 0);
    let body = noSession as object;
    if (this.#world.roundTripMs > 1)
      await new Promise((resolve) => setTimeout(resolve, this.#world.roundTripMs));
    while (connection.isOpen) {
      const responses = this.#read(session);
      if (responses.length > 0 || performance.now() >= untilMs) {
        body = { errorCode: 0, sessionId: id, responses };
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (connection.isOpen) for (const reading of asked) this.#underWay.delete(reading);
    return { body, frame };
  }

  /** @returns the reading of each partition that is asked for: one that stopped and began again may be asked for anew. */
  #begin(connection: { isOpen: boolean }, { followed }: Session): Target['reading'][] {
    const asked: Target['reading'][] = [];
    for (const key of followed.keys()) {
      const target = this.#world.readBy(this.id, key);
      if (target === undefined) throw new Error(`${key} was taken away, and is asked for`);
      const { reading } = target;
      if (this.#underWay.has(reading)) throw new Error(`${key} is part of two fetches`);
      this.#underWay.add(reading);
      asked.push(reading);
      if (reading.connection?.isOpen === true && reading.connection !== connection) this.changes += 1;
      reading.connection = connection;
    }
    return asked;
  }

  #read({ followed }: Session): object[] {
    const byTopic = new Map<string, object[]>();
    for (const [key, offset] of followed) {
      const log = this.#world.logs.get(key);
      if (log === undefined || log.leader !== this.id || log.end <= offset) continue;
      const count = Math.min(recordsMax, log.end - offset);
      const partition = {
        ...{ partitionIndex: log.partition, errorCode: 0, abortedTransactions: null, logStartOffset: 0n },
        divergingEpoch: { epoch: -1, endOffset: -1n },
        records: Buffer.concat(Array.from({ length: count }, (_, index) => batchAt(offset + index))),
        ...{ highWatermark: BigInt(log.end), lastStableOffset: BigInt(log.end) },
      };
      byTopic.set(log.topicId, [...(byTopic.get(log.topicId) ?? []), partition]);
    }
    return Array.from(byTopic, ([topicId, partitions]) => ({ topic: '', topicId, partitions }));
  }
}

class World {
  readonly logs = new Map<string, Log>();
  readonly brokers: readonly Broker[] = [new Broker(0, this), new Broker(1, this)];
  readonly readers: readonly BrokerReaders[];
  readonly targets = new Map<number, Target>();
  readonly failures: unknown[] = [];
  readonly roundTripMs: number;
  readonly random: () => number;

  constructor(seed: number, roundTripMs = 0.2, connections: FetchConnections = 'auto') {
    this.roundTripMs = roundTripMs;
    this.random = randomOf(seed);
    this.readers = this.brokers.map(
      (broker) =>
        new BrokerReaders({
          ...{ connections, open: broker.open, limit: new ReadLimit() },
          budget: new MemoryBudget({ bytesMax: 2 ** 26 }),
          ...{ fetchBytesMax: 2 ** 20, fetchResponseBytesMax: 2 ** 22, fetchWaitMsMax: longPollMs },
          onTrouble: async (error) => {
            // What the test itself throws inside of a reader.
            if (error.code === 'INTERNAL') this.failures.push(error.cause);
            await new Promise((resolve) => setTimeout(resolve, 20));
          },
        }),
    );
    for (let partition = 0; partition < partitionCount; partition++) {
      const log = { partition, topicId: 'a', end: 0, leader: partition % 8 === 0 ? 1 : 0, epoch: 1 };
      this.logs.set(keyOf(log), log);
      this.begin(new Target(log));
    }
  }

  readBy(broker: number, key: string): Target | undefined {
    const target = this.targets.get(Number(key.split('/')[1]));
    return target?.key === key && target.log.leader === broker ? target : undefined;
  }

  begin(target: Target): void {
    this.targets.set(target.log.partition, target);
    this.#attach(target);
  }

  #attach(target: Target): void {
    target.reading = { connection: null };
    target.readers = this.readers[target.log.leader]!;
    target.readers.add(target.key, target);
  }

  stop(target: Target): void {
    target.readers?.remove(target.key);
    target.readers = null;
    this.targets.delete(target.log.partition);
  }

  /** Another broker leads it; who reads it hears of that and goes there. The old answer may still be under way. */
  moveLeader(target: Target): void {
    const { log } = target;
    log.leader = 1 - log.leader;
    log.epoch += 1;
    target.readers?.remove(target.key);
    this.#attach(target);
  }

  /** The topic is deleted and made again: another id, a log that is empty. */
  makeAnew(target: Target): void {
    this.stop(target);
    this.logs.delete(keyOf(target.log));
    const log = { ...target.log, topicId: `${target.log.topicId}+`, end: 0 };
    this.logs.set(keyOf(log), log);
    this.begin(new Target(log));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  /** One step: records into those that are busy at the time, and now and then something that happens to one of them. */
  step(busy: readonly number[]): void {
    for (const partition of busy) {
      const target = this.targets.get(partition);
      if (target !== undefined && this.random() < 0.4) target.log.end += 1 + Math.floor(this.random() * 3);
    }
    if (this.random() < 0.1) this.pick([...this.logs.values()]).end += 1;
    const one = this.random() < 0.5 ? this.pick(busy) : Math.floor(this.random() * partitionCount);
    const target = this.targets.get(one);
    if (target === undefined) {
      const log = [...this.logs.values()].find(({ partition }) => partition === one)!;
      if (this.random() < 0.3) {
        const again = new Target(log);
        // Where its mirror ends.
        again.next = Math.floor(this.random() * log.end);
        this.begin(again);
      }
      return;
    }
    const dice = this.random();
    if (dice < 0.05) this.moveLeader(target);
    else if (dice < 0.08) this.stop(target);
    else if (dice < 0.1) this.makeAnew(target);
    else if (dice < 0.104) this.pick(this.brokers).breakAll();
    else if (dice < 0.108) this.pick(this.brokers).forgetSessions();
  }
}

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  const closing = Promise.all(world.readers.map((readers) => readers.close()));
  await vi.advanceTimersByTimeAsync(1_000);
  await closing;
  vi.useRealTimers();
});

const seeds = (process.env.LOCKSTEP_SEEDS ?? '1,2,3').split(',').map(Number);
it.each(seeds)(
  'reads each record once and in order, whatever happens while partitions move, seed %i',
  async (seed) => {
    world = new World(seed);
    const steps = 2_500;
    let busy: number[] = [];
    for (let step = 0; step < steps; step++) {
      // Others are busy every 20 s, and those before fall quiet.
      if (step % 400 === 0)
        busy = Array.from({ length: 15 }, () => Math.floor(world.random() * partitionCount));
      world.step(busy);
      await vi.advanceTimersByTimeAsync(50);
      if (world.failures.length > 0) break;
    }
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.failures[0]).toBeUndefined();
    const behind = [...world.targets.values()].filter(({ next, log }) => next !== log.end);
    expect(behind.map(({ key, next, log }) => `${key} ends at ${next}, not ${log.end}`)).toEqual([]);
    const changes = world.brokers.reduce((sum, broker) => sum + broker.changes, 0);
    expect(changes).toBeGreaterThan(100);
    await vi.advanceTimersByTimeAsync(quietMs + 5_000);
    expect(world.brokers.map(({ openCount }) => openCount)).toEqual([1, 1]);
  },
);

/** These get a record every 200 ms. */
async function keepBusy(logs: readonly Log[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const log of logs) log.end += 1;
    await vi.advanceTimersByTimeAsync(200);
  }
}

it('moves partitions again that began anew while they were to move', async () => {
  world = new World(1);
  const logs = [...world.targets.values()].map(({ log }) => log).filter(({ leader }) => leader === 0);
  const [busy, quiet] = [logs.slice(0, 10), logs.slice(10)];
  const connectionsOf = (some: readonly Log[]) =>
    new Set(some.map(({ partition }) => world.targets.get(partition)!.reading.connection));
  await vi.advanceTimersByTimeAsync(2_410);
  await keepBusy(busy, 10);
  const apart = connectionsOf(busy);
  expect(apart.size).toBe(1);
  // The look that finds them quiet; they wait for the answer under way.
  await vi.advanceTimersByTimeAsync(quietMs + 5_000 - 4_410);
  expect(connectionsOf(busy)).toEqual(apart);
  for (const { partition } of busy) {
    const target = world.targets.get(partition)!;
    world.stop(target);
    const again = new Target(target.log);
    again.next = target.next;
    world.begin(again);
  }
  await vi.advanceTimersByTimeAsync(2_000);
  expect(connectionsOf(busy)).toEqual(connectionsOf(quiet));
  await keepBusy(busy, 10);
  expect(connectionsOf(busy).size).toBe(1);
  expect(connectionsOf(busy)).not.toEqual(connectionsOf(quiet));
});

it('reads those that are active apart, and brings them back when they are quiet', async () => {
  world = new World(1);
  await vi.advanceTimersByTimeAsync(3_000);
  const [one] = [...world.targets.values()].filter(({ log }) => log.leader === 0);
  const before = one!.reading.connection;
  await keepBusy([one!.log], 10);
  const apart = one!.reading.connection;
  expect(apart).not.toBe(before);
  expect(world.brokers[0]!.openCount).toBe(2);
  await vi.advanceTimersByTimeAsync(quietMs + 3_000);
  expect(one!.reading.connection).not.toBe(apart);
  expect(apart!.isOpen).toBe(false);
  expect(one!.next).toBe(one!.log.end);
  expect(one!.troubles).toBe(0);
});

it('brings those that fall behind back, where lanes share out who catches up: far away', async () => {
  world = new World(1, 80);
  await vi.advanceTimersByTimeAsync(3_000);
  const [one] = [...world.targets.values()].filter(({ log }) => log.leader === 0);
  const before = one!.reading.connection;
  await keepBusy([one!.log], 10);
  expect(one!.reading.connection).not.toBe(before);
  one!.log.end += 300;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(one!.isLive).toBe(false);
  expect(one!.reading.connection).toBe(before);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(one!.next).toBe(one!.log.end);
});

it.each(['quiet', 'active'])(
  'goes on where a broker allows one connection no more, once that of those which are %s broke',
  async (which) => {
    world = new World(1);
    await vi.advanceTimersByTimeAsync(3_000);
    const [broker] = world.brokers;
    const [one, other] = [...world.targets.values()].filter(({ log }) => log.leader === 0);
    await keepBusy([one!.log], 10);
    expect(broker!.openCount).toBe(2);
    broker!.openMax = 1;
    const lost = (which === 'active' ? one! : other!).reading.connection as unknown as Connection;
    lost.close();
    await keepBusy([one!.log, other!.log], 50);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(world.failures).toEqual([]);
    for (const { next, log } of [one!, other!]) expect(next).toBe(log.end);
    broker!.openMax = 2;
    await vi.advanceTimersByTimeAsync(60_000);
    await keepBusy([one!.log], 10);
    expect(one!.reading.connection).not.toBe(other!.reading.connection);
  },
);

/** Eight partitions of the first broker that catch up for a long while, shared out among its lanes. */
async function catchingUp(): Promise<Target[]> {
  const targets = [...world.targets.values()].filter(({ log }) => log.leader === 0).slice(0, 8);
  for (const { log } of targets) log.end += 12_000;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(new Set(targets.map(({ reading }) => reading.connection)).size).toBe(3);
  return targets;
}

// Answers take a millisecond, so that there is a backlog for a while.
it.each([0, 2])(
  'shares out what a lane had whose connection a broker allows no more, and tries it again after a minute: %i of 3',
  async (number) => {
    world = new World(1, 1.9, 3);
    const [broker] = world.brokers;
    const targets = await catchingUp();
    const connections = [...new Set(targets.map(({ reading }) => reading.connection))];
    broker!.openMax = 2;
    (connections[number] as unknown as Connection).close();
    await vi.advanceTimersByTimeAsync(1_000);
    const before = targets.map(({ next }) => next);
    await vi.advanceTimersByTimeAsync(500);
    for (const [index, { next }] of targets.entries()) expect(next).toBeGreaterThan(before[index]!);
    const quiet = [...world.targets.values()].filter((target) => !targets.includes(target));
    for (const { log } of quiet) log.end += 1;
    await vi.advanceTimersByTimeAsync(2_000);
    for (const { next, log } of quiet) expect(next).toBe(log.end);
    expect(broker!.openCount).toBe(2);
    broker!.openMax = 3;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(broker!.openCount).toBe(3);
    expect(world.failures).toEqual([]);
  },
);

it('gives no lane up while none can be opened: the source is away', async () => {
  world = new World(1, 1.9, 3);
  const [broker] = world.brokers;
  const targets = await catchingUp();
  broker!.openMax = 0;
  broker!.breakAll();
  await vi.advanceTimersByTimeAsync(5_000);
  broker!.openMax = Number.POSITIVE_INFINITY;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(broker!.openCount).toBe(3);
  expect(new Set(targets.map(({ reading }) => reading.connection)).size).toBe(3);
  expect(world.failures).toEqual([]);
});
