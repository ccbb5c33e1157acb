// A fleet is rolled to the next version of Lockstep and back, under load. The next version speaks another group protocol and
// today's beside it (next-protocol.ts), and writes records with fields, kinds and versions that today's agents have never
// seen; here the test holds its pen. What today's agents can't read they leave alone, say so, and go on with all else.
import { expect, test } from 'vitest';
import { fleetGroup } from '../../src/agent/fleet-agent.ts';
import { Cluster } from '../../src/client/index.ts';
import { type KeyChange, LeaderWriter } from '../../src/control/index.ts';
import { appendBatch, recordsOf } from '../../src/control/log.ts';
import { apis } from '../../src/protocol/index.ts';
import { configOf } from '../client/support.ts';
import { waitFor } from '../support/wait-for.ts';
import { linkName, say, useLoadedFleet } from './loaded-fleet.ts';

const loaded = useLoadedFleet();
const behindMsMax = 15_000;
const later = { x: 1 };
const newer = (more: object = {}) => ({ v: 2, shape: 'of the next version', ...more });

/** Replaces every agent by one of this version, one after the other; always everything is shared out. */
async function roll(isNext: boolean): Promise<void> {
  const { agents, partitionCount } = loaded;
  for (const leaving of [...agents.running]) {
    await loaded.startNext({ isNext });
    await agents.sharedOut(partitionCount);
    expect(await leaving.stop()).toBe(0);
    await agents.sharedOut(partitionCount);
  }
  await loaded.untilCaughtUp();
  const { behindMs, partition } = loaded.lag.takeLargest();
  say(`rolled ${isNext ? 'to the next version' : 'back'}: the largest lag was ${behindMs} ms (${partition})`);
  expect(behindMs).toBeLessThan(behindMsMax);
}

/** The version that the group speaks now, by its coordinator. */
async function protocolName(): Promise<string> {
  const cluster = await Cluster.connect(configOf(loaded.regions['eu-west']));
  try {
    const to = { coordinatorOf: { type: 'group', key: fleetGroup } } as const;
    const errorOf = () => ({ number: 0 });
    const answer = await cluster.request(apis.DescribeGroups, { groups: [fleetGroup] }, { to, errorOf });
    return answer.groups[0]!.protocolData;
  } finally {
    cluster.close();
  }
}

const untilSpoken = (name: string): Promise<unknown> =>
  waitFor(async () => (await protocolName()) === name, {
    deadlineMs: 30_000,
    describe: `the group to speak ${name}`,
  });

test('to the next version and back', async () => {
  const { fleet, topics, agents, partitionCount, oracle, regions } = loaded;
  const [orders] = topics as [string, string];
  const { control } = fleet;
  await untilSpoken('v1');
  await roll(true);
  await untilSpoken('v2');

  // The first agent of today brings everybody back to its version; the records of the next one are there already.
  const pen = await LeaderWriter.take(control);
  const link = { ...fleet.state.links.get(linkName)!, later };
  const mirror = { ...fleet.state.mirrors.get(`${linkName}/${orders}`)!, later };
  const foreign = new Map<string, object>([
    ['link/next', newer({ name: 'next' })],
    [`mirror/${linkName}/ghost`, newer()],
    [`condition/${linkName}/ghost`, newer()],
    [`condition/${linkName}`, newer()],
    [`acl/${linkName}/rule`, newer()],
    ['answer/next', newer()],
    ['unheard-of/next', newer()],
  ]);
  await pen.write(
    new Map<string, object>([
      ...foreign,
      [`link/${linkName}`, link],
      [`mirror/${linkName}/${orders}`, mirror],
    ]),
  );
  const written = new Map<string, object>([
    ['command/next', newer()],
    ['agent/next', newer()],
  ]);
  await control.until(await control.put(written));
  const touched: string[] = [];
  const note = (changes: readonly KeyChange[]): void => {
    for (const { key } of changes) if (foreign.has(key) || written.has(key)) touched.push(key);
  };
  control.onChange(note);
  expect(fleet.state.foreign.size).toBe(foreign.size + written.size);

  const rolledAtMs = Date.now();
  await roll(false);
  await untilSpoken('v1');
  for (const { id, notices } of agents.running) {
    const told = notices.filter((notice) =>
      notice.includes('written by a newer Lockstep (version 2, ours is 1)'),
    );
    expect(told.map((notice) => /warning: (\S+):/.exec(notice)?.[1]).sort(), id).toEqual(
      [...foreign.keys(), ...written.keys()].sort(),
    );
  }

  // Today's leader works on: commands, new topics; and what was added to its records is still there.
  await fleet.done({ do: 'pauseMirrors', link: linkName, topics: [orders] });
  await fleet.done({ do: 'resumeMirrors', link: linkName, topics: [orders] });
  await fleet.done({ do: 'alterLink', link: linkName, changes: { sync: { configs: { every: '7s' } } } });
  expect(fleet.state.links.get(linkName)).toMatchObject({ generation: link.generation + 1, later });
  expect(fleet.state.mirrors.get(`${linkName}/${orders}`)).toMatchObject({ state: 'Mirroring', later });
  const refused = await fleet.command({ do: 'alterLink', link: 'next', changes: { topics: ['a'] } });
  expect(refused).toMatchObject({ state: 'refused' });
  say(`alterLink of a link of the next version: ${refused.code}: ${refused.message}`);
  const added = `added-${orders}`;
  await oracle.createTopics(regions['us-east'], [{ name: added, partitions: 2 }]);
  await agents.sharedOut(partitionCount + 2);

  // A mirror that the next version has written down in its own way is nobody's here, until that is undone.
  const known = fleet.state.mirrors.get(`${linkName}/${added}`)!;
  const mirrorKey = `mirror/${linkName}/${added}`;
  const inItsWay = { ...known, ...newer() };
  await (await LeaderWriter.take(control)).write(new Map([[mirrorKey, inItsWay]]));
  await agents.sharedOut(partitionCount);
  // Today's leader, which has lost its pen to that write, has it again and has written down all that it thinks of mirrors.
  for (const what of ['pauseMirrors', 'resumeMirrors'] as const)
    await fleet.done({ do: what, link: linkName, topics: [orders] });
  await agents.sharedOut(partitionCount);
  expect(control.state.get(mirrorKey)).toEqual(inItsWay);
  // Today's pen would refuse this.
  for (const records of recordsOf([[mirrorKey, JSON.stringify(known)]], Date.now()))
    await appendBatch(control.cluster, records);
  await agents.sharedOut(partitionCount + 2);

  expect(touched).toEqual([]);
  for (const [key, value] of [...foreign, ...written]) expect(control.state.get(key), key).toEqual(value);
  say(
    `${foreign.size + written.size} records of the next version stood untouched for ${Date.now() - rolledAtMs} ms`,
  );
  await loaded.expectIdentical();
});
