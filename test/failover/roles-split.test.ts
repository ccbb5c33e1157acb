// Two fleets whose roles contradict each other, and links that are there before their roles are.
import { expect, test } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { LeaderWriter, type RolesRecord, rolesKey } from '../../src/control/index.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { group, produce, turned, writeGroupFile } from './grouped-regions.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const [forth, back] = ['us-east-to-eu-west', 'eu-west-to-us-east'];

/** As a move writes roles where nobody else can see it. */
async function writeApart(fleet: Fleet, roles: RolesRecord): Promise<void> {
  const writer = await LeaderWriter.take(fleet.control);
  await writer.write(new Map([[rolesKey(group), roles]]));
}

test('nothing is copied before there are roles, nor while two regions contradict each other', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const topic = uniqueTopic('orders');
  await oracle.createTopics(us, [{ name: topic, partitions: 2 }]);
  await produce(us, topic, 20);
  const written = await writeGroupFile({
    ...{ folder: folder.path, regions: [us, eu], topics: [topic], primary: us },
  });
  const destination = await Cluster.connect(configOf(eu));
  const isThere = async () => (await destination.metadata({})).topics.has(topic);
  await using fleetUs = await openFleet(us);
  await using fleetEu = await openFleet(eu);

  const { declare, apply } = written.of(eu);
  const agentEu = await fleetEu.start('agent-eu', { apply });
  await fleetEu.reaches(
    'the link to wait for roles',
    ({ conditions }) => conditions.get(`${forth}/${topic}`)?.state === 'Standby',
  );
  expect(fleetEu.state.conditions.get(`${forth}/${topic}`)!.reason).toContain('no roles of the group shop');
  await fleetEu.reaches(
    'the source to tell no roles',
    ({ conditions }) => conditions.get(forth)?.state === 'RolesUnseen',
  );
  expect(await isThere()).toBe(false);
  await fleetEu.done({ do: 'declareRoles', roles: declare[0]! });
  const isCopied = (fleet: Fleet, end: string) =>
    [0, 1].every((partition) => {
      const status = fleet.state.statuses.get(`${forth}/${topic}/${partition}`);
      return status?.state === 'Mirroring' && status.mirrorEnd === end;
    });
  await fleetEu.reaches('the topic to be copied', () => isCopied(fleetEu, '10'));
  const agentUs = await fleetUs.start('agent-us', written.of(us));
  await fleetEu.reaches('the roles to be seen', ({ conditions }) => !conditions.has(forth));

  // Each side is failed over to while it can't see the other.
  await Promise.all([agentEu.stop(), agentUs.stop()]);
  const first = fleetEu.state.roles.get(group)!;
  await writeApart(
    fleetEu,
    turned(first, us, { moveId: 'apart-1', awaitsRestore: { [eu.name]: ['bills'] } }),
  );
  // Twice, so that its generation is higher: that alone does not make it right.
  const apart = turned(first, us, { moveId: 'apart-2', history: [{ generation: 1, moveId: null }] });
  const twice = turned(apart, us, {
    moveId: 'apart-3',
    topics: { bills: { region: eu.name, sinceGeneration: 3 } },
    history: [...apart.history!, { generation: 2, moveId: 'apart-2' }],
  });
  await writeApart(fleetUs, twice);
  await Promise.all([fleetEu.start('agent-eu'), fleetUs.start('agent-us')]);
  for (const [fleet, link] of [
    [fleetEu, forth],
    [fleetUs, back],
  ] as const)
    await fleet.reaches(`${link} to tell of the split`, ({ conditions }) => {
      const condition = conditions.get(link);
      return condition?.state === 'SplitRoles' && condition.reason.includes('split brain');
    });
  await fleetEu.reaches('the topic to be left alone', ({ conditions }) =>
    Boolean(conditions.get(`${forth}/${topic}`)?.reason.includes('split brain')),
  );
  await produce(us, topic, 20);
  // Another leader does not take the silence of a source that it has yet to hear for the end of it.
  await fleetEu.start('agent-eu-2');
  const ends = async () => (await oracle.ends(eu, topic)).map(({ highWatermark }) => highWatermark);
  expect(await ends()).toEqual([10, 10]);

  // A person is told, and decides for the region whose roles are the newest.
  const seen = await lockstepCommand('status', written.file);
  expect(seen).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/SPLIT ROLES: eu-west was turned apart/),
  });
  expect(await lockstepCommand('switchover', written.file, '--to', 'us-east', '--yes')).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringMatching(/decide for us-east with: lockstep failover/) },
  });
  expect(await lockstepCommand('failover', written.file, '--to', 'us-east', '--yes')).toMatchObject({
    ...{ exitCode: 0, stdout: expect.stringMatching(/tell the other regions .*all know/) },
  });
  for (const { state } of [fleetEu, fleetUs])
    expect(state.roles.get(group)).toMatchObject({
      ...{ generation: 4, primary: twice.primary, topics: twice.topics, awaitsRestore: {} },
    });
  await fleetEu.reaches('the split to be over', ({ conditions }) => !conditions.has(forth));
  await fleetEu.reaches('the topic to be copied again', () => isCopied(fleetEu, '20'));
  destination.close();
}, 240_000);
