// Shows that the destination's leader had really forgotten who writes a mirror, so that nothing guarded it.
//
// Producer ids are forgotten a moment after each append of old records, and known again with the next one. So the
// leader is asked again and again (DescribeProducers), and the mirror's end says whether copying went on behind it.
import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, describeProducers, listOffsets, unwrap } from '../../src/client/index.ts';
import { isLockstepProducerId } from '../../src/mirror/index.ts';

/** Broker settings under which a producer id is forgotten a second after its newest batch says it wrote. */
export const forgetful = {
  'producer.id.expiration.ms': '1000',
  'producer.id.expiration.check.interval.ms': '1000',
} as const;

const lookPauseMs = 30;

export class GuardWatch implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #places: readonly { topic: string; partition: number }[];
  /** The lowest end of each mirror at which the leader knew no producer id of ours. */
  readonly #forgottenAt = new Map<string, bigint>();
  readonly #ends = new Map<string, bigint>();
  readonly #done: Promise<void>;
  #isRunning = true;
  /** Looks at a partition that held data; and those of them at which nobody guarded it. */
  readonly looks = { all: 0, forgotten: 0 };

  /** The cluster is closed with it. */
  constructor(cluster: Cluster, topics: readonly string[], partitions: number) {
    this.#cluster = cluster;
    this.#places = topics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    );
    this.#done = this.#run();
  }

  /** Partitions that nobody guarded at some moment, and that grew after it. */
  get forgottenWhileCopying(): string[] {
    return [...this.#forgottenAt].flatMap(([place, at]) => (this.#ends.get(place)! > at ? [place] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isRunning = false;
    await this.#done;
    this.#cluster.close();
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      // Topics that are still to be made, and leaders that are dead: they are asked again.
      await this.#look().catch(() => {});
      await pause(lookPauseMs);
    }
  }

  /** The end before the producers: what is forgotten then was known when it was written. */
  async #look(): Promise<void> {
    const asked = this.#places.map((place) => ({ ...place, at: 'latest' as const }));
    const ends = await listOffsets(this.#cluster, asked, { timeoutMs: 2_000 });
    const described = await describeProducers(this.#cluster, this.#places, { timeoutMs: 2_000 });
    for (const [index, { topic, partition }] of this.#places.entries()) {
      const [end, producers] = [ends[index]!.outcome, described[index]!.outcome];
      if (!end.ok || !producers.ok) continue;
      const place = `${topic}-${partition}`;
      const { offset } = unwrap(end);
      this.#ends.set(place, offset);
      if (offset === 0n) continue;
      this.looks.all++;
      if (unwrap(producers).producers.some(({ producerId }) => isLockstepProducerId(producerId))) continue;
      this.looks.forgotten++;
      if (!this.#forgottenAt.has(place)) this.#forgottenAt.set(place, offset);
    }
  }
}
