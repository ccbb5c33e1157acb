// Holes on real brokers that check rights: with the right for markers, without it, and with none. And what closes a
// partition at a promotion.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Acl,
  Cluster,
  type ClusterConfig,
  createAcls,
  createTopics,
  deleteTopics,
  describeProducers,
  initTransactions,
  logEndOffset,
  type ProducerState,
  systemClock,
  unwrap,
} from '../../src/client/index.ts';
import { closingEpoch, linkProducerId } from '../../src/mirror/partition/identity.ts';
import { clusterTransactions } from '../../src/mirror/shell/cluster-transactions.ts';
import { EmptyTransactionWriter, transactionalIdOf } from '../../src/mirror/shell/empty-transactions.ts';
import { fencePartition } from '../../src/mirror/shell/fence.ts';
import type { HoleJob, HoleOutcome, HoleWriter } from '../../src/mirror/shell/hole-writer.ts';
import type { Ask } from '../../src/mirror/shell/log-answers.ts';
import { askLogEnds } from '../../src/mirror/shell/log-questions.ts';
import { MarkerWriter, markersPerRequestMax } from '../../src/mirror/shell/marker-writer.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { addressesOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const users = ['admin', 'markers', 'alter', 'fallback', 'nobody'] as const;
type User = (typeof users)[number];
const passwordOf = (user: User): string => `${user}-secret`;
const security = {
  sasl: { users: users.map((username) => ({ username, password: passwordOf(username) })) },
  authorizer: { superUsers: ['User:admin'] },
} as const;
const regions = useRegions({
  'kafka-4': { security },
  'kafka-3': { kafkaVersion: '3.9.2', security },
});
const oracle = useOracle();
type RegionName = keyof typeof regions;

const broker = 1;
const producerId = linkProducerId({ sourceClusterId: 'source', linkName: 'us-to-eu' });
/** A coordinator epoch such as workers take. */
const generation = 217_000_000;
const clusters = new Map<string, Cluster>();
const clusterOf = (region: RegionName, user: User): Cluster => clusters.get(`${region} ${user}`)!;

beforeAll(async () => {
  for (const name of Object.keys(regions) as RegionName[]) {
    for (const user of users) {
      const config: ClusterConfig = {
        name,
        bootstrap: addressesOf(regions[name], 'SASL_PLAINTEXT'),
        sasl: { mechanism: 'PLAIN', username: user, password: passwordOf(user) },
      };
      clusters.set(`${name} ${user}`, await Cluster.connect(config));
    }
    await grantRights(name);
  }
});
afterAll(() => {
  for (const cluster of clusters.values()) cluster.close();
});

async function grantRights(region: RegionName): Promise<void> {
  const allow = (user: User, operation: Acl['operation'], resource: Partial<Acl>): Acl => ({
    resourceType: 'TOPIC',
    resourceName: '*',
    patternType: 'LITERAL',
    principal: `User:${user}`,
    host: '*',
    operation,
    permission: 'ALLOW',
    ...resource,
  });
  const onCluster = { resourceType: 'CLUSTER', resourceName: 'kafka-cluster' } as const;
  const onIds = {
    resourceType: 'TRANSACTIONAL_ID',
    resourceName: 'lockstep.us-to-eu.',
    patternType: 'PREFIXED',
  } as const;
  const agents = users.filter((user) => user !== 'admin');
  const acls = [
    ...agents.flatMap((user) => [allow(user, 'WRITE', {}), allow(user, 'READ', {})]),
    allow('markers', 'CLUSTER_ACTION', onCluster),
    allow('alter', 'ALTER', onCluster),
    allow('fallback', 'WRITE', onIds),
    allow('fallback', 'DESCRIBE', onIds),
  ];
  for (const outcome of await createAcls(clusterOf(region, 'admin'), acls)) unwrap(outcome);
  // The broker learns of them a moment after the controller: the last one granted is in force when this works.
  const transactionalId = transactionalIdOf('us-to-eu', { topic: 'rights', partition: 0 });
  await waitFor(() => initTransactions(clusterOf(region, 'fallback'), transactionalId), {
    deadlineMs: 30_000,
    describe: 'the rights to be in force',
  });
}

