// The agent that leads is frozen while it copies, its fleet promotes a mirror without it, and it wakes up: what it still
// believes changes neither the topic that lives now nor what the fleet knows.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, logEndOffset } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { ChildAgents } from './child-agents.ts';
import { type Fleet, openFleet } from './running-fleet.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const partitions = 4;

let destination: Cluster;
beforeAll(async () => {
  destination = await Cluster.connect(configOf(regions['eu-west']));
});
afterAll(() => destination?.close());

async function produce(region: 'us-east' | 'eu-west', topic: string, perPartition: number): Promise<void> {
  await platformaticProduce({
    ...{ bootstrap: regions[region].bootstrap, topic },
    messages: Array.from({ length: partitions * perPartition }, (_, index) => ({
      partition: index % partitions,
      value: Buffer.from(`${region} ${index}`),
    })),
  });
}

/** A link that two agents copy, 25 records in each partition. */
async function begin(fleet: Fleet, agents: ChildAgents, link: string, topic: string): Promise<void> {
  await oracle.createTopics(regions['us-east'], [{ name: topic, partitions }]);
  for (const id of ['one', 'two']) await agents.start(`${link}-${id}`);
  const source = { name: 'us-east', bootstrap: regions['us-east'].bootstrap };
  await fleet.done({
    do: 'createLink',
    link: { name: link, source, destination: 'eu-west', config: { topics: [topic] } },
  });
  await produce('us-east', topic, 25);
  await fleet.reaches('all to be copied', () => standsAt(fleet, topic, 25), 120_000);
}

function standsAt(fleet: Fleet, topic: string, end: number): boolean {
  const statuses = [...fleet.state.statuses].filter(([key]) => key.includes(`/${topic}/`));
  return (
    statuses.length === partitions &&
    statuses.every(([, { state, mirrorEnd }]) => state === 'Mirroring' && mirrorEnd === String(end))
  );
}

test('a leader that was frozen over a promotion wakes up and changes nothing', async () => {
  const topic = uniqueTopic('frozen');
  await using fleet = await openFleet(regions['eu-west']);
  await using agents = new ChildAgents(regions['eu-west']);
  await begin(fleet, agents, 'us-to-eu', topic);
  const frozen = agents.running.find(({ isLeader }) => isLeader)!;
  const other = agents.running.find((agent) => agent !== frozen)!;
  frozen.signal('SIGSTOP');
  await waitFor(() => other.isLeader && other.copies.size === partitions, {
    deadlineMs: 60_000,
    describe: () => `${other.id} to take over: ${other.notices.join('\n')}`,
  });
  await produce('us-east', topic, 5);
  await fleet.reaches('the other one to copy', () => standsAt(fleet, topic, 30), 60_000);
  const { promoted } = await fleet.done({
    ...{ do: 'promoteMirrors', link: 'us-to-eu', topics: null, isNow: true, timeoutMs: 0 },
  });
  expect(promoted![0]!.partitions.map(({ cutOffset }) => cutOffset)).toEqual(['30', '30', '30', '30']);
  await produce('eu-west', topic, 10);
  await produce('us-east', topic, 10);
  const wokenAtMs = Date.now();
  frozen.signal('SIGCONT');
  await waitFor(() => frozen.when(wokenAtMs, ({ isLeader }) => isLeader === false) !== undefined, {
    deadlineMs: 60_000,
    describe: () => `${frozen.id} to notice: ${frozen.notices.join('\n')}`,
  });
  // The next command is answered by the one who leads, and behind it all that the woken one had to say.
  await fleet.done({ do: 'pauseMirrors', link: 'us-to-eu', topics: null });
  await fleet.reaches('nobody to copy', ({ statuses }) =>
    [...statuses.values()].every(({ state }) => state === 'Stopped'),
  );
  for (let partition = 0; partition < partitions; partition++) {
    const { logEndOffset: end } = await logEndOffset(destination, { topic, partition });
    expect(end).toBe(30n + 2n + 10n);
  }
  expect(fleet.state.mirrors.get(`us-to-eu/${topic}`)).toMatchObject({ state: 'Promoted' });
  expect(agents.running.filter(({ isLeader }) => isLeader)).toEqual([other]);
  await fleet.done({ do: 'deleteLink', link: 'us-to-eu', withMirrors: false });
}, 300_000);

test('a leader that is killed amid a promotion: the next one ends it, with the cuts where they are', async () => {
  const topic = uniqueTopic('killed');
  await using fleet = await openFleet(regions['eu-west']);
  await using agents = new ChildAgents(regions['eu-west']);
  await begin(fleet, agents, 'us-to-ap', topic);
  const leader = agents.running.find(({ isLeader }) => isLeader)!;
  const answered = fleet.command(
    { do: 'promoteMirrors', link: 'us-to-ap', topics: null, isNow: true, timeoutMs: 0 },
    { timeoutMs: 120_000 },
  );
  // Markers are in the log, and nobody was told of them.
  await waitFor(async () => (await logEndOffset(destination, { topic, partition: 0 })).logEndOffset > 25n, {
    deadlineMs: 60_000,
    describe: () => 'the first closing marker',
    pollMs: 1,
  });
  await leader.kill();
  const { state, message, promoted } = await answered;
  expect([state, message]).toEqual(['done', '1 promoted']);
  expect(
    promoted![0]!.partitions.map(({ cutOffset, missingRecords }) => [cutOffset, missingRecords]),
  ).toEqual(Array.from({ length: partitions }, () => ['25', '0']));
}, 300_000);
