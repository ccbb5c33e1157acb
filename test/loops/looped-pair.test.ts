// Two links that lead in a circle and are registered nowhere: what tells is the batches themselves.
import { expect, test } from 'vitest';
import { Cluster, deleteTopics } from '../../src/client/index.ts';
import { linkProducerId } from '../../src/mirror/index.ts';
import { configOf } from '../client/support.ts';
import { startAgent } from '../mirror/running-agent.ts';
import { platformaticConsume, platformaticProduce } from '../support/platformatic.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { closeWriters, holdsBack, recordsByTopic, topicsOf } from './looped-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const folder = useTemporaryFolder();
const deadline = { timeout: 90_000 };

const messages = (count: number, text: string) =>
  Array.from({ length: count }, (_, index) => ({ partition: 0, value: Buffer.from(`${text} ${index}`) }));

test('a looped pair with wide filters copies no record twice, and goes on when the other half is closed', async () => {
  const { 'us-east': us, 'eu-west': eu } = regions;
  const [atUs, atEu] = (await Promise.all([us, eu].map((region) => Cluster.connect(configOf(region))))) as [
    Cluster,
    Cluster,
  ];
  try {
    await makeTopic(atUs, 'orders');
    await makeTopic(atEu, 'stock');
    await platformaticProduce({ bootstrap: us.bootstrap, topic: 'orders', messages: messages(100, 'order') });
    const wide = { folder: folder.path, topics: ['.*'] };
    const extra = (prefix: string) => `    prefix: ${prefix}\n    sync: { topics: { every: 500ms } }\n`;
    const forth = await startAgent({ ...wide, source: us, destination: eu, extra: extra('a.') });
    const back = await startAgent({ ...wide, source: eu, destination: us, extra: extra('b.') });
    try {
      await platformaticProduce({ bootstrap: eu.bootstrap, topic: 'stock', messages: messages(50, 'stock') });
      await forth.mirrorsUpTo('orders', 100n);
      await back.mirrorsUpTo('stock', 50n);
      const looped = await back.reaches('a.orders', 'LoopDetected');
      expect(looped.reason).toMatch(
        /from offset 0 of source\.a\.orders-0 on were mirrored there from destination by .*: destination -> source\.a\.orders -> destination/,
      );
      await forth.reaches('b.stock', 'LoopDetected');
      // Live, too; and neither control topic says anything.
      for (const cluster of [atUs, atEu]) await deleteTopics(cluster, ['__lockstep']);
      await platformaticProduce({
        bootstrap: us.bootstrap,
        topic: 'orders',
        messages: messages(100, 'later'),
      });
      await forth.mirrorsUpTo('orders', 200n);
      await waitFor(() => back.partition('a.orders')?.state === 'LoopDetected', {
        deadlineMs: 30_000,
        describe: () => JSON.stringify(back.partition('a.orders')?.state),
      });
      expect(await recordsByTopic(atUs)).toEqual({ orders: 200, 'b.stock': 50 });
      expect(await recordsByTopic(atEu)).toEqual({ stock: 50, 'a.orders': 200 });

      // Names do not grow, either.
      await holdsBack(forth, 'b.a.orders');
      await holdsBack(back, 'a.b.stock');
      expect(await topicsOf(atUs)).toEqual(['b.a.orders', 'b.stock', 'orders']);
      expect(await topicsOf(atEu)).toEqual(['a.b.stock', 'a.orders', 'stock']);

      // The way out: the other half is promoted, and its mirror belongs to its region.
      await forth.stop();
      const writer = linkProducerId({ sourceClusterId: atUs.clusterId, linkName: 'us-to-eu' });
      await closeWriters(atEu, 'a.orders', writer);
      await expect.poll(() => back.partition('a.orders')?.mirrorEnd, deadline).toBeGreaterThanOrEqual(200n);
      expect((await recordsByTopic(atUs))['b.a.orders']).toBe(200);
    } finally {
      await forth.stop();
      await back.stop();
    }
  } finally {
    atUs.close();
    atEu.close();
  }
}, 300_000);

test('a circle that another tool closes is seen by the name that has grown and the record that is there already', async () => {
  const { 'us-east': us, 'eu-west': eu } = regions;
  const [atUs, atEu] = (await Promise.all([us, eu].map((region) => Cluster.connect(configOf(region))))) as [
    Cluster,
    Cluster,
  ];
  try {
    for (const topic of ['invoices', 'parcels']) {
      await makeTopic(atUs, topic);
      await platformaticProduce({ bootstrap: us.bootstrap, topic, messages: messages(20, topic) });
    }
    await using forth = await startAgent({
      ...{
        folder: folder.path,
        source: us,
        destination: eu,
        topics: ['(.*[.])?invoices', '(.*[.])?parcels'],
      },
      extra: '    prefix: c.\n    sync: { topics: { every: 500ms } }\n',
    });
    await forth.mirrorsUpTo('invoices', 20n);
    await forth.mirrorsUpTo('parcels', 20n);
    await makeTopic(atUs, 'd.c.invoices');
    // The tool has begun late, so offsets are others, and keeps timestamps as MirrorMaker 2 does.
    const there = await platformaticConsume({ bootstrap: eu.bootstrap, topic: 'c.invoices', count: 20 });
    await platformaticProduce({
      ...{ bootstrap: us.bootstrap, topic: 'd.c.invoices' },
      messages: there.slice(5).map(({ timestamp, value }) => ({ partition: 0, timestamp, value: value! })),
    });
    // Called alike, and somebody's own.
    await makeTopic(atUs, 'd.c.parcels');
    const others = { bootstrap: us.bootstrap, topic: 'd.c.parcels', messages: messages(20, 'another') };
    await platformaticProduce(others);
    const looped = await forth.reaches('d.c.invoices', 'LoopDetected');
    expect(looped.reason).toMatch(
      /record at offset 0 of source\.d\.c\.invoices-0 stands at offset 5 of destination\.c\.invoices-0 already, and something else than Lockstep copied it/,
    );
    await forth.mirrorsUpTo('d.c.parcels', 20n);
    await platformaticProduce({ ...others, topic: 'd.c.invoices' });
    await platformaticProduce(others);
    await forth.mirrorsUpTo('d.c.parcels', 40n);
    expect(await recordsByTopic(atEu)).toMatchObject({
      'c.invoices': 20,
      'c.parcels': 20,
      'c.d.c.parcels': 40,
    });
    expect(await recordsByTopic(atEu)).not.toHaveProperty(['c.d.c.invoices']);
  } finally {
    atUs.close();
    atEu.close();
  }
}, 300_000);
