// One partition twice: in the simulator's model and on a real broker. Every request goes to both.
import { expect } from 'vitest';
import {
  type Cluster,
  type Connection,
  createTopics,
  describeCluster,
  describeConfigs,
  describeProducers,
  incrementalAlterConfigs,
  logEndOffset,
  unwrap,
  writeTransactionMarkers,
} from '../../src/client/index.ts';
import { ScratchLog } from '../../src/mirror/probe/scratch-log.ts';
import { BrokerLog, type DataToAppend, mergedAnswer } from '../../src/mirror/simulation/broker-log.ts';
import type { MarkerWriter } from '../../src/mirror/simulation/producer-state.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { waitFor } from '../support/wait-for.ts';

/** Nothing expires by itself during a test; the step `expire` makes the sweep find what is older than an hour. */
export const calmExpirationMs = 20 * 24 * 3600_000;
const sweepExpirationMs = 3600_000;
export const expirationKey = 'producer.id.expiration.ms';

export type Step =
  | { readonly type: 'append'; readonly batch: DataToAppend<null> }
  | { readonly type: 'markers'; readonly markers: readonly MarkerWriter[] }
  | { readonly type: 'cut'; readonly beforeOffset: number }
  | { readonly type: 'expire' };

/** One partition, here and there. */
export class BrokerPair {
  readonly model = new BrokerLog<null>();
  readonly topic: string;
  readonly cluster: Cluster;
  readonly hasFollowers: boolean;
  /** What was compared, for a test to show that it happened. */
  readonly seen: Record<string, number> = {};
  #log: ScratchLog | null = null;
  #connection: Connection | null = null;
  #topicId = '';
  leaderId = -1;

  constructor(cluster: Cluster, topic: string, options: { hasFollowers: boolean }) {
    this.cluster = cluster;
    this.topic = topic;
    this.hasFollowers = options.hasFollowers;
  }

  async create(): Promise<void> {
    const replicationFactor = this.hasFollowers ? 2 : 1;
    const topic = { name: this.topic, partitionCount: 1, replicationFactor };
    this.#topicId = unwrap((await createTopics(this.cluster, [topic])).get(this.topic)!).topicId;
    await this.connect();
  }

