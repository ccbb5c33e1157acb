// An agent process that is frozen while it copies, before the mirror is closed and becomes the live topic, and that
// wakes up behind it: with requests of its own that were still on their way, and with batches and markers in its memory.
// The live topic must hold what its live producer wrote, and nothing of that agent, which ends as Fenced.
import path from 'node:path';
import { expect, test } from 'vitest';
import { SoakAgent } from '../../scripts/soak/agents.ts';
import { systemClock } from '../../src/client/index.ts';
import { fencePartition, linkProducerId } from '../../src/mirror/index.ts';
import type { Ask } from '../../src/mirror/shell/log-answers.ts';
import { MarkerWriter } from '../../src/mirror/shell/marker-writer.ts';
import { holdBack, useProxiedRegion } from '../support/proxied-region.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { JavaLoad } from './java-load.ts';
import { writeTopology } from './running-agent.ts';

const deadlineMs = 60_000;
const partitions = 4;
const livePerPartition = 50;
const rounds = Number(process.env.LOCKSTEP_FROZEN_ROUNDS ?? 2);
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {} });
const oracle = useOracle();

const proxied = useProxiedRegion(folder);

test.each(Array.from({ length: rounds }, (_, round) => round + 1))(
  'an agent that was frozen before a promotion writes nothing behind it (%i)',
  async () => {
    const source = regions['us-east'];
    const topics = [uniqueTopic('plain'), uniqueTopic('transactional')] as const;
    const [plain, transactional] = topics;
    await oracle.createTopics(
      source,
      topics.map((name) => ({ name, partitions })),
    );
    const link = { folder: folder.path, source, destination: proxied.through, topics };
    const agent = new SoakAgent('frozen', await writeTopology(link), path.join(folder.path, `${plain}.log`), [
      '--alone',
    ]);
    const load = new JavaLoad({ workload: oracle.workload(source), plain, transactional, partitions });
    const [proxy] = proxied.proxies;
    try {
      agent.start();
      await moreArrives(topics, 100);
      const { bytesUp } = proxy!.counts;
      await holdBack(proxy!);
      agent.freeze();

      const liveFrom = await closeAll(topics);
      const written = await writeLive(topics);
      // The requests of the frozen agent arrive, and then it wakes up, while the source goes on.
      proxy!.setFault({ kind: 'none' });
      await waitFor(() => proxy!.counts.bytesUp > bytesUp, {
        deadlineMs,
        describe: 'its requests to arrive',
      });
      agent.resume();
      await waitFor(() => agent.summary.includes(`${2 * partitions} STOPPED`), {
        deadlineMs,
        describe: () => `all partitions to stop: ${agent.summary}; ${agent.complaints.join('; ')}`,
      });
      written.push(...(await writeLive(topics)));
      await load.stop();

      expect(agent.complaints.length).toBeGreaterThan(0);
      for (const words of agent.complaints) expect(words).toMatch(/: Fenced/);
      for (const topic of topics) await expectOnlyLive(topic, { liveFrom, written });
    } finally {
      await agent.kill();
      await load.stop();
    }
  },
);

/** Closes every partition for the link; where each ends then. */
async function closeAll(topics: readonly string[]): Promise<Map<string, number>> {
  const producerId = linkProducerId({ sourceClusterId: regions['us-east'].clusterId, linkName: 'us-to-eu' });
  const ends = new Map<string, number>();
  for (const topic of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const { leaderId, leaderEpoch, topicId } = await proxied.cluster.leaderOf(topic, partition);
      const ask: Ask = (api, input) => proxied.cluster.request(api, input, { to: leaderId });
      const writer = new MarkerWriter({
        open: () => proxied.cluster.openConnection(leaderId, { purpose: 'promotion' }),
        answerTimeoutMs: 30_000,
        nowMs: () => performance.now(),
      });
      const log = { topic, topicId, partition, leaderEpoch, leader: leaderId };
      const timeoutMs = 10_000;
      const { logEnd } = await fencePartition({
        log,
        writerIds: [producerId],
        ask,
        writer,
        clock: systemClock,
        timeoutMs,
      });
      writer.close();
      ends.set(`${topic}-${partition}`, Number(logEnd));
    }
  }
  return ends;
}

interface Written {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}
let liveRound = 0;

/** A plain Java producer on the former mirror. */
async function writeLive(topics: readonly string[]): Promise<Written[]> {
  liveRound++;
  const records = topics.flatMap((topic) =>
    Array.from({ length: partitions * livePerPartition }, (_, index) => ({
      topic,
      partition: index % partitions,
      value: `live ${liveRound}, record ${index}`,
    })),
  );
  const workload = oracle.workload(proxied.region);
  const offsets = await workload.produce({ producer: `live ${liveRound}`, records, flushEvery: 40 });
  return offsets.map(([topic, partition, offset], index) => {
    return { topic, partition, offset, value: records[index]!.value };
  });
}

/** Behind the closing markers stands what the live producer wrote, in its order and with nothing in between. */
async function expectOnlyLive(
  topic: string,
  { liveFrom, written }: { liveFrom: ReadonlyMap<string, number>; written: readonly Written[] },
): Promise<void> {
  const ends = await oracle.ends(proxied.region, topic);
  expect(ends).toHaveLength(partitions);
  for (const { partition, highWatermark, lastStableOffset } of ends) {
    const from = liveFrom.get(`${topic}-${partition}`)!;
    const live = written.filter((record) => record.topic === topic && record.partition === partition);
    expect(live).toHaveLength(2 * livePerPartition);
    const isolation = 'read_uncommitted';
    const read = await oracle.read({ region: proxied.region, topic, partition, isolation, from });
    const seen = read.records.map(({ offset, value }) => ({ offset, value: String(value) }));
    expect(seen).toEqual(live.map(({ offset, value }) => ({ offset, value })));
    expect(seen.map(({ offset }) => offset)).toEqual(live.map((_, index) => from + index));
    expect({ highWatermark, lastStableOffset }).toEqual({
      highWatermark: from + live.length,
      lastStableOffset: from + live.length,
    });
  }
}

/** Waits until every partition of the mirror has so many offsets more. */
async function moreArrives(topics: readonly string[], count: number): Promise<void> {
  const ends = async (): Promise<number[]> => {
    const each = await Promise.all(topics.map((topic) => oracle.ends(proxied.region, topic)));
    return each.flat().map(({ highWatermark }) => highWatermark);
  };
  let now: number[] = [];
  await waitFor(
    async () => {
      now = await ends();
      return now.length === topics.length * partitions && now.every((end) => end >= count);
    },
    { deadlineMs, describe: () => `${count} offsets in each mirror; they end at ${now.join()}` },
  );
}
