// Sources that start above offset 0, mirrored by whole agents where rights are checked: nobody reads a filler, whoever
// dies in between, and consumers find the source's offsets afterwards.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type AgentStatus, runAlone } from '../../src/agent/index.ts';
import { linkCluster } from '../../src/agent/link-clusters.ts';
import {
  type Acl,
  type AclOperation,
  Cluster,
  createAcls,
  createTopics,
  deleteAcls,
  deleteRecords,
  describeAcls,
  incrementalAlterConfigs,
  unwrap,
} from '../../src/client/index.ts';
import { LazyControlTopic } from '../../src/control/index.ts';
import {
  type LogRange,
  mirrorSettings,
  type Notice,
  readPlacements,
  type TopicSettings,
} from '../../src/link/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import { type AppendOutcome, DestinationWriter } from '../../src/mirror/shell/destination-writer.ts';
import { Filler } from '../../src/mirror/shell/filler.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { addressesOf, configOf } from '../client/support.ts';
import { platformaticConsume } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { sendBatch } from '../support/send-batch.ts';
import { waitFor } from '../support/wait-for.ts';

const users = ['admin', 'agent', 'reader'] as const;
type User = (typeof users)[number];
const passwordOf = (user: User): string => `${user}-secret`;
const folder = useTemporaryFolder();
const regions = useRegions({
  source: {},
  guarded: {
    security: {
      sasl: { users: users.map((username) => ({ username, password: passwordOf(username) })) },
      authorizer: { superUsers: ['User:admin', 'User:ANONYMOUS'] },
    },
  },
});

let source: Cluster;
let writer: DestinationWriter;
const guarded = {} as Record<User, Cluster>;

beforeAll(async () => {
  source = await Cluster.connect(configOf(regions.source));
  const open = () => source.openConnection(source.brokers[0]!.id, { purpose: 'filling' });
  writer = new DestinationWriter({
    open,
    connectionCount: 1,
    requestBytesMax: 2 ** 22,
    monotonicMs: () => performance.now(),
    ackTimeoutMs: 30_000,
  });
  for (const user of users) {
    guarded[user] = await Cluster.connect({
      name: 'guarded',
      bootstrap: addressesOf(regions.guarded, 'SASL_PLAINTEXT'),
      sasl: { mechanism: 'PLAIN', username: user, password: passwordOf(user) },
    });
  }
  await allow('agent', 'TOPIC', '*', [
    ...(['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER'] as const),
    ...(['DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'] as const),
  ]);
  await allow('agent', 'CLUSTER', 'kafka-cluster', ['ALTER', 'DESCRIBE', 'CLUSTER_ACTION', 'CREATE']);
  await allow('reader', 'TOPIC', '*', ['READ', 'DESCRIBE']);
});
afterAll(() => {
  writer.close();
  source.close();
  for (const cluster of Object.values(guarded)) cluster.close();
});

function rulesOf(
  user: User,
  resourceType: Acl['resourceType'],
  name: string,
  operations: readonly AclOperation[],
): Acl[] {
  return operations.map((operation) => ({
    resourceType,
    resourceName: name,
    patternType: 'LITERAL',
    principal: `User:${user}`,
    host: '*',
    operation,
    permission: 'ALLOW',
  }));
}
async function allow(...rule: Parameters<typeof rulesOf>): Promise<void> {
  for (const outcome of await createAcls(guarded.admin, rulesOf(...rule))) unwrap(outcome);
}

/** A source topic whose partitions start at these offsets and have a few records behind them. */
async function sourceTopic(starts: readonly number[], configs: Record<string, string> = {}): Promise<string> {
  const topic = uniqueTopic('above');
  unwrap(
    (
      await createTopics(source, [
        { name: topic, partitionCount: starts.length, configs: { ...configs, 'cleanup.policy': 'delete' } },
      ])
    ).get(topic)!,
  );
  for (const [partition, start] of starts.entries()) {
    await fill(topic, partition, start);
    await produce(topic, partition, 5);
    const [cut] = await deleteRecords(source, [{ topic, partition, beforeOffset: BigInt(start) }]);
    unwrap(cut!.outcome);
  }
  const changes = Object.entries(configs).map(
    ([name, value]) => ({ operation: 'set', name, value }) as const,
  );
  if (changes.length > 0) {
    const [altered] = await incrementalAlterConfigs(source, [
      { resource: { type: 'topic', name: topic }, changes },
    ]);
    unwrap(altered!.outcome);
  }
  return topic;
}

