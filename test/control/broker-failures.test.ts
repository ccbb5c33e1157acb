// Brokers that stop, die and freeze under a fleet: nothing that was acknowledged is lost, and nobody stops reading.
import { expect, test } from 'vitest';
import { controlTopic, LeaderWriter } from '../../src/control/index.ts';
import { testAgent, testLink } from '../../src/control/test-records.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { one, openControl } from './support.ts';

const regions = useRegions({ pair: { brokers: 2 } });

test('each broker restarts and is killed in turn while a leader writes and an agent reports', async () => {
  const region = regions.pair;
  const leading = await openControl(region);
  const agent = await openControl(region);
  const watching = await openControl(region, { mayCreate: false });
  const leader = await LeaderWriter.take(leading.control);

  const seen = { generations: [] as number[], beats: [] as number[] };
  watching.control.onChange((changes) => {
    for (const { key, value } of changes) {
      if (key === 'link/us-to-eu') seen.generations.push((value as { generation: number }).generation);
      if (key === 'agent/a') seen.beats.push((value as { partitionCount: number }).partitionCount);
    }
  });
  let isDone = false;
  const counts = { written: 0, put: 0 };
  const failures: string[] = [];
  const write = async () => {
    while (!isDone) {
      const generation = counts.written + 1;
      try {
        await leader.write(one('link/us-to-eu', { ...testLink(), generation }));
        expect(leading.control.state.links.get('us-to-eu')?.generation).toBe(generation);
        counts.written = generation;
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const report = async () => {
    while (!isDone) {
      const partitionCount = counts.put + 1;
      try {
        await agent.control.until(
          await agent.control.put(one('agent/a', { ...testAgent('a'), partitionCount })),
        );
        counts.put = partitionCount;
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const working = Promise.all([write(), report()]);

  const faults: string[] = [];
  const goesOn = async (what: string) => {
    faults.push(what);
    const before = { ...counts };
    await waitFor(() => counts.written > before.written + 5 && counts.put > before.put + 5, {
      deadlineMs: 60_000,
      describe: () => `life to go on after: ${what}; failures: ${failures.join('; ')}`,
    });
  };
  await goesOn('the start');
  for (const broker of region.brokers) {
    await broker.stop();
    await goesOn(`broker ${broker.id} stopped`);
    await broker.start();
    await goesOn(`broker ${broker.id} started`);
  }
  for (const broker of region.brokers) {
    await broker.kill();
    await goesOn(`broker ${broker.id} killed`);
    await broker.start();
    // The other one may lead again only when this one is in sync.
    await waitFor(
      async () => {
        const { topics } = await leading.cluster.metadata();
        return [...topics.values()].every(({ partitions }) =>
          partitions.every(({ isr }) => isr.length === 2),
        );
      },
      { deadlineMs: 60_000, describe: 'all replicas to be in sync' },
    );
    await goesOn(`broker ${broker.id} started`);
  }
  isDone = true;
  await working;
  expect(faults).toHaveLength(9);
  expect(failures).toEqual([]);
  expect(leader.isFenced).toBe(false);

  await watching.control.refresh();
  const late = await openControl(region);
  for (const { control } of [leading, agent, watching, late]) {
    await control.refresh();
    expect(control.state.links.get('us-to-eu')?.generation).toBe(counts.written);
    expect(control.state.agents.get('a')?.partitionCount).toBe(counts.put);
    expect(control.needsRestore).toBe(false);
  }
  // Every one, in order; what was sent again is there twice at most.
  for (const [numbers, count] of [
    [seen.generations, counts.written],
    [seen.beats, counts.put],
  ] as const) {
    expect([...new Set(numbers)]).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
  expect(watching.warnings).toEqual([]);
});

test('a broker that freezes while it leads holds the fleet up for a while, and loses nothing', async () => {
  const region = regions.pair;
  const [leading, watching] = [await openControl(region), await openControl(region, { mayCreate: false })];
  const leader = await LeaderWriter.take(leading.control);
  await leader.write(one('link/frozen', testLink('frozen')));
  const { leaderId } = await leading.cluster.leaderOf(controlTopic, 0);
  const frozen = region.brokers.find(({ id }) => id === leaderId)!;
  frozen.pause();
  try {
    await leader.write(one('link/frozen', { ...testLink('frozen'), generation: 2 }));
    await watching.control.refresh();
    expect(watching.control.state.links.get('frozen')?.generation).toBe(2);
  } finally {
    frozen.resume();
  }
  await leader.write(one('link/frozen', { ...testLink('frozen'), generation: 3 }));
  const late = await openControl(region);
  for (const { control } of [leading, watching, late]) {
    // The broker that woke up believes for a moment that it still leads, and tells what it knew.
    await waitFor(() => control.state.links.get('frozen')?.generation === 3, {
      deadlineMs: 60_000,
      describe: () => `everything to be read; generation ${control.state.links.get('frozen')?.generation}`,
    });
    expect(control.needsRestore).toBe(false);
  }
});
