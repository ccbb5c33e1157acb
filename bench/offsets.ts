// Reads end offsets and makes topics with an independent client, so that the clock of the benchmark is not
// run by the code that is measured.
import { Admin, ListOffsetTimestamps } from '@platformatic/kafka';

export class Offsets {
  #admin: Admin;

  constructor(bootstrap: readonly string[]) {
    this.#admin = new Admin({
      clientId: 'lockstep-bench',
      bootstrapBrokers: [...bootstrap],
      metadataMaxAge: 1000,
    });
  }

  async createTopic(topic: string, partitions: number, replicas = 1): Promise<void> {
    await this.#admin.createTopics({ topics: [topic], partitions, replicas });
  }

  /** Deletes the topics that are there. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const there = new Set(await this.#admin.listTopics({ includeInternals: true }));
    const topics = names.filter((name) => there.has(name));
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
  }

  /** The end offset of each partition, or null while the topic is not there. */
  async ends(topic: string, partitions: number): Promise<Map<number, bigint> | null> {
    const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: ListOffsetTimestamps.LATEST,
    }));
    try {
      const listed = await this.#admin.listOffsets({ topics: [{ name: topic, partitions: wanted }] });
      const found = listed.find((each) => each.name === topic)?.partitions ?? [];
      return new Map(found.map(({ partitionIndex, offset }) => [partitionIndex, offset]));
    } catch {
      return null; // not created yet, or created a moment ago and without leaders
    }
  }

  close(): Promise<void> {
    return this.#admin.close();
  }
}

export function sumOf(ends: ReadonlyMap<number, bigint> | null): number {
  let sum = 0n;
  for (const end of ends?.values() ?? []) sum += end;
  return Number(sum);
}