/** One empty partition, and what is done to it by one user. */
async function partitionOf(region: RegionName, user: User, partitionCount = 1) {
  const admin = clusterOf(region, 'admin');
  const topic = uniqueTopic('holes');
  for (const outcome of (await createTopics(admin, [{ name: topic, partitionCount }])).values())
    unwrap(outcome);
  const cluster = clusterOf(region, user);
  const { topicId, leaderEpoch } = await waitFor(() => cluster.leaderOf(topic, 0), {
    deadlineMs: 30_000,
    describe: 'the new topic to be known',
  });
  const ask: Ask = (api, input) => admin.request(api, input, { to: broker });
  const logEnd = async (partition = 0): Promise<bigint> => {
    const log = { topic, topicId, partition, leaderEpoch };
    const end = (await askLogEnds(ask, [log])).get(log);
    if (typeof end !== 'bigint') throw end;
    return end;
  };
  // A partition is told of before the broker hosts it, and its first markers are lost then, with a 0 for an answer.
  await waitFor(() => Promise.all(Array.from({ length: partitionCount }, (_, index) => logEnd(index))), {
    deadlineMs: 30_000,
    describe: 'the partitions to be there',
  });
  const markers = new MarkerWriter({
    open: () => cluster.openConnection(broker, { purpose: 'markers' }),
    answerTimeoutMs: 40_000,
    nowMs: () => performance.now(),
  });
  const transactions = new EmptyTransactionWriter({
    linkName: 'us-to-eu',
    transactions: clusterTransactions(cluster),
    clock: systemClock,
    markerTimeoutMs: 10_000,
  });
  const fill = (
    writer: HoleWriter,
    run: Partial<HoleJob['markers']>,
    rest: Partial<HoleJob> = {},
  ): Promise<HoleOutcome> =>
    new Promise((onOutcome) => {
      const whole = { producerId, epoch: 0, generation, offset: 0n, count: 1, ...run };
      writer.write({ topic, topicId, partition: 0, markers: whole, onOutcome, ...rest });
    });
  const append = async (identity: { producerId?: bigint; epoch: number; sequence: number }) => {
    const record = {
      offset: 0n,
      timestamp: BigInt(Date.now()),
      key: null,
      value: Buffer.from('x'),
      headers: [],
    };
    const records = encodeBatch([record], {
      producerId: identity.producerId ?? producerId,
      producerEpoch: identity.epoch,
      baseSequence: identity.sequence,
    });
    const answer = await cluster.request(
      apis.Produce,
      {
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: topic, topicId, partitionData: [{ index: 0, records }] }],
      },
      { to: broker, retry: false },
    );
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
    return { errorCode, baseOffset };
  };
  const entries = async (): Promise<readonly ProducerState[]> => {
    const [described] = await describeProducers(admin, [{ topic, partition: 0 }]);
    return unwrap(described!.outcome).producers;
  };
  return {
    ...{ topic, topicId, cluster, ask, logEnd, markers, transactions, fill, append, entries },
    log: { topic, topicId, partition: 0, leaderEpoch, leader: broker },
    [Symbol.dispose]() {
      markers.close();
      transactions.close();
    },
  };
}

const written = { kind: 'answered', errorCode: 0 };

