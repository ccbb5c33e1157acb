// Ways in which a mirror could go wrong without a word, each found by reading the code against Kafka's sources and
// seen on real brokers before it was mended.
import { describe, expect, it } from 'vitest';
import { createTopic, endOffsets } from '../support/kafka-tools.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

describe('many partitions looked at in one request', () => {
  it('leaves foreign data alone in each of them, also where the newest batch is large', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('foreign-large');
    const partitions = 4;
    const messages = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      value: Buffer.alloc(20_000, 1),
    }));
    for (const region of [source, destination]) await createTopic(region, topic, { partitions });
    await platformaticProduce({ bootstrap: destination.bootstrap, topic, messages });
    for (let i = 0; i < 3; i++) await platformaticProduce({ bootstrap: source.bootstrap, topic, messages });
    await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    for (let partition = 0; partition < partitions; partition++)
      await agent.reaches(topic, 'ForeignData', partition);
    expect([...(await endOffsets(destination, topic)).values()]).toEqual([1n, 1n, 1n, 1n]);
  });
});
