// A clean stop hands over without the second of settling; whoever gets a partition in another way settles as ever.
import { expect, test } from 'vitest';
import { expectIdentical } from '../mirror/same-on-both-sides.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { type Fleet, openFleet, type RunningFleetAgent } from './running-fleet.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const partitionCount = 8;
const lookEveryMs = 5;

/** Which partitions an agent copies, and which ones it was ever seen to settle, from now on. */
function watch({ agent }: RunningFleetAgent) {
  const copied = new Set<number>();
  const settled = new Set<number>();
  const look = (): void => {
    for (const { partitions } of agent.linkStatuses())
      for (const { partition, state } of partitions) {
        if (state === 'Mirroring') copied.add(partition);
        if (state === 'Settling') settled.add(partition);
      }
  };
  look();
  const timer = setInterval(look, lookEveryMs);
  return { copied, settled, [Symbol.dispose]: () => clearInterval(timer) };
}

const copiedBy = (fleet: Fleet, id: string): number =>
  [...fleet.state.statuses.values()].filter(({ agent, state }) => agent === id && state === 'Mirroring')
    .length;

test('what is handed over cleanly goes on without settling, and what was told is in the last status', async () => {
  const [source, destination] = [regions['us-east'], regions['eu-west']];
  const topic = uniqueTopic('orders');
  await oracle.createTopics(source, [{ name: topic, partitions: partitionCount }]);
  const produce = (count: number): Promise<unknown> =>
    platformaticProduce({
      ...{ bootstrap: source.bootstrap, topic },
      messages: Array.from({ length: count }, (_, index) => ({
        ...{ partition: index % partitionCount, value: Buffer.from(`order ${index}`) },
      })),
    });
  await produce(80);
  await using fleet = await openFleet(destination);
  const told = new Set<string>();
  fleet.control.onChange((changes) => {
    for (const { key, value } of changes)
      if (value !== null && typeof value === 'object' && 'released' in value) told.add(key);
  });
  const first = await fleet.start('a');
  const link = { name: 'us-to-eu', source: { name: 'us-east', bootstrap: source.bootstrap } };
  await fleet.done({
    ...{ do: 'createLink', link: { ...link, destination: 'eu-west', config: { topics: [topic] } } },
  });
  await fleet.reaches('a to have all', () => copiedBy(fleet, 'a') === partitionCount);
  const second = await fleet.start('b');
  const half = partitionCount / 2;
  await fleet.reaches('each to have half', () => ['a', 'b'].every((id) => copiedBy(fleet, id) === half));
  // What moved was given up by a running agent, which is clean, too.
  expect(told.size).toBe(half);

  using watched = watch(second);
  expect(watched.settled.size).toBe(0);
  const before = watched.copied.size;
  await first.stop();
  await produce(80);
  await fleet.reaches('b to have all', () => copiedBy(fleet, 'b') === partitionCount);
  expect([before, watched.copied.size]).toEqual([half, partitionCount]);
  expect(told.size).toBe(partitionCount);
  expect(watched.settled).toEqual(new Set());
  // The words of who copies now take the place of the former ones.
  for (const { agent, released } of fleet.state.statuses.values())
    expect({ agent, released }).toEqual({ agent: 'b', released: undefined });

  // Nobody was in the group beside it: who starts now can't know what happened meanwhile.
  await second.stop();
  const third = await fleet.start('c');
  using alone = watch(third);
  await fleet.reaches('c to have all', () => copiedBy(fleet, 'c') === partitionCount);
  expect(alone.settled.size).toBe(partitionCount);
  await produce(80);
  await expectIdentical({ oracle, folder: folder.path, source, destination, topics: [topic] });
});
