// A thousand groups, their coordinators spread over two brokers: few requests where nothing changed, and only what
// changed is committed. One cluster plays both sides, by a prefix.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Cluster,
  commitGroupOffsets,
  createTopics,
  fetchOffsetsOfGroups,
  systemClock,
  unwrap,
} from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { Slots } from '../../src/slots.ts';
import { configOf } from '../client/support.ts';
import { waitUntilInSync } from '../support/kafka-tools.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { keeperOf } from './keepers.ts';

const groupCount = 1000;
const groups = Array.from({ length: groupCount }, (_, index) => `group-${index}`);
const topic = 'orders';
const mirrorTopic = 'us.orders';
const regions = useRegions({ both: { brokers: 2 } });
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.connect(configOf(regions.both));
  for (const name of [topic, mirrorTopic]) {
    unwrap((await createTopics(cluster, [{ name, partitionCount: 1, replicationFactor: 2 }])).get(name)!);
    const messages = Array.from({ length: 50 }, (_, i) => ({ partition: 0, value: Buffer.from(`${i}`) }));
    await platformaticProduce({ bootstrap: regions.both.bootstrap, topic: name, messages });
  }
  await put(groups, 20n);
});
afterAll(() => cluster?.close());

/** The positions of these groups at the source. */
async function put(groupIds: readonly string[], offset: bigint): Promise<void> {
  const slots = new Slots(32);
  await Promise.all(
    groupIds.map((group) =>
      slots.use(async () => {
        for (const { outcome } of await commitGroupOffsets(cluster, group, [{ topic, partition: 0, offset }]))
          unwrap(outcome);
      }),
    ),
  );
}

/** Requests by their name while `run` ran, and how long it took, ms. */
async function counted(run: () => Promise<void>): Promise<{ requests: Map<string, number>; tookMs: number }> {
  const requests = new Map<string, number>();
  const { request } = cluster;
  cluster.request = ((api: { name: string }, ...rest: unknown[]) => {
    requests.set(api.name, (requests.get(api.name) ?? 0) + 1);
    return (request as (...all: unknown[]) => unknown).call(cluster, api, ...rest);
  }) as typeof cluster.request;
  const startedAtMs = systemClock.nowMs();
  await run();
  cluster.request = request;
  return { requests, tookMs: systemClock.nowMs() - startedAtMs };
}

test('a thousand groups cost few requests', async () => {
  for (const { id } of cluster.brokers)
    expect((await cluster.request(apis.ListGroups, {}, { to: id })).groups.length).toBeGreaterThan(
      groupCount / 5,
    );
  await using it = keeperOf(cluster, cluster, { mirrors: [{ sourceTopic: topic, mirrorTopic }] });
  const first = await counted(() => it.keeper.lookNow());
  expect(first.requests.get('OffsetCommit')).toBe(groupCount);
  expect(it.keeper.status().groups.filter(({ state }) => state === 'Synced')).toHaveLength(groupCount);
  for (const outcome of (await fetchOffsetsOfGroups(cluster, groups)).values())
    expect(unwrap(outcome).map(({ topic, outcome }) => [topic, unwrap(outcome).offset])).toContainEqual([
      mirrorTopic,
      20n,
    ]);

  const quiet = await counted(() => it.keeper.lookNow());
  expect(quiet.requests.get('OffsetCommit')).toBeUndefined();
  const total = [...quiet.requests.values()].reduce((sum, count) => sum + count, 0);
  expect(total).toBeLessThan(60);

  await put(groups.slice(0, 3), 30n);
  const changed = await counted(() => it.keeper.lookNow());
  expect(changed.requests.get('OffsetCommit')).toBe(3);
  expect(await it.keeper.syncTopics([topic])).toMatchObject({ isComplete: true });
  console.log(
    `1000 groups: first look ${Math.round(first.tookMs)} ms, quiet look ${Math.round(quiet.tookMs)} ms with ${total} requests`,
  );
});

test('a coordinator that dies holds groups up only until another broker has taken over', async () => {
  const some = groups.slice(0, 40);
  await using it = keeperOf(cluster, cluster, {
    selects: (group) => some.includes(group),
    mirrors: [{ sourceTopic: topic, mirrorTopic }],
  });
  await it.keeper.lookNow();
  // Who dies as the only one in sync takes the partition along.
  for (const name of [topic, mirrorTopic, '__consumer_offsets']) await waitUntilInSync(regions.both, name);
  await regions.both.brokers[1]!.kill();
  await put(some, 45n);
  await waitFor(
    async () => {
      await it.keeper.lookNow();
      const { groups: statuses } = it.keeper.status();
      return statuses.every(
        ({ state, positions }) => state === 'Synced' && positions[0]?.destination === '45',
      );
    },
    {
      deadlineMs: 90_000,
      describe: () => {
        const { groups: statuses, lastError } = it.keeper.status();
        const late = statuses.find(({ positions }) => positions[0]?.destination !== '45');
        return `all groups to be synced: ${lastError}; ${JSON.stringify(late)}`;
      },
    },
  );
});
