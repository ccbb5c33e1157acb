// Positions of quiet groups outlive offsets.retention.minutes, here one minute with a sweep every second. A position
// that nobody keeps proves that the broker does sweep.
import { beforeAll, expect, test } from 'vitest';
import {
  type Cluster,
  commitGroupOffsets,
  createTopics,
  fetchGroupOffsets,
  unwrap,
} from '../../src/client/index.ts';
import { useClusters } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { GroupMember } from './group-member.ts';
import { keeperOf } from './keepers.ts';

const brokerConfig = {
  'offsets.retention.minutes': '1',
  'offsets.retention.check.interval.ms': '1000',
} as const;
const regions = useRegions({ source: {}, destination: { brokerConfig } });
const clusters = useClusters(regions);
const topic = uniqueTopic('quiet');

beforeAll(async () => {
  for (const side of ['source', 'destination'] as const) {
    unwrap((await createTopics(clusters[side], [{ name: topic, partitionCount: 1 }])).get(topic)!);
    const messages = Array.from({ length: 50 }, (_, i) => ({ partition: 0, value: Buffer.from(`${i}`) }));
    await platformaticProduce({ bootstrap: regions[side].bootstrap, topic, messages });
  }
});

async function put(cluster: Cluster, group: string): Promise<void> {
  for (const { outcome } of await commitGroupOffsets(cluster, group, [{ topic, partition: 0, offset: 20n }]))
    unwrap(outcome);
}

async function hasPosition(group: string): Promise<boolean> {
  return (await fetchGroupOffsets(clusters.destination, group)).length > 0;
}

test('a quiet group keeps its positions, whether or not it had members here, also with the source down', async () => {
  const [kept, hadMembers, hadNewMembers] = ['kept', 'had-members', 'had-new-members'].map(uniqueTopic);
  const groups = [kept!, hadMembers!, hadNewMembers!];
  for (const group of groups) await put(clusters.source, group);
  await using it = keeperOf(clusters.source, clusters.destination, {
    selects: (group) => groups.includes(group),
    mirrors: [{ sourceTopic: topic }],
    config: { everyMs: 200, deletions: false, backwards: false },
  });
  await it.keeper.lookNow();
  expect(it.keeper.status()).toMatchObject({ retentionMs: 60_000, isRetentionAssumed: false });
  // From now on their offsets would expire a minute after the members left, whatever is committed.
  for (const [group, protocol] of [
    [hadMembers!, 'classic'],
    [hadNewMembers!, 'consumer'],
  ] as const)
    await (await GroupMember.join(clusters.destination, group, topic, protocol)).leave();
  // Nobody keeps this one.
  const witness = uniqueTopic('witness');
  await put(clusters.destination, witness);
  it.keeper.start();

  const vanished = new Set<string>();
  const looksForBoth = async () => {
    for (const group of groups) if (!(await hasPosition(group))) vanished.add(group);
    return !(await hasPosition(witness));
  };
  await waitFor(looksForBoth, { deadlineMs: 90_000, describe: 'the witness to expire', pollMs: 20 });
  // A second minute, with the source down.
  await regions.source.kill();
  await put(clusters.destination, witness);
  await waitFor(looksForBoth, { deadlineMs: 90_000, describe: 'the witness to expire again', pollMs: 20 });
  expect([...vanished]).toEqual([]);
});
