// `lockstep status` beside a group whose life goes on: in order, a mirror paused, the primary killed and failed over,
// back with clients that still write to it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GroupStanding } from '../../src/failover/standing/index.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type GroupFile, produce, writeGroupFile } from './grouped-regions.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const us = () => regions['us-east'];
const eu = () => regions['eu-west'];
const orders = uniqueTopic('orders');
const fleets: Fleet[] = [];
let group: GroupFile;

beforeAll(async () => {
  group = await writeGroupFile({
    ...{ folder: folder.path, regions: [us(), eu()], topics: [orders], primary: us() },
  });
  await oracle.createTopics(us(), [{ name: orders, partitions: 2 }]);
  await produce(us(), orders, 40);
  for (const region of [us(), eu()]) {
    const fleet = await openFleet(region);
    fleets.push(fleet);
    await fleet.start(`${region.name}-agent`, group.of(region));
  }
});
afterAll(async () => {
  for (const fleet of fleets) await fleet[Symbol.asyncDispose]();
});

type Told = GroupStanding & { readonly isSafe: boolean };

async function status(): Promise<{ exitCode: number; told: Told }> {
  const { exitCode, stdout } = await lockstepCommand('status', group.file, '--json');
  return { exitCode, told: JSON.parse(stdout) };
}

/** Looks until it is so; what it said last is in the failure. */
async function becomes(what: string, isSo: (told: Told, exitCode: number) => boolean): Promise<Told> {
  let last = '';
  let seen: Told | undefined;
  await waitFor(
    async () => {
      const { exitCode, told } = await status();
      last = JSON.stringify({ exitCode, ...told }, null, 1);
      seen = told;
      return isSo(told, exitCode);
    },
    { deadlineMs: 60_000, describe: () => `${what}: ${last}` },
  );
  return seen!;
}
const whats = ({ problems }: Told): string => problems.map(({ what }) => what).join('\n');

test('a group in order is safe to fail over, and says what it would cost', async () => {
  const told = await becomes('the group to be in order', (_told, exitCode) => exitCode === 0);
  expect(told).toMatchObject({
    ...{ group: 'shop', isSafe: true, problems: [], moves: [], splitBrains: [] },
    roles: { generation: 1, primary: { region: 'us-east' } },
    failovers: [{ to: 'eu-west', from: ['us-east'], reverse: [], loss: { recordsMin: 0, unseenCount: 0 } }],
  });
  expect(told.links).toMatchObject([
    { name: 'us-east-to-eu-west', direction: 'copies', partitionCount: 2, lagRecords: 0 },
    { name: 'eu-west-to-us-east', direction: 'standby', isThere: true, partitionCount: 0 },
  ]);
  const { stdout, exitCode } = await lockstepCommand('status', group.file);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(
    'a failover to eu-west now would lose at least 0 records; the source was last heard ',
  );
  expect(stdout).toContain('  the way back is ready\n');
  expect(stdout).toContain('ok  nothing that is known would make a failover unsafe');
});

test('a paused mirror makes it unsafe, with the command that mends it', async () => {
  const link = 'us-east-to-eu-west';
  await fleets[1]!.done({ do: 'pauseMirrors', link, topics: null });
  const told = await becomes(
    'the pause to be told',
    (seen, exitCode) => exitCode === 1 && /Paused/.test(whats(seen)),
  );
  const { remedy } = told.problems.find(({ what }) => what.includes('Paused'))!;
  expect(remedy).toBe(`lockstep mirrors resume --file ${group.file} --cluster eu-west --link ${link} --all`);
  const mended = await lockstepCommand(...remedy.split(' ').slice(1));
  expect(mended).toMatchObject({ exitCode: 0 });
  await becomes('the group to be in order again', (_told, exitCode) => exitCode === 0);
});

