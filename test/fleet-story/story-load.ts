// Kafka's Java producers, writing to many topics as the source's application until they are told to stop: plain records to
// all, and to some of them transactions, every third of which aborts.
import { setTimeout as pause } from 'node:timers/promises';
import type { JavaRecordToWrite, JavaWorkload, WrittenTo } from '../support/java-workload.ts';

export interface LoadedTopic {
  readonly name: string;
  partitions: number;
  readonly isTransactional?: boolean;
}

const recordsPerPartition = 5;
const roundPauseMs = 150;
/** Each transaction leaves a hole, which costs the mirror several round trips; a busy machine has to have some to spare. */
const roundsPerTransaction = 3;

export class StoryLoad implements AsyncDisposable {
  readonly #workload: JavaWorkload;
  readonly #topics: Set<LoadedTopic>;
  #running: Promise<void> | null = null;
  #isWanted = false;
  #round = 0;
  /** Acknowledged or committed. */
  recordCount = 0;
  /** Values that were acknowledged, by place: `topic/partition/offset`. */
  readonly written = new Map<string, string>();

  constructor(workload: JavaWorkload, topics: readonly LoadedTopic[]) {
    this.#workload = workload;
    this.#topics = new Set(topics);
  }

  start(): void {
    this.#isWanted = true;
    this.#running = this.#run();
    this.#running.catch(() => {}); // thrown again by stop()
  }

  add(topic: LoadedTopic): void {
    this.#topics.add(topic);
  }

  /** Nothing more is written to it, once this resolves. */
  async remove(topic: LoadedTopic): Promise<void> {
    this.#topics.delete(topic);
    await this.roundEnds();
  }

  /** Resolves when the round that is under way, and the one after it, are acknowledged. */
  async roundEnds(): Promise<void> {
    const from = this.#round;
    while (this.#isWanted && this.#round < from + 2) await Promise.race([this.#running, pause(20)]);
  }

  /** Ends after the round that is under way. Throws what a producer threw. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    await this.#running;
  }

  /** The region is about to be lost: whatever becomes of what is under way. */
  abandon(): void {
    this.#isWanted = false;
    this.#running = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    for (; this.#isWanted; this.#round++) {
      const topics = [...this.#topics];
      const records = topics.flatMap((topic) => this.#to(topic, 'plain'));
      await Promise.all([
        this.#workload.produce({ producer: 'plain', records }).then((places) => this.#keep(places, records)),
        this.#round % roundsPerTransaction === 0 && this.#transaction(topics),
      ]);
      await pause(roundPauseMs);
    }
  }

  /** Of two producers in turns; every third aborts. */
  #transaction(topics: readonly LoadedTopic[]): Promise<unknown> {
    const count = this.#round / roundsPerTransaction;
    const end = count % 3 === 2 ? 'abort' : 'commit';
    const records = topics
      .filter(({ isTransactional }) => isTransactional)
      .flatMap((topic) => this.#to(topic, end));
    return this.#workload.transaction({
      ...{ producer: `story-transactions-${count % 2}`, records, end, isQuick: true },
    });
  }

  #keep(places: readonly WrittenTo[], records: readonly JavaRecordToWrite[]): void {
    this.recordCount += places.length;
    for (const [index, place] of places.entries())
      this.written.set(place.join('/'), String(records[index]!.value));
  }

  #to({ name, partitions }: LoadedTopic, kind: string): JavaRecordToWrite[] {
    return Array.from({ length: partitions * recordsPerPartition }, (_, index) => ({
      topic: name,
      partition: index % partitions,
      key: `key ${index % 7}`,
      value: `${kind} ${name}, round ${this.#round}, record ${index} ${'x'.repeat((this.#round * 37) % 200)}`,
    }));
  }
}
