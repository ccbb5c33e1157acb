// The rules of positions on real brokers: what is committed, what is left alone, and what the report says.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Cluster,
  commitGroupOffsets,
  createTopics,
  deleteGroupOffsets,
  deleteGroups,
  describeGroups,
  fetchGroupOffsets,
  listGroups,
  listTopics,
  systemClock,
  unwrap,
} from '../../src/client/index.ts';
import { commitPlans } from '../../src/link/groups/commit.ts';
import { apis } from '../../src/protocol/index.ts';
import { useClusters } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { GroupMember } from './group-member.ts';
import { keeperOf } from './keepers.ts';

const regions = useRegions({ source: {}, destination: {} });
const clusters = useClusters(regions);

/** A topic of one partition on both sides: `sourceCount` records there, `mirrorCount` here. */
async function mirrored(
  options: { sourceCount?: number; mirrorCount?: number; prefix?: string } = {},
): Promise<{ topic: string; mirrorTopic: string }> {
  const { sourceCount = 100, mirrorCount = sourceCount, prefix = '' } = options;
  const topic = uniqueTopic('rules');
  const mirrorTopic = `${prefix}${topic}`;
  for (const [cluster, region, name, count] of [
    [clusters.source, regions.source, topic, sourceCount],
    [clusters.destination, regions.destination, mirrorTopic, mirrorCount],
  ] as const) {
    unwrap((await createTopics(cluster, [{ name, partitionCount: 1 }])).get(name)!);
    const messages = Array.from({ length: count }, (_, i) => ({ partition: 0, value: Buffer.from(`${i}`) }));
    await platformaticProduce({ bootstrap: region.bootstrap, topic: name, messages });
  }
  return { topic, mirrorTopic };
}

async function put(
  cluster: Cluster,
  group: string,
  topic: string,
  offset: bigint,
  metadata = '',
): Promise<void> {
  for (const { outcome } of await commitGroupOffsets(cluster, group, [
    { topic, partition: 0, offset, metadata },
  ]))
    unwrap(outcome);
}

/** `topic=offset` of everything a group has, or null where a topic is named and has none. */
async function positionOf(cluster: Cluster, group: string, topic: string): Promise<bigint | null> {
  const found = (await fetchGroupOffsets(cluster, group)).find((entry) => entry.topic === topic);
  return found === undefined ? null : unwrap(found.outcome).offset;
}

function only(group: string) {
  return { selects: (groupId: string) => groupId === group };
}

test('a fresh cluster without __consumer_offsets takes positions', async () => {
  const { topic } = await mirrored();
  const group = uniqueTopic('fresh');
  await put(clusters.source, group, topic, 42n, 'left by the consumer');
  expect([...(await listTopics(clusters.destination)).keys()]).not.toContain('__consumer_offsets');
  await using it = keeperOf(clusters.source, clusters.destination, {
    ...only(group),
    mirrors: [{ sourceTopic: topic }],
  });
  await it.keeper.lookNow();
  expect(it.stateOf(group)).toBe('Synced');
  const [found] = await fetchGroupOffsets(clusters.destination, group);
  expect(unwrap(found!.outcome)).toEqual({ offset: 42n, leaderEpoch: -1, metadata: 'left by the consumer' });
});

test('prefix and shift are applied', async () => {
  const { topic, mirrorTopic } = await mirrored({ prefix: 'us.' });
  const group = uniqueTopic('shifted');
  await put(clusters.source, group, topic, 60n);
  await using it = keeperOf(clusters.source, clusters.destination, {
    ...only(group),
    mirrors: [{ sourceTopic: topic, mirrorTopic, shiftOf: () => 25n }],
  });
  await it.keeper.lookNow();
  expect(await positionOf(clusters.destination, group, mirrorTopic)).toBe(35n);
  expect((await it.keeper.syncTopics([topic])).isComplete).toBe(true);
});

