// A fleet of agents in one process: links come from the control topic, partitions are shared out, mirrors are paused,
// promoted and deleted, and everything is the same after every agent was replaced.
import { beforeAll, expect, test } from 'vitest';
import { deleteTopics, unwrap } from '../../src/client/index.ts';
import { expectIdentical } from '../mirror/same-on-both-sides.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { type Fleet, openFleet } from './running-fleet.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const partitionCount = 6;

let topics: readonly [string, string];
beforeAll(async () => {
  topics = [uniqueTopic('orders'), uniqueTopic('bills')];
  await oracle.createTopics(
    regions['us-east'],
    topics.map((name) => ({ name, partitions: partitionCount })),
  );
});

async function produce(topic: string, count: number): Promise<void> {
  await platformaticProduce({
    ...{ bootstrap: regions['us-east'].bootstrap, topic },
    messages: Array.from({ length: count }, (_, index) => ({
      partition: index % partitionCount,
      value: Buffer.from(`${topic} ${index}`),
    })),
  });
}

function createLink(fleet: Fleet) {
  const source = { name: 'us-east', bootstrap: regions['us-east'].bootstrap };
  const config = { topics: [...topics] };
  return fleet.done({ do: 'createLink', link: { name: 'us-to-eu', source, destination: 'eu-west', config } });
}

/** Who copies what, as the agents told. */
function owners(fleet: Fleet): Map<string, string> {
  return new Map([...fleet.state.statuses].map(([key, { agent }]) => [key, agent]));
}

const isMirroring = (fleet: Fleet): boolean =>
  fleet.state.statuses.size === 2 * partitionCount &&
  [...fleet.state.statuses.values()].every(
    ({ state, lagRecords }) => state === 'Mirroring' && lagRecords === '0',
  );

test('a fleet copies what a link declares, shares it out, is replaced agent by agent, and promotes', async () => {
  const source = regions['us-east'];
  const destination = regions['eu-west'];
  await using fleet = await openFleet(destination);
  const first = await fleet.start('a');
  const itself = { name: 'eu', bootstrap: destination.bootstrap };
  const link = { name: 'round', source: itself, destination: 'eu-west', config: { topics: ['x'] } };
  expect(await fleet.command({ do: 'createLink', link })).toMatchObject({
    ...{ state: 'refused', code: 'CONFIG_INVALID', message: expect.stringContaining('its own mirror') },
  });
  await createLink(fleet);
  await produce(topics[0], 600);
  await produce(topics[1], 600);
  await fleet.reaches('all partitions to mirror', () => isMirroring(fleet));
  expect(new Set(owners(fleet).values())).toEqual(new Set(['a']));

  const second = await fleet.start('b');
  const third = await fleet.start('c');
  // By load, so not to the last one.
  await fleet.reaches('each of three agents to have a share', () => {
    const counts = Map.groupBy(owners(fleet).values(), (agent) => agent);
    return counts.size === 3 && [...counts.values()].every((each) => each.length >= 2);
  });
  // All are replaced, one after the other, under load.
  for (const agent of [first, second, third]) {
    await agent.stop();
    await fleet.start(`${agent.id}2`);
    await produce(topics[0], 60);
  }
  await fleet.reaches(
    'the new agents to have everything',
    () => isMirroring(fleet) && [...owners(fleet).values()].every((agent) => agent.endsWith('2')),
  );
  await expectIdentical({ oracle, folder: folder.path, source, destination, topics });

  // Paused: nothing comes over; resumed: all does.
  await fleet.done({ do: 'pauseMirrors', link: 'us-to-eu', topics: [topics[1]] });
  await fleet.reaches('nobody to copy it', () =>
    [...fleet.state.statuses].every(([key, { state }]) => !key.includes(topics[1]) || state === 'Stopped'),
  );
  await produce(topics[1], 60);
  await fleet.done({ do: 'resumeMirrors', link: 'us-to-eu', topics: null });
  await fleet.reaches('it to be copied again', () => isMirroring(fleet));
  await expectIdentical({ oracle, folder: folder.path, source, destination, topics });

  // A mirror that is deleted, topic and all, is made anew by the same agents.
  await fleet.done({ do: 'deleteMirrors', link: 'us-to-eu', topics: [topics[1]] });
  unwrap((await deleteTopics(fleet.control.cluster, [topics[1]])).get(topics[1])!);
  await fleet.reaches('nothing to be told of it', () => fleet.state.statuses.size === partitionCount);
  await fleet.done({ do: 'createMirrors', link: 'us-to-eu', topics: [topics[1]] });
  await fleet.reaches('it to be copied anew', () => isMirroring(fleet));
  await expectIdentical({ oracle, folder: folder.path, source, destination, topics });

  // A planned promotion of one, an immediate one of the other.
  const planned = await fleet.done({
    ...{ do: 'promoteMirrors', link: 'us-to-eu', topics: [topics[0]], isNow: false, timeoutMs: 30_000 },
  });
  expect(planned.promoted).toHaveLength(1);
  expect(planned.promoted![0]!.partitions).toHaveLength(partitionCount);
  for (const partition of planned.promoted![0]!.partitions) {
    expect(partition).toMatchObject({
      missingRecords: '0',
      isReplicated: true,
      cutOffset: partition.sourceEnd,
    });
  }
  await source.kill();
  const now = await fleet.done({
    ...{ do: 'promoteMirrors', link: 'us-to-eu', topics: null, isNow: true, timeoutMs: 0 },
  });
  expect(now.promoted!.map(({ topic }) => topic)).toEqual([topics[1]]);
  // The source is gone, but what it had is known.
  for (const { missingRecords, sourceEnd, cutOffset } of now.promoted![0]!.partitions)
    expect({ missingRecords, sourceEnd }).toEqual({ missingRecords: '0', sourceEnd: cutOffset });
  expect([...fleet.state.mirrors.values()].map(({ state }) => state)).toEqual(['Promoted', 'Promoted']);
  await fleet.done({ do: 'deleteLink', link: 'us-to-eu', withMirrors: false });
  await fleet.reaches('the link to be forgotten', ({ links, mirrors }) => links.size + mirrors.size === 0);
});
