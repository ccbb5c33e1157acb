// Logs of one broker read with shared requests: whatever the answers have room for, every record comes.
import { expect, test } from 'vitest';
import { Cluster, createTopics, unwrap } from '../../src/client/index.ts';
import { readRecords } from '../../src/records/index.ts';
import { clusterLogs, readLog } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions } from '../support/region-fixtures.ts';

const regions = useRegions({ 'us-east': {} });
const partitionCount = 30;
const topic = 'gathered';

test.for([
  { what: 'batches that fit', valueBytes: 100 },
  // Each is larger than the limit, so that only the first of an answer comes.
  { what: 'batches larger than the limit', valueBytes: 5_000 },
])('$what', { timeout: 60_000 }, async ({ valueBytes }) => {
  const region = regions['us-east'];
  const name = `${topic}-${valueBytes}`;
  const cluster = await Cluster.connect(configOf(region));
  unwrap((await createTopics(cluster, [{ name, partitionCount }])).get(name)!);
  for (let round = 0; round < 2; round++)
    await platformaticProduce({
      ...{ bootstrap: region.bootstrap, topic: name },
      messages: Array.from({ length: partitionCount }, (_, partition) => ({
        ...{ partition, value: Buffer.alloc(valueBytes, partition) },
      })),
    });
  const logs = clusterLogs(cluster, { gathersFetches: true, fetchBytesMax: 1_000 });
  const read = await Promise.all(
    Array.from({ length: partitionCount }, async (_, partition) => {
      const log = logs.partitionLog(name, partition);
      const { logStartOffset, highWatermark } = await log.offsets();
      const values: Buffer[] = [];
      for await (const { view } of readLog(log, logStartOffset, highWatermark))
        for (const { value } of readRecords(view)) values.push(Buffer.from(value!));
      return values;
    }),
  );
  for (const [partition, values] of read.entries())
    expect(values).toEqual([Buffer.alloc(valueBytes, partition), Buffer.alloc(valueBytes, partition)]);
  logs.close();
  cluster.close();
});
