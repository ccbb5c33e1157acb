// An agent process that is frozen in the first life of a mirror, and that wakes up in the third one: behind a promotion, a
// time as the primary, and a turn back. The mirror is copied again by then, and nothing of that agent lands in it, neither
// what was on its way nor what is in its memory.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SoakAgent } from '../../scripts/soak/agents.ts';
import { JavaLoad } from '../mirror/java-load.ts';
import { writeTopology } from '../mirror/running-agent.ts';
import { holdBack, useProxiedRegion } from '../support/proxied-region.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { TurningRegions } from './turning-regions.ts';

const deadlineMs = 60_000;
const partitions = 4;
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {} });
const oracle = useOracle();

const proxied = useProxiedRegion(folder);

test('an agent that slept through two turns of the direction writes nothing', async () => {
  const [source, destination] = [regions['us-east'], proxied.region];
  const topics = [uniqueTopic('plain'), uniqueTopic('transactional')] as const;
  const [plain, transactional] = topics;
  await oracle.createTopics(
    source,
    topics.map((name) => ({ name, partitions })),
  );
  const agentFolder = path.join(folder.path, 'agent');
  await mkdir(agentFolder);
  const file = await writeTopology({ folder: agentFolder, source, destination: proxied.through, topics });
  const agent = new SoakAgent('frozen', file, path.join(agentFolder, 'agent.log'), ['--alone']);
  const loadAt = (region: typeof source) =>
    new JavaLoad({ workload: oracle.workload(region), plain, transactional, partitions });
  const [proxy] = proxied.proxies;
  let load = loadAt(source);
  try {
    agent.start();
    await waitFor(
      async () => {
        const ends = await Promise.all(topics.map((topic) => oracle.ends(destination, topic)));
        return (
          ends.flat().length === 2 * partitions &&
          ends.flat().every(({ highWatermark }) => highWatermark > 100)
        );
      },
      { deadlineMs, describe: () => `100 offsets in each mirror: ${agent.summary}` },
    );
    const { bytesUp } = proxy!.counts;
    await holdBack(proxy!);
    agent.freeze();
    await load.stop();

    await using turning = await TurningRegions.start({
      ...{ folder: folder.path, oracle, regions: [source, destination], topics, partitions },
    });
    for (const written of [destination, source]) {
      await turning.catchUp();
      await turning.promote();
      await turning.turn();
      load = loadAt(written);
      await waitFor(() => load.records > 300, { deadlineMs, describe: 'records at the new primary' });
      // The last life is busy when the frozen agent wakes.
      if (written === destination) await load.stop();
    }
    expect(turning.generation).toBe(3);
    proxy!.setFault({ kind: 'none' });
    await waitFor(() => proxy!.counts.bytesUp > bytesUp, { deadlineMs, describe: 'its requests to arrive' });
    agent.resume();
    await waitFor(() => agent.summary.includes(`${2 * partitions} STOPPED`), {
      deadlineMs,
      describe: () => `all partitions to stop: ${agent.summary}; ${agent.complaints.join('; ')}`,
    });
    await load.stop();
    expect(agent.complaints.length).toBeGreaterThan(0);
    for (const words of agent.complaints) expect(words).toMatch(/: Fenced/);
    await turning.catchUp();
    expect(await turning.expectIdentical()).toBeGreaterThan(1_000);
    expect(await turning.ends(destination)).toEqual(await turning.ends(source));
  } finally {
    await agent.kill();
    await load.stop();
  }
});
