// A consumer group of each kind of client stops in one region and starts in the other.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTopics, unwrap } from '../../src/client/index.ts';
import { useClusters } from '../client/support.ts';
import { type RunningAgent, startAgent } from '../mirror/running-agent.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { type ConsumedRecord, consumerMakes } from './consumers.ts';
import { keeperOf } from './keepers.ts';
import { movesExactly, movesWithoutGap } from './moving.ts';

const partitionCount = 3;
const recordCount = 600;

describe.each([
  { pair: '4.3.1 to 4.3.1', destination: {} },
  { pair: '4.3.1 to 3.9.2', destination: { kafkaVersion: '3.9.2' } },
])('$pair', ({ destination: options }) => {
  const folder = useTemporaryFolder();
  const regions = useRegions({ source: {}, destination: options });
  const clusters = useClusters(regions);
  const topic = uniqueTopic('moving');
  let agent: RunningAgent;
  let all: ConsumedRecord[];

  beforeAll(async () => {
    const { bootstrap } = regions.source;
    unwrap((await createTopics(clusters.source, [{ name: topic, partitionCount }])).get(topic)!);
    const records = Array.from({ length: recordCount }, (_, i) => ({ key: `key-${i}`, value: `value-${i}` }));
    await kcatProduce({ bootstrap, topic, records });
    const read = await kcatConsume({ bootstrap, topic });
    all = read.map(({ partition, offset, value }) => ({ partition, offset, value: value ?? '' }));
    agent = await startAgent({
      folder: folder.path,
      source: regions.source,
      destination: regions.destination,
      topics: [topic],
    });
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const end = all.filter((record) => record.partition === partition).length;
      await agent.mirrorsUpTo(topic, BigInt(end), partition);
    }
    expect(all).toHaveLength(recordCount);
  });
  afterAll(async () => {
    await agent?.stop();
  });

  const makes = consumerMakes.filter(({ isNewProtocol }) => !isNewProtocol || !('kafkaVersion' in options));
  for (const make of makes) {
    const missing = make.missing === null ? '' : ` (${make.missing})`;
    test.skipIf(make.missing !== null)(`${make.name} resumes without a gap${missing}`, async () => {
      await using it = keeperOf(clusters.source, clusters.destination, {
        mirrors: [{ sourceTopic: topic, partitionCount }],
      });
      const { source: from, destination: to } = regions;
      const group = (kind: string) => `${kind}-${makes.indexOf(make)}`;
      await movesWithoutGap({ make, from, to, topic, group: group('periodic'), all, test: it });
      await movesExactly({ make, from, to, topic, group: group('last-sync'), all, test: it });
    });
  }
});
