// Regions of several brokers: any one of them may die.
import { expect, test } from 'vitest';
import { createTopic, endOffsets, javaProduce, waitUntilInSync } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';

const regions = useRegions({ three: { brokers: 3 }, two: { brokers: 2 } });

test('with three brokers, which vote themselves, acks=all goes on whichever of them is dead', async () => {
  const region = regions.three;
  expect(region.controllers).toHaveLength(0);
  const topic = uniqueTopic('quorum');
  await createTopic(region, topic, { replicationFactor: 3, configs: { 'min.insync.replicas': '2' } });
  for (const broker of region.brokers) {
    await broker.kill();
    await javaProduce(region, topic, ['a:1'], { acks: 'all' });
    await broker.start();
    await waitUntilInSync(region, topic); // or the next one to die takes the only whole replica along
  }
  expect(await endOffsets(region, topic)).toEqual(new Map([[0, 3n]]));
});

test('with two brokers, the separate controller keeps the region alive whichever of them is dead', async () => {
  const region = regions.two;
  expect(region.controllers).toHaveLength(1);
  const topic = uniqueTopic('pair');
  await createTopic(region, topic, { replicationFactor: 2 });
  for (const broker of region.brokers) {
    await broker.kill();
    await javaProduce(region, topic, ['a:1'], { acks: 'all' });
    await broker.start();
    await waitUntilInSync(region, topic); // or the next one to die takes the only whole replica along
  }
  expect(await endOffsets(region, topic)).toEqual(new Map([[0, 2n]]));
});
