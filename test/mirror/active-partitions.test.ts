// Few active partitions among hundreds of quiet ones, whose readers they change all the time: others are active every two
// seconds, while a broker of the source goes, its partitions are led by the other one, and they go back to it. The mirror
// ends identical.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { SourceReader } from '../../src/mirror/shell/source-reader.ts';
import { createRegion, type Region } from '../../src/regions/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { createTopic, kafkaTool, waitUntilInSync } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'eu-west': { heapMb: 384 } });
/** Each of the two brokers leads half of them: more than one lane reads. */
const partitionCount = 1_000;
/** Of those that were active in the last half minute, a broker leads less than the quarter that is read apart. */
const activeCount = 10;
const othersEveryMs = 2_000;
const deadlineMs = 60_000;

let source: Region;
beforeAll(async () => {
  source = await createRegion({
    ...{ name: 'us-east', directory: path.join(folder.path, 'us-east'), brokers: 2, heapMb: 384 },
    brokerConfig: {
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.replication.factor': '1',
      'auto.leader.rebalance.enable': 'false',
    },
  });
  await source.start();
});
afterAll(() => source?.destroy());
afterEach(() => vi.restoreAllMocks());

/** Writes into a few partitions, and every now and then into others. */
class WanderingLoad implements AsyncDisposable {
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #done: Promise<void>;
  #isEnded = false;
  written = 0;

  constructor(topic: string) {
    this.#topic = topic;
    this.#producer = new Producer({
      ...{ clientId: 'load', bootstrapBrokers: [...source.bootstrap] },
      ...{ retries: 100, retryDelay: 100 },
    });
    this.#done = this.#write();
    this.#done.catch(() => {}); // told by `end`
  }

  async #write(): Promise<void> {
    const beganAtMs = performance.now();
    while (!this.#isEnded) {
      const turn = Math.floor((performance.now() - beganAtMs) / othersEveryMs);
      const messages = Array.from({ length: activeCount }, (_, index) => ({
        ...{ topic: this.#topic, partition: (turn * 37 + index * 7) % partitionCount },
        value: Buffer.from(`record ${this.written + index}`),
      }));
      try {
        await this.#producer.send({ messages, acks: ProduceAcks.ALL });
        this.written += messages.length;
      } catch {
        // Leaders move: what was sent may be there or not, and once more does no harm.
        await pause(100);
      }
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#done;
    await this.#producer.close(true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    await this.#done.catch(() => {});
    await this.#producer.close(true).catch(() => {});
  }
}

it('stays identical while partitions change readers and leaders', async () => {
  const destination = regions['eu-west'];
  const topic = uniqueTopic('wandering');
  await createTopic(source, topic, { partitions: partitionCount, replicationFactor: 2 });
  const takeOver = vi.spyOn(SourceReader.prototype, 'takeOver');
  await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
  const partitions = () => agent.status()?.links[0]?.partitions ?? [];
  const mirrored = () => partitions().reduce((sum, { recordsMirrored }) => sum + recordsMirrored, 0);
  const mirroring = () => partitions().filter(({ state }) => state === 'Mirroring').length;
  await waitFor(() => mirroring() === partitionCount, {
    deadlineMs,
    describe: () => `all to mirror; ${mirroring()} do`,
  });
  await using load = new WanderingLoad(topic);
  /** Until so many partitions more have changed readers, and what is written arrives. */
  const goesOn = async (moves: number): Promise<void> => {
    const [movesBefore, before] = [takeOver.mock.calls.length, mirrored()];
    await waitFor(() => takeOver.mock.calls.length >= movesBefore + moves && mirrored() >= before + 200, {
      deadlineMs,
      describe: () =>
        `${moves} moves and 200 records more; ${takeOver.mock.calls.length - movesBefore} and ${mirrored() - before} were seen`,
    });
  };
  await goesOn(2 * activeCount);
  const [, second] = source.brokers;
  // Its leaders move, then come back, while partitions change readers.
  for (let round = 0; round < 2; round++) {
    await Promise.all([second!.stop(), goesOn(activeCount)]);
    await goesOn(activeCount);
    await second!.start();
    await waitUntilInSync(source, topic);
    await Promise.all([
      kafkaTool(source, 'org.apache.kafka.tools.LeaderElectionCommand', [
        ...['--bootstrap-server', source.bootstrap.join(',')],
        ...['--election-type', 'preferred', '--all-topic-partitions'],
      ]),
      goesOn(activeCount),
    ]);
  }
  await load.end();
  const [from, to] = await Promise.all([
    Cluster.connect(configOf(source)),
    Cluster.connect(configOf(destination)),
  ]);
  const verdict = await verifyLink({
    ...{ source: from, destination: to, waitMsMax: deadlineMs },
    topics: [{ source: topic, destination: topic }],
  }).finally(() => {
    from.close();
    to.close();
  });
  expect(verdict.partitions.filter(({ outcome }) => outcome !== 'identical')).toEqual([]);
  const compared = verdict.partitions.reduce((sum, { compared: { records } }) => sum + Number(records), 0);
  // A send that is tried again may be there twice.
  expect(compared).toBeGreaterThanOrEqual(load.written);
  expect(mirroring()).toBe(partitionCount);
});
