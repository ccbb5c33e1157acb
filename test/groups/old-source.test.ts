// A source that knows no requests for many groups at once (before Kafka 3.0), and tells no types (before 3.8).
import { expect, test } from 'vitest';
import { commitGroupOffsets, createTopics, fetchGroupOffsets, unwrap } from '../../src/client/index.ts';
import { useClusters } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { keeperOf } from './keepers.ts';

const regions = useRegions({ source: { kafkaVersion: '2.8.2' }, destination: {} });
const clusters = useClusters(regions);

test('Kafka 2.8: groups are asked one by one', async () => {
  const topic = uniqueTopic('old');
  for (const side of ['source', 'destination'] as const) {
    unwrap((await createTopics(clusters[side], [{ name: topic, partitionCount: 1 }])).get(topic)!);
    const messages = Array.from({ length: 50 }, (_, i) => ({ partition: 0, value: Buffer.from(`${i}`) }));
    await platformaticProduce({
      bootstrap: regions[side].bootstrap,
      topic,
      messages,
      idempotent: side !== 'source',
    });
  }
  const groups = ['one', 'two', 'three'].map(uniqueTopic);
  for (const group of groups)
    for (const { outcome } of await commitGroupOffsets(clusters.source, group, [
      { topic, partition: 0, offset: 33n },
    ]))
      unwrap(outcome);
  await using it = keeperOf(clusters.source, clusters.destination, { mirrors: [{ sourceTopic: topic }] });
  await it.keeper.lookNow();
  for (const group of groups) {
    expect([group, it.stateOf(group)]).toEqual([group, 'Synced']);
    expect(unwrap((await fetchGroupOffsets(clusters.destination, group))[0]!.outcome).offset).toBe(33n);
  }
});
