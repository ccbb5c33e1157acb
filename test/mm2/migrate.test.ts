// Moving over from a real MirrorMaker 2 that was killed under load, and back to it: no record lost, none doubled but by
// MirrorMaker 2 itself, and a group that goes on exactly where it was.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  deadlineMs,
  endsOf,
  type ListedRecord,
  Load,
  listLog,
  makeTopic,
  mm2Properties,
  startMirrorMaker,
  untilConnectIsEmpty,
} from './migrating.ts';
import { commitPositions, positionsOf, runText } from './reading-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const folder = useTemporaryFolder();
const partitions = [0, 1];
const topic = 'orders';
const remote = 'us-east.orders';

const texts = (log: readonly ListedRecord[]): string[] => log.map(({ text }) => text);

/** Those that stand twice. */
function doubled(list: readonly string[]): string[] {
  const seen = new Set<string>();
  return list.filter((text) => seen.size === seen.add(text).size);
}

test('MirrorMaker 2, killed under load, then Lockstep, then MirrorMaker 2 again, then Lockstep', async () => {
  const [east, west] = [regions['us-east'], regions['eu-west']];
  const file = path.join(folder.path, 'mm2.properties');
  const text = mm2Properties(east, west, ['topics = orders, fresh', 'groups = readers']);
  await writeFile(file, text);
  await makeTopic(east, topic, partitions.length);
  await using load = await Load.to(east, topic, partitions.length);

  // Killed twice under load: what stands behind the offsets that it wrote down is copied again.
  load.start();
  let ends = [0, 0];
  for (const count of [2_000, 100]) {
    await using maker = await startMirrorMaker(file);
    await waitFor(
      async () => (await endsOf(west, remote, 2).catch(() => [])).some((end, i) => end > ends[i]! + count),
      {
        ...{ deadlineMs, pollMs: 50 },
        describe: () => `MirrorMaker 2 to copy ${count}:\n${maker.told()}`,
      },
    );
    if (count === 2_000) {
      const running = await lockstepCommand('migrate', file, '--dry-run');
      expect(running).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('MirrorMaker 2 runs: ') });
      expect(await lockstepCommand('migrate', file, '--yes')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('MirrorMaker 2 still runs: group us-east-mm2 has member'),
      });
    }
    await maker.kill();
    ends = await endsOf(west, remote, 2);
  }
  await load.stop();
  await untilConnectIsEmpty(west, 'us-east-mm2');
  await load.write(300);
  // One that MirrorMaker 2 has never seen: Lockstep makes it, and Connect has to be told of it at last.
  await makeTopic(east, 'fresh', 1);
  await using freshLoad = await Load.to(east, 'fresh', 1);
  await freshLoad.write(200);

  // One group in front of the point where Lockstep goes on, as far back as the first doubles, and one behind.
  const sources = await Promise.all(partitions.map((partition) => listLog(east, topic, partition)));
  const before = await Promise.all(partitions.map((partition) => listLog(west, remote, partition)));
  const copied = before.map((log) => new Set(texts(log)));
  const next = sources.map((log, partition) => log.findIndex(({ text: it }) => !copied[partition]!.has(it)));
  expect(next.every((at) => at > 2_000)).toBe(true);
  const groupAt = [next[0]! - 1_500, next[1]! + 100] as const;
  await commitPositions(east, 'readers', {
    'orders-0': [groupAt[0], 'zero'],
    'orders-1': [groupAt[1], 'one'],
  });

  const preview = await lockstepCommand('migrate', file, '--dry-run');
  expect(preview.exitCode).toBe(0);
  expect(await endsOf(west, '__lockstep', 1).catch(() => 'no topic')).toBe('no topic');
  const done = await lockstepCommand('migrate', file, '--yes', '--json');
  expect(done.exitCode).toBe(0);
  const [plan] = JSON.parse(done.stdout).links;
  expect(plan.topics.find((each: { topic: string }) => each.topic === topic)).toMatchObject({
    decision: 'continue',
    partitions: partitions.map((partition) => ({
      start: next[partition]!,
      remoteEnd: before[partition]!.length,
    })),
  });
  // Killed between its steps and typed again, it finds what stands.
  expect(await lockstepCommand('migrate', file, '--yes')).toMatchObject({ exitCode: 0 });

  const taken = await Promise.all(partitions.map((partition) => listLog(west, remote, partition)));
  {
    await using lockstep = await runText(folder.path, 'run.properties', text);
    load.start();
    const caughtUp = async () => {
      const ends = await endsOf(west, remote, 2);
      return partitions.every(
        (partition) =>
          ends[partition]! >= taken[partition]!.length + load.counts[partition]! - next[partition]!,
      );
    };
    await waitFor(
      async () => (await endsOf(west, remote, 2)).every((end, i) => end > taken[i]!.length + 1_000),
      {
        ...{ deadlineMs, describe: () => `Lockstep to go on:\n${lockstep.told()}` },
      },
    );
    await load.stop();
    await waitFor(async () => (await endsOf(west, 'us-east.fresh', 1).catch(() => [0]))[0] === 200, {
      ...{ deadlineMs, describe: () => `the new topic:\n${lockstep.told()}` },
    });
    await waitFor(caughtUp, { deadlineMs, describe: () => `Lockstep to arrive:\n${lockstep.told()}` });
    const verified = await lockstepCommand('verify', file, '--topic', topic);
    expect(verified.exitCode).toBe(0);
    await waitFor(
      async () => {
        const at = await positionsOf(west, 'readers');
        return at.includes(`us-east.orders-1=${taken[1]!.length + 100}`);
      },
      { deadlineMs, describe: () => `the position behind the takeover:\n${lockstep.told()}` },
    );
  }
  for (const partition of partitions) {
    const source = texts(await listLog(east, topic, partition));
    const log = texts(await listLog(west, remote, partition));
    expect(log.slice(0, taken[partition]!.length)).toEqual(texts(taken[partition]!));
    expect(log.slice(taken[partition]!.length)).toEqual(source.slice(next[partition]));
  }
  // The consumer goes on: in the source's order, each record once, but for what MirrorMaker 2 had doubled behind it.
  const positions = new Map(
    (await positionsOf(west, 'readers')).map((line) => line.split('=') as [string, string]),
  );
  for (const partition of partitions) {
    const source = texts(await listLog(east, topic, partition));
    const position = Number(positions.get(`us-east.orders-${partition}`));
    const read = texts((await listLog(west, remote, partition)).filter(({ offset }) => offset >= position));
    const wanted = source.slice(groupAt[partition]);
    const meant = new Set(wanted);
    expect([...new Set(read.filter((it) => meant.has(it)))]).toEqual(wanted);
    // What comes besides stands in the remote log twice, by MirrorMaker 2, behind where the group is.
    const twice = new Set(doubled(texts(taken[partition]!)));
    const besides = read.filter((it) => !meant.has(it));
    expect(besides.filter((it) => !twice.has(it))).toEqual([]);
  }

  // Back.
  const back = await lockstepCommand('migrate', file, '--back', '--yes');
  expect(back.exitCode).toBe(0);
  const atBack = await Promise.all(partitions.map((partition) => listLog(west, remote, partition)));
  {
    await using maker = await startMirrorMaker(file);
    await load.write(500);
    await freshLoad.write(100);
    const arrived = async () => {
      const logs = await Promise.all(partitions.map((partition) => listLog(west, remote, partition)));
      const fresh = await listLog(west, 'us-east.fresh', 0);
      return fresh.length >= 300 && logs.every((log, i) => log.length >= atBack[i]!.length + 500);
    };
    await waitFor(arrived, {
      ...{ deadlineMs, pollMs: 300 },
      describe: () => `MirrorMaker 2 to go on:\n${maker.told()}`,
    });
    await maker.stop();
  }
  for (const partition of partitions) {
    const source = texts(await listLog(east, topic, partition));
    const log = texts(await listLog(west, remote, partition));
    expect(log.slice(0, atBack[partition]!.length)).toEqual(texts(atBack[partition]!));
    expect(log.slice(atBack[partition]!.length)).toEqual(source.slice(-500));
  }

  expect(texts(await listLog(west, 'us-east.fresh', 0))).toEqual(texts(await listLog(east, 'fresh', 0)));

  // Lockstep does not go on by itself behind MirrorMaker 2; taken over again it does.
  await untilConnectIsEmpty(west, 'us-east-mm2');
  {
    await using lockstep = await runText(folder.path, 'run.properties', text);
    const isShutOut = () =>
      lockstep.partitions().filter(({ state }) => state === 'Fenced').length === partitions.length + 1;
    await waitFor(isShutOut, {
      ...{ deadlineMs, describe: () => `agents to be shut out:\n${lockstep.told()}` },
    });
  }
  const second = await lockstepCommand('migrate', file, '--yes');
  expect(second.exitCode).toBe(0);
  await load.write(200);
  await freshLoad.write(50);
  {
    await using lockstep = await runText(folder.path, 'run.properties', text);
    const arrived = async () => {
      const logs = await Promise.all(partitions.map((partition) => listLog(west, remote, partition)));
      const fresh = await listLog(west, 'us-east.fresh', 0);
      return fresh.length >= 350 && logs.every((log, i) => log.length >= atBack[i]!.length + 700);
    };
    await waitFor(arrived, { deadlineMs, describe: () => `Lockstep to go on again:\n${lockstep.told()}` });
  }
  for (const partition of partitions) {
    const log = texts(await listLog(west, remote, partition));
    expect(doubled(log)).toEqual(doubled(texts(taken[partition]!)));
    expect(log.slice(-700)).toEqual(texts(await listLog(east, topic, partition)).slice(-700));
  }
  expect(texts(await listLog(west, 'us-east.fresh', 0))).toEqual(texts(await listLog(east, 'fresh', 0)));
}, 600_000);