async function alterSource(topic: string, policy: string): Promise<void> {
  const change = { operation: 'set', name: 'cleanup.policy', value: policy } as const;
  const resource = { type: 'topic', name: topic } as const;
  unwrap((await incrementalAlterConfigs(source, [{ resource, changes: [change] }]))[0]!.outcome);
  // The leader has to know, which cutting nothing tells.
  if (policy === 'delete') await linkCluster(source).untilCuttable({ topic, partition: 2 });
}

/** A topic that was just created is not known to every broker yet. */
const leaderOf = (topic: string, partition: number) => source.retry(() => source.leaderOf(topic, partition));

const notLeader = 6;

async function fill(topic: string, partition: number, end: number): Promise<void> {
  const filler = new Filler();
  const { topicId } = await leaderOf(topic, partition);
  const countMax = 200_000;
  for (let offset = 0; offset < end; offset += countMax) {
    const count = Math.min(countMax, end - offset);
    const identity = { producerId: 77n, epoch: 0, sequence: offset };
    const append = (): Promise<AppendOutcome> =>
      new Promise((onOutcome) => {
        const job = filler.job({ identity, offset: BigInt(offset), count });
        writer.append({ topic, topicId, partition, ...job, onOutcome });
      });
    // Metadata names a new leader before it leads.
    const outcome = await waitFor(
      async () => {
        const answer = await append();
        return answer.kind === 'refused' && answer.errorCode === notLeader ? null : answer;
      },
      { deadlineMs: 20_000, describe: `${topic}-${partition} to be led` },
    );
    expect(outcome).toMatchObject({ kind: 'appended', baseOffset: BigInt(offset) });
  }
}

async function produce(topic: string, partition: number, count: number, valueBytes = 10): Promise<void> {
  const records = encodeBatch(
    Array.from({ length: count }, (_, i) => ({
      offset: BigInt(i),
      // Of today: retention takes records of long ago as soon as the brokers look for them.
      timestamp: BigInt(Date.now() + i),
      key: Buffer.from(`key ${i}`),
      value: Buffer.alloc(valueBytes, i + 1),
      headers: [],
    })),
  );
  await sendBatch(source, topic, records, { partition });
}

interface Agent extends AsyncDisposable {
  readonly notices: Notice[];
  partitions(topic: string): PartitionStatus[];
  /** Waits until each partition of the topic is in one of these states. */
  reach(topic: string, ...states: string[]): Promise<void>;
  stop(): Promise<void>;
}

