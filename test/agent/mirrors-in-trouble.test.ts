// Mirrors that are not as the fleet knows them: topics that are gone, have grown or were created again, links that come
// back.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, createPartitions, deleteTopics, unwrap } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Fleet, openFleet } from './running-fleet.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const partitions = 2;

let source: Cluster;
let destination: Cluster;
beforeAll(async () => {
  source = await Cluster.connect(configOf(regions['us-east']));
  destination = await Cluster.connect(configOf(regions['eu-west']));
});
afterAll(() => {
  source?.close();
  destination?.close();
});

async function produce(topic: string, counts: readonly number[]): Promise<void> {
  await platformaticProduce({
    ...{ bootstrap: regions['us-east'].bootstrap, topic },
    messages: counts.flatMap((count, partition) =>
      Array.from({ length: count }, (_, index) => ({ partition, value: Buffer.from(`${topic} ${index}`) })),
    ),
  });
}

async function createTopics(...names: string[]): Promise<void> {
  await oracle.createTopics(
    regions['us-east'],
    names.map((name) => ({ name, partitions })),
  );
}

function createLink(fleet: Fleet, name: string, topics: readonly string[]) {
  const declared = { name: 'us-east', bootstrap: regions['us-east'].bootstrap };
  return fleet.done({
    do: 'createLink',
    link: { name, source: declared, destination: 'eu-west', config: { topics } },
  });
}

const isCopied = (fleet: Fleet, topic: string, ends: readonly number[]): boolean =>
  ends.every((end, partition) =>
    [...fleet.state.statuses].some(
      ([key, { state, mirrorEnd }]) =>
        key.endsWith(`/${topic}/${partition}`) && state === 'Mirroring' && mirrorEnd === String(end),
    ),
  );

test('a mirror whose topic is gone holds up neither the others nor the end of its link', async () => {
  const [kept, gone] = [uniqueTopic('kept'), uniqueTopic('gone')];
  await createTopics(kept, gone);
  await using fleet = await openFleet(regions['eu-west']);
  await fleet.start('a');
  await createLink(fleet, 'one', [kept, gone]);
  await produce(kept, [30, 40]);
  await produce(gone, [5, 5]);
  await fleet.reaches(
    'both to be copied',
    () => isCopied(fleet, kept, [30, 40]) && isCopied(fleet, gone, [5, 5]),
  );
  unwrap((await deleteTopics(destination, [gone])).get(gone)!);
  const { promoted } = await fleet.done({
    ...{ do: 'promoteMirrors', link: 'one', topics: null, isNow: true, timeoutMs: 0 },
  });
  const cuts = promoted!.find(({ topic }) => topic === kept)!.partitions;
  expect(cuts.map(({ cutOffset, missingRecords }) => [cutOffset, missingRecords])).toEqual([
    ['30', '0'],
    ['40', '0'],
  ]);
  expect(fleet.state.mirrors.get(`one/${gone}`)).toMatchObject({
    state: 'Promoted',
    reason: expect.stringContaining('was deleted'),
  });
  await fleet.done({ do: 'deleteLink', link: 'one', withMirrors: true });
  await fleet.reaches('the link to be forgotten', ({ links, mirrors }) => links.size + mirrors.size === 0);

  // Under its name again: a topic that was promoted lives, and nothing is copied into it.
  await createLink(fleet, 'one', [kept]);
  await produce(kept, [10, 10]);
  await fleet.reaches('the link to be shut out', () =>
    [0, 1].every((partition) => fleet.state.statuses.get(`one/${kept}/${partition}`)?.state === 'Fenced'),
  );
  const answer = await fleet.command({
    ...{ do: 'promoteMirrors', link: 'one', topics: [kept], isNow: false, timeoutMs: 3_000 },
  });
  expect(answer).toMatchObject({ state: 'refused', message: expect.stringContaining('is Fenced') });
  await fleet.done({ do: 'deleteMirrors', link: 'one', topics: [kept] });
  await fleet.done({ do: 'deleteLink', link: 'one', withMirrors: true });
  await fleet.reaches('the link to be forgotten again', ({ links }) => links.size === 0);
}, 180_000);

test('a planned promotion waits for partitions that the source got while it was on its way', async () => {
  const topic = uniqueTopic('grown');
  await createTopics(topic);
  await using fleet = await openFleet(regions['eu-west']);
  await fleet.start('a');
  await createLink(fleet, 'two', [topic]);
  await produce(topic, [30, 40]);
  await fleet.reaches('it to be copied', () => isCopied(fleet, topic, [30, 40]));
  unwrap((await createPartitions(source, [{ topic, partitionCount: 4 }])).get(topic)!);
  await waitFor(
    async () => (await source.metadata({ topics: [topic] })).topics.get(topic)?.partitions.length === 4,
    {
      deadlineMs: 30_000,
      describe: () => 'four partitions at the source',
    },
  );
  await produce(topic, [0, 0, 7, 8]);
  const { promoted } = await fleet.done({
    ...{ do: 'promoteMirrors', link: 'two', topics: [topic], isNow: false, timeoutMs: 60_000 },
  });
  expect(promoted![0]!.partitions.map(({ cutOffset }) => cutOffset)).toEqual(['30', '40', '7', '8']);
  await fleet.done({ do: 'deleteLink', link: 'two', withMirrors: false });
}, 180_000);

test('a source topic that was created again while no agent ran is not copied into the mirror of the former one', async () => {
  const topic = uniqueTopic('again');
  await createTopics(topic);
  await using fleet = await openFleet(regions['eu-west']);
  const first = await fleet.start('a');
  await createLink(fleet, 'three', [topic]);
  await produce(topic, [5, 0]);
  await fleet.reaches('it to be copied', () => isCopied(fleet, topic, [5, 0]));
  await first.stop();
  unwrap((await deleteTopics(source, [topic])).get(topic)!);
  await waitFor(async () => !(await source.metadata({ topics: [topic] })).topics.has(topic), {
    deadlineMs: 30_000,
    describe: () => 'the topic to be gone',
  });
  await createTopics(topic);
  await produce(topic, [0, 7]);
  await fleet.start('b');
  await fleet.reaches(
    'the fleet to say so',
    ({ conditions }) => conditions.get(`three/${topic}`)?.state === 'SourceRecreated',
  );
  const answer = await fleet.command({
    ...{ do: 'promoteMirrors', link: 'three', topics: [topic], isNow: false, timeoutMs: 3_000 },
  });
  expect(answer).toMatchObject({ state: 'refused', message: expect.stringContaining('created again') });
  const { promoted } = await fleet.done({
    ...{ do: 'promoteMirrors', link: 'three', topics: [topic], isNow: true, timeoutMs: 0 },
  });
  // What is known of the former topic, not of the one that has its name now.
  expect(promoted![0]!.partitions.map(({ cutOffset, sourceEnd }) => [cutOffset, sourceEnd])).toEqual([
    ['5', '5'],
    ['0', '0'],
  ]);
  await fleet.done({ do: 'deleteLink', link: 'three', withMirrors: false });
}, 180_000);
