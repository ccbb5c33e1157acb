// Something for each partition. Thousands are looked up every second; no key has to be made for that.
import type { WorkItem } from '../fleet/index.ts';

export class PartitionTable<T> {
  /** By link, topic and partition. */
  readonly #links = new Map<string, Map<string, Map<number, T>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(link: string, topic: string, partition: number): T | undefined {
    return this.#links.get(link)?.get(topic)?.get(partition);
  }

  set({ link, topic, partition }: WorkItem, value: T): void {
    const topics = this.#links.get(link) ?? new Map<string, Map<number, T>>();
    const values = topics.get(topic) ?? new Map<number, T>();
    if (!values.has(partition)) this.#size += 1;
    this.#links.set(link, topics.set(topic, values.set(partition, value)));
  }

  /** What is deleted meanwhile is not given. */
  *entries(): Generator<[WorkItem, T]> {
    for (const [link, topics] of this.#links)
      for (const [topic, values] of topics)
        for (const [partition, value] of values) yield [{ link, topic, partition }, value];
  }

  delete({ link, topic, partition }: WorkItem): void {
    const topics = this.#links.get(link);
    const values = topics?.get(topic);
    if (topics === undefined || values?.delete(partition) !== true) return;
    this.#size -= 1;
    if (values.size === 0) topics.delete(topic);
    if (topics.size === 0) this.#links.delete(link);
  }
}
