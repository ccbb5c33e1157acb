// Brokers that lie to an agent: one liar stands before the source, another before the destination. Each lie is told
// about partition 0 of a topic of its own; partition 1 hears the truth. Expected: a named error, nothing wrong in the
// mirror, partition 1 copied, the agent alive. When the liar tells the truth again, every mirror becomes identical: by
// itself, or by the next agent where the partition has stopped.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addPartitionsToTransaction,
  Cluster,
  endTransaction,
  initTransactions,
} from '../../src/client/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import { apis, encodeResponse } from '../../src/protocol/index.ts';
import { type Compression, encodeBatch, splitBatches } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { type LyingBroker, startLyingBroker } from '../support/lying-broker.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { append, makeTopic } from '../verify/kafka-copy.ts';
import { type DestinationLie, destinationLies, topicNames } from './destination-lies.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';
import { harmless, sourceLies } from './source-lies.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
let source: Cluster;
let destination: Cluster;
beforeAll(async () => {
  source = await Cluster.connect(configOf(regions['us-east']));
  destination = await Cluster.connect(configOf(regions['eu-west']));
});
afterAll(() => {
  source?.close();
  destination?.close();
});

/** No error, no reason and no line may hold it. */
const secret = 'content-of-records-is-secret';
const batchCount = 3;
const recordsPerBatch = 10;
const end = BigInt(batchCount * recordsPerBatch);

/** Batches of ten records; `small` ones are merged on the way. */
function batches(compression: Compression, size: 'large' | 'small'): Buffer[] {
  return Array.from({ length: batchCount }, (_, batch) =>
    encodeBatch(
      Array.from({ length: recordsPerBatch }, (_, record) => ({
        offset: BigInt(batch * recordsPerBatch + record),
        timestamp: BigInt(Date.now()),
        key: Buffer.from(secret),
        value: Buffer.from(secret.repeat(size === 'large' ? 30 : 1) + record),
        headers: [],
      })),
      { compression },
    ),
  );
}

async function makeSource(topic: string, of: Buffer[]): Promise<void> {
  await makeTopic(source, topic, 2);
  for (const partition of [0, 1]) await append(source, topic, of, { partition });
}

/** The region's name, at the liar's address. */
function as(liar: LyingBroker, region: Region): Region {
  return { name: region.name, bootstrap: liar.bootstrap } as unknown as Region;
}

/** What people read about a partition. */
function words({ state, reason, lastError }: PartitionStatus): string {
  return [state, reason, lastError].filter((text) => text !== null).join(' | ');
}

async function differences(topics: readonly string[]): Promise<string[]> {
  const { partitions } = await verifyLink({
    source,
    destination,
    topics: topics.map((topic) => ({ source: topic, destination: topic })),
    waitMsMax: 0,
  });
  expect(partitions.length).toBe(2 * topics.length);
  return partitions
    .filter(({ outcome }) => outcome !== 'identical')
    .map(({ topic, partition, outcome }) => `${topic}-${partition}: ${outcome}`);
}

/** Waits until partition 0 of each topic says what is expected, while the other partitions are copied. */
async function says(agent: RunningAgent, expected: ReadonlyMap<string, RegExp>): Promise<void> {
  const seen = new Map<string, string>();
  const missing = () =>
    [...expected].filter(([topic, pattern]) => {
      const status = agent.partition(topic, 0);
      if (status === undefined) return true;
      const text = words(status);
      if (pattern.test(text)) seen.set(topic, text);
      else if (!seen.has(topic)) return true;
      return false;
    });
  await waitFor(() => missing().length === 0, {
    deadlineMs: 45_000,
    describe: () =>
      `named errors of ${missing()
        .map(([topic]) => `${topic} (${words(agent.partition(topic, 0) ?? ({} as PartitionStatus))})`)
        .join('; ')}`,
  });
  for (const text of seen.values()) expect(text).not.toContain(secret);
}

