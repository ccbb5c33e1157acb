// What an independent client writes in one region, another independent client reads in the other: same partition,
// offset, timestamp, key, value and headers. Kafka 4.3.1 and 3.9.2, both ways.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { createTopic, endOffsets } from '../support/kafka-tools.ts';
import { kcatConsume, kcatIsInstalled } from '../support/kcat.ts';
import { platformaticConsume, platformaticProduce, type TestMessage } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': { kafkaVersion: '3.9.2' } });
const ways: [string, () => [Region, Region]][] = [
  ['4.3.1 to 3.9.2', () => [regions['us-east'], regions['eu-west']]],
  ['3.9.2 to 4.3.1', () => [regions['eu-west'], regions['us-east']]],
];

/** Messages of many shapes: null and empty keys and values, headers, odd timestamps, 1 byte to 900 KB. */
function messages(count: number): TestMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    partition: index % 3,
    ...(index % 5 === 0 ? {} : { key: Buffer.from(`key ${index % 17}`) }),
    ...(index % 7 === 0
      ? {}
      : { value: index % 11 === 0 ? Buffer.alloc(0) : randomBytes(1 + (index % 700)) }),
    ...(index % 3 === 0 ? { headers: new Map([[Buffer.from('trace'), randomBytes(8)]]) } : {}),
    timestamp: BigInt(Date.now() - index * 60_000),
  }));
}

describe.each(ways)('%s', (_name, sides) => {
  it('copies every codec and shape, mixed in one topic', async () => {
    const [source, destination] = sides();
    const topic = uniqueTopic('shapes.with_every-codec');
    await createTopic(source, topic, { partitions: 3 });
    const total = 5 * 300 + 2;
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      await platformaticProduce({ bootstrap: source.bootstrap, topic, messages: messages(300), compression });
    }
    const large = [
      { partition: 0, value: randomBytes(900_000) },
      { partition: 1, value: randomBytes(700_000) },
    ];
    await platformaticProduce({ bootstrap: source.bootstrap, topic, messages: large });

    await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    const ends = await endOffsets(source, topic);
    for (const [partition, end] of ends) await agent.mirrorsUpTo(topic, end, partition);

    const [original, copy] = await Promise.all(
      [source, destination].map((region) =>
        platformaticConsume({ bootstrap: region.bootstrap, topic, count: total }),
      ),
    );
    expect(original).toHaveLength(total);
    expect(copy).toEqual(original);
    expect(await endOffsets(destination, topic)).toEqual(ends);
  });

  it.runIf(kcatIsInstalled)('is read by librdkafka as the source is', async () => {
    const [source, destination] = sides();
    const topic = uniqueTopic('read-by-kcat');
    await createTopic(source, topic, { partitions: 2 });
    await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    const batch = Array.from({ length: 40 }, (_, index) => ({
      partition: index % 2,
      key: Buffer.from(`k${index}`),
      value: Buffer.from(`v${index}`),
    }));
    for (let round = 0; round < 5; round++) {
      await platformaticProduce({ bootstrap: source.bootstrap, topic, messages: batch, compression: 'zstd' });
    }
    for (const partition of [0, 1]) await agent.mirrorsUpTo(topic, 100n, partition);
    const [original, copy] = await Promise.all(
      [source, destination].map((region) => kcatConsume({ bootstrap: region.bootstrap, topic })),
    );
    expect(original).toHaveLength(200);
    expect(copy).toEqual(original);
  });
});
