// Fetches of many partitions, gathered: a broker answers one request of a connection after the other, so that a thousand
// partitions of a few records each would take a thousand round trips. What is asked of one broker while a request is
// under way goes into the next one.
//
// An answer has room for some of the partitions, and a batch larger than the limit comes only for the first one that has
// records (KIP-74). So "empty" proves nothing beside others: such a partition has to be asked for again, alone.

import type { Connection } from '../client/index.ts';
import { apis } from '../protocol/index.ts';

export interface AskedFetch {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: bigint;
}

type FetchedPartition = Awaited<
  ReturnType<typeof sendFetch>
>['body']['responses'][number]['partitions'][number];

export interface FetchAnswer {
  /** Of the request as a whole. */
  readonly errorCode: number;
  /** Undefined: the broker left the partition out. */
  readonly partition: FetchedPartition | undefined;
  /** It has nothing of this partition, and had others to answer. */
  readonly isCrowdedOut: boolean;
  /** Gives the answer's memory back, when every partition of it has done so. */
  release(): void;
}

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
}

interface Question {
  readonly asked: AskedFetch;
  readonly limits: FetchLimits;
}

interface Waiting extends Question {
  resolve(answer: FetchAnswer): void;
  reject(error: unknown): void;
}

/** Bytes in one answer about several partitions. */
const answerBytesMax = 4 * 1024 * 1024;

export class GatheredFetches {
  readonly #connectionTo: (brokerId: number) => Promise<Connection>;
  readonly #waiting = new Map<number, Waiting[]>();

  constructor(connectionTo: (brokerId: number) => Promise<Connection>) {
    this.#connectionTo = connectionTo;
  }

  ask(brokerId: number, asked: AskedFetch, limits: FetchLimits): Promise<FetchAnswer> {
    return new Promise((resolve, reject) => {
      const waiting = { asked, limits, resolve, reject };
      const line = this.#waiting.get(brokerId);
      if (line !== undefined) line.push(waiting);
      else {
        this.#waiting.set(brokerId, [waiting]);
        void this.#run(brokerId);
      }
    });
  }

  /** With a request of its own, at once: for long logs, where answers are full anyway. */
  async askAlone(brokerId: number, asked: AskedFetch, limits: FetchLimits): Promise<FetchAnswer> {
    const [answer] = await this.#fetch(brokerId, [{ asked, limits }]);
    return answer!;
  }

  /** One request after the other, until nobody waits. */
  async #run(brokerId: number): Promise<void> {
    while (this.#waiting.get(brokerId)!.length > 0) {
      // All that is asked in the same turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const { taken, rest } = eachOnce(this.#waiting.get(brokerId)!);
      this.#waiting.set(brokerId, rest);
      try {
        const answers = await this.#fetch(brokerId, taken);
        for (const [index, { resolve }] of taken.entries()) resolve(answers[index]!);
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.#waiting.delete(brokerId);
  }

  async #fetch(brokerId: number, all: readonly Question[]): Promise<FetchAnswer[]> {
    const { body, frame } = await sendFetch(await this.#connectionTo(brokerId), all);
    let heldCount = all.length;
    return all.map(({ asked: { topic, topicId, partition: wanted } }) => {
      let isHeld = true;
      const partition = body.responses
        .find((found) => (found.topic === '' ? found.topicId === topicId : found.topic === topic))
        ?.partitions.find(({ partitionIndex }) => partitionIndex === wanted);
      const isEmpty = partition?.errorCode === 0 && (partition.records?.length ?? 0) === 0;
      return {
        errorCode: body.errorCode,
        partition,
        isCrowdedOut: isEmpty && all.length > 1,
        release: () => {
          if (!isHeld) return;
          isHeld = false;
          heldCount -= 1;
          if (heldCount === 0) frame.release();
        },
      };
    });
  }
}

/** A broker refuses requests that name a partition twice. */
function eachOnce(waiting: readonly Waiting[]): { taken: Waiting[]; rest: Waiting[] } {
  const taken = new Map<string, Waiting>();
  const rest: Waiting[] = [];
  for (const one of waiting) {
    const name = `${one.asked.partition} ${one.asked.topic}`;
    if (taken.has(name)) rest.push(one);
    else taken.set(name, one);
  }
  return { taken: [...taken.values()], rest };
}

/** The limits of one log are those of all. */
function sendFetch(connection: Connection, all: readonly Question[]) {
  const { maxWaitMs, maxBytes, isolationLevel } = all[0]!.limits;
  const byTopic = Map.groupBy(all, ({ asked }) => asked.topic);
  return connection.sendForFrame(apis.Fetch, {
    ...{ maxWaitMs, isolationLevel, minBytes: 1, sessionId: 0, sessionEpoch: -1 },
    maxBytes: Math.max(maxBytes, Math.min(maxBytes * all.length, answerBytesMax)),
    topics: [...byTopic].map(([topic, some]) => ({
      topic,
      topicId: some[0]!.asked.topicId,
      partitions: some.map(({ asked: { partition, leaderEpoch, offset } }) => ({
        ...{ partition, currentLeaderEpoch: leaderEpoch, fetchOffset: offset, partitionMaxBytes: maxBytes },
      })),
    })),
  });
}
