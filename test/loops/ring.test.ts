// Three regions in a ring, and nobody tells anybody: the first lap is seen where it would end.
import { expect, test } from 'vitest';
import { deleteRecords } from '../../src/client/index.ts';
import { useClusters } from '../client/support.ts';
import { startAgent } from '../mirror/running-agent.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { holdsBack, recordsByTopic, topicsOf } from './looped-regions.ts';

const regions = useRegions({ us: {}, eu: {}, ap: {} });
const folder = useTemporaryFolder();
type Name = keyof typeof regions;
const clusters = useClusters(regions);

const link = (source: Name, destination: Name, prefix: string, topics: readonly string[], start = 'fill') =>
  startAgent({
    ...{ folder: folder.path, source: regions[source], destination: regions[destination], topics },
    extra: `    prefix: "${prefix}"\n    start: ${start}\n    sync: { topics: { every: 500ms } }\n`,
  });

const produce = (name: Name, topic: string, count: number) =>
  platformaticProduce({
    ...{ bootstrap: regions[name].bootstrap, topic },
    messages: Array.from({ length: count }, (_, index) => ({
      partition: 0,
      value: Buffer.from(`${topic} ${index}`),
    })),
  });

test('a ring with prefixes copies no record twice into the region that wrote it', async () => {
  await makeTopic(clusters.us, 'orders');
  await makeTopic(clusters.eu, 'stock');
  await produce('us', 'orders', 100);
  await using first = await link('us', 'eu', 'u.', ['.*']);
  await using second = await link('eu', 'ap', 'e.', ['.*']);
  await using third = await link('ap', 'us', 'p.', ['.*']);
  await produce('eu', 'stock', 50);
  const looped = await third.reaches('e.u.orders', 'LoopDetected');
  expect(looped.reason).toMatch(
    /stands at the same offset of destination\.orders-0: destination\.orders -> \.\.\. -> source\.e\.u\.orders -> destination/,
  );
  await first.reaches('p.e.stock', 'LoopDetected');
  await produce('us', 'orders', 100);
  await second.mirrorsUpTo('u.orders', 200n);
  expect(await recordsByTopic(clusters.us)).toEqual({ orders: 200, 'p.e.stock': 50 });
  expect(await recordsByTopic(clusters.eu)).toEqual({ stock: 50, 'u.orders': 200 });
  expect(await recordsByTopic(clusters.ap)).toEqual({ 'e.stock': 50, 'e.u.orders': 200 });
  // Nor do names grow.
  await holdsBack(first, 'p.e.u.orders');
  await holdsBack(second, 'u.p.e.stock');
  expect(await topicsOf(clusters.us)).toEqual(['orders', 'p.e.stock', 'p.e.u.orders']);
  expect(await topicsOf(clusters.eu)).toEqual(['stock', 'u.orders', 'u.p.e.stock']);
}, 300_000);

test('two ways to one region are no ring, and what catches up is no loop', async () => {
  const topic = 'invoices';
  await makeTopic(clusters.us, topic);
  await produce('us', topic, 5_000);
  await using first = await link('us', 'eu', 'u.', [topic]);
  await first.mirrorsUpTo(topic, 5_000n);
  await using direct = await link('us', 'ap', 'u.', [topic]);
  await using over = await link('eu', 'ap', 'e.', [`u.${topic}`]);
  await direct.mirrorsUpTo(topic, 5_000n);
  await over.mirrorsUpTo(`u.${topic}`, 5_000n);
  expect(over.partition(`u.${topic}`)?.state).toBe('Mirroring');
}, 300_000);

test('a ring of one name stops before the record is doubled', async () => {
  const topic = 'flat';
  for (const cluster of Object.values(clusters)) await makeTopic(cluster, topic);
  await using first = await link('us', 'eu', '', [topic]);
  await using second = await link('eu', 'ap', '', [topic]);
  await using third = await link('ap', 'us', '', [topic]);
  for (const agent of [first, second, third]) await agent.reaches(topic, 'Mirroring');
  await produce('us', topic, 10);
  const looped = await third.reaches(topic, 'LoopDetected');
  expect(looped.reason).toMatch(/same offset of destination\.flat-0/);
  const at = await Promise.all(Object.values(clusters).map(recordsByTopic));
  expect(at.map((counts) => counts[topic])).toEqual([10, 10, 10]);
}, 300_000);

test('where offsets differ on the way, the first lap is seen by the link that began it', async () => {
  await makeTopic(clusters.us, 'cut');
  for (let batch = 0; batch < 2; batch++) await produce('us', 'cut', 10);
  await deleteRecords(clusters.us, [{ topic: 'cut', partition: 0, beforeOffset: 10n }]);
  const topics = ['(.*\\.)?cut'];
  await using first = await link('us', 'eu', 'u.', topics, 'shifted');
  await using second = await link('eu', 'ap', 'e.', topics, 'shifted');
  await using third = await link('ap', 'us', 'p.', topics, 'shifted');
  // Whose records these are can't be shown in us-east: they stand at other offsets there.
  await third.mirrorsUpTo('e.u.cut', 10n);
  const looped = await first.reaches('p.e.u.cut', 'LoopDetected');
  expect(looped.reason).toMatch(/same offset of destination\.u\.cut-0/);
  await second.mirrorsUpTo('u.cut', 10n);
  const { cut, 'p.e.u.cut': lap } = await recordsByTopic(clusters.us);
  expect({ cut, lap }).toEqual({ cut: 10, lap: 10 });
  expect((await recordsByTopic(clusters.eu))['u.p.e.u.cut']).toBeUndefined();
}, 300_000);

test('where retention takes what could be compared on the way, the second lap is seen', async () => {
  await makeTopic(clusters.us, 'worn');
  for (let batch = 0; batch < 2; batch++) await produce('us', 'worn', 10);
  await deleteRecords(clusters.us, [{ topic: 'worn', partition: 0, beforeOffset: 10n }]);
  const topics = ['(.*\\.)?worn'];
  await using first = await link('us', 'eu', 'u.', topics, 'shifted');
  await first.mirrorsUpTo('worn', 10n);
  // So that no two logs of the ring have the same record at the same offset.
  await produce('us', 'worn', 5);
  await first.mirrorsUpTo('worn', 15n);
  await deleteRecords(clusters.eu, [{ topic: 'u.worn', partition: 0, beforeOffset: 10n }]);
  await using second = await link('eu', 'ap', 'e.', topics, 'shifted');
  await using third = await link('ap', 'us', 'p.', topics, 'shifted');
  await third.mirrorsUpTo('e.u.worn', 5n);
  const looped = await second.reaches('u.p.e.u.worn', 'LoopDetected');
  expect(looped.reason).toMatch(/same offset of destination\.e\.u\.worn-0/);
  await produce('us', 'worn', 5);
  await third.mirrorsUpTo('e.u.worn', 10n);
  expect(await recordsByTopic(clusters.us)).toMatchObject({ worn: 20, 'p.e.u.worn': 10 });
  expect((await recordsByTopic(clusters.ap))['e.u.p.e.u.worn']).toBeUndefined();
}, 300_000);