test('never beyond the end of the mirror, and the last sync says what is missing', async () => {
  const { topic } = await mirrored({ sourceCount: 100, mirrorCount: 70 });
  const group = uniqueTopic('beyond');
  await put(clusters.source, group, topic, 90n);
  await using it = keeperOf(clusters.source, clusters.destination, {
    ...only(group),
    mirrors: [{ sourceTopic: topic }],
  });
  await it.keeper.lookNow();
  expect(await positionOf(clusters.destination, group, topic)).toBe(70n);
  expect(it.stateOf(group)).toBe('WaitingForMirror');
  const report = await it.keeper.syncTopics([topic]);
  expect(report).toMatchObject({ isSourceHeard: true, isComplete: false });
  expect(report.groups[0]).toMatchObject({
    group,
    state: 'WaitingForMirror',
    missing: [{ topic, partition: 0, source: '90', destination: '70', state: 'waiting' }],
  });
  expect(it.notices.map(({ text }) => text).join()).toMatch(
    `not complete: 1 of 1 group may resume elsewhere. ${group} is WaitingForMirror (${topic}-0 90, here 70)`,
  );
  const messages = Array.from({ length: 30 }, () => ({ partition: 0, value: Buffer.from('late') }));
  await platformaticProduce({ bootstrap: regions.destination.bootstrap, topic, messages });
  await it.keeper.lookNow();
  expect(await positionOf(clusters.destination, group, topic)).toBe(90n);
  expect(it.stateOf(group)).toBe('Synced');
});

test('never backwards, unless asked', async () => {
  const { topic } = await mirrored();
  const group = uniqueTopic('backwards');
  await put(clusters.source, group, topic, 30n);
  await put(clusters.destination, group, topic, 50n);
  await using it = keeperOf(clusters.source, clusters.destination, {
    ...only(group),
    mirrors: [{ sourceTopic: topic }],
  });
  await it.keeper.lookNow();
  expect(await positionOf(clusters.destination, group, topic)).toBe(50n);
  expect(it.stateOf(group)).toBe('Ahead');
  it.keeper.alter({ everyMs: 500, deletions: false, backwards: true });
  await it.keeper.lookNow();
  expect(await positionOf(clusters.destination, group, topic)).toBe(30n);
  expect(it.stateOf(group)).toBe('Synced');
});

describe.each(['classic', 'consumer'] as const)(
  'a group with members at the destination (%s)',
  (protocol) => {
    test('is left alone until they have stopped', async () => {
      const { topic } = await mirrored();
      const group = uniqueTopic('active');
      await put(clusters.source, group, topic, 30n);
      const member = await GroupMember.join(clusters.destination, group, topic, protocol);
      await using it = keeperOf(clusters.source, clusters.destination, {
        ...only(group),
        mirrors: [{ sourceTopic: topic }],
      });
      await it.keeper.lookNow();
      expect(it.stateOf(group)).toBe('ActiveAtDestination');
      expect(await positionOf(clusters.destination, group, topic)).toBeNull();
      const report = await it.keeper.syncTopics([topic]);
      expect(report.groups[0]).toMatchObject({ state: 'ActiveAtDestination', isComplete: false });
      expect(report.groups[0]!.missing).toHaveLength(1);
      await member.leave();
      await it.keeper.lookNow();
      expect(it.stateOf(group)).toBe('Synced');
      expect(await positionOf(clusters.destination, group, topic)).toBe(30n);
    });

    test('is refused by the broker when it got them after our look', async () => {
      const { topic } = await mirrored();
      const group = uniqueTopic('race');
      const member = await GroupMember.join(clusters.destination, group, topic, protocol);
      const commit = { topic, partition: 0, offset: 30n, metadata: '' };
      const position = {
        ...{ topic, mirrorTopic: topic, partition: 0, source: 30n, wanted: 30n, destination: null },
        ...({ state: 'behind', isBelowMirrorStart: false, commit } as const),
      };
      const plan = { groupId: group, state: 'Synced', reason: null, positions: [position] } as const;
      const results = await commitPlans(clusters.destination, [plan], new Map(), 60_000);
      expect(results.get(group)).toMatchObject({ committed: [], refusal: { state: 'ActiveAtDestination' } });
      expect(await positionOf(clusters.destination, group, topic)).toBeNull();
      await member.leave();
    });
  },
);

