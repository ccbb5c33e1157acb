// Mirrors that are called otherwise than their topics: every place that asks the destination by a topic's name.
import { expect, test } from 'vitest';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { expectVerified, startLink } from './running-link.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ source: { kafkaVersion: '3.9.2' }, destination: {} });
const oracle = useOracle();

const recordsFor = (topic: string, partition: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ topic, partition, key: `k${i % 7}`, value: `v${i}` }));

test.each([
  ['markers', 'fill'],
  ['transactions', 'fill'],
  ['markers', 'shifted'],
])(
  'holes by %s, start %s: a prefixed mirror is identical, grows and keeps its name',
  async (holes, start) => {
    const topic = uniqueTopic('named');
    const mirror = `us.${topic}`;
    const extra = `    prefix: us.\n    holes: ${holes}\n    start: ${start}\n`;
    await oracle.createTopics(regions.source, [{ name: topic, partitions: 2 }]);
    // A topic under the source's own name is none of the link's business.
    await oracle.createTopics(regions.destination, [{ name: topic, partitions: 1 }]);
    const workload = oracle.workload(regions.source);
    await workload.produce({ producer: `p-${topic}`, records: recordsFor(topic, 0, 50) });
    await oracle.deleteRecords(regions.source, topic, { 0: 20 });
    const transaction = { producer: `t-${topic}`, records: recordsFor(topic, 1, 10) };
    await workload.transaction({ ...transaction, end: 'abort' });
    await workload.transaction({ ...transaction, end: 'commit' });
    const shift = start === 'shifted' ? 20n : 0n;
    {
      await using link = await startLink({ ...regions, folder: folder.path, topics: [topic], extra });
      await link.mirrorsUpTo(topic, 50n - shift, 0);
      await link.mirrorsUpTo(topic, 22n, 1);
      expect(link.topic(topic)).toMatchObject({ state: 'Mirrored', mirrorTopic: mirror, partitionCount: 2 });
      expect(link.notices).toContainEqual(expect.stringContaining(`created topic ${mirror} in destination`));
    }
    // Another run meets a mirror that is there.
    await using link = await startLink({ ...regions, folder: folder.path, topics: [topic], extra });
    await workload.transaction({ ...transaction, end: 'abort' });
    await workload.transaction({ ...transaction, end: 'commit' });
    await link.mirrorsUpTo(topic, 44n, 1);
    for (const [partition, by] of [
      [0, shift],
      [1, 0n],
    ] as const) {
      await oracle.expectSame({
        ...regions,
        topic,
        destinationTopic: mirror,
        partitions: [partition],
        shift: by,
      });
    }
    await expectVerified({ ...regions, folder: folder.path, topics: [topic], extra });
    expect((await oracle.ends(regions.destination, topic))[0]).toMatchObject({ highWatermark: 0 });
  },
);
