// Ten switchovers in a row, back and forth, with a producer and a consumer group that move along: no record is lost or
// doubled, and the group goes on where it stood.
import { expect, test } from 'vitest';
import { commitGroupOffsets, fetchGroupOffsets, unwrap } from '../../src/client/index.ts';
import { readRecords } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { clusterLogs, readLog } from '../../src/verify/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const topic = 'orders';
const readers = 'readers';
const partitions = [0, 1];

/** Reads on from where the group stands at this region, and commits. */
async function consume(movable: MovableRegions, region: Region): Promise<string[]> {
  const cluster = movable.clusters.get(region.name)!;
  const offsets = await fetchGroupOffsets(cluster, readers, {
    partitions: partitions.map((partition) => ({ topic, partition })),
  });
  const logs = clusterLogs(cluster);
  const values: string[] = [];
  try {
    for (const partition of partitions) {
      const found = offsets.find((each) => each.partition === partition);
      const committed = found === undefined ? -1n : unwrap(found.outcome).offset;
      const log = logs.partitionLog(topic, partition);
      const { lastStableOffset: end } = await log.offsets();
      const start = committed < 0n ? 0n : committed;
      if (start >= end) continue;
      for await (const { view } of readLog(log, start, end))
        if (!view.isControl)
          for (const { value, offset } of readRecords(view)) if (offset >= start) values.push(String(value));
      const outcomes = await commitGroupOffsets(cluster, readers, [{ topic, partition, offset: end }]);
      for (const { outcome } of outcomes) unwrap(outcome);
    }
    return values;
  } finally {
    logs.close();
  }
}

test('ten times there and back', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({
    ...{
      regions: [us, eu],
      topics: [topic],
      link: { groups: [readers], sync: { groups: { every: '500ms' } } },
    },
  });
  const sent: string[] = [];
  const read: string[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const [from, to] = turn % 2 === 0 ? [us, eu] : [eu, us];
    for (let round = 0; round < 3; round++) {
      const values = Array.from({ length: 20 }, (_none, index) => `${from.name} ${turn}.${round}.${index}`);
      await movable.produce(from, topic, values);
      sent.push(...values);
      // The last ones are read behind the move.
      if (round < 2) read.push(...(await consume(movable, from)));
    }
    const moved = await movable.type('switchover', '--to', to.name, '--yes');
    expect({ turn, ...moved, logs: movable.logs() }).toMatchObject({ turn, exitCode: 0 });
    read.push(...(await consume(movable, to)));
  }
  expect([...read].sort()).toEqual([...sent].sort());
  await movable.mirrored(us);
  for (const region of [us, eu])
    expect((await movable.values(region, topic)).sort()).toEqual([...sent].sort());
  expect(movable.state(us).roles.get(movable.group)).toMatchObject({
    generation: 11,
    primary: { region: 'us-east' },
  });
}, 600_000);
