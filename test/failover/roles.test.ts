// Roles of a replication group, on two real regions with a fleet each and links both ways on the same topic: which
// direction copies, how it turns, how a region that was away learns of it, and what becomes of yesterday's file.
import { expect, test } from 'vitest';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { group, produce, turned, writeGroupFile } from './grouped-regions.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const [forth, back] = ['us-east-to-eu-west', 'eu-west-to-us-east'];
const promote = { do: 'promoteMirrors', topics: null, isNow: true, timeoutMs: 0 } as const;

test('one direction copies, the roles turn it, who was away learns of it, and yesterday turns nothing back', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const topic = uniqueTopic('orders');
  await oracle.createTopics(us, [{ name: topic, partitions: 2 }]);
  const ends = async (region: typeof us): Promise<number[]> =>
    (await oracle.ends(region, topic)).map(({ highWatermark }) => highWatermark);
  const isCopied = async (fleet: Fleet, link: string, wanted: readonly number[]): Promise<void> =>
    fleet.reaches(`${link} to copy up to ${wanted}`, ({ statuses }) =>
      wanted.every((end, partition) => {
        const status = statuses.get(`${link}/${topic}/${partition}`);
        return status?.state === 'Mirroring' && status.mirrorEnd === String(end) && status.lagRecords === '0';
      }),
    );
  const stands = (fleet: Fleet, link: string, state: string, reason: string): Promise<void> =>
    fleet.reaches(`${link} to be ${state}`, ({ conditions }) => {
      const condition = conditions.get(`${link}/${topic}`);
      return condition?.state === state && condition.reason.includes(reason);
    });
  const yesterday = await writeGroupFile({
    ...{ folder: folder.path, regions: [us, eu], topics: [topic], primary: us },
  });

  await using fleetUs = await openFleet(us);
  await using fleetEu = await openFleet(eu);
  const agentUs = await fleetUs.start('agent-us', yesterday.of(us));
  const agentEu = await fleetEu.start('agent-eu', yesterday.of(eu));
  await produce(us, topic, 60);
  await isCopied(fleetEu, forth, [30, 30]);
  // The other way the topic is seen, and left alone.
  await stands(fleetUs, back, 'Standby', 'us-east is primary');
  expect(await ends(us)).toEqual([30, 30]);
  expect(fleetUs.state.mirrors.size).toBe(0);

  // A planned promotion, and roles on both sides.
  await fleetEu.done({ ...promote, link: forth, isNow: false, timeoutMs: 30_000 });
  const first = fleetEu.state.roles.get(group)!;
  expect(first).toMatchObject({ generation: 1, changedBy: 'declared' });
  const second = turned(first, eu);
  for (const fleet of [fleetEu, fleetUs])
    await fleet.done({ do: 'setRoles', roles: second, ifGeneration: first.generation });
  await stands(fleetEu, forth, 'Standby', 'eu-west is primary');
  const cut = await ends(eu);
  await produce(eu, topic, 40);
  await isCopied(
    fleetUs,
    back,
    cut.map((end) => end + 20),
  );
  await oracle.expectSame({ source: eu, destination: us, topic, waitMs: 30_000 });
  expect(await ends(us)).toEqual(await ends(eu));

  // eu-west is lost, us-east takes over, eu-west comes back and knows nothing of it.
  await agentEu.stop();
  await fleetUs.done({ ...promote, link: back });
  const third = turned(second, us, { awaitsRestore: { [eu.name]: [topic] }, changedBy: 'failover' });
  await fleetUs.done({ do: 'setRoles', roles: third, ifGeneration: second.generation });
  await produce(us, topic, 10);
  const lost = await ends(eu);
  expect(fleetEu.state.roles.get(group)!.generation).toBe(second.generation);
  const returned = await fleetEu.start('agent-eu');
  await fleetEu.reaches('the roles to be learnt of', ({ roles }) => roles.get(group)?.generation === 3);
  await stands(fleetEu, forth, 'AwaitsRestore', 'lockstep restore eu-west');
  expect(fleetEu.state.roles.get(group)).toMatchObject(third);
  await returned.stop();

  // With yesterday's file, as a person or a supervisor starts it.
  const stale = await writeGroupFile({
    ...{ folder: folder.path, name: 'stale.yaml', regions: [us, eu], topics: [topic], primary: eu },
  });
  const seen: string[] = [];
  fleetUs.control.onChange((changes) => {
    for (const { key, value } of changes) if (key.startsWith('agent/') && value !== null) seen.push(key);
  });
  const { exitCode, stderr } = await lockstepCommand('run', stale.file);
  // It did not even join the fleet.
  expect(new Set(seen)).toEqual(new Set(seen.length > 0 ? ['agent/agent-us'] : []));
  expect(stderr).toContain('primary is us-east, the file says eu-west');
  expect(stderr).toContain(`replicationGroups:\n  ${group}:\n    primary: us-east\n`);
  expect(stderr).toContain(third.moveId);
  expect(exitCode).toBe(2);
  for (const fleet of [fleetUs, fleetEu]) expect(fleet.state.roles.get(group)!.generation).toBe(3);
  expect(await ends(eu)).toEqual(lost);
  await agentUs.stop();
}, 240_000);