describe.each(['kafka-4', 'kafka-3'] as const)('%s', (region) => {
  describe.each(['markers', 'alter'] as const)('with the right of the user %s', (user) => {
    test('a hole between two runs is filled, and no consumer sees it', async () => {
      using it = await partitionOf(region, user);
      expect(await it.append({ epoch: 0, sequence: 0 })).toEqual({ errorCode: 0, baseOffset: 0n });
      expect(await it.fill(it.markers, { epoch: 1, offset: 1n, count: 3 })).toMatchObject(written);
      expect(await it.logEnd()).toBe(4n);
      expect(await it.append({ epoch: 2, sequence: 0 })).toEqual({ errorCode: 0, baseOffset: 4n });
      for (const isolation of ['read_committed', 'read_uncommitted'] as const) {
        const seen = await oracle.read({ region: regions[region], topic: it.topic, partition: 0, isolation });
        expect(seen.records.map((record) => Number(record.offset))).toEqual([0, 4]);
      }
    });
  });

  test('holes of several partitions share requests and keep apart', async () => {
    using it = await partitionOf(region, 'markers', 3);
    const counts = [1_500, 700, 1];
    const outcomes = await Promise.all(
      counts.map((count, partition) => it.fill(it.markers, { count }, { partition })),
    );
    expect(outcomes).toMatchObject([written, written, written]);
    expect(await Promise.all([0, 1, 2].map((partition) => it.logEnd(partition)))).toEqual([1_500n, 700n, 1n]);
    // One of them is refused: the others are not.
    const old = { offset: 1n, generation: generation - 1 };
    const mixed = await Promise.all([
      it.fill(it.markers, { offset: 700n }, { partition: 1 }),
      it.fill(it.markers, old, { partition: 2 }),
    ]);
    expect(mixed).toMatchObject([written, { kind: 'answered', errorCode: 52 }]);
    expect(await Promise.all([1, 2].map((partition) => it.logEnd(partition)))).toEqual([701n, 1n]);
  });

  test('as many markers as one request may have', async () => {
    using it = await partitionOf(region, 'markers');
    expect(await it.fill(it.markers, { count: markersPerRequestMax })).toMatchObject(written);
    expect(await it.logEnd()).toBe(BigInt(markersPerRequestMax));
  });

  test('without the right nothing is written, the answer names it, and empty transactions work', async () => {
    using it = await partitionOf(region, 'fallback');
    expect(await it.fill(it.markers, { count: 2 })).toEqual({
      kind: 'answered',
      errorCode: 31,
      reason: expect.stringMatching(/ALTER or CLUSTER_ACTION on the cluster.*holes: transactions/),
    });
    expect(await it.logEnd()).toBe(0n);
    expect(await it.append({ epoch: 0, sequence: 0 })).toEqual({ errorCode: 0, baseOffset: 0n });
    expect(await it.fill(it.transactions, { offset: 1n, count: 3 })).toMatchObject(written);
    expect(await it.logEnd()).toBe(4n);
    expect(await it.append({ epoch: 2, sequence: 0 })).toEqual({ errorCode: 0, baseOffset: 4n });
    expect(await it.fill(it.transactions, { offset: 5n })).toMatchObject(written);
    expect(await it.logEnd()).toBe(6n);
  });

  test('with neither right both are refused, each with the right to grant', async () => {
    using it = await partitionOf(region, 'nobody');
    expect(await it.fill(it.markers, {})).toMatchObject({ kind: 'answered', errorCode: 31 });
    expect(await it.fill(it.transactions, {})).toEqual({
      kind: 'answered',
      errorCode: 53,
      reason: expect.stringMatching(
        /TRANSACTIONAL_ID_AUTHORIZATION_FAILED.*Needed is WRITE on transactional id/,
      ),
    });
    expect(await it.logEnd()).toBe(0n);
  });

  test('an agent whose transactional id was taken is fenced, and leaves nothing behind', async () => {
    using it = await partitionOf(region, 'fallback');
    expect(await it.fill(it.transactions, {})).toMatchObject(written);
    await initTransactions(it.cluster, transactionalIdOf('us-to-eu', { topic: it.topic, partition: 0 }));
    const outcome = await it.fill(it.transactions, { offset: 1n });
    expect(outcome).toMatchObject({ kind: 'answered', reason: expect.stringContaining('another agent') });
    expect([47, 90]).toContain(outcome.kind === 'answered' && outcome.errorCode);
    expect(await it.logEnd()).toBe(1n);
  });

  test('a transaction that a dead agent left open is ended by the next, and its marker is seen', async () => {
    using dead = await partitionOf(region, 'fallback');
    const id = transactionalIdOf('us-to-eu', { topic: dead.topic, partition: 0 });
    const requests = clusterTransactions(dead.cluster);
    await requests.addPartition(id, await requests.init(id), { topic: dead.topic, partition: 0 });
    expect(await dead.fill(dead.transactions, { count: 2 })).toEqual({
      kind: 'unknown',
      reason: 'the log ends at 1 instead of 0',
    });
    expect(await dead.fill(dead.transactions, { offset: 1n })).toMatchObject(written);
    expect(await dead.logEnd()).toBe(2n);
  });

  test('a partition that is closed refuses data and markers of the old identity and of the next rotation', async () => {
    using it = await partitionOf(region, 'markers');
    expect(await it.append({ epoch: 0, sequence: 0 })).toEqual({ errorCode: 0, baseOffset: 0n });
    expect(await it.fill(it.markers, { epoch: 1, offset: 1n })).toMatchObject(written);
    const options = {
      ...{ log: it.log, writerIds: [producerId], ask: it.ask, writer: it.markers },
      ...{ clock: systemClock, timeoutMs: 10_000 },
    };
    const report = await fencePartition(options);
    expect(report).toMatchObject({ logEndBefore: 2n, cutOffset: 2n, logEnd: 4n, othersCount: 0 });
    expect((await it.entries()).map((entry) => entry.producerEpoch)).toEqual([closingEpoch, closingEpoch]);
    // What a frozen agent may still hold: the next run, the same run, the next rotation, a marker.
    for (const late of [
      { epoch: 2, sequence: 0 },
      { epoch: 0, sequence: 1 },
      { epoch: closingEpoch - 1, sequence: 0 },
      { producerId: producerId + 1n, epoch: 0, sequence: 4 },
    ]) {
      expect(await it.append(late)).toMatchObject({ errorCode: 47 });
    }
    for (const late of [{ epoch: 1 }, { epoch: closingEpoch - 1, generation: 2 ** 31 - 1 }]) {
      expect(await it.fill(it.markers, late)).toMatchObject({ kind: 'answered', errorCode: 47 });
    }
    expect(await it.logEnd()).toBe(4n);
    // Closing twice costs nothing, and others may write.
    expect(await fencePartition(options)).toMatchObject({ logEndBefore: 4n, cutOffset: 2n, logEnd: 4n });
    expect(await it.append({ producerId: -1n, epoch: -1, sequence: -1 })).toMatchObject({ errorCode: 0 });
  });

  test('closing needs the right for markers, and says so', async () => {
    using it = await partitionOf(region, 'fallback');
    const closing = fencePartition({
      ...{ log: it.log, writerIds: [producerId], ask: it.ask, writer: it.markers },
      ...{ clock: systemClock, timeoutMs: 10_000 },
    });
    await expect(closing).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: expect.stringMatching(/can't be closed.*CLUSTER_ACTION/),
    });
    expect(await it.logEnd()).toBe(0n);
  });

  test('a request that ends with a topic that is gone is never answered, and its jobs are unknown', async () => {
    using gone = await partitionOf(region, 'markers');
    using it = await partitionOf(region, 'markers');
    await deleteTopics(clusterOf(region, 'admin'), [gone.topic]);
    await waitFor(
      async () => {
        const outcome = await gone.fill(gone.markers, {});
        return outcome.kind === 'answered' && outcome.errorCode === 3;
      },
      { deadlineMs: 30_000, describe: 'the topic to be gone from the broker' },
    );
    const writer = new MarkerWriter({
      open: () => it.cluster.openConnection(broker),
      answerTimeoutMs: 2_000,
      nowMs: () => performance.now(),
    });
    const outcomes = await Promise.all([it.fill(writer, {}), gone.fill(writer, { epoch: 1 })]);
    const unanswered = { kind: 'unknown', reason: expect.stringContaining('no answer to WriteTxnMarkers') };
    expect(outcomes).toEqual([unanswered, unanswered]);
    // All the same it was done, as the log end tells; and the next request has a connection of its own.
    expect(await it.logEnd()).toBe(1n);
    expect(await it.fill(writer, { offset: 1n })).toMatchObject(written);
    writer.close();
    expect(await it.logEnd()).toBe(2n);
  });
});

