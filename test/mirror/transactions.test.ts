// Transactions at the source, written by Kafka's Java producers: consumers with read_committed see the same records at
// the same offsets; markers and aborted records become invisible control batches.
import { expect, it } from 'vitest';
import type { JavaRecordToWrite } from '../support/java-workload.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();

async function topicsOf(names: readonly string[], partitions: number): Promise<string[]> {
  const topics = names.map(uniqueTopic);
  await oracle.createTopics(
    regions['us-east'],
    topics.map((name) => ({ name, partitions })),
  );
  return topics;
}

const link = (topics: readonly string[], extra = '') => ({
  oracle,
  folder: folder.path,
  source: regions['us-east'],
  destination: regions['eu-west'],
  topics,
  extra,
});
const mirror = (topics: readonly string[], extra = ''): Promise<RunningAgent> =>
  startAgent(link(topics, extra));
const workload = () => oracle.workload(regions['us-east']);

function records(topics: readonly string[], text: string, count: number): JavaRecordToWrite[] {
  return Array.from({ length: count }, (_, index) => ({
    topic: topics[index % topics.length]!,
    partition: (index >> 1) % 2,
    key: `${text} ${index % 3}`,
    value: `${text} ${index}`,
  }));
}

it('mirrors transactions that were interleaved, committed and aborted, over several partitions and topics', async () => {
  const topics = await topicsOf(['orders', 'payments'], 2);
  const java = workload();
  const write = async (round: number): Promise<void> => {
    await java.transaction({
      producer: `${topics[0]} a`,
      records: records(topics, `a ${round}`, 8),
      end: 'open',
    });
    await java.transaction({
      producer: `${topics[0]} b`,
      records: records(topics, `b ${round}`, 6),
      end: 'abort',
      flushEvery: 2,
    });
    await java.produce({ producer: `${topics[0]} plain`, records: records(topics, 'plain', 5) });
    await java.transaction({
      producer: `${topics[0]} b`,
      records: records(topics, `b again ${round}`, 4),
      end: 'commit',
    });
    await java.transaction({
      producer: `${topics[0]} a`,
      records: records(topics, `a more ${round}`, 3),
      end: round % 2 ? 'abort' : 'commit',
    });
  };
  for (const round of [0, 1, 2]) await write(round);
  await using agent = await mirror(topics);
  for (const topic of topics) await agent.reaches(topic, 'Mirroring');
  for (const round of [3, 4, 5]) await write(round);
  expect(await expectIdentical(link(topics))).toBeGreaterThan(6 * 9);

  // The log ends are the same to the offset, markers included; a read_uncommitted consumer sees no aborted records.
  for (const topic of topics) {
    const ends = (region: keyof typeof regions) => oracle.ends(regions[region], topic);
    expect(await ends('eu-west')).toEqual(await ends('us-east'));
    const read = (region: keyof typeof regions, isolation: 'read_committed' | 'read_uncommitted') =>
      oracle.read({ region: regions[region], topic, partition: 0, isolation });
    const committed = await read('us-east', 'read_committed');
    const uncommitted = await read('us-east', 'read_uncommitted');
    const copied = await read('eu-west', 'read_uncommitted');
    expect(copied.records).toEqual(committed.records);
    expect(uncommitted.records.length).toBeGreaterThan(committed.records.length);
  }
});

it('waits at the last stable offset for a transaction that is open while others commit, and says whose', async () => {
  const topics = await topicsOf(['held-up'], 1);
  const topic = topics[0]!;
  const java = workload();
  const one = (value: string): JavaRecordToWrite[] => [{ topic, partition: 0, value }];
  await java.produce({ producer: `${topic} plain`, records: one('before') });
  await java.transaction({ producer: `${topic} slow`, records: one('slow'), end: 'open' });
  await java.transaction({ producer: `${topic} quick`, records: one('quick'), end: 'commit' });
  await using agent = await mirror(topics);
  const status = await agent.reaches(topic, 'WaitingForTransaction');
  expect(status).toMatchObject({ mirrorEnd: 1n, lagRecords: 0n });
  await waitFor(() => agent.partition(topic)?.reason?.includes(`${topic} slow`), {
    deadlineMs: 30_000,
    describe: () => `the transactional id to be named; the reason is ${agent.partition(topic)?.reason}`,
  });
  expect(agent.partition(topic)?.reason).toContain('kafka-transactions.sh --bootstrap-server');
  await java.transaction({ producer: `${topic} slow`, records: one('slow again'), end: 'commit' });
  await agent.reaches(topic, 'Mirroring');
  expect(await expectIdentical(link(topics))).toBe(4);
});

it('mirrors an exactly-once application that aborts and crashes, while it runs', async () => {
  const topics = await topicsOf(['input', 'output', 'store-changelog'], 2);
  const [input, ...output] = topics as [string, string, string];
  const java = workload();
  await java.produce({ producer: `${input} writer`, records: records([input], 'in', 300), flushEvery: 20 });
  await using agent = await mirror(topics);
  for (const topic of topics) await agent.reaches(topic, 'Mirroring');
  const done = await java.readProcessWrite({
    application: `${input}-app`,
    from: input,
    to: output,
    recordsPerTransaction: 10,
    abortEvery: 4,
    crashEvery: 9,
  });
  expect(done.committed).toBeGreaterThan(20);
  expect(done.aborted).toBeGreaterThan(3);
  expect(await expectIdentical(link(topics))).toBe(900);
});

it('fills a hole of thousands of aborted records, also when the agent is stopped within it', async () => {
  const topics = await topicsOf(['given-up'], 1);
  const topic = topics[0]!;
  const java = workload();
  const many = Array.from({ length: 30_000 }, (_, index) => ({ topic, partition: 0, value: `${index}` }));
  await java.transaction({ producer: `${topic} writer`, records: many, end: 'abort' });
  await java.transaction({ producer: `${topic} writer`, records: many.slice(0, 3), end: 'commit' });
  const first = await mirror(topics);
  await waitFor(() => (first.partition(topic)?.holeOffsetsCount ?? 0n) > 0n, {
    deadlineMs: 60_000,
    describe: () => `markers; it is ${first.partition(topic)?.state}`,
  });
  await first.stop();
  await using agent = await mirror(topics);
  expect(await expectIdentical(link(topics))).toBe(3);
  const { holeOffsetsCount } = (await agent.reaches(topic, 'Mirroring'))!;
  expect(holeOffsetsCount).toBeLessThan(30_002n);
});

it('fills holes with empty transactions where the link says so', async () => {
  const topics = await topicsOf(['without-markers'], 2);
  const java = workload();
  const write = async (round: number): Promise<void> => {
    await java.transaction({
      producer: `${topics[0]} a`,
      records: records(topics, `a ${round}`, 6),
      end: 'commit',
    });
    await java.transaction({
      producer: `${topics[0]} b`,
      records: records(topics, `b ${round}`, 4),
      end: 'abort',
    });
  };
  const extra = '    holes: transactions\n';
  await write(0);
  {
    await using agent = await mirror(topics, extra);
    await agent.reaches(topics[0]!, 'Mirroring');
    await write(1);
    await expectIdentical(link(topics, extra));
  }
  // Another worker goes on behind foreign markers, and one that writes markers of its own behind those.
  await write(2);
  {
    await using agent = await mirror(topics, extra);
    await agent.reaches(topics[0]!, 'Mirroring');
    await expectIdentical(link(topics, extra));
  }
  await write(3);
  await using agent = await mirror(topics);
  await agent.reaches(topics[0]!, 'Mirroring');
  await write(4);
  expect(await expectIdentical(link(topics))).toBe(30);
});
