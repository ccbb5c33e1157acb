// An application that tries to write one record into each partition until every one was accepted, as its own user: what
// people wait for when they move.
import { setTimeout as sleep } from 'node:timers/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { LockstepError } from '../../src/errors.ts';
import type { Region } from '../../src/regions/index.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { application, type PairShape } from './pair.ts';

/** Between two tries of a topic, ms: the figures are exact to this. */
const pollMs = 20;

export class Probe {
  readonly #producer: Producer;
  readonly #shape: PairShape;
  readonly #stopping = new AbortController();
  readonly #refused = new Set<string>();
  #topicCount = 0;

  constructor(region: Region, shape: PairShape) {
    this.#shape = shape;
    this.#producer = new Producer({
      ...{ clientId: 'bench-probe', bootstrapBrokers: region.bootstrapOf('SASL_PLAINTEXT'), retries: false },
      sasl: { mechanism: 'PLAIN', ...application },
    });
  }

  /** When the last of the partitions has accepted its record, ms since the epoch. */
  async accepted(topics: readonly string[], timeoutMs: number): Promise<number> {
    this.#topicCount = topics.length;
    const timer = setTimeout(() => this.#stopping.abort(), timeoutMs);
    try {
      return Math.max(...(await Promise.all(topics.map((topic) => this.#until(topic)))));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when each topic was tried once, and refused: whoever is late would measure its own start. */
  async begun(): Promise<void> {
    await waitFor(() => this.#refused.size > 0 && this.#refused.size === this.#topicCount, {
      ...{ deadlineMs: 60_000, describe: () => `the probe to be refused: ${[...this.#refused].join()}` },
    });
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#producer.close(true);
  }

  async #until(topic: string): Promise<number> {
    const value = Buffer.from('probe');
    const messages = Array.from({ length: this.#shape.partitionsPerTopic }, (_, partition) => ({
      ...{ topic, partition, value },
    }));
    let refusal: unknown = null;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#producer.send({ acks: ProduceAcks.ALL, messages });
        return Date.now();
      } catch (error) {
        refusal = error;
        this.#refused.add(topic);
        await sleep(pollMs);
      }
    }
    throw new LockstepError(
      'REQUEST_TIMED_OUT',
      `no record was accepted in ${topic}: ${(refusal as Error).message}`,
    );
  }
}
