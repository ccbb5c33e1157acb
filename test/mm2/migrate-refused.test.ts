// What must not be continued, and points that were written down wrong: nothing is appended.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { LazyControlTopic } from '../../src/control/index.ts';
import { formatTakeover, isTakeoverOf, type TakenPartition, takeoverKey } from '../../src/link/index.ts';
import { configOf } from '../client/support.ts';
import { JavaClients } from '../support/java-clients.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { copyAs, deadlineMs, endsOf, Load, listLog, makeTopic, mm2Properties } from './migrating.ts';
import { commitPositions, positionsOf, runText } from './reading-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const folder = useTemporaryFolder();
const link = 'us-east-to-eu-west';

/** A file that takes this topic. */
async function fileOf(topic: string): Promise<{ file: string; text: string }> {
  const [east, west] = [regions['us-east'], regions['eu-west']];
  const text = mm2Properties(east, west, [`topics = ${topic}`, 'groups = readers.*']);
  const file = path.join(folder.path, `${topic}.properties`);
  await writeFile(file, text);
  return { file, text };
}

/** A topic of 100 records of which the remote one is given these, by their offsets at the source. */
async function copied(topic: string, offsets: readonly number[], more: readonly string[] = []) {
  const [east, west] = [regions['us-east'], regions['eu-west']];
  await makeTopic(east, topic, 1);
  await makeTopic(west, `us-east.${topic}`, 1);
  await using load = await Load.to(east, topic, 1);
  for (let batch = 0; batch < 10; batch++) await load.write(10);
  await copyAs({ from: east, topic, to: west, remote: `us-east.${topic}`, offsets, more });
  return fileOf(topic);
}

const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, i) => from + i);

test.each([
  ['somebody else wrote', 'foreign', upTo(50), ['nobody at the source']],
  ['one was left out', 'lost', [...upTo(20), ...upTo(50, 21)], []],
])('%s: it is left alone, with the reason and the ways out', async (_what, topic, offsets, more) => {
  const { file } = await copied(topic, offsets, more);
  const answer = await lockstepCommand('migrate', file, '--yes');
  expect(answer.exitCode).toBe(1);
  expect(answer.stdout).toMatch(new RegExp(`${topic} +us-east.${topic} +beside`));
  expect(answer.stdout).toContain('mirror it beside, under another prefix');
  const end = await endsOf(regions['eu-west'], `us-east.${topic}`, 1);
  expect(end).toEqual([offsets.length + more.length]);
});

test('without a migration a link leaves the remote topic alone and names the command, and goes on behind it', async () => {
  const topic = 'unasked';
  const { text, file } = await copied(topic, upTo(50));
  await using lockstep = await runText(folder.path, 'unasked.properties', text);
  await waitFor(() => lockstep.partitions().some(({ state }) => state === 'ForeignData'), {
    ...{ deadlineMs, describe: () => `ForeignData:\n${lockstep.told()}` },
  });
  expect(lockstep.partitions()[0]!.reason).toContain('taken over by lockstep migrate FILE');
  expect(await endsOf(regions['eu-west'], `us-east.${topic}`, 1)).toEqual([50]);
  expect(await lockstepCommand('migrate', file, '--yes')).toMatchObject({ exitCode: 0 });
  await waitFor(async () => (await endsOf(regions['eu-west'], `us-east.${topic}`, 1))[0] === 100, {
    ...{ deadlineMs, describe: () => `the copy to go on:\n${lockstep.told()}` },
  });
  expect(await lockstepCommand('verify', file, '--topic', topic)).toMatchObject({ exitCode: 0 });
  // A command that was killed before it came to the groups, or a group that turns up later, in front of that point.
  await commitPositions(regions['us-east'], 'readers-late', { [`${topic}-0`]: [20, 'later'] });
  expect(await lockstepCommand('migrate', file, '--yes')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/readers-late +us-east.unasked-0 +- +20 +moved/),
  });
  expect(await positionsOf(regions['eu-west'], 'readers-late')).toEqual([`us-east.${topic}-0=20`]);
});

test.each<[string, string, Partial<TakenPartition>]>([
  ['where the copy lands one too low', 'low', { shift: 1n }],
  ['where the copy lands one too high', 'high', { shift: -1n }],
  ['one record too early', 'early', { start: 49n, shift: -1n }],
  ['one record too late', 'late', { start: 51n, shift: 1n }],
])('a point that is wrong (%s) is met before anything is appended', async (_what, topic, wrong) => {
  const { text } = await copied(topic, upTo(50));
  const right = { start: 50n, shift: 0n, witness: { from: 10n, shift: 0n } };
  await writeTakeover(topic, { ...right, ...wrong });
  await using lockstep = await runText(folder.path, `${topic}.run.properties`, text);
  await waitFor(() => lockstep.partitions().some(({ state }) => state === 'Diverged'), {
    ...{ deadlineMs, describe: () => `Diverged:\n${lockstep.told()}` },
  });
  expect(await endsOf(regions['eu-west'], `us-east.${topic}`, 1)).toEqual([50]);
});