test('share groups, Streams groups and groups of another protocol are told, not synced', async () => {
  const { topic } = await mirrored();
  const [share, streams, connect] = ['share', 'streams', 'connect'].map(uniqueTopic) as [
    string,
    string,
    string,
  ];
  await heartbeat(share, () =>
    clusters.source.request(
      apis.ShareGroupHeartbeat,
      { groupId: share, memberId: randomUUID(), memberEpoch: 0, subscribedTopicNames: [topic] },
      { to: { coordinatorOf: { type: 'group', key: share } } },
    ),
  );
  await heartbeat(streams, () =>
    clusters.source.request(
      apis.StreamsGroupHeartbeat,
      {
        ...{ groupId: streams, memberId: randomUUID(), memberEpoch: 0, rebalanceTimeoutMs: 10_000 },
        ...{ activeTasks: [], standbyTasks: [], warmupTasks: [], processId: 'p', clientTags: [] },
        topology: { epoch: 0, subtopologies: [{ subtopologyId: '0', sourceTopics: [topic] }] },
      },
      { to: { coordinatorOf: { type: 'group', key: streams } } },
    ),
  );
  await GroupMember.join(clusters.source, connect, topic, 'classic', 'connect');
  const wanted = new Set([share, streams, connect]);
  await using it = keeperOf(clusters.source, clusters.destination, {
    selects: (group) => wanted.has(group),
    mirrors: [{ sourceTopic: topic }],
  });
  await it.keeper.lookNow();
  for (const group of wanted) expect([group, it.stateOf(group)]).toEqual([group, 'NotSupported']);
  const reasons = it.keeper.status().groups.map(({ group, reason }) => `${group}: ${reason}`);
  expect(reasons.find((text) => text.startsWith(share))).toMatch(/share group at the source/);
  expect(reasons.find((text) => text.startsWith(streams))).toMatch(/Streams group at the source/);
  expect(reasons.find((text) => text.startsWith(connect))).toMatch(/protocol connect/);
  expect(it.notices.map(({ text }) => text).join('\n')).toMatch(/NotSupported/);
});

/** The group's coordinator may still be loading. */
async function heartbeat(group: string, send: () => Promise<unknown>): Promise<void> {
  await send();
  await waitFor(async () => (await listGroups(clusters.source)).has(group), {
    deadlineMs: 20_000,
    describe: `group ${group} to be listed`,
  });
}

describe('deletions', () => {
  const following = { everyMs: 500, deletions: true, backwards: false };

  test('a group that is gone at the source goes here, if it is ours', async () => {
    const { topic } = await mirrored();
    const [ours, changed, theirs] = ['ours', 'changed', 'theirs'].map(uniqueTopic) as [
      string,
      string,
      string,
    ];
    const wanted = new Set([ours, changed, theirs]);
    for (const group of [ours, changed]) await put(clusters.source, group, topic, 30n);
    await put(clusters.destination, theirs, topic, 7n);
    await using it = keeperOf(clusters.source, clusters.destination, {
      selects: (group) => wanted.has(group),
      mirrors: [{ sourceTopic: topic }],
      config: following,
    });
    await it.keeper.lookNow();
    await put(clusters.destination, changed, topic, 40n);
    for (const outcome of (await deleteGroups(clusters.source, [ours, changed])).values()) unwrap(outcome);
    await it.keeper.lookNow();
    expect(await positionOf(clusters.destination, ours, topic)).toBeNull();
    expect(unwrap((await describeGroups(clusters.destination, [ours])).get(ours)!).state).toBe('Dead');
    expect(await positionOf(clusters.destination, changed, topic)).toBe(40n);
    expect(await positionOf(clusters.destination, theirs, topic)).toBe(7n);
    const told = it.notices.map(({ text }) => text).filter((text) => text.includes('deleted'));
    expect(told).toEqual([`group ${ours} deleted, as at the source`]);
  });

  test('a position that somebody set here stays his, also when it was kept from expiring', async () => {
    const { topic } = await mirrored();
    const group = uniqueTopic('his');
    await put(clusters.source, group, topic, 30n);
    await put(clusters.destination, group, topic, 50n);
    await using it = keeperOf(clusters.source, clusters.destination, {
      ...only(group),
      mirrors: [{ sourceTopic: topic }],
      config: following,
    });
    // The first look commits everything again: nobody knows how old it is.
    await it.keeper.lookNow();
    unwrap((await deleteGroups(clusters.source, [group])).get(group)!);
    await it.keeper.lookNow();
    expect(await positionOf(clusters.destination, group, topic)).toBe(50n);
  });

  test('nothing goes unless asked', async () => {
    const { topic } = await mirrored();
    const group = uniqueTopic('kept');
    await put(clusters.source, group, topic, 30n);
    await using it = keeperOf(clusters.source, clusters.destination, {
      ...only(group),
      mirrors: [{ sourceTopic: topic }],
    });
    await it.keeper.lookNow();
    unwrap((await deleteGroups(clusters.source, [group])).get(group)!);
    await it.keeper.lookNow();
    expect(await positionOf(clusters.destination, group, topic)).toBe(30n);
  });

  test('the next leader knows which groups are ours', async () => {
    const { topic } = await mirrored();
    const group = uniqueTopic('remembered');
    const remembered = new Map<string, object>();
    const store = {
      entries: () => remembered,
      put: async (entries: ReadonlyMap<string, object | null>) => {
        for (const [key, value] of entries) {
          if (value === null) remembered.delete(key);
          else remembered.set(key, value);
        }
      },
    };
    const options = { ...only(group), mirrors: [{ sourceTopic: topic }], config: following, store };
    await put(clusters.source, group, topic, 30n);
    {
      await using former = keeperOf(clusters.source, clusters.destination, options);
      await former.keeper.lookNow();
    }
    expect([...remembered.keys()]).toEqual([group]);
    // Deleted on both sides by hand: nothing is left to remember, whether or not deletions are followed.
    {
      const other = uniqueTopic('forgotten');
      await put(clusters.source, other, topic, 30n);
      await using it = keeperOf(clusters.source, clusters.destination, {
        ...{ ...options, ...only(other) },
        config: { ...following, deletions: false },
      });
      await it.keeper.lookNow();
      expect([...remembered.keys()]).toEqual([group, other]);
      for (const cluster of [clusters.source, clusters.destination])
        unwrap((await deleteGroups(cluster, [other])).get(other)!);
      await it.keeper.lookNow();
      expect([...remembered.keys()]).toEqual([group]);
    }
    unwrap((await deleteGroups(clusters.source, [group])).get(group)!);
    await using next = keeperOf(clusters.source, clusters.destination, options);
    await next.keeper.lookNow();
    expect(await positionOf(clusters.destination, group, topic)).toBeNull();
    expect(remembered.size).toBe(0);
  });

  test('positions that are gone at the source go here', async () => {
    const [{ topic: kept }, { topic: dropped }] = [await mirrored(), await mirrored()];
    const group = uniqueTopic('one-topic');
    await put(clusters.source, group, kept, 30n);
    await put(clusters.source, group, dropped, 20n);
    await using it = keeperOf(clusters.source, clusters.destination, {
      ...only(group),
      mirrors: [{ sourceTopic: kept }, { sourceTopic: dropped }],
      config: following,
    });
    await it.keeper.lookNow();
    expect(await positionOf(clusters.destination, group, dropped)).toBe(20n);
    for (const { outcome } of await deleteGroupOffsets(clusters.source, group, [
      { topic: dropped, partition: 0 },
    ]))
      unwrap(outcome);
    await it.keeper.lookNow();
    expect(await positionOf(clusters.destination, group, dropped)).toBeNull();
    expect(await positionOf(clusters.destination, group, kept)).toBe(30n);
  });
});

