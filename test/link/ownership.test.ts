// Two runners of one link on the same clusters, each with a share of the partitions that changes under load: what agents
// of a fleet do when a partition moves.
import { expect, test } from 'vitest';
import { createPartitions, logEndOffset, unwrap } from '../../src/client/index.ts';
import { useClusters } from '../client/support.ts';
import { JavaLoad } from '../mirror/java-load.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectVerified, type RunningLink, startLink } from './running-link.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ source: {}, destination: {} });
const oracle = useOracle();
const clusters = useClusters(regions);

/** Who owns a partition; nobody does at first. */
class Fleet {
  readonly owners = new Map<string, string>();

  share(agent: string) {
    return {
      owns: ({ topic, partition }: { topic: string; partition: number }) =>
        this.owners.get(`${topic}/${partition}`) === agent,
      isKeeper: () => agent === 'one',
    };
  }
}

test('partitions move between agents under load, one at a time, and the mirrors stay identical', async () => {
  const [plain, transactional] = [uniqueTopic('moves'), uniqueTopic('moves-in-transactions')];
  const [topics, partitions] = [[plain, transactional], 3];
  const extra = '    prefix: eu.\n';
  const link = { ...regions, folder: folder.path, topics, extra };
  await oracle.createTopics(
    regions.source,
    topics.map((name) => ({ name, partitions })),
  );
  const fleet = new Fleet();
  await using two = await startLink({ ...link, share: fleet.share('two') });
  // Who does not keep the link waits for who does.
  expect(two.topic(plain)).toMatchObject({ state: 'Preparing', mirrorTopic: `eu.${plain}` });
  expect(two.topic(plain)?.reason).toContain('waits for the leading agent to create the mirror');
  await using one = await startLink({ ...link, share: fleet.share('one') });
  expect(one.topic(plain)?.state).toBe('Mirrored');
  expect(one.runner.status().partitions).toEqual([]);
  await two.runner.reconcile();
  await two.reaches(plain, 'Mirrored');
  await two.reaches(transactional, 'Mirrored');

  const agents: Record<string, RunningLink> = { one, two };
  const load = new JavaLoad({ workload: oracle.workload(regions.source), plain, transactional, partitions });
  const places = topics.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
  for (const [index, { topic, partition }] of places.entries())
    fleet.owners.set(`${topic}/${partition}`, index % 2 === 0 ? 'one' : 'two');
  await Promise.all([one.runner.reconcile(), two.runner.reconcile()]);
  for (const [move, place] of [...places, ...places].entries()) {
    const key = `${place.topic}/${place.partition}`;
    const from = fleet.owners.get(key)!;
    const to = from === 'one' ? 'two' : 'one';
    await waitFor(() => (agents[from]!.partition(place.topic, place.partition)?.mirrorEnd ?? 0n) > 0n, {
      deadlineMs: 40_000,
      describe: () => `move ${move}: ${key} to be copied by ${from}`,
    });
    fleet.owners.delete(key);
    await agents[from]!.runner.release([place]);
    // At rest: the same log end now and after whatever may still have been under way was answered.
    expect(agents[from]!.partition(place.topic, place.partition)).toBeUndefined();
    const endOf = async () =>
      (await logEndOffset(clusters.destination, { ...place, topic: `eu.${place.topic}` })).logEndOffset;
    const end = await endOf();
    await agents[from]!.runner.reconcile();
    expect(await endOf()).toBe(end);
    fleet.owners.set(key, to);
    await agents[to]!.runner.reconcile();
  }
  await load.stop();
  expect(load.records).toBeGreaterThan(100);
  for (const topic of topics)
    await oracle.expectSame({ ...regions, topic, destinationTopic: `eu.${topic}`, waitMs: 60_000 });
  await expectVerified(link);
  for (const { runner } of [one, two])
    expect(runner.status().partitions.filter(({ isStopped }) => isStopped)).toEqual([]);
}, 180_000);

test('only the keeper gives a mirror the partitions that the source has more; the others copy what is there', async () => {
  const topic = uniqueTopic('grows');
  const link = { ...regions, folder: folder.path, topics: [topic] };
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 1 }]);
  let keeper = 'one';
  await using one = await startLink({
    ...link,
    share: { isKeeper: () => keeper === 'one', owns: () => false },
  });
  await using two = await startLink({ ...link, share: { isKeeper: () => keeper === 'two' } });
  await two.mirrorsUpTo(topic, 0n);
  keeper = 'two';
  unwrap((await createPartitions(clusters.source, [{ topic, partitionCount: 3 }])).get(topic)!);
  await one.runner.reconcile();
  await waitFor(() => one.topic(topic)?.partitionCount === 3, {
    deadlineMs: 20_000,
    describe: 'the runner that keeps nothing to see three partitions',
  });
  await two.runner.reconcile();
  await two.mirrorsUpTo(topic, 0n, 2);
  expect(one.runner.status().partitions).toEqual([]);
  expect(two.notices).toContainEqual(`topic ${topic}: the mirror has 3 partitions now`);
  expect(one.notices.filter((text) => text.includes('the mirror has'))).toEqual([]);
});

test('a paused topic is at rest, and goes on where its log ends', async () => {
  const topic = uniqueTopic('paused');
  const link = { ...regions, folder: folder.path, topics: [topic] };
  await oracle.createTopics(regions.source, [{ name: topic, partitions: 2 }]);
  const records = [0, 1].map((partition) => ({ topic, partition, key: 'k', value: 'v' }));
  const produce = () => oracle.workload(regions.source).produce({ producer: 'plain', records });
  await produce();
  let isPaused = false;
  await using running = await startLink({ ...link, share: { mayMirror: () => !isPaused } });
  await running.mirrorsUpTo(topic, 1n, 1);
  isPaused = true;
  await running.runner.reconcile();
  expect(running.topic(topic)).toMatchObject({ state: 'Stopped', reason: 'paused or promoted' });
  expect(running.runner.status().partitions).toEqual([]);
  await produce();
  isPaused = false;
  await running.runner.reconcile();
  for (const partition of [0, 1]) await running.mirrorsUpTo(topic, 2n, partition);
  await oracle.expectSame({ ...regions, topic });
});
