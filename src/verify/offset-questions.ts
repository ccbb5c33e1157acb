// Asks brokers for offsets. A verification of thousands of partitions asks for each of them again and again; what is
// asked of one broker in the same turn of the event loop goes into one request.

import type { Connection } from '../client/index.ts';
import { apis } from '../protocol/index.ts';

/** Questions with the same subject can share a request. */
export interface OffsetSubject {
  leaderId: number;
  timestamp: bigint;
  isolationLevel: number;
}

export interface AskedPartition {
  topic: string;
  partition: number;
  leaderEpoch: number;
}

export interface OffsetAnswer {
  errorCode: number;
  offset: bigint;
}

/** Brokers answer thousands at once, but a request should not hold up others for long. */
const partitionsPerRequestMax = 1000;

interface Gathered {
  partitions: Map<string, AskedPartition>;
  answers: Promise<Map<string, OffsetAnswer>>;
}

export class OffsetQuestions {
  readonly #connectionTo: (brokerId: number) => Promise<Connection>;
  readonly #gathering = new Map<string, Gathered>();

  constructor(connectionTo: (brokerId: number) => Promise<Connection>) {
    this.#connectionTo = connectionTo;
  }

  /** The broker's answer about one partition; undefined when it left it out. */
  async ask(subject: OffsetSubject, asked: AskedPartition): Promise<OffsetAnswer | undefined> {
    const name = `${subject.leaderId} ${subject.timestamp} ${subject.isolationLevel}`;
    let gathered = this.#gathering.get(name);
    if (gathered === undefined || gathered.partitions.size >= partitionsPerRequestMax) {
      gathered = this.#gather(name, subject);
      this.#gathering.set(name, gathered);
    }
    // A broker refuses requests that name a partition twice; both askers get the one answer.
    gathered.partitions.set(nameOf(asked), asked);
    return (await gathered.answers).get(nameOf(asked));
  }

  #gather(name: string, subject: OffsetSubject): Gathered {
    const partitions = new Map<string, AskedPartition>();
    const answers = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      if (this.#gathering.get(name)?.partitions === partitions) this.#gathering.delete(name);
      return this.#send(subject, [...partitions.values()]);
    });
    return { partitions, answers };
  }

  async #send(
    { leaderId, timestamp, isolationLevel }: OffsetSubject,
    asked: readonly AskedPartition[],
  ): Promise<Map<string, OffsetAnswer>> {
    const connection = await this.#connectionTo(leaderId);
    const byTopic = Map.groupBy(asked, ({ topic }) => topic);
    const { topics } = await connection.send(apis.ListOffsets, {
      replicaId: -1,
      isolationLevel,
      topics: [...byTopic].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ partition, leaderEpoch }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: leaderEpoch,
          timestamp,
        })),
      })),
    });
    return new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode, offset }): [string, OffsetAnswer] => [
          nameOf({ topic: name, partition: partitionIndex }),
          { errorCode, offset },
        ]),
      ),
    );
  }
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition} ${topic}`;
}