async function writeTakeover(topic: string, partition: TakenPartition): Promise<void> {
  const [source, destination] = [
    await Cluster.connect(configOf(regions['us-east'])),
    await Cluster.connect(configOf(regions['eu-west'])),
  ];
  const store = new LazyControlTopic(destination, { replicationFactor: 1, onWarning: () => {} });
  try {
    const idOf = async (cluster: Cluster, name: string): Promise<string> =>
      (await cluster.metadata({ topics: [name] })).topics.get(name)!.topicId;
    const destinationTopicId = await idOf(destination, `us-east.${topic}`);
    const sourceTopicId = await idOf(source, topic);
    const record = formatTakeover({ life: 1, sourceTopicId, destinationTopicId, partitions: [partition] });
    await store.putIfAbsent(takeoverKey(link, topic, 1), record, isTakeoverOf(destinationTopicId));
  } finally {
    await store.close();
    source.close();
    destination.close();
  }
}

test('MirrorMaker 2 that was started again behind a taking over: the next run of the command supersedes it', async () => {
  const topic = 'started';
  const [east, west] = [regions['us-east'], regions['eu-west']];
  const { file, text } = await copied(topic, upTo(50));
  const planned = async () => {
    const { stdout, exitCode } = await lockstepCommand('migrate', file, '--yes', '--json');
    const [plan] = JSON.parse(stdout).links;
    const { decision, life, partitions } = plan.topics[0];
    const { start, shift } = partitions[0];
    return { exitCode, decision, life, start, shift };
  };
  const first = { exitCode: 0, decision: 'continue', life: 1, start: 50, shift: 0 };
  expect(await planned()).toEqual(first);
  expect(await planned()).toEqual({ ...first, decision: 'taken' });
  // It had written down 40.
  const remote = `us-east.${topic}`;
  await copyAs({ from: east, topic, to: west, remote, offsets: upTo(60, 41), more: [] });
  expect(await planned()).toEqual({ exitCode: 0, decision: 'continue', life: 2, start: 60, shift: -9 });
  await using lockstep = await runText(folder.path, `${topic}.run.properties`, text);
  await waitFor(async () => (await endsOf(west, remote, 1))[0] === 109, {
    ...{ deadlineMs, describe: () => `the copy to go on:\n${lockstep.told()}` },
  });
  // Another worker goes on with what this life wrote itself.
  await lockstep[Symbol.asyncDispose]();
  await using load = await Load.to(east, topic, 1);
  await load.write(5);
  await using next = await runText(folder.path, `${topic}.next.properties`, text);
  await waitFor(async () => (await endsOf(west, remote, 1))[0] === 114, {
    ...{ deadlineMs, describe: () => `the next worker to go on:\n${next.told()}` },
  });
  const source = (await listLog(east, topic, 0)).map(({ text: it }) => it);
  const log = (await listLog(west, remote, 0)).map(({ text: it }) => it);
  expect(log).toEqual([...source.slice(0, 50), ...source.slice(41, 60), ...source.slice(60)]);
});

test('transactions: aborted records that were copied, markers that were not, and one that is open', async () => {
  const topic = 'paid';
  const [east, west] = [regions['us-east'], regions['eu-west']];
  await makeTopic(east, topic, 1);
  await makeTopic(west, `us-east.${topic}`, 1);
  await using clients = await JavaClients.start();
  const workload = clients.workload(east);
  const records = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ topic, partition: 0, key: name, value: `${name}${i}` }));
  await workload.produce({ producer: 'plain', records: records('a', 5) });
  await workload.transaction({ producer: 'tx', records: records('b', 3), end: 'abort' });
  await workload.transaction({ producer: 'tx', records: records('c', 3), end: 'commit' });
  await workload.transaction({ producer: 'other', records: records('d', 2), end: 'open' });
  await workload.produce({ producer: 'plain', records: records('e', 2) });
  // As MirrorMaker 2 copies with read_uncommitted: all that stands there, without markers.
  await copyAs({ from: east, topic, to: west, remote: `us-east.${topic}`, offsets: 'all', more: [] });
  const { file, text } = await fileOf(topic);
  // Behind the aborted ones: c0.
  await commitPositions(east, 'readers-paid', { 'paid-0': [9, ''] });
  const answer = await lockstepCommand('migrate', file, '--yes');

  expect(answer).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('aborted record') });
  expect(await positionsOf(west, 'readers-paid')).toEqual(['us-east.paid-0=8']);
  await workload.transaction({ producer: 'other', records: records('f', 1), end: 'commit' });
  await workload.produce({ producer: 'plain', records: records('g', 2) });
  await using lockstep = await runText(folder.path, 'paid.run.properties', text);
  const values = async (): Promise<string[]> =>
    (await listLog(west, `us-east.${topic}`, 0)).map(({ text: it }) => it.split(' ')[0]!);
  await waitFor(async () => (await values()).includes('g1'), {
    ...{ deadlineMs, describe: () => `the copy to go on:\n${lockstep.told()}` },
  });
  expect(await values()).toEqual('a0 a1 a2 a3 a4 b0 b1 b2 c0 c1 c2 d0 d1 e0 e1 f0 g0 g1'.split(' '));
  expect(await lockstepCommand('verify', file, '--topic', topic)).toMatchObject({ exitCode: 0 });
});
