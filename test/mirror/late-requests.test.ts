// Requests of an agent that are held back on the way until its successor has gone on, and arrive then: what the
// broker's memory of producers is for. The same on a broker that has forgotten them, since the records are old: there
// the late batch is accepted, stands twice, and everybody has to say so, also an agent that starts afterwards.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SoakAgent } from '../../scripts/soak/agents.ts';
import { describeProducers, unwrap } from '../../src/client/index.ts';
import { isLockstepProducerId } from '../../src/mirror/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { holdBack, useProxiedRegion } from '../support/proxied-region.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { forgetful } from './guard-watch.ts';
import { writeTopology } from './running-agent.ts';
import { arriveOrTell } from './two-agents.ts';

const deadlineMs = 60_000;
const partitions = 4;
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {} });
const oracle = useOracle();

const proxied = useProxiedRegion(folder, { brokerConfig: forgetful });

// An id is as old as its newest batch says: one that is ahead of the clock is remembered for as long.
test.each([
  ['remembers', -10 * 60_000],
  ['has forgotten', 3 * 24 * 3_600_000],
] as const)('late requests where the broker %s who wrote', async (memory, ageMs) => {
  const source = regions['us-east'];
  const destination = proxied.region;
  const topic = uniqueTopic('late');
  const topics = [topic];
  await oracle.createTopics(source, [{ name: topic, partitions }]);
  const start = async (name: string, by: Region): Promise<SoakAgent> => {
    const agentFolder = path.join(folder.path, `${topic}-${name}`);
    await mkdir(agentFolder);
    const file = await writeTopology({ folder: agentFolder, source, destination: by, topics });
    const agent = new SoakAgent(name, file, path.join(folder.path, `${topic}-${name}.log`), ['--alone']);
    agents.push(agent);
    agent.start();
    return agent;
  };
  const agents: SoakAgent[] = [];
  const [proxy] = proxied.proxies;
  try {
    const late = await start('late', proxied.through);
    await write(topic, ageMs, 0);
    await arriveOrTell({ oracle, source, destination, topics, witnesses: [] });
    // One batch in each partition is on its way, and stays there.
    await Promise.all([holdBack(proxy!), write(topic, ageMs, 1)]);
    late.freeze();

    const successor = await start('successor', destination);
    await write(topic, ageMs, 2);
    await arriveOrTell({ oracle, source, destination, topics, witnesses: [] });
    await waitFor(async () => (await knownPartitions(topic)) === (memory === 'remembers' ? partitions : 0), {
      deadlineMs,
      describe: `the broker to have ${memory === 'remembers' ? 'kept' : 'forgotten'} its producers`,
    });
    const arrivedBytes = proxy!.counts.bytesUp;
    proxy!.setFault({ kind: 'none' });
    await waitFor(() => proxy!.counts.bytesUp > arrivedBytes, { deadlineMs, describe: 'them to arrive' });
    late.resume();
    await write(topic, ageMs, 3);
    await arriveOrTell({ oracle, source, destination, topics, witnesses: [successor] });

    const afterwards = await start('afterwards', destination);
    await write(topic, ageMs, 4);
    await arriveOrTell({ oracle, source, destination, topics, witnesses: [afterwards] });
    const compared = await oracle.compare({ source, destination, topic, waitMs: 1_000 });
    const wrong = compared.filter(({ difference }) => difference !== undefined);
    console.info(`late requests, the broker ${memory}: ${wrong.length} of ${partitions} partitions differ`);
    expect(compared).toHaveLength(partitions);
    if (memory === 'remembers') {
      expect(wrong).toEqual([]);
      expect(agents.flatMap(({ complaints }) => complaints)).toEqual([]);
    } else {
      expect(wrong.length).toBeGreaterThan(0);
      for (const { partition } of wrong) {
        expect(successor.isStopped(`${topic}-${partition}`)).toBe(true);
        expect(afterwards.isStopped(`${topic}-${partition}`)).toBe(true);
      }
    }
  } finally {
    proxy!.setFault({ kind: 'none' });
    await Promise.all(agents.map((agent) => agent.kill()));
  }
});

/** A batch to each partition; larger ones later, so that a batch that stands twice does not make the ends equal. */
async function write(topic: string, ageMs: number, round: number): Promise<void> {
  const timestamp = Date.now() - ageMs;
  const count = round < 3 ? 5 : 7;
  const records = Array.from({ length: partitions * count }, (_, index) => {
    return { topic, partition: index % partitions, value: `round ${round}, record ${index}`, timestamp };
  });
  await oracle.workload(regions['us-east']).produce({ producer: 'old', records });
}

/** How many partitions' leaders know a producer id of ours. */
async function knownPartitions(topic: string): Promise<number> {
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const described = await describeProducers(proxied.cluster, places);
  return described.filter(({ outcome }) =>
    unwrap(outcome).producers.some(({ producerId }) => isLockstepProducerId(producerId)),
  ).length;
}
