// A link that is altered before its source was reached: what it copies follows from the newer declaration.
import { expect, test } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { openFleet } from './running-fleet.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

test('filters that change while the source is away are those that hold when it answers', async () => {
  const [former, newer] = [uniqueTopic('former'), uniqueTopic('newer')];
  const east = await Cluster.connect(configOf(regions['us-east']));
  for (const topic of [former, newer]) await makeTopic(east, topic, 1);
  const [bootstrap] = regions['us-east'].bootstrap;
  const [host, port] = bootstrap!.split(':') as [string, string];
  const proxy = await startTcpProxy({ host, port: Number(port) });
  try {
    proxy.setFault({ kind: 'refuse' });
    await using fleet = await openFleet(regions['eu-west']);
    await fleet.start('a');
    const source = { name: 'us', bootstrap: [`${proxy.host}:${proxy.port}`] };
    await fleet.done({
      do: 'createLink',
      link: { name: 'us-to-eu', source, destination: 'eu-west', config: { topics: [former] } },
    });
    await expect.poll(() => proxy.counts.refused, { timeout: 60_000 }).toBeGreaterThan(0);
    await fleet.done({ do: 'alterLink', link: 'us-to-eu', changes: { topics: [newer] } });
    proxy.setFault({ kind: 'none' });
    await fleet.reaches(`${newer} to be mirrored`, (state) =>
      [...state.mirrors.values()].some(({ sourceTopic }) => sourceTopic === newer),
    );
    expect([...fleet.state.mirrors.values()].map(({ sourceTopic }) => sourceTopic)).toEqual([newer]);
  } finally {
    await proxy.close();
    east.close();
  }
});