test('what was shut out stays out when the broker is killed and starts again', async () => {
  // Both at once: starting a broker is what takes the time.
  await Promise.all((['kafka-4', 'kafka-3'] as const).map(killAndStart));
});

async function killAndStart(region: RegionName): Promise<void> {
  using closed = await partitionOf(region, 'markers');
  using it = await partitionOf(region, 'markers');
  expect(await it.append({ epoch: 0, sequence: 0 })).toMatchObject({ errorCode: 0 });
  expect(await it.fill(it.markers, { epoch: 1, offset: 1n })).toMatchObject(written);
  expect(await it.append({ epoch: 2, sequence: 0 })).toMatchObject({ errorCode: 0 });
  await fencePartition({
    ...{ log: closed.log, writerIds: [producerId], ask: closed.ask, writer: closed.markers },
    ...{ clock: systemClock, timeoutMs: 10_000 },
  });
  const [node] = regions[region].brokers;
  const pidBefore = node?.pid;
  await node?.kill();
  await regions[region].start();
  expect(node?.pid).not.toBe(pidBefore);

  // Metadata names the leader a moment before the broker leads: it does when it answers as one.
  const leads = ({ topic }: { topic: string }) =>
    logEndOffset(clusterOf(region, 'admin'), { topic, partition: 0 });
  await waitFor(() => Promise.all([leads(it), leads(closed)]), {
    deadlineMs: 30_000,
    describe: 'the partitions to be led again',
  });
  expect(await it.append({ epoch: 0, sequence: 1 })).toMatchObject({ errorCode: 47 });
  expect(await it.fill(it.markers, { epoch: 1 })).toMatchObject({ kind: 'answered', errorCode: 47 });
  const older = { epoch: 3, generation: generation - 1 };
  expect(await it.fill(it.markers, older)).toMatchObject({ kind: 'answered', errorCode: 52 });
  expect(await it.append({ epoch: 2, sequence: 1 })).toEqual({ errorCode: 0, baseOffset: 3n });
  expect(await closed.append({ epoch: 1, sequence: 0 })).toMatchObject({ errorCode: 47 });
  expect(await closed.fill(closed.markers, { epoch: 1 })).toMatchObject({ errorCode: 47 });
}
