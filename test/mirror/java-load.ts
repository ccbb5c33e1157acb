// Kafka's Java producers, writing until they are told to stop: plain records to one topic, transactions that commit and
// abort in turns, with plain records in between, to another. So faults hit a mirror that is busy with both.
import { setTimeout as pause } from 'node:timers/promises';
import type { JavaRecordToWrite, JavaWorkload } from '../support/java-workload.ts';

export interface JavaLoadOptions {
  readonly workload: JavaWorkload;
  readonly plain: string;
  readonly transactional: string;
  readonly partitions: number;
  /** How old the records say they are, ms. */
  readonly ageMs?: number;
}

const recordsPerRound = 60;
/** A load that never rests, and leaves two cores to the brokers. */
const roundPauseMs = 150;

export class JavaLoad implements AsyncDisposable {
  readonly #options: JavaLoadOptions;
  readonly #done: Promise<void>;
  #isRunning = true;
  /** Acknowledged or committed. */
  records = 0;
  aborted = 0;

  constructor(options: JavaLoadOptions) {
    this.#options = options;
    this.#done = this.#run();
    this.#done.catch(() => {}); // thrown again by stop()
  }

  /** Ends after the round that is under way. Throws what a producer threw. */
  stop(): Promise<void> {
    this.#isRunning = false;
    return this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    const { workload, plain, transactional } = this.#options;
    for (let round = 0; this.#isRunning; round++) {
      const end = round % 3 === 2 ? 'abort' : 'commit';
      await Promise.all([
        workload.produce({
          producer: `${plain} idempotent`,
          records: this.#to(plain, round),
          flushEvery: 20,
        }),
        workload.produce({ producer: `${plain} between`, records: this.#to(transactional, round) }),
        workload.transaction({
          producer: `${transactional} ${round % 2}`,
          records: this.#to(transactional, round),
          end,
          flushEvery: 20,
        }),
      ]);
      this.records += 2 * recordsPerRound + (end === 'commit' ? recordsPerRound : 0);
      this.aborted += end === 'abort' ? recordsPerRound : 0;
      await pause(roundPauseMs);
    }
  }

  #to(topic: string, round: number): JavaRecordToWrite[] {
    const { partitions, ageMs = 0 } = this.#options;
    const timestamp = Date.now() - ageMs;
    return Array.from({ length: recordsPerRound }, (_, index) => ({
      topic,
      partition: index % partitions,
      key: `key ${index % 7}`,
      value: `round ${round}, record ${index}, ${'x'.repeat((round * 37) % 400)}`,
      timestamp,
    }));
  }
}
