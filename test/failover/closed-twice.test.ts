// A leader that is lost behind the closing of a mirror leaves it to the next one, and producers may write by then.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { TurningRegions } from './turning-regions.ts';

const oracle = useOracle();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

test('a mirror that is closed again behind the first records of a primary tells the same cut', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const topic = uniqueTopic('cut');
  await oracle.createTopics(us, [{ name: topic, partitions: 1 }]);
  const write = async (region: Region, count: number): Promise<void> => {
    for (let i = 0; i < count; i++)
      await oracle
        .workload(region)
        .produce({ producer: region.name, records: [{ topic, partition: 0, value: `${i}` }] });
  };
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-cut-'));
  try {
    const options = { folder, oracle, regions: [us, eu] as const, topics: [topic], partitions: 1 };
    await using turning = await TurningRegions.start(options);
    await write(us, 5);
    await turning.catchUp();
    const first = await turning.promote();
    await write(eu, 7);
    const again = await turning.promote();
    expect([first, again].map((cuts) => cuts.get(topic)?.[0]?.cutOffset)).toEqual(['5', '5']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