// Last: it takes the source down.
test('a source that is down is told, and what it said last counts', async () => {
  const { topic } = await mirrored({ sourceCount: 100, mirrorCount: 70 });
  const group = uniqueTopic('down');
  await put(clusters.source, group, topic, 90n);
  await using it = keeperOf(clusters.source, clusters.destination, {
    ...only(group),
    mirrors: [{ sourceTopic: topic }],
    clock: systemClock,
  });
  await it.keeper.lookNow();
  const { sourceHeardAtMs } = it.keeper.status();
  await regions.source.kill();
  const messages = Array.from({ length: 30 }, () => ({ partition: 0, value: Buffer.from('late') }));
  await platformaticProduce({ bootstrap: regions.destination.bootstrap, topic, messages });
  const report = await it.keeper.syncTopics([topic]);
  expect(report).toMatchObject({ isSourceHeard: false, isComplete: false, sourceHeardAtMs });
  expect(await positionOf(clusters.destination, group, topic)).toBe(90n);
  await it.keeper.lookNow();
  expect(it.keeper.status()).toMatchObject({ sourceHeardAtMs, groups: [{ group, state: 'Synced' }] });
  expect(it.keeper.status().sourceDownSinceMs).not.toBeNull();
  expect(it.notices.map(({ text }) => text).join()).toMatch(/kept from expiring/);

  // A new leader that never heard the source keeps what is there.
  await using next = keeperOf(clusters.source, clusters.destination, {
    ...only(group),
    mirrors: [{ sourceTopic: topic }],
  });
  await next.keeper.lookNow();
  expect(next.keeper.status()).toMatchObject({
    sourceHeardAtMs: null,
    groups: [{ group, state: 'Synced', lagMs: null }],
  });
});