test('a primary that is gone, its failover, and its return with clients that still write to it', {
  timeout: 240_000,
}, async () => {
  await us().kill();
  const beganAtMs = performance.now();
  const { exitCode, told } = await status();
  expect(performance.now() - beganAtMs).toBeLessThan(15_000);
  expect(exitCode).toBe(1);
  expect(told.problems[0]).toEqual({
    what: expect.stringMatching(/^us-east, which is primary, does not answer: /),
    remedy: `bring it back, or move its work: lockstep failover ${group.file} --to eu-west`,
  });
  expect(told.regions).toMatchObject([
    { name: 'us-east', gone: expect.any(String), livingAgents: null },
    { name: 'eu-west', gone: null, livingAgents: 1 },
  ]);
  expect(told.failovers[0]).toMatchObject({ to: 'eu-west', reverse: ['us-east does not answer'] });

  const moved = await lockstepCommand('failover', group.file, '--to', 'eu-west', '--yes');
  expect([moved.exitCode, moved.stderr]).toEqual([0, expect.any(String)]);
  const loss = await lockstepCommand('loss', group.file, '--markdown');
  expect(loss.stdout).toContain('# Failover from us-east to eu-west');
  const turned = await status();
  expect(turned.told.roles).toMatchObject({ primary: { region: 'eu-west' }, changedBy: 'failover' });
  expect(whats(turned.told)).toContain(`1 topic of us-east awaits a restore (${orders})`);

  // Back, and nobody has told its clients.
  await us().start();
  let isWriting = true;
  const writing = (async () => {
    while (isWriting) await produce(us(), orders, 2).catch(() => {});
  })();
  const split = await becomes('the split brain to be seen', (seen) => seen.splitBrains.length > 0);
  expect(split.problems[0]).toMatchObject({
    what: expect.stringMatching(
      new RegExp(
        `^SPLIT BRAIN: ${orders} grows at us-east \\(\\d+ records? in .*\\), although eu-west is primary`,
      ),
    ),
    remedy: expect.stringContaining(`lockstep restore us-east ${group.file}`),
  });
  isWriting = false;
  await writing;
  const quiet = await becomes('it to be over', (seen) => seen.splitBrains.length === 0);
  expect(whats(quiet)).toContain('awaits a restore');
  await expectExactLoss();
  // A client that was overlooked: what was complete is read again.
  await produce(us(), orders, 10);
  await expectExactLoss();
});

test('restored, the group is in order the other way round, and the loss report stands', {
  timeout: 240_000,
}, async () => {
  const before = (await lockstepCommand('loss', group.file, '--json')).stdout;
  const restored = await lockstepCommand('restore', 'us-east', group.file, '--yes');
  expect([restored.exitCode, restored.stderr]).toEqual([0, expect.any(String)]);
  // Figures are told every few seconds: until then it counts as missing what is there already.
  const told = await becomes(
    'the group to be in order',
    ({ failovers }, exitCode) => exitCode === 0 && Number(failovers[0]?.loss.recordsMin) === 0,
  );
  expect(told).toMatchObject({
    ...{
      roles: { primary: { region: 'eu-west' }, changedBy: 'restore' },
      primarySince: { changedBy: 'failover' },
    },
    failovers: [{ to: 'us-east', from: ['eu-west'], blocked: null, reverse: [], loss: { recordsMin: 0 } }],
  });
  expect((await lockstepCommand('loss', group.file, '--json')).stdout).toBe(before);
});

/** The report says of each partition what Kafka's consumer counts behind the cut. */
async function expectExactLoss(): Promise<void> {
  const { topics, totals } = JSON.parse((await lockstepCommand('loss', group.file, '--json')).stdout);
  const told = topics[0].partitions as { cutOffset: string; exact: { records: string } }[];
  const counted = await Promise.all(
    told.map(async ({ cutOffset }, partition) => {
      const from = Number(cutOffset);
      const log = { region: us(), topic: orders, partition, from, isolation: 'read_committed' } as const;
      return String((await oracle.read(log)).records.length);
    }),
  );
  expect(told.map(({ exact }) => exact.records)).toEqual(counted);
  expect(totals).toMatchObject({ isExact: true });
}
