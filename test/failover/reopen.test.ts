// A mirror whose direction turns back is copied again: the former primary, whose log real producers wrote, goes on as the
// mirror of what was its mirror, and so on. Judged by Kafka's own consumer and by `lockstep verify`.
import { expect, test } from 'vitest';
import { alterTopic } from '../support/alter-topic.ts';
import type { JavaRecordToWrite } from '../support/java-workload.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { TurningRegions } from './turning-regions.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const both = () => [regions['us-east'], regions['eu-west']] as const;
const oracle = useOracle();
const partitions = 2;
const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const turnsWanted = Number(process.env.LOCKSTEP_TURNS ?? 10);

test.each([
  ['markers', '', turnsWanted],
  ['empty transactions', '    holes: transactions\n', Math.min(turnsWanted, 4)],
] as const)(
  'a direction that turns again and again, with producers and transactions on whichever side is primary; holes by %s',
  async (_how, extra, turns) => {
    const topics = ['plain', 'transactional', 'stamped'].map(uniqueTopic);
    const [plain, transactional, stamped] = topics as [string, string, string];
    await oracle.createTopics(
      regions['us-east'],
      topics.map((name) => ({ name, partitions })),
    );
    // What a mirror may not have, on the first primary.
    await alterTopic(regions['us-east'], stamped, {
      'message.timestamp.type': 'LogAppendTime',
      'compression.type': 'lz4',
      'retention.ms': '-1',
    });
    await using turning = await TurningRegions.start({
      ...{ folder: folder.path, oracle, regions: both(), topics, partitions, extra },
    });
    const notices: string[] = [];
    let compared = 0;
    for (let round = 0; round < turns; round++) {
      const region = turning.source;
      const java = oracle.workload(region);
      const name = (what: string) => `${what} ${round}`;
      const compression = compressions[round % compressions.length]!;
      await java.producer(name('plain'), {
        transactionalId: null,
        properties: { 'compression.type': compression },
      });
      await java.produce({
        producer: name('plain'),
        records: records(plain, name('java'), 40),
        flushEvery: 7,
      });
      // Every third life has nothing of its own in one of the topics.
      if (round % 3 !== 2)
        await java.produce({ producer: name('plain'), records: records(stamped, name('stamped'), 10) });
      await platformaticProduce({
        ...{ bootstrap: region.bootstrap, topic: plain, compression },
        messages: Array.from({ length: 20 }, (_, index) => ({
          partition: index % partitions,
          value: Buffer.from(`platformatic ${round}, ${index}`),
        })),
      });
      await java.producer(name('tx'), { properties: { 'compression.type': compression } });
      await java.transaction({
        ...{ producer: name('tx'), records: records(transactional, name('committed'), 8), end: 'commit' },
        flushEvery: 3,
      });
      // The newest that a producer leaves behind: aborted records in one round, a commit in another.
      await java.transaction({
        ...{ producer: name('tx'), records: records(transactional, name('last'), 6) },
        end: round % 2 === 0 ? 'abort' : 'commit',
      });
      // Agents that begin within a life go on with what it has written.
      notices.push(...turning.links.flatMap((link) => link.notices));
      if (round % 2 === 1) await turning.restart();
      await turning.catchUp();
      compared = await turning.expectIdentical();

      const before = await turning.ends(turning.source);
      const cuts = await turning.promote();
      for (const [topic, cut] of cuts)
        for (const { partition, cutOffset } of cut)
          expect(Number(cutOffset)).toBe(before[`${topic}-${partition}`]);
      for (const [place, end] of Object.entries(await turning.ends(turning.destination)))
        expect(end, place).toBe(before[place]! + 2);
      // Closing once more finds the same cut, behind the markers of all lives before.
      expect(await turning.promote()).toEqual(cuts);
      await turning.turn();
    }
    await turning.catchUp();
    expect(await turning.expectIdentical()).toBe(compared);
    expect(compared).toBeGreaterThan(turns * 60);
    notices.push(...turning.links.flatMap((link) => link.notices));
    expect(notices.join('\n')).toMatch(
      new RegExp(
        `topic ${stamped}: others wrote it, and it is a mirror now: .*message.timestamp.type=CreateTime`,
      ),
    );
    for (const link of turning.links)
      for (const { state } of link.runner.status().partitions) expect(state).toMatch(/Mirroring|Stopped/);
  },
);

test('a log that went on alone is Diverged, and never continued', async () => {
  const topics = ['tail', 'hole', 'open'].map(uniqueTopic);
  const [tail, hole, open] = topics as [string, string, string];
  await oracle.createTopics(
    regions['us-east'],
    topics.map((name) => ({ name, partitions: 1 })),
  );
  await using turning = await TurningRegions.start({
    ...{ folder: folder.path, oracle, regions: both(), topics, partitions: 1 },
  });
  const one = (topic: string, value: string, count: number): JavaRecordToWrite[] =>
    Array.from({ length: count }, (_, index) => ({ topic, partition: 0, value: `${value} ${index}` }));
  const java = oracle.workload(turning.source);
  for (const topic of topics) await java.produce({ producer: 'before', records: one(topic, 'before', 30) });
  await turning.catchUp();
  await turning.promote();
  // What a failover loses: one topic ends in another record, in another a record stands where a closing marker is, and
  // in the third a transaction is open.
  await java.produce({ producer: 'late', records: one(tail, 'late', 5) });
  await java.produce({ producer: 'late', records: one(hole, 'late', 1) });
  await java.transaction({ producer: uniqueTopic('tx'), records: one(open, 'late', 3), end: 'open' });
  const after = oracle.workload(turning.destination);
  for (const topic of topics) await after.produce({ producer: 'after', records: one(topic, 'after', 30) });
  const former = await turning.ends(turning.source);
  await turning.turn();
  for (const topic of [tail, hole])
    await waitFor(() => turning.link.partition(topic)?.state === 'Diverged', {
      deadlineMs: 40_000,
      describe: () => `${topic} to be Diverged: ${JSON.stringify(turning.link.partition(topic)?.reason)}`,
    });
  expect(turning.link.partition(hole)).toMatchObject({ stoppedAt: 30n });
  await waitFor(() => turning.link.partition(open)?.lastError?.includes('a transaction is open'), {
    deadlineMs: 40_000,
    describe: () => `${open} to say what it waits for: ${turning.link.partition(open)?.reason}`,
  });
  expect(await turning.ends(turning.destination)).toEqual(former);
});

function records(topic: string, text: string, count: number): JavaRecordToWrite[] {
  return Array.from({ length: count }, (_, index) => ({
    topic,
    partition: index % partitions,
    key: `${text} ${index % 3}`,
    value: `${text} ${index}`,
    headers: [['round', text]],
  }));
}
