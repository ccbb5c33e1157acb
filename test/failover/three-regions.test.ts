// Three regions in a group. The primary is lost while the other two have different ends of its topics: one of them becomes
// primary, and the third one, which may be behind the new primary or ahead of it, is fed by it from then on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, listTopics } from '../../src/client/index.ts';
import type { GroupStanding } from '../../src/failover/standing/index.ts';
import { linkProducerId } from '../../src/mirror/index.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeRawBatch } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type GroupFile, produce, writeGroupFile } from './grouped-regions.ts';

/** Behind at the third region, ahead of the new primary there, the same on both, and another region's own. */
const [orders, carts, stock, invoices] = ['orders', 'carts', 'stock', 'invoices'] as const;
const moved = [carts, orders, stock];
const topics = [...moved, invoices];

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {}, 'ap-south': {} });
type Name = keyof typeof regions;
const oracle = useOracle();
const fleets = new Map<Name, Fleet>();
let file: GroupFile;

beforeAll(async () => {
  const all = Object.values<Region>(regions);
  file = await writeGroupFile({
    ...{ folder: folder.path, regions: all, topics, primary: regions['us-east'] },
    primaries: { [invoices]: 'ap-south' },
  });
  await createAt('us-east', moved);
  await createAt('ap-south', [invoices]);
  for (const name of Object.keys(regions) as Name[]) {
    const fleet = await openFleet(regions[name]);
    fleets.set(name, fleet);
    await fleet.start(`${name}-agent`, file.of(regions[name]));
  }
}, 120_000);
afterAll(async () => {
  await Promise.all([...fleets.values()].map((fleet) => fleet[Symbol.asyncDispose]()));
});

async function createAt(name: Name, names: readonly string[]): Promise<void> {
  await oracle.createTopics(
    regions[name],
    names.map((topic) => ({ name: topic, partitions: 2 })),
  );
}

const fleet = (name: Name): Fleet => fleets.get(name)!;

async function endsAt(name: Name, topic: string): Promise<number[]> {
  return (await oracle.ends(regions[name], topic)).map(({ highWatermark }) => highWatermark);
}

async function hasEnds(name: Name, topic: string, ends: readonly number[]): Promise<void> {
  let seen: readonly number[] = [];
  await waitFor(
    async () => {
      seen = await endsAt(name, topic).catch(() => []);
      return String(seen) === String(ends);
    },
    {
      ...{ deadlineMs: 60_000, pollMs: 200 },
      describe: () =>
        `${topic} at ${name} to end at ${ends}, not ${seen}: ${JSON.stringify([...fleet(name).state.conditions])}`,
    },
  );
}

async function standing(): Promise<{ exitCode: number; told: GroupStanding }> {
  const { exitCode, stdout } = await lockstepCommand('status', file.file, '--json');
  return { exitCode, told: JSON.parse(stdout) };
}

/** How a topic of a link stands at its destination; undefined: it is copied. */
const conditionOf = (name: Name, link: string, topic: string): string | undefined =>
  fleet(name).state.conditions.get(`${link}/${topic}`)?.state;

/** Types a command that has to end well. */
async function done(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await lockstepCommand(...words);
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout;
}

async function idsAt(name: Name): Promise<Record<string, string | undefined>> {
  const cluster = await Cluster.connect(configOf(regions[name]));
  try {
    const listed = await listTopics(cluster);
    return Object.fromEntries(topics.map((topic) => [topic, listed.get(topic)?.topicId]));
  } finally {
    cluster.close();
  }
}

test('the primary feeds both others, which stand by toward each other; a topic has another primary', async () => {
  for (const topic of moved) await produce(regions['us-east'], topic, 40);
  await produce(regions['ap-south'], invoices, 40);
  for (const name of ['us-east', 'eu-west', 'ap-south'] as const)
    for (const topic of topics) await hasEnds(name, topic, [20, 20]);
  for (const [name, other] of [
    ['eu-west', 'ap-south'],
    ['ap-south', 'eu-west'],
  ] as const) {
    expect([...fleet(name).state.mirrors.keys()].sort()).toEqual(
      [
        ...moved.map((topic) => `us-east-to-${name}/${topic}`),
        ...(name === 'eu-west' ? [`ap-south-to-eu-west/${invoices}`] : []),
      ].sort(),
    );
    for (const topic of moved)
      await fleet(name).reaches(
        `${topic} from ${other} to stand by at ${name}`,
        () => conditionOf(name, `${other}-to-${name}`, topic) === 'Standby',
      );
  }
  await waitFor(async () => (await standing()).exitCode === 0, {
    ...{ deadlineMs: 60_000, describe: () => 'the group to be in order' },
  });
});

