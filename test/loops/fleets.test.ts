// Fleets tell each other which way their links lead: a circle is refused where it would be closed.
import { expect, test } from 'vitest';
import { flowPrefix, isFlowRecord } from '../../src/control/flows.ts';
import type { CommandBody } from '../../src/control/index.ts';
import { tellings } from '../../src/control/tellings.ts';
import { ChildAgent } from '../agent/child-agents.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { configOf, useClusters } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { makeTopic } from '../verify/kafka-copy.ts';
import { recordsByTopic } from './looped-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {}, 'ap-south': {} });
type Name = keyof typeof regions;
const clusters = useClusters(regions);
const deadline = { timeout: 90_000 };

const quick = { sync: { topics: { every: '500ms' } } };

function create(
  source: Name,
  destination: Name,
  config: Record<string, unknown>,
  name = `${source}-to-${destination}`,
): CommandBody {
  return {
    do: 'createLink',
    link: {
      name,
      destination,
      source: { name: source, bootstrap: regions[source].bootstrap },
      config: { ...quick, ...config },
    },
  };
}

/** Waits until a fleet's control topic has the flow of a link. */
async function isTold(fleet: Fleet, link: string, isThere = true): Promise<void> {
  await fleet.reaches(
    `link ${link} to be told${isThere ? '' : ' no more'}`,
    (state) =>
      [...state.entries(flowPrefix).values()].some((value) => isFlowRecord(value) && value.link === link) ===
      isThere,
    90_000,
  );
}

const produce = (name: Name, topic: string, count: number) =>
  platformaticProduce({
    ...{ bootstrap: regions[name].bootstrap, topic },
    messages: Array.from({ length: count }, (_, index) => ({
      partition: 0,
      value: Buffer.from(`${topic} ${index}`),
    })),
  });

test('the link that would close a circle of three regions is refused, with the way drawn', async () => {
  await using us = await openFleet(regions['us-east']);
  await using eu = await openFleet(regions['eu-west']);
  await using ap = await openFleet(regions['ap-south']);
  for (const fleet of [us, eu, ap]) await fleet.start('a');
  await makeTopic(clusters['us-east'], 'orders');
  await eu.done(create('us-east', 'eu-west', { topics: ['orders'], prefix: 'u.' }));
  await ap.done(create('eu-west', 'ap-south', { topics: ['u\\..*'], prefix: 'e.' }));
  // Over two control topics: what eu-west hears of ap-south it tells us-east.
  await isTold(us, 'eu-west-to-ap-south');
  const back = create('ap-south', 'us-east', { topics: ['prefix:e.', 'stock'] });
  for (const isDryRun of [true, false]) {
    expect(await us.command(back, { isDryRun })).toMatchObject({
      state: 'refused',
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(
        'a loop: us-east.orders -> eu-west.u.orders -> ap-south.e.u.orders -> us-east.e.u.orders (links us-east-to-eu-west, eu-west-to-ap-south, ap-south-to-us-east)',
      ),
    });
  }
  // What leaves the mirrors out is none; taking them in later is one.
  await us.done(
    create('ap-south', 'us-east', { topics: ['prefix:e.', 'stock'], excludeTopics: ['prefix:e.'] }),
  );
  const altered = await us.command({
    do: 'alterLink',
    link: 'ap-south-to-us-east',
    changes: { excludeTopics: null },
  });
  expect(altered).toMatchObject({ state: 'refused', message: expect.stringContaining('us-east.e.u.orders') });
  expect(us.state.links.get('ap-south-to-us-east')!.config.excludeTopics).toEqual(['prefix:e.']);
  // Seen from any of the three, since the last link is told on, too.
  await isTold(ap, 'us-east-to-eu-west');
  const widened = await ap.command({
    do: 'alterLink',
    link: 'eu-west-to-ap-south',
    changes: { prefix: 'x.' },
  });
  expect(widened.state).toBe('refused');

  // A link that is gone is told no more, and nothing is in the way then.
  await ap.done({ do: 'deleteLink', link: 'eu-west-to-ap-south', withMirrors: true });
  await isTold(us, 'eu-west-to-ap-south', false);
  await us.done({ do: 'alterLink', link: 'ap-south-to-us-east', changes: { excludeTopics: null } });
  for (const [fleet, link] of [
    [us, 'ap-south-to-us-east'],
    [eu, 'us-east-to-eu-west'],
  ] as const)
    await fleet.done({ do: 'deleteLink', link, withMirrors: true });
}, 400_000);

