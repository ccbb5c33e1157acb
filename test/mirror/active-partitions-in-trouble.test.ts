// Active partitions that are read apart from hundreds of quiet ones, while all that can happen to a connection, a leader
// or a mirror happens to them: logins end every two seconds, a quota holds answers back, leaders go from broker to broker,
// and the mirror is paused, goes on, and is promoted. What ends where it should is compared, record by record.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { alterClientQuotas, Cluster, Connection, unwrap } from '../../src/client/index.ts';
import { SourceReader } from '../../src/mirror/shell/source-reader.ts';
import { apis } from '../../src/protocol/index.ts';
import { createRegion, type Region } from '../../src/regions/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { configOf } from '../client/support.ts';
import { createTopic } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'eu-west': { heapMb: 384 } });
const link = 'us-to-eu';
const user = { username: 'agent', password: 'of the agent' };
const reauthMs = 2_000;
/** Each of three brokers leads more than 200, so that those that are active are read apart. */
const quietCount = 420;
const activeCount = 300;
/** So many are written to at a time, and others every so often: all of them in more than half a minute, so that each falls quiet. */
const writtenCount = 12;
const othersEveryMs = 1_400;
const valueBytes = 1_000;
/** What may be read of a broker in a second, in bytes, and appended: less than what is written at times. */
const readBytesMax = 25_000;
const appendedBytesMax = 60_000;
/** What a promotion leaves behind the source's records. */
const closingMarkers = 2n;
const deadlineMs = 60_000;

let source: Region;
let from: Cluster;
let to: Cluster;
beforeAll(async () => {
  process.env.LOCKSTEP_LANES_PASSWORD = user.password;
  source = await createRegion({
    ...{ name: 'us-east', directory: path.join(folder.path, 'us-east'), brokers: 3, heapMb: 384 },
    security: { sasl: { users: [user] } },
    brokerConfig: {
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.replication.factor': '1',
      'auto.leader.rebalance.enable': 'false',
      'listener.name.sasl_plaintext.connections.max.reauth.ms': String(reauthMs),
    },
  });
  await source.start();
  [from, to] = await Promise.all([
    Cluster.connect(configOf(source)),
    Cluster.connect(configOf(regions['eu-west'])),
  ]);
});
afterAll(async () => {
  from?.close();
  to?.close();
  await source?.destroy();
});
afterEach(() => vi.restoreAllMocks());