describe('a source that lies', () => {
  it('stops or holds up its partition with a named error; nothing wrong is appended', async () => {
    await using liar = await startLyingBroker(regions['us-east']);
    const lies = [...sourceLies, ...harmless].map((lie) => ({ ...lie, topic: uniqueTopic('source-lie') }));
    const topics = lies.map(({ topic }) => topic);
    const told = new Map<string, number>();
    const made = lies.map(({ topic, compression = 'none', size }) =>
      makeSource(topic, batches(compression, size ?? 'large')),
    );
    await Promise.all(made);
    const { topics: known } = await source.metadata({ topics });
    const lieOf = new Map(lies.map((lie) => [known.get(lie.topic)!.topicId, lie]));
    liar.lie(apis.Fetch, (answer) => {
      for (const { topicId, partitions } of answer.responses) {
        const lie = lieOf.get(topicId);
        for (const partition of partitions) {
          if (lie === undefined || partition.partitionIndex !== 0 || !partition.records?.length) continue;
          told.set(lie.topic, (told.get(lie.topic) ?? 0) + 1);
          lie.change(partition, splitBatches(partition.records).batches);
        }
      }
      return answer;
    });
    const agentOf = (from: Region) =>
      startAgent({ folder: folder.path, source: from, destination: regions['eu-west'], topics });
    {
      await using agent = await agentOf(as(liar, regions['us-east']));
      await says(
        agent,
        new Map(lies.flatMap((lie) => ('says' in lie ? [[lie.topic, lie.says as RegExp] as const] : []))),
      );
      for (const { topic } of lies) await agent.mirrorsUpTo(topic, end, 1);
      for (const { topic } of lies.slice(sourceLies.length)) await agent.mirrorsUpTo(topic, end, 0);
      expect([...told.keys()].sort()).toEqual([...topics].sort());
      liar.beHonest();
      const waiting = () =>
        lies.filter(({ topic }) => {
          const status = agent.partition(topic, 0)!;
          return !status.isStopped && status.mirrorEnd !== end;
        });
      await waitFor(() => waiting().length === 0, {
        deadlineMs: 30_000,
        describe: () =>
          `${waiting().map(({ name, topic }) => `${name}: ${words(agent.partition(topic, 0)!)}`)}`,
      });
    }
    await using honest = await agentOf(regions['us-east']);
    for (const { topic } of lies) await honest.mirrorsUpTo(topic, end, 0);
    expect(await differences(topics)).toEqual([]);
  });
});

/** A batch in a transaction that is committed, behind the others. */
async function addTransaction(topic: string): Promise<void> {
  const transactionalId = uniqueTopic('writer');
  const identity = await initTransactions(source, transactionalId);
  const partitions = [0, 1].map((partition) => ({ topic, partition }));
  await addPartitionsToTransaction(source, transactionalId, identity, partitions);
  const records = [0n, 1n].map((offset) => ({
    offset: end + offset,
    timestamp: 1n,
    key: null,
    value: Buffer.from(secret),
    headers: [],
  }));
  const batch = encodeBatch(records, {
    ...identity,
    compression: 'none',
    baseSequence: 0,
    isTransactional: true,
  });
  for (const partition of [0, 1]) await append(source, topic, [batch], { partition, transactionalId });
  await endTransaction(source, transactionalId, identity, 'commit');
}

