// The one interleaving that the broker cannot refuse while it guards: two agents at the same hole at the same moment,
// with nothing behind it yet (ARCHITECTURE.md, "Interleavings"). Started together on purpose, on empty mirrors whose
// first offsets are a hole, again and again. How often they collide is counted; that a collision is told is asserted.
//
//     LOCKSTEP_WINDOW_ROUNDS=20 npm test -- test/mirror/hole-window.test.ts
import path from 'node:path';
import { expect, test } from 'vitest';
import { SoakAgent } from '../../scripts/soak/agents.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { writeTopology } from './running-agent.ts';
import { arriveOrTell } from './two-agents.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
/** Each of them is a hole of its own. */
const partitions = 16;
const rounds = Number(process.env.LOCKSTEP_WINDOW_ROUNDS ?? 1);

test('two agents that meet at the same hole fill it once, or say that they did not', {
  timeout: 60_000 + rounds * 40_000,
}, async () => {
  const { 'us-east': source, 'eu-west': destination } = regions;
  const workload = oracle.workload(source);
  let [collided, wrong, compared] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const topic = uniqueTopic('hole-first');
    await oracle.createTopics(source, [{ name: topic, partitions }]);
    const each = (value: string) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition, value }));
    // An aborted record and its marker, then what consumers see.
    await workload.transaction({ producer: 'aborts', records: each('never seen'), end: 'abort' });
    await workload.produce({ producer: 'plain', records: each('behind the hole') });
    const topics = [topic];
    const file = await writeTopology({ folder: folder.path, source, destination, topics });
    const agents = ['one', 'two'].map(
      (name) => new SoakAgent(name, file, path.join(folder.path, `${topic}-${name}.log`), ['--alone']),
    );
    try {
      for (const agent of agents) agent.start();
      await arriveOrTell({ oracle, source, destination, topics, witnesses: agents });
      const diverged = agents.flatMap(({ complaints }) =>
        complaints.filter((words) => /Diverged/.test(words)),
      );
      const places = new Set(diverged.map((words) => / (\S+-\d+)/.exec(words)?.[1]));
      for (const row of await oracle.compare({ source, destination, topic, waitMs: 1_000 })) {
        compared++;
        if (row.difference === undefined) continue;
        wrong++;
        expect(agents.some((agent) => agent.isStopped(`${topic}-${row.partition}`))).toBe(true);
      }
      collided += places.size;
    } finally {
      await Promise.all(agents.map((agent) => agent.kill()));
    }
  }
  console.info(
    `${rounds} starts of two agents, ${compared} holes: ${collided} partitions Diverged, ${wrong} of them different for a consumer`,
  );
  expect(compared).toBe(rounds * partitions);
});
