// Two brokers that are played by hand, hundreds of partitions that they lead, and the readers of one agent: what tests of
// lanes share. Broken promises of readers throw where they are met, and stand in `failures`:
//
//   1. no partition is part of two fetches at once, and none is asked for by whoever it was taken from
//   2. each record reaches its partition once, in order: each answer is for the position at which the partition stands
//
// Time is the test's: it fakes timers, and those of node:timers/promises.
import type { Connection } from '../../src/client/index.ts';
import { LockstepError } from '../../src/errors.ts';
import { BrokerReaders } from '../../src/mirror/shell/broker-readers.ts';
import type { FetchConnections } from '../../src/mirror/shell/fetch-lanes.ts';
import { type FetchPosition, fetchKey } from '../../src/mirror/shell/fetch-session.ts';
import type { FetchTarget } from '../../src/mirror/shell/fetch-target.ts';
import type { LeasedBatch } from '../../src/mirror/shell/leased-batch.ts';
import { MemoryBudget } from '../../src/mirror/shell/memory-budget.ts';
import { ReadLimit } from '../../src/mirror/shell/read-limit.ts';
import type { FetchRequest, Input } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';

export const partitionCount = 320;
const longPollMs = 500;
/** How long it takes to open a connection, ms: at once, or up to this. */
const openMsMax = 300;
const noSession = { errorCode: 70, sessionId: 0, responses: [] };

const firstEpoch = 1;

/** A log: how many records, which broker leads it. */
export interface Log {
  readonly partition: number;
  topicId: string;
  end: number;
  leader: number;
  epoch: number;
}
const keyOf = ({ topicId, partition }: Pick<Log, 'topicId' | 'partition'>): string =>
  `${topicId}/${partition}`;

/** What a fetch answers with at most, of each partition. */
const recordsMaxDefault = 3;
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

export class Target implements FetchTarget {
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
  get hasMoved(): boolean {
    return this.log.epoch > firstEpoch;
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
    if (this.hasMoved && asked.offset !== BigInt(this.next)) {
      // It was at another broker and back while the answer was on its way: partitions drop that.
      for (const batch of leased) batch.release();
      return;
    }
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
  readonly followed: Map<string, number>;
}

interface OpenConnection {
  isOpen: boolean;
  /** Part of a fetch that is under way here. */
  readonly asked: Set<Target['reading']>;
  /** Nothing is read of it before. */
  mutedUntilMs: number;
  close(): void;
}

/** Waits for records as brokers do, one request of a connection after the other. */
export class Broker {
  readonly id: number;
  readonly #world: World;
  readonly sessions = new Map<number, Session>();
  readonly #underWay = new Set<Target['reading']>();
  readonly #connections = new Set<OpenConnection>();
  #nextSession = 1;
  /** How often a partition was asked for over another connection than the time before, which is still there. */
  changes = 0;

  constructor(id: number, world: World) {
    this.id = id;
    this.#world = world;
  }

  /** It refuses more connections than that. */
  openMax = Number.POSITIVE_INFINITY;
  refusedCount = 0;
  /** A quota: of answers with records two of three are held back, and the connection for so long, ms. */
  throttleMs = 0;
  heldBackCount = 0;