/** Writes into some of the active partitions, and every second into others. */
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
      const messages = Array.from({ length: writtenCount }, (_, index) => ({
        ...{ topic: this.#topic, partition: (turn * writtenCount + index) % activeCount },
        value: Buffer.from(`record ${this.written + index} `.padEnd(valueBytes, '.')),
      }));
      try {
        await this.#producer.send({ messages, acks: ProduceAcks.ALL });
        this.written += messages.length;
      } catch {
        // Leaders move: what was sent may be there or not, and once more does no harm.
        await pause(100);
      }
      await pause(30);
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

/** What fetches meet: on how many connections somebody logged in again, and how many answers a quota held back. */
class Fetches {
  readonly #connections = new Set<Connection>();
  heldBackCount = 0;

  constructor() {
    const note = (connection: Connection, { throttleTimeMs }: { throttleTimeMs?: number }): void => {
      this.#connections.add(connection);
      if (throttleTimeMs !== undefined && throttleTimeMs > 0) this.heldBackCount += 1;
    };
    const { sendForFrame } = Connection.prototype;
    vi.spyOn(Connection.prototype, 'sendForFrame').mockImplementation(async function (
      this: Connection,
      ...args
    ) {
      const answer = await sendForFrame.apply(this, args);
      note(this, answer.body as object);
      return answer;
    });
  }

  get loggedInAgainCount(): number {
    return [...this.#connections].filter((each) => each.statistics().reauthenticationCount > 0).length;
  }
}

/** What the agent may read of a broker of the source, and append at the destination, in a second. */
async function throttle(isThrottled: boolean): Promise<void> {
  const limits = [
    [from, { user: user.username }, 'consumer_byte_rate', readBytesMax],
    [to, { 'client-id': 'lockstep' }, 'producer_byte_rate', appendedBytesMax],
  ] as const;
  for (const [cluster, entity, key, bytes] of limits) {
    const changes = new Map([[key, isThrottled ? bytes : null]]);
    unwrap((await alterClientQuotas(cluster, [{ entity, changes }]))[0]!);
  }
}

/** The next broker leads each partition of the topic: its replicas turn round, and the first of them is elected. */
async function moveLeaders(topic: string): Promise<void> {
  const known = (await from.metadata({ topics: [topic] })).topics.get(topic)!;
  const answer = await from.request(
    apis.AlterPartitionReassignments,
    {
      timeoutMs: 30_000,
      topics: [
        {
          name: topic,
          partitions: known.partitions.map(({ partition, replicas: [first, ...next] }) => ({
            partitionIndex: partition,
            replicas: [...next, first!],
          })),
        },
      ],
    },
    { to: 'controller', what: 'moving replicas' },
  );
  expect(answer.errorCode).toBe(0);
  await waitFor(
    async () => {
      const elected = await from.request(
        apis.ElectLeaders,
        {
          electionType: 0,
          topicPartitions: [{ topic, partitions: known.partitions.map(({ partition }) => partition) }],
          timeoutMs: 10_000,
        },
        { to: 'controller', what: 'electing leaders' },
      );
      const results = elected.replicaElectionResults.flatMap(({ partitionResult }) => partitionResult);
      // 84: it leads already.
      return results.every(({ errorCode }) => errorCode === 0 || errorCode === 84);
    },
    { deadlineMs, describe: 'the next brokers to lead' },
  );
}

function mirrored(fleet: Fleet, topic: string): bigint {
  let sum = 0n;
  for (const [key, { mirrorEnd }] of fleet.state.statuses)
    if (key.startsWith(`${link}/${topic}/`)) sum += BigInt(mirrorEnd ?? 0);
  return sum;
}

it('stays identical while logins, quotas, leaders and mirrors change under partitions that change lanes', {
  timeout: 400_000,
}, async () => {
  const [quiet, active] = [uniqueTopic('quiet'), uniqueTopic('wandering')];
  await createTopic(source, quiet, { partitions: quietCount, replicationFactor: 1 });
  await createTopic(source, active, { partitions: activeCount, replicationFactor: 2 });
  const takeOver = vi.spyOn(SourceReader.prototype, 'takeOver');
  const fetches = new Fetches();
  await using fleet = await openFleet(regions['eu-west']);
  const agent = await fleet.start('a');
  await fleet.done({
    do: 'createLink',
    link: {
      ...{ name: link, destination: 'eu-west', config: { topics: [quiet, active] } },
      source: {
        ...{ name: 'us-east', bootstrap: source.bootstrapOf('SASL_PLAINTEXT') },
        sasl: {
          ...{ mechanism: 'SCRAM-SHA-256', username: user.username },
          password: '${env:LOCKSTEP_LANES_PASSWORD}',
        },
      },
    },
  });
  const mirroring = () =>
    [...fleet.state.statuses.values()].filter(({ state }) => state === 'Mirroring').length;
  await fleet.reaches('all to mirror', () => mirroring() === quietCount + activeCount);
  await using load = new WanderingLoad(active);
  const counts = () => ({
    moves: takeOver.mock.calls.length,
    heldBack: fetches.heldBackCount,
    records: Number(mirrored(fleet, active)),
  });
  /** Until what is written arrives, and so many partitions more have changed lanes, or answers were held back. */
  const goesOn = async (what: string, { moves = 0, heldBack = 0 }: Partial<ReturnType<typeof counts>>) => {
    const wanted = { moves, heldBack, records: 200 };
    const before = counts();
    const since = () => {
      const now = counts();
      return {
        ...{ moves: now.moves - before.moves, heldBack: now.heldBack - before.heldBack },
        records: now.records - before.records,
      };
    };
    await waitFor(
      () => {
        const seen = since();
        return seen.moves >= moves && seen.heldBack >= heldBack && seen.records >= wanted.records;
      },
      {
        deadlineMs,
        describe: () =>
          `${what}: ${JSON.stringify(wanted)}; seen: ${JSON.stringify(since())}; ${agent.notices.slice(-5).join('; ')}`,
      },
    );
  };
  const topics = [active];
  const pauseAndResume = async (): Promise<void> => {
    await fleet.done({ do: 'pauseMirrors', link, topics });
    await fleet.done({ do: 'resumeMirrors', link, topics });
  };

  const [changing, slow] = [{ moves: writtenCount }, { heldBack: 3 }];
  await goesOn('logins end', { moves: 3 * writtenCount });
  await throttle(true);
  await goesOn('a quota', slow);
  for (let round = 0; round < 2; round += 1) {
    await moveLeaders(active);
    await goesOn('leaders move under a quota', slow);
  }
  await throttle(false);
  for (let round = 0; round < 2; round += 1) {
    await Promise.all([moveLeaders(active), pauseAndResume()]);
    await goesOn('leaders move while the mirror is paused', changing);
  }
  await throttle(true);
  await pauseAndResume();
  await goesOn('the mirror is paused under a quota', slow);
  await throttle(false);
  await goesOn('nothing is in its way', changing);
  await load.end();
  await Promise.all([
    moveLeaders(active),
    fleet.done({ do: 'promoteMirrors', link, topics, isNow: false, timeoutMs: deadlineMs }),
  ]);
  await fleet.reaches(
    'the mirror to be promoted',
    (state) =>
      [...state.mirrors.values()].find(({ sourceTopic }) => sourceTopic === active)?.state === 'Promoted',
  );
  const verdict = await verifyLink({
    ...{ source: from, destination: to, waitMsMax: deadlineMs },
    topics: [quiet, active].map((topic) => ({ source: topic, destination: topic })),
  });
  const differing = verdict.partitions.filter(({ outcome }) => outcome !== 'identical');
  expect(differing.filter(({ topic }) => topic === quiet)).toEqual([]);
  expect(differing).toHaveLength(activeCount);
  for (const { differences, source: log } of differing)
    expect(differences).toMatchObject([
      { kind: 'end', offset: log!.end, destinationOffset: log!.end + closingMarkers },
    ]);
  const compared = verdict.partitions.reduce((sum, { compared: { records } }) => sum + Number(records), 0);
  // A send that is tried again may be there twice.
  expect(compared).toBeGreaterThanOrEqual(load.written);
  await fleet.reaches('the others to mirror', () => mirroring() === quietCount);
  // Those of the active ones, too.
  expect(fetches.loggedInAgainCount).toBeGreaterThan(source.brokers.length);
});