test('the primary is lost while the others have different ends: the new one is told everywhere, and nothing is copied', async () => {
  await pause('ap-south', orders);
  await pause('eu-west', carts);
  await produce(regions['us-east'], orders, 20);
  await produce(regions['us-east'], carts, 20);
  await hasEnds('eu-west', orders, [30, 30]);
  await hasEnds('ap-south', carts, [30, 30]);
  await regions['us-east'].kill();

  const over = await lockstepCommand('failover', file.file, '--to', 'eu-west', '--yes');
  expect(over.exitCode, over.stdout + over.stderr).toBe(0);
  for (const topic of moved) await produce(regions['eu-west'], topic, 10);
  await produce(regions['ap-south'], invoices, 10);
  for (const name of ['eu-west', 'ap-south'] as const) {
    expect(fleet(name).state.roles.get('shop')).toMatchObject({
      ...{ generation: 2, primary: { region: 'eu-west' }, topics: { [invoices]: { region: 'ap-south' } } },
      awaitsRestore: { 'us-east': moved, 'ap-south': moved },
    });
  }
  for (const topic of moved)
    await fleet('ap-south').reaches(
      `${topic} to await a restore at ap-south`,
      () => conditionOf('ap-south', 'eu-west-to-ap-south', topic) === 'AwaitsRestore',
    );
  // What has another primary goes on meanwhile.
  await hasEnds('eu-west', invoices, [25, 25]);
  expect(await Promise.all(moved.map((topic) => endsAt('ap-south', topic)))).toEqual([
    ...[
      [30, 30],
      [20, 20],
      [20, 20],
    ],
  ]);
  const { exitCode, told } = await standing();
  expect(exitCode).toBe(1);
  expect(told.problems).toContainEqual({
    what: expect.stringMatching(/^3 topics of ap-south await a restore \(carts, orders, stock\)/),
    remedy: `lockstep restore ap-south ${file.file}`,
  });
});

test('restored, the third region goes on where it is, and what it had more of is saved', async () => {
  const plan = JSON.parse(await done('restore', 'ap-south', file.file, '--dry-run', '--json')).plan;
  expect(plan.deletes).toEqual([carts]);
  const before = await idsAt('ap-south');
  const said = await done('restore', 'ap-south', file.file, '--yes');
  // stock ends at the cut, orders in front of it.
  expect(said).toMatch(
    /former writers of 2 partitions shut out; not those of 2 partitions that end in front/,
  );
  const after = await idsAt('ap-south');
  expect(topics.filter((topic) => before[topic] !== after[topic])).toEqual([carts]);
  for (const topic of moved) await expectSame('eu-west', 'ap-south', topic);
  await expectSaved('ap-south');
  expect(fleet('eu-west').state.roles.get('shop')!.awaitsRestore).toEqual({ 'us-east': moved });
  // The former direction has ended.
  expect([...fleet('ap-south').state.mirrors.keys()].sort()).toEqual(
    moved.map((topic) => `eu-west-to-ap-south/${topic}`),
  );
});

test('what an agent of the former direction has on its way is refused where the third region ended at the cut', async () => {
  const { sourceClusterId } = fleet('ap-south').state.links.get('us-east-to-ap-south')!;
  const producerId = linkProducerId({
    sourceClusterId: sourceClusterId!,
    linkName: 'us-east-to-ap-south',
  });
  const before = await endsAt('ap-south', stock);
  for (const partition of [0, 1]) {
    const late = encodeRawBatch([{ offset: 0n, timestamp: 0n, tail: Buffer.from([1, 1, 0]) }], {
      ...{ producerId, producerEpoch: 0, baseSequence: 20 },
    });
    expect(await sendTo('ap-south', { topic: stock, partition }, late)).toBe(invalidProducerEpoch);
  }
  expect(await endsAt('ap-south', stock)).toEqual(before);
});