test('a circle that is closed on both sides at once copies no record twice, and says so; it goes on by itself when one link goes', async () => {
  await using us = await openFleet(regions['us-east']);
  await using eu = await openFleet(regions['eu-west']);
  await Promise.all([us.start('a'), eu.start('a')]);
  await makeTopic(clusters['us-east'], 'sales');
  await makeTopic(clusters['eu-west'], 'stock');
  await produce('us-east', 'sales', 100);
  await produce('eu-west', 'stock', 50);
  const both = { topics: ['.*'], excludeTopics: ['orders', '.*orders'] };
  await Promise.all([
    eu.done(create('us-east', 'eu-west', { ...both, prefix: 'u.' }, 'forth')),
    us.done(create('eu-west', 'us-east', { ...both, prefix: 'e.' }, 'back')),
  ]);
  const condition = (fleet: Fleet, key: string) => fleet.state.conditions.get(key);
  await expect.poll(() => condition(us, 'back/u.sales')?.state, deadline).toBe('LoopDetected');
  await expect.poll(() => condition(eu, 'forth/e.stock')?.state, deadline).toBe('LoopDetected');
  expect(condition(us, 'back/u.sales')!.reason).toContain(
    'us-east.sales -> eu-west.u.sales -> us-east.e.u.sales (links forth, back)',
  );
  await expect.poll(() => condition(us, 'back')?.state, deadline).toBe('LoopDetected');
  await produce('us-east', 'sales', 100);
  const counts = async () => [
    await recordsByTopic(clusters['us-east']),
    await recordsByTopic(clusters['eu-west']),
  ];
  await expect.poll(counts, deadline).toEqual([
    { sales: 200, 'e.stock': 50 },
    { stock: 50, 'u.sales': 200 },
  ]);
  await eu.done({ do: 'deleteLink', link: 'forth', withMirrors: true });
  await expect.poll(async () => (await recordsByTopic(clusters['us-east']))['e.u.sales'], deadline).toBe(200);
  expect(condition(us, 'back/u.sales')).toBeUndefined();
}, 400_000);

/** Keys of flows of a link that some fleet hears of. */
const flowsOf = ({ state }: Fleet, link: string): string[] =>
  [...state.entries(flowPrefix)].flatMap(([key, value]) =>
    isFlowRecord(value) && value.link === link ? [key] : [],
  );

test('what was told of a link is taken back although its agent stops right behind the deletion', async () => {
  await using us = await openFleet(regions['us-east']);
  await using eu = await openFleet(regions['eu-west']);
  await eu.start('a');
  const agent = await us.start('a');
  // The way of the link that the former test left: the other way round it would be a circle with it.
  await us.done(create('eu-west', 'us-east', { topics: ['nobody-has-it'], prefix: 'f.' }, 'brief'));
  await isTold(eu, 'brief');
  await us.done({ do: 'deleteLink', link: 'brief', withMirrors: true });
  await agent.stop();
  await isTold(eu, 'brief', false);
}, 200_000);

test('a leader that is killed behind a deletion owes it: who leads next takes it back, with other links from there and without', async () => {
  await using us = await openFleet(regions['us-east']);
  await using eu = await openFleet(regions['eu-west']);
  const first = await us.start('a');
  for (const link of [...us.state.links.keys()]) await us.done({ do: 'deleteLink', link, withMirrors: true });
  await us.reaches('no link to be left', ({ links }) => links.size === 0);
  await first.stop();
  const wanted = ['brief', 'last'];
  for (const link of wanted) {
    const killed = new ChildAgent({
      ...{ id: 'a', sessionTimeoutMs: 6_000 },
      destination: { name: 'us-east', bootstrap: configOf(regions['us-east']).bootstrap },
    });
    try {
      await killed.ready();
      if (link === 'brief')
        for (const name of wanted)
          await us.done(create('eu-west', 'us-east', { topics: [`not-there-${name}`], prefix: 'f.' }, name));
      for (const name of wanted.slice(wanted.indexOf(link))) await isTold(eu, name);
      // So that it can't take it back itself, however fast it is.
      regions['eu-west'].brokers[0]!.pause();
      await us.done({ do: 'deleteLink', link, withMirrors: true });
      await us.reaches(`${link} to be forgotten`, ({ links }) => !links.has(link));
    } finally {
      await killed.kill();
      regions['eu-west'].brokers[0]!.resume();
    }
    await eu.control.refresh();
    expect(flowsOf(eu, link)).toHaveLength(1);
    const next = await us.start('a');
    await isTold(eu, link, false);
    await us.reaches('nothing of it to be owed', (state) =>
      [...tellings(state).values()].every(({ keys }) => !keys.some((key) => key.endsWith(`/${link}`))),
    );
    await next.stop();
  }
  expect(tellings(us.state).size).toBe(0);
}, 200_000);