async function startAgent(topic: string, options: { user?: User; extra?: string } = {}): Promise<Agent> {
  const { user = 'agent', extra = '' } = options;
  const file = path.join(folder.path, `${topic}.yaml`);
  await writeFile(
    file,
    `version: 1
clusters:
  source: { bootstrap: ${JSON.stringify(regions.source.bootstrap)} }
  guarded:
    bootstrap: ${JSON.stringify(regions.guarded.bootstrapOf('SASL_PLAINTEXT'))}
    sasl: { mechanism: PLAIN, username: ${user}, password: ${passwordOf(user)} }
links:
  us-to-eu: { source: source, destination: guarded, topics: [${topic}]${extra} }
`,
  );
  const stopping = new AbortController();
  const notices: Notice[] = [];
  let status: AgentStatus | null = null;
  let failure: unknown = null;
  const done = runAlone({
    topology: await loadTopology(file),
    signal: stopping.signal,
    statusEveryMs: 10,
    onStatus: (newest) => {
      status = newest;
    },
    onNotice: (_link, notice) => notices.push(notice),
  }).catch((error: unknown) => {
    failure = error;
  });
  const partitions = (name: string) =>
    (status as AgentStatus | null)?.links[0]?.partitions.filter((entry) => entry.topic === name) ?? [];
  const stop = async () => {
    stopping.abort();
    await done;
    if (failure !== null) throw failure;
  };
  return {
    notices,
    partitions,
    reach: async (name, ...states) => {
      const seen = () =>
        partitions(name).map(
          ({ state, reason, lastError, mirrorEnd }) => `${state} at ${mirrorEnd} (${reason ?? lastError})`,
        );
      await waitFor(
        () =>
          failure !== null ||
          (partitions(name).length > 0 && partitions(name).every(({ state }) => states.includes(state))),
        {
          deadlineMs: 40_000,
          pollMs: 10,
          describe: () =>
            `${name} to be ${states}; it is ${seen()}; ${(status as AgentStatus | null)?.links[0]?.topics[0]?.reason}`,
        },
      );
      if (failure !== null) throw failure;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const ranges = async (cluster: Cluster, topic: string, count: number): Promise<LogRange[]> => {
  const found = await linkCluster(cluster).logRanges(topic, count);
  return Array.from({ length: count }, (_, partition) => found.get(partition)!);
};
const untilLikeSource = (topic: string, count: number, shift = 0n) =>
  waitFor(
    async () => {
      const [a, b] = [await ranges(source, topic, count), await ranges(guarded.admin, topic, count)];
      return a.every(({ start, end }, i) => start - shift === b[i]!.start && end - shift === b[i]!.end);
    },
    { deadlineMs: 30_000, describe: `${topic} to start and end as the source does` },
  );
const denials = (topic: string) =>
  describeAcls(guarded.admin, {
    resourceType: 'TOPIC',
    resourceName: topic,
    permission: 'DENY',
    patternType: 'LITERAL',
  });
const untilOpen = (topic: string) =>
  waitFor(async () => (await denials(topic)).length === 0 && (await tagOf(topic)) === '9223372036854775807', {
    deadlineMs: 30_000,
    describe: `${topic} to be readable`,
  });
const tagOf = async (topic: string) =>
  (await settingsOf(guarded.admin, topic)).get('message.timestamp.after.max.ms')?.value;
const settingsOf = async (cluster: Cluster, topic: string): Promise<TopicSettings> =>
  (await linkCluster(cluster).topicSettings([topic])).get(topic) as TopicSettings;
/** The error number that a fetch of `reader` gets, and how many bytes of records. */
async function readAsReader(topic: string, offset: bigint): Promise<{ errorCode: number; bytes: number }> {
  const { topicId, leaderId } = await guarded.reader.leaderOf(topic, 0);
  const answer = await guarded.reader.request(
    apis.Fetch,
    {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 2 ** 20,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic,
          topicId,
          partitions: [
            {
              partition: 0,
              currentLeaderEpoch: -1,
              fetchOffset: offset,
              lastFetchedEpoch: -1,
              partitionMaxBytes: 2 ** 20,
            },
          ],
        },
      ],
    },
    { to: leaderId },
  );
  const found = answer.responses[0]!.partitions[0]!;
  return { errorCode: found.errorCode, bytes: found.records?.length ?? 0 };
}

describe('where rights are checked', () => {
  test('ten million offsets are filled and cut; nobody reads a filler, everybody the records at their offsets', async () => {
    const topic = await sourceTopic([10_000_000, 0]);
    await using agent = await startAgent(topic);
    await waitFor(() => agent.partitions(topic).some(({ state }) => state === 'FillingStart'), {
      deadlineMs: 30_000,
      pollMs: 5,
      describe: () =>
        `FillingStart; ${JSON.stringify(agent.partitions(topic).map(({ state, reason, lastError }) => [state, reason, lastError]))} ${JSON.stringify(agent.notices.map(({ text }) => text))}`,
    });
    // Until the rule is gone every read is refused: looked at again and again while it fills.
    let refusals = 0;
    for (let isFilling = true; isFilling; ) {
      const { errorCode, bytes } = await readAsReader(topic, 0n);
      const [range] = await ranges(guarded.admin, topic, 1);
      isFilling = range!.start === 0n;
      if (!isFilling) break;
      expect(bytes).toBe(0);
      if (range!.end > 0n) {
        expect(errorCode).toBe(29);
        refusals += 1;
      }
    }
    expect(refusals).toBeGreaterThan(3);
    await agent.reach(topic, 'Mirroring');
    await untilLikeSource(topic, 2);
    await untilOpen(topic);
    expect(await readAsReader(topic, 0n)).toEqual({ errorCode: 1, bytes: 0 });
    const { errorCode, bytes } = await readAsReader(topic, 10_000_000n);
    expect([errorCode, bytes > 0]).toEqual([0, true]);
    const read = await platformaticConsume({ bootstrap: regions.guarded.bootstrap, topic, count: 10 });
    expect(read.map(({ partition, offset }) => `${partition}:${offset}`)).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `0:${10_000_000 + i}`),
      ...[0, 1, 2, 3, 4].map((i) => `1:${i}`),
    ]);
  });

  test('a compacted topic is compacted again afterwards, with the retention of the source', async () => {
    const topic = await sourceTopic([300_000, 400_000], {
      'cleanup.policy': 'compact',
      'retention.ms': '3600000',
    });
    await using agent = await startAgent(topic);
    await agent.reach(topic, 'Mirroring');
    await untilLikeSource(topic, 2);
    await untilOpen(topic);
    const wanted = mirrorSettings(await settingsOf(source, topic));
    const held = await settingsOf(guarded.admin, topic);
    expect(wanted['cleanup.policy']).toBe('compact');
    for (const [name, value] of Object.entries(wanted))
      expect([name, held.get(name)?.value]).toEqual([name, value]);
  });

  test('an agent that ends while it fills is followed by one that goes on, and opens the topic', async () => {
    const topic = await sourceTopic([20_000_000, 0, 0], { 'cleanup.policy': 'compact' });
    {
      await using agent = await startAgent(topic);
      await waitFor(
        async () => ((await linkCluster(guarded.admin).logRanges(topic, 1)).get(0)?.end ?? 0n) > 0n,
        { deadlineMs: 30_000, pollMs: 5, describe: 'the first filler' },
      );
      const others = () => agent.partitions(topic).slice(1);
      await waitFor(() => others().every(({ mirrorEnd }) => mirrorEnd === 5n), {
        deadlineMs: 20_000,
        pollMs: 5,
        describe: () => `the other partitions to be mirrored; they are ${others().map(({ state }) => state)}`,
      });
    }
    // Retention overtakes the third one meanwhile: what it holds must not be taken for fillers and cut off.
    await alterSource(topic, 'delete');
    await produce(topic, 2, 30);
    unwrap((await deleteRecords(source, [{ topic, partition: 2, beforeOffset: 20n }]))[0]!.outcome);
    await alterSource(topic, 'compact');
    const [left] = await ranges(guarded.admin, topic, 1);
    expect(left!.start).toBe(0n);
    expect(left!.end).toBeLessThan(20_000_000n);
    expect(await denials(topic)).toHaveLength(1);
    expect((await settingsOf(guarded.admin, topic)).get('cleanup.policy')?.value).toBe('delete');
    await using agent = await startAgent(topic);
    await agent.reach(topic, 'Mirroring', 'RetentionOvertook');
    expect(agent.partitions(topic)[2]?.state).toBe('RetentionOvertook');
    expect((await ranges(guarded.admin, topic, 3))[2]).toEqual({ start: 0n, end: 5n });
    await untilLikeSource(topic, 2);
    await untilOpen(topic);
    expect((await settingsOf(guarded.admin, topic)).get('cleanup.policy')?.value).toBe('compact');
  });

  test.each([
    ['ALTER on the cluster', 'CLUSTER', 'kafka-cluster', 'ALTER', /grant ALTER on the cluster/],
    ['ALTER_CONFIGS on the topic', 'TOPIC', '*', 'ALTER_CONFIGS', /grant ALTER_CONFIGS/],
    ['DELETE on the topic', 'TOPIC', '*', 'DELETE', /grant DELETE on the topic/],
  ] as const)(
    'without %s nothing is filled, and the right is named',
    async (_what, type, name, operation, words) => {
      const topic = await sourceTopic([1_000]);
      const [rule] = rulesOf('agent', type, name, [operation]);
      for (const outcome of await deleteAcls(guarded.admin, [rule!])) unwrap(outcome);
      try {
        await using agent = await startAgent(topic);
        await agent.reach(topic, 'NotAuthorized');
        expect(agent.partitions(topic)[0]?.reason).toMatch(words);
        expect((await ranges(guarded.admin, topic, 1))[0]!.end).toBe(0n);
      } finally {
        await allow('agent', type, name, [operation]);
      }
    },
  );
});

