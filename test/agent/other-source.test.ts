// A link's address that leads to another cluster: neither records nor positions nor rights of that one come over.
import { expect, test } from 'vitest';
import { Cluster, commitGroupOffsets, fetchGroupOffsets, listGroups } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { openFleet } from './running-fleet.ts';

const regions = useRegions({ 'us-east': {}, 'us-west': {}, 'eu-west': {} });

test('nothing is copied from a cluster that is not the one that the link was made for', async () => {
  const [topic, group] = [uniqueTopic('orders'), uniqueTopic('billing')];
  const clusters = await Promise.all(
    Object.values(regions).map((region) => Cluster.connect(configOf(region))),
  );
  const [east, west, eu] = clusters as [Cluster, Cluster, Cluster];
  try {
    await using fleet = await openFleet(regions['eu-west']);
    const agent = await fleet.start('a');
    for (const [cluster, side] of [
      [east, 'us-east'],
      [west, 'us-west'],
    ] as const) {
      await makeTopic(cluster, topic, 1);
      await platformaticProduce({
        ...{ bootstrap: regions[side].bootstrap, topic },
        messages: Array.from({ length: 50 }, () => ({ partition: 0, value: Buffer.from(side) })),
      });
    }
    const source = { name: 'us', bootstrap: regions['us-east'].bootstrap };
    const config = { topics: [topic], groups: [group], sync: { groups: { every: '500ms' } } };
    await fleet.done({
      do: 'createLink',
      link: { name: 'us-to-eu', source, destination: 'eu-west', config },
    });
    const position = (offset: bigint) => [{ topic, partition: 0, offset, metadata: '' }];
    await commitGroupOffsets(east, group, position(7n));
    const here = async () => (await fetchGroupOffsets(eu, group)).map(({ outcome }) => outcome);
    const at = (offset: bigint) => [
      expect.objectContaining({ ok: true, value: expect.objectContaining({ offset }) }),
    ];
    await expect.poll(here, { timeout: 60_000 }).toEqual(at(7n));
    await expect.poll(() => fleet.state.links.get('us-to-eu')?.sourceClusterId).toBe(east.clusterId);

    await commitGroupOffsets(west, group, position(40n));
    await fleet.done({
      ...{ do: 'alterLink', link: 'us-to-eu', changes: {} },
      source: { name: 'us', bootstrap: regions['us-west'].bootstrap },
    });
    await fleet.reaches('the other cluster to be told', (state) =>
      [...state.entries('condition/')].some(([, value]) => JSON.stringify(value).includes(west.clusterId)),
    );
    expect((await listGroups(west)).has(group)).toBe(true);
    // Until a keeper has certainly looked.
    await expect
      .poll(
        () => agent.notices.some((text) => /positions of groups can't be read.* another cluster/.test(text)),
        {
          timeout: 60_000,
        },
      )
      .toBe(true);
    expect(await here()).toEqual(at(7n));
  } finally {
    for (const cluster of clusters) cluster.close();
  }
});