  open = async (): Promise<Connection> => {
    if (this.openCount >= this.openMax) {
      this.refusedCount += 1;
      throw new LockstepError('CLUSTER_UNREACHABLE', 'refused', { retriable: true });
    }
    const openMs = Math.floor(this.#world.random() * openMsMax);
    if (openMs > openMsMax / 4) await new Promise((resolve) => setTimeout(resolve, openMs));
    const closed = Promise.withResolvers<void>();
    const broken = new Set<(error: LockstepError) => void>();
    const connection = {
      isOpen: true,
      asked: new Set<Target['reading']>(),
      mutedUntilMs: 0,
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

  breakOne(): void {
    const open = [...this.#connections].filter(({ isOpen }) => isOpen);
    if (open.length > 0) this.#world.pick(open).close();
  }

  forgetSessions(): void {
    this.sessions.clear();
  }

  async #answer(connection: OpenConnection, request: Input<FetchRequest>) {
    const frame = { bytes: Buffer.alloc(10), release: () => {} };
    const isNew = request.sessionEpoch === 0;
    const id = isNew ? this.#nextSession++ : (request.sessionId ?? 0);
    if (isNew) this.sessions.set(id, { followed: new Map() });
    const session = this.sessions.get(id);
    if (session === undefined) return { body: noSession, frame };
    for (const { topicId, partitions = [] } of request.forgottenTopicsData ?? [])
      for (const partition of partitions) session.followed.delete(`${topicId}/${partition}`);
    for (const { topicId, partitions = [] } of request.topics ?? [])
      for (const { partition = -1, fetchOffset = -1n } of partitions)
        session.followed.set(`${topicId}/${partition}`, Number(fetchOffset));
    const asked = this.#begin(connection, session, isNew);
    for (const reading of asked) connection.asked.add(reading);
    const mutedMs = connection.mutedUntilMs - performance.now();
    if (mutedMs > 0) await new Promise((resolve) => setTimeout(resolve, mutedMs));
    const untilMs = performance.now() + (request.maxWaitMs ?? 0);
    let body = noSession as object;
    if (this.#world.roundTripMs > 1)
      await new Promise((resolve) => setTimeout(resolve, this.#world.roundTripMs));
    while (connection.isOpen) {
      const responses = this.#read(session);
      if (responses.length > 0 && this.throttleMs > 0 && this.#world.random() < 2 / 3) {
        body = this.#heldBack(connection, { id, isNew });
        break;
      }
      if (responses.length > 0 || performance.now() >= untilMs) {
        body = { errorCode: 0, sessionId: id, responses };
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (!connection.isOpen) return { body, frame };
    for (const reading of asked) {
      this.#underWay.delete(reading);
      connection.asked.delete(reading);
    }
    return { body, frame };
  }

  /** As brokers do (FetchSession.getThrottledResponse): a session that begins does not come about. */
  #heldBack(connection: OpenConnection, { id, isNew }: { id: number; isNew: boolean }): object {
    this.heldBackCount += 1;
    connection.mutedUntilMs = performance.now() + this.throttleMs;
    if (isNew) this.sessions.delete(id);
    return {
      ...{ errorCode: 0, sessionId: isNew ? 0 : id, responses: [] },
      throttleTimeMs: this.throttleMs,
    };
  }

  /** @returns the reading of each partition that is asked for: one that stopped and began again may be asked for anew. */
  #begin(connection: OpenConnection, { followed }: Session, isNew: boolean): Target['reading'][] {
    const asked: Target['reading'][] = [];
    for (const key of followed.keys()) {
      const target = this.#world.readBy(this.id, key);
      // What the first request asks for was decided before the connection was opened.
      if (target === undefined && isNew) continue;
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
      const count = Math.min(this.#world.recordsMax, log.end - offset);
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

export class World {
  readonly logs = new Map<string, Log>();
  readonly brokers: readonly Broker[] = [new Broker(0, this), new Broker(1, this)];
  readonly readers: readonly BrokerReaders[];
  readonly targets = new Map<number, Target>();
  readonly failures: unknown[] = [];
  readonly roundTripMs: number;
  readonly random: () => number;
  recordsMax = recordsMaxDefault;

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
      const log = { partition, topicId: 'a', end: 0, leader: partition % 8 === 0 ? 1 : 0, epoch: firstEpoch };
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

  async close(): Promise<void> {
    await Promise.all(this.readers.map((readers) => readers.close()));
  }

  /** Of those that are read, whose log has more than they were brought. */
  behind(): string[] {
    return [...this.targets.values()]
      .filter(({ next, log }) => next !== log.end)
      .map(({ key, next, log }) => `${key} ends at ${next}, not ${log.end}`);
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