  /** Finds the leader (again). */
  async connect(): Promise<void> {
    const { cluster } = this;
    this.#connection?.close();
    const { leaderEpoch, leaderId } = await logEndOffset(cluster, { topic: this.topic, partition: 0 });
    this.leaderId = leaderId;
    this.#connection = await cluster.openConnection(leaderId, { purpose: 'model comparison' });
    const connection = this.#connection;
    this.#log = new ScratchLog({
      cluster,
      connection,
      topic: this.topic,
      topicId: this.#topicId,
      leaderEpoch,
    });
  }

  close(): void {
    this.#connection?.close();
  }

  /** The only replica's broker was ended and started again. */
  async restarted({ isClean }: { isClean: boolean }): Promise<void> {
    this.model.restart({ isClean, nowMs: Date.now(), expirationMs: calmExpirationMs });
    await waitFor(
      async () => {
        await this.connect();
        return JSON.stringify(await this.brokerProducers()) === JSON.stringify(this.modelProducers());
      },
      { deadlineMs: 30_000, describe: () => `a leader that shows ${JSON.stringify(this.modelProducers())}` },
    );
  }

  /** The leader was stopped in order, the follower leads; `start` brings the former leader back into the ISR. */
  async changeLeader(start: () => Promise<void>): Promise<void> {
    const { model } = this;
    model.replicate();
    model.changeLeader();
    const before = this.log.leaderEpoch;
    await waitFor(() => this.connect().then(() => this.log.leaderEpoch > before), {
      deadlineMs: 20_000,
      describe: 'another leader',
    });
    // Asked as soon as it leads, a broker may not have all of it yet.
    await waitFor(
      async () => JSON.stringify(await this.brokerProducers()) === JSON.stringify(this.modelProducers()),
      { deadlineMs: 20_000, describe: () => `a leader that shows ${JSON.stringify(this.modelProducers())}` },
    );
    await start();
    model.restartFollower({ isClean: true, nowMs: Date.now(), expirationMs: calmExpirationMs });
    await waitFor(
      async () => {
        const { topics } = await this.cluster.metadata({ topics: [this.topic] });
        return topics.get(this.topic)?.partitions[0]?.isr.length === 2;
      },
      { deadlineMs: 30_000, describe: 'both replicas in the ISR' },
    );
  }

  get log(): ScratchLog {
    return this.#log!;
  }

  async run(step: Step): Promise<void> {
    const expected = await this.#onModel(step);
    const actual = await this.#onBroker(step);
    expect(actual, `step ${JSON.stringify(step, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`).toEqual(
      expected,
    );
  }

  async #onModel(step: Step): Promise<unknown> {
    const { model } = this;
    const now = Date.now();
    switch (step.type) {
      case 'append': {
        if (this.hasFollowers) model.replicate();
        const answer = model.append(step.batch);
        this.#count(answer.isDuplicate ? 'duplicate' : `data ${answer.errorCode}`);
        return { errorCode: answer.errorCode, baseOffset: answer.baseOffset, end: model.end };
      }
      case 'markers': {
        const errorCodes = step.markers.map((marker) => model.writeMarker(marker, now));
        for (const errorCode of errorCodes) this.#count(`marker ${errorCode}`);
        const errorCode = mergedAnswer(errorCodes, this);
        if (errorCode === 0 && errorCodes.some((code) => code !== 0)) this.#count('refusal hidden');
        return { errorCode, end: model.end };
      }
      case 'cut':
        model.cut(step.beforeOffset);
        return { start: model.start, end: model.end };
      case 'expire': {
        const count = model.expire(now, sweepExpirationMs);
        if (count > 0) this.#count('expired', count);
        return this.modelProducers();
      }
    }
  }

  async #onBroker(step: Step): Promise<unknown> {
    const { log } = this;
    switch (step.type) {
      case 'append': {
        const { errorCode, baseOffset, endAfter } = await log.appendBatch(encode(step.batch));
        return { errorCode, baseOffset: Number(baseOffset), end: Number(endAfter) };
      }
      case 'markers': {
        const partitions = [{ topic: this.topic, partition: 0 }];
        const results = await writeTransactionMarkers(
          this.#connection!,
          step.markers.map(({ producerId, epoch, coordinatorEpoch }) => {
            return { producerId, producerEpoch: epoch, coordinatorEpoch, outcome: 'abort', partitions };
          }),
        );
        return { errorCode: results[0]!.errorCode, end: Number(await log.logEnd()) };
      }
      case 'cut': {
        const start = await log.cut(BigInt(step.beforeOffset));
        return { start: Number(start), end: Number(await log.logEnd()) };
      }
      case 'expire':
        return this.#sweep();
    }
  }

  /** The sweep runs all the time; only while the configuration is short does it find anything. */
  async #sweep(): Promise<unknown> {
    const expected = JSON.stringify(this.modelProducers());
    await setExpiration(this.cluster, sweepExpirationMs);
    let seen: unknown = null;
    await waitFor(
      async () => {
        seen = await this.brokerProducers();
        return JSON.stringify(seen) === expected;
      },
      { deadlineMs: 10_000, pollMs: 10, describe: () => `${expected}; last seen ${JSON.stringify(seen)}` },
    );
    await setExpiration(this.cluster, calmExpirationMs);
    return seen;
  }

  modelProducers(): unknown {
    return sorted(this.model.producers.allFacts());
  }

  async brokerProducers(): Promise<unknown> {
    const answers = await describeProducers(this.cluster, [{ topic: this.topic, partition: 0 }]);
    const { producers } = unwrap(answers[0]!.outcome);
    return sorted(producers.map((producer) => ({ ...producer, epoch: producer.producerEpoch })));
  }

  #count(what: string, count = 1): void {
    this.seen[what] = (this.seen[what] ?? 0) + count;
  }
}

interface Shown {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly lastSequence: number;
  readonly coordinatorEpoch: number;
}

/** Without the timestamp: a marker's is the broker's clock. */
function sorted(producers: readonly Shown[]): unknown {
  return producers
    .map(
      ({ producerId, epoch, lastSequence, coordinatorEpoch }) =>
        `${producerId} epoch ${epoch} sequence ${lastSequence} coordinator ${coordinatorEpoch}`,
    )
    .sort();
}

async function setExpiration(cluster: Cluster, ms: number): Promise<void> {
  const { brokers } = await describeCluster(cluster);
  const value = String(ms);
  for (const { id } of brokers) {
    const resource = { type: 'broker', name: String(id) } as const;
    const changes = [{ name: expirationKey, operation: 'set', value } as const];
    for (const { outcome } of await incrementalAlterConfigs(cluster, [{ resource, changes }]))
      unwrap(outcome);
    await waitFor(
      async () => {
        const described = await describeConfigs(cluster, [resource], { names: [expirationKey] });
        return unwrap(described[0]!.outcome).get(expirationKey)?.value === value;
      },
      { deadlineMs: 10_000, pollMs: 10, describe: `${expirationKey} to be ${ms} on broker ${id}` },
    );
  }
}

function encode({ count, timestampMs, producerId, epoch, sequence }: DataToAppend<null>): Buffer {
  const records = Array.from({ length: count }, (_, i) => {
    return { offset: BigInt(i), timestamp: BigInt(timestampMs), key: null, value: null, headers: [] };
  });
  return encodeBatch(records, { producerId, producerEpoch: epoch, baseSequence: sequence });
}