test('start: shifted needs no filler: offsets are lower by k, which the destination remembers', async () => {
  const topic = await sourceTopic([5_000_000, 7]);
  {
    await using agent = await startAgent(topic, { extra: ', start: shifted' });
    await agent.reach(topic, 'Mirroring');
    await waitFor(async () => (await ranges(guarded.admin, topic, 2)).every(({ end }) => end === 5n), {
      deadlineMs: 20_000,
      describe: 'five records in each',
    });
    expect(agent.notices.map(({ text }) => text).filter((text) => text.includes('SHIFTED'))).toHaveLength(2);
    expect(await denials(topic)).toEqual([]);
  }
  const store = new LazyControlTopic(guarded.agent, { onWarning: () => {} });
  onTestFinished(() => store.close());
  const placements = (link: string) => readPlacements({ destination: guarded.agent, store, link });
  const placementOf = await placements('us-to-eu');
  const shiftOf = (name: string, partition: number) => placementOf(name, partition).shift;
  expect([0, 1, 2].map((partition) => shiftOf(topic, partition))).toEqual([5_000_000n, 7n, 0n]);
  expect(shiftOf('another', 0)).toBe(0n);
  expect((await placements('another'))(topic, 0).shift).toBe(0n);
  // The source starts higher now and the link asks for fill: k stays what it was.
  const [cut] = await deleteRecords(source, [{ topic, partition: 0, beforeOffset: 5_000_002n }]);
  unwrap(cut!.outcome);
  await produce(topic, 0, 5);
  await using agent = await startAgent(topic);
  await agent.reach(topic, 'Mirroring');
  await waitFor(async () => (await ranges(guarded.admin, topic, 1))[0]!.end === 10n, {
    deadlineMs: 20_000,
    describe: 'ten records',
  });
});
