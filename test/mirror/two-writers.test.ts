// Two agents on the same partitions on purpose, frozen (SIGSTOP), woken and killed at random while transactions flow.
// The product does not mean to run like this. What it promises even so: a mirror is identical, or its partition says
// that it is not and is written no further, also to an agent that is started afterwards. Never wrong in silence.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SoakAgent } from '../../scripts/soak/agents.ts';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import type { JavaEnds } from '../support/java-clients.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { JavaLoad } from './java-load.ts';
import { writeTopology } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const partitions = 4;
const faultsForMs = Number(process.env.LOCKSTEP_TWO_WRITERS_MS ?? 12_000);
const seed = Number(process.env.LOCKSTEP_TWO_WRITERS_SEED ?? 1);

/** Freezes and kills one of them at a time, with random pauses; answers with what it did. */
async function torment(agents: readonly SoakAgent[], random: SeededRandom) {
  const done = { kills: 0, freezes: 0 };
  const deadline = Date.now() + faultsForMs;
  while (Date.now() < deadline) {
    const agent = agents[random.integer(0, agents.length - 1)]!;
    if (random.chance(0.25)) {
      await agent.kill();
      done.kills++;
      await pause(random.integer(0, 1_000));
      agent.start();
      await pause(random.integer(0, 2_500));
    } else {
      agent.freeze();
      done.freezes++;
      // Longer than it takes the other to take over, at times.
      await pause(random.integer(50, random.chance(0.4) ? 5_000 : 600));
      agent.resume();
    }
    await pause(random.integer(50, 800));
  }
  return done;
}

test('a mirror of two agents is identical, or says that it is not', async () => {
  const { 'us-east': source, 'eu-west': destination } = regions;
  const [plain, transactional] = [uniqueTopic('plain'), uniqueTopic('transactional')];
  const topics = [plain, transactional];
  await oracle.createTopics(
    source,
    topics.map((name) => ({ name, partitions })),
  );
  const file = await writeTopology({ folder: folder.path, source, destination, topics });
  const agents = ['one', 'two', 'afterwards'].map(
    (name) => new SoakAgent(name, file, path.join(folder.path, `${name}.log`)),
  );
  const [one, two, afterwards] = agents as [SoakAgent, SoakAgent, SoakAgent];
  /** Partitions that have neither arrived nor said that they never will. */
  const underWay = async (witnesses: readonly SoakAgent[]): Promise<string[]> => {
    const both = (topic: string): Promise<[readonly JavaEnds[], readonly JavaEnds[]]> =>
      Promise.all([oracle.ends(source, topic), oracle.ends(destination, topic)]);
    const missing: string[] = [];
    for (const topic of topics) {
      const [from, to] = await both(topic);
      for (const { partition, lastStableOffset, highWatermark } of from) {
        const place = `${topic}-${partition}`;
        const mirrored = to.find((end) => end.partition === partition)?.highWatermark ?? -1;
        if (lastStableOffset === highWatermark && mirrored === lastStableOffset) continue;
        if (!witnesses.some((agent) => agent.isStopped(place))) missing.push(`${place} at ${mirrored}`);
      }
    }
    return missing;
  };
  const arrive = async (witnesses: readonly SoakAgent[]): Promise<void> => {
    let missing: string[] = [];
    await waitFor(
      async () => {
        missing = await underWay(witnesses);
        return missing.length === 0;
      },
      {
        deadlineMs: 60_000,
        pollMs: 300,
        describe: () => `${missing.join(', ')} to arrive or to be told as stopped`,
      },
    );
  };
  try {
    one.start();
    two.start();
    await waitFor(async () => (await oracle.ends(destination, transactional)).length === partitions, {
      deadlineMs: 60_000,
      describe: 'the mirrors to be made',
    });
    const load = new JavaLoad({ workload: oracle.workload(source), plain, transactional, partitions });
    const did = await torment([one, two], new SeededRandom(seed));
    await load.stop();
    await arrive([one, two]);
    expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0]);

    // One that knows nothing of what happened: it may not go on where the log is wrong.
    afterwards.start();
    const startedAtMs = Date.now();
    await waitFor(() => afterwards.summaryAtMs > startedAtMs && !/unknown/.test(afterwards.summary), {
      deadlineMs: 60_000,
      describe: () => `the third agent to have compared the ends; ${afterwards.summary}`,
    });
    await arrive([afterwards]);
    const wrong: string[] = [];
    let records = 0;
    for (const topic of topics) {
      for (const row of await oracle.compare({ source, destination, topic, waitMs: 1_000 })) {
        if (row.difference !== undefined) wrong.push(`${topic}-${row.partition}`);
        records += row.records;
      }
    }

    const toldAfterwards = wrong.filter((place) => afterwards.isStopped(place));
    console.info(
      `two writers, seed ${seed}: ${did.kills} kills, ${did.freezes} freezes, ${load.records} records written, ${records} compared, ${wrong.length} of ${2 * partitions} partitions stopped as no longer identical`,
    );
    expect(toldAfterwards).toEqual(wrong);
    expect(did.kills).toBeGreaterThan(0);
    expect(did.freezes).toBeGreaterThan(0);
    expect(records).toBeGreaterThan(500);
    await afterwards.stop();
  } finally {
    await Promise.all(agents.map((agent) => agent.kill()));
  }
});