describe('a destination that lies', () => {
  it('stops or holds up its partition with a named error; nothing wrong is appended', async () => {
    await using liar = await startLyingBroker(regions['eu-west']);
    const lies = destinationLies.map((lie) => ({ ...lie, topic: uniqueTopic('destination-lie') }));
    const topics = lies.map(({ topic }) => topic);
    const endOf = ({ hasHole = false }: DestinationLie): bigint => (hasHole ? end + 3n : end);
    const made = lies.map(async ({ topic, hasHole = false }) => {
      await makeSource(topic, batches('none', 'large'));
      if (hasHole) await addTransaction(topic);
    });
    await Promise.all(made);
    const told = new Map<string, number>();
    for (const { topic, tell } of lies) tell(liar, topic, () => told.set(topic, (told.get(topic) ?? 0) + 1));
    const agentOf = (to: Region) =>
      startAgent({ folder: folder.path, source: regions['us-east'], destination: to, topics });
    {
      await using agent = await agentOf(as(liar, regions['eu-west']));
      const learnIds = async () => {
        const { topics: known } = await destination.metadata({ topics });
        for (const { name, topicId } of known.values()) topicNames.set(topicId, name);
        return topics.every((topic) => known.has(topic));
      };
      await waitFor(learnIds, { deadlineMs: 20_000, describe: 'the mirror topics to be created' });
      const wanted = lies.flatMap(({ topic, says: pattern }) =>
        pattern === null ? [] : [[topic, pattern] as const],
      );
      await says(agent, new Map(wanted));
      for (const lie of lies) if (lie.says === null) await agent.mirrorsUpTo(lie.topic, endOf(lie), 0);
      for (const lie of lies) await agent.mirrorsUpTo(lie.topic, endOf(lie), 1);
      expect([...told.keys()].sort()).toEqual([...topics].sort());
      liar.beHonest();
      const waiting = () =>
        lies.filter((lie) => {
          const status = agent.partition(lie.topic, 0)!;
          return !status.isStopped && status.mirrorEnd !== endOf(lie);
        });
      await waitFor(() => waiting().length === 0, {
        deadlineMs: 30_000,
        describe: () =>
          `${waiting().map(({ name, topic }) => `${name}: ${words(agent.partition(topic, 0)!)}`)}`,
      });
    }
    await using honest = await agentOf(regions['eu-west']);
    for (const lie of lies) await honest.mirrorsUpTo(lie.topic, endOf(lie), 0);
    expect(await differences(topics)).toEqual([]);
  });
});

describe('a broker that breaks the protocol', () => {
  it('loses its connection with a named error, and the partitions go on when it keeps to it', async () => {
    await using sourceLiar = await startLyingBroker(regions['us-east']);
    await using destinationLiar = await startLyingBroker(regions['eu-west']);
    const topic = uniqueTopic('protocol');
    await makeSource(topic, batches('none', 'large'));
    sourceLiar.lie(apis.Fetch, (answer, { version, correlationId }) =>
      Buffer.concat(encodeResponse(apis.Fetch, version, correlationId + 1, answer)),
    );
    await using agent = await startAgent({
      folder: folder.path,
      source: as(sourceLiar, regions['us-east']),
      destination: as(destinationLiar, regions['eu-west']),
      topics: [topic],
    });
    await says(agent, new Map([[topic, /correlation/]]));
    expect(agent.partition(topic)!.isStopped).toBe(false);
    sourceLiar.beHonest();
    for (const partition of [0, 1]) await agent.mirrorsUpTo(topic, end, partition);

    sourceLiar.lie(apis.Fetch, (answer) => {
      for (const { partitions } of answer.responses)
        for (const each of partitions) if (each.partitionIndex === 0) each.partitionIndex = 99;
      return answer;
    });
    await addTransaction(topic);
    await says(agent, new Map([[topic, /partition 99 of topic .* was not asked for/]]));
    await agent.mirrorsUpTo(topic, end + 3n, 1);
    sourceLiar.beHonest();
    await agent.mirrorsUpTo(topic, end + 3n, 0);

    destinationLiar.lie(apis.Produce, (answer, { version, correlationId }) =>
      Buffer.concat(encodeResponse(apis.Produce, version, correlationId + 1, answer)),
    );
    const more = encodeBatch(
      [{ offset: end + 3n, timestamp: 1n, key: null, value: Buffer.from(secret), headers: [] }],
      { compression: 'none' },
    );
    for (const partition of [0, 1]) await append(source, topic, [more], { partition });
    await says(agent, new Map([[topic, /correlation/]]));
    destinationLiar.beHonest();
    for (const partition of [0, 1]) await agent.mirrorsUpTo(topic, end + 4n, partition);
    expect(await differences([topic])).toEqual([]);
  });
});