test('the lost region comes back from the new primary, and work moves on to the third', {
  timeout: 240_000,
}, async () => {
  await regions['us-east'].start();
  await fleet('us-east').reaches(
    'us-east to learn that it is not primary',
    ({ roles }) => roles.get('shop')?.generation === 3,
  );
  await hasEnds('us-east', invoices, [25, 25]);
  await done('restore', 'us-east', file.file, '--yes');
  await expectSaved('us-east');
  for (const topic of moved) await expectSame('eu-west', 'us-east', topic);

  await done('switchover', file.file, '--to', 'ap-south', '--yes');
  for (const topic of topics) await produce(regions['ap-south'], topic, 10);
  for (const name of ['us-east', 'eu-west'] as const) {
    for (const topic of topics) await expectSame('ap-south', name, topic);
    await done('verify', file.file, '--link', `ap-south-to-${name}`);
  }
  await waitFor(async () => (await standing()).exitCode === 0, {
    ...{ deadlineMs: 60_000, describe: () => 'the group to be in order' },
  });
  for (const name of ['us-east', 'eu-west', 'ap-south'] as const)
    expect(fleet(name).state.roles.get('shop')).toMatchObject({
      ...{ primary: { region: 'ap-south' }, awaitsRestore: {} },
    });
});

test('a region whose mirror has more than the primary is not switched over to', async () => {
  await produce(regions['eu-west'], stock, 2);
  const moving = await lockstepCommand('switchover', file.file, '--to', 'eu-west', '--yes');
  expect(moving.exitCode, moving.stdout + moving.stderr).not.toBe(0);
  expect(moving.stderr).toMatch(
    /stock-0, stock-1: eu-west has more than ap-south, which something else wrote there; nothing was promoted/,
  );
  await done('switchover', file.file, '--to', 'eu-west', '--undo');
});

/** The topic of the former primary is not copied into this region any more. */
async function pause(name: Name, topic: string): Promise<void> {
  const link = `us-east-to-${name}`;
  await fleet(name).done({ do: 'pauseMirrors', link, topics: [topic] });
  await fleet(name).reaches(`${topic} to be paused at ${name}`, ({ statuses }) =>
    [0, 1].every((partition) => statuses.get(`${link}/${topic}/${partition}`)?.state !== 'Mirroring'),
  );
}

const invalidProducerEpoch = 47;

/** @returns the broker's answer as a number. */
async function sendTo(
  name: Name,
  { topic, partition: index }: { topic: string; partition: number },
  records: Buffer,
): Promise<number> {
  const cluster = await Cluster.connect(configOf(regions[name]));
  try {
    const { topicId } = await cluster.leaderOf(topic, index);
    const { responses } = await cluster.request(
      apis.Produce,
      {
        acks: -1,
        timeoutMs: 5_000,
        topicData: [{ name: topic, topicId, partitionData: [{ index, records }] }],
      },
      { to: { leaderOf: { topic, partition: index } } },
    );
    return responses[0]!.partitionResponses[0]!.errorCode;
  } finally {
    cluster.close();
  }
}

async function expectSame(source: Name, destination: Name, topic: string): Promise<void> {
  await oracle.expectSame({
    ...{ source: regions[source], destination: regions[destination], topic, waitMs: 60_000 },
  });
}

/** Ten records of each partition of what the new primary never had. */
async function expectSaved(name: Name): Promise<void> {
  const region = regions[name];
  const cluster = await Cluster.connect(configOf(region));
  try {
    const saved = [...(await listTopics(cluster)).keys()].filter((topic) => topic.includes('.lost-'));
    expect(saved).toEqual([expect.stringMatching(/^carts\.lost-/)]);
    for (const partition of [0, 1]) {
      const log = { region, topic: saved[0]!, partition, isolation: 'read_committed' } as const;
      const { records } = await oracle.read(log);
      expect(records.map(({ value }) => value?.toString())).toEqual(
        Array.from({ length: 10 }, (_, index) => `us-east ${index * 2 + partition}`),
      );
    }
  } finally {
    cluster.close();
  }
}
