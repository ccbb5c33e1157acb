// A consumer group of an independent client (@platformatic/kafka) that works in one region, stops, and goes on in the
// other: what it read is counted offset by offset, so that a gap or a repetition shows.
import { Consumer, type MessagesStream, MessagesStreamModes } from '@platformatic/kafka';
import type { Region } from '../../src/regions/index.ts';
import { until } from './until.ts';

export const group = 'billing';
const topic = 'orders';
const partitionCount = 6;

/** A promotion closes a mirror with two markers for each partition, which no consumer sees. */
const closingOffsets = 2n;

/** Whether no record stands between a position and an offset that was read. */
export const follows = (position: bigint, offset: bigint): boolean =>
  offset === position || offset === position + closingOffsets;

/** One life of the group's only member, in one region. */
export class GroupMember {
  readonly #consumer: Consumer;
  readonly #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>;
  /** By partition: the first offset that was read, and the one behind the last. */
  readonly #first = new Map<number, bigint>();
  readonly #next = new Map<number, bigint>();
  /** Records that it did not see, or saw twice: offsets that did not follow the one before. */
  readonly jumps: string[] = [];

  private constructor(consumer: Consumer, stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>) {
    this.#consumer = consumer;
    this.#stream = stream;
    stream.on('data', ({ partition, offset }) => {
      const expected = this.#next.get(partition);
      if (expected === undefined) this.#first.set(partition, offset);
      else if (!follows(expected, offset))
        this.jumps.push(`${topic}-${partition}: ${offset} after ${expected - 1n}`);
      this.#next.set(partition, offset + 1n);
    });
  }

  static async start(region: Region): Promise<GroupMember> {
    const consumer = new Consumer({
      ...{ groupId: group, clientId: 'billing', bootstrapBrokers: [...region.bootstrap] },
      ...{ autocommit: false, sessionTimeout: 10_000, heartbeatInterval: 500 },
    });
    const stream = await consumer.consume({
      ...{ topics: [topic], mode: MessagesStreamModes.COMMITTED, fallbackMode: 'earliest', maxWaitTime: 200 },
    });
    return new GroupMember(consumer, stream);
  }

  get first(): ReadonlyMap<number, bigint> {
    return this.#first;
  }
  get next(): ReadonlyMap<number, bigint> {
    return this.#next;
  }

  /** Returns when it has read something of every partition. */
  async readsEverything(signal?: AbortSignal): Promise<void> {
    await until(
      'the group to read every partition',
      () => (this.#next.size === partitionCount ? true : null),
      signal,
    );
  }

  /** Commits what it has read, leaves, and answers with its positions. */
  async stop(): Promise<ReadonlyMap<number, bigint>> {
    this.#stream.pause();
    const positions = new Map(this.#next);
    const offsets = Array.from(positions, ([partition, offset]) => ({
      topic,
      partition,
      offset,
      leaderEpoch: -1,
    }));
    await this.#consumer.commit({ offsets });
    await this.#stream.close();
    await this.#consumer.close(true);
    return positions;
  }
}
