// A consumer group of an independent client (@platformatic/kafka) that works in one region, stops, and goes on in the
// other: what it read is counted offset by offset, so that a gap or a repetition shows.
import { Consumer, type MessagesStream, MessagesStreamModes } from '@platformatic/kafka';
import { Cluster, fetchGroupOffsets, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { until } from './until.ts';

export const group = 'billing';
const topic = 'orders';
const partitionCount = 6;

/** One life of the group's only member, in one region. */
export class GroupMember {
  readonly #consumer: Consumer;
  readonly #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>;
  /** By partition: the first offset that was read, and the one behind the last. */
  readonly #first = new Map<number, bigint>();
  readonly #next = new Map<number, bigint>();
  /** Offsets that did not follow the one before. */
  readonly jumps: string[] = [];

  private constructor(consumer: Consumer, stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>) {
    this.#consumer = consumer;
    this.#stream = stream;
    stream.on('data', ({ partition, offset }) => {
      const expected = this.#next.get(partition);
      if (expected === undefined) this.#first.set(partition, offset);
      else if (offset !== expected)
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

/** Returns when a region has these positions of the group. */
export async function positionsArrived(
  region: Region,
  positions: ReadonlyMap<number, bigint>,
  signal?: AbortSignal,
): Promise<void> {
  const bootstrap = region.brokers.map(({ host, port }) => ({ host, port }));
  const cluster = await Cluster.connect({ name: region.name, bootstrap });
  try {
    await until(
      'the positions of the group to arrive',
      async () => {
        const committed = new Map(
          (await fetchGroupOffsets(cluster, group)).map(({ partition, outcome }) => [
            partition,
            unwrap(outcome).offset,
          ]),
        );
        return [...positions].every(([partition, offset]) => committed.get(partition) === offset)
          ? true
          : null;
      },
      signal,
    );
  } finally {
    cluster.close();
  }
}
