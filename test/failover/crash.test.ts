// The process of the command is killed at every numbered step in turn, and the same command is given again: the end is the
// same as without. The agent that leads is killed in the midst of a promotion. A switchover is taken back.
import { expect, test } from 'vitest';
import { failoverSteps } from '../../src/failover/failover/index.ts';
import { switchoverSteps } from '../../src/failover/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const records = (prefix: string, count: number) =>
  Array.from({ length: count }, (_none, index) => `${prefix} ${index}`);
/** Steps that would be over before a kill arrives take a moment. */
const slow = { name: 'slow', command: ['sleep', '0.5'] };
const hooks = [
  { ...slow, at: 'before' },
  { ...slow, name: 'slower', at: 'after' },
];

/** Kills the command at each of its steps, as soon as its record names the step; resolves with those that it hit. */
async function killAtEach(
  movable: MovableRegions,
  target: Region,
  steps: readonly string[],
  ...args: string[]
): Promise<string[]> {
  const hit: string[] = [];
  for (const step of steps) {
    const wanted = steps.indexOf(step);
    const typed = movable.begin(...args);
    const at = () => {
      const move = movable.move(target);
      return move?.state === 'running' ? steps.indexOf(move.step) : -1;
    };
    const isOver = () => typed.child.exitCode !== null;
    await waitFor(() => at() >= wanted || isOver(), {
      ...{ deadlineMs: 60_000, pollMs: 1 },
      describe: () => `step ${step}; ${typed.stdout()}\n${typed.stderr()}\n${movable.logs()}`,
    });
    typed.child.kill('SIGKILL');
    await typed.ended;
    const move = movable.move(target)!;
    hit.push(move.state === 'running' ? move.step : move.state);
    if (move.state !== 'running') break;
  }
  return hit;
}

test('a switchover whose command is killed at every step ends as any other', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({
    regions: [us, eu],
    topics: ['orders'],
    group: { hooks },
  });
  const sent = records('us', 60);
  await movable.produce(us, 'orders', sent);
  const names = switchoverSteps.map(({ name }) => name);
  const args = ['switchover', '--to', 'eu-west', '--yes'];
  const hit = await killAtEach(movable, eu, names, ...args);
  const end = await movable.type(...args);
  expect({ ...end, hit }).toMatchObject({ exitCode: 0 });
  expect(new Set(hit).size).toBeGreaterThanOrEqual(names.length - 2);
  expect(movable.state(eu).roles.get(movable.group)).toMatchObject({
    ...{ generation: 2, primary: { region: 'eu-west', sinceGeneration: 2 }, awaitsRestore: {} },
  });
  expect(movable.moves(eu).map(({ state }) => state)).toEqual(['done']);
  await movable.produce(eu, 'orders', ['eu 0']);
  await movable.mirrored(eu);
  expect((await movable.values(us, 'orders')).sort()).toEqual([...sent, 'eu 0'].sort());
}, 240_000);

test('so does a failover', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({
    regions: [eu, us],
    topics: ['bills'],
    group: { hooks },
  });
  await movable.produce(eu, 'bills', records('eu', 60));
  await movable.mirrored(eu);
  const names = failoverSteps.map(({ name }) => name);
  const args = ['failover', '--to', 'us-east', '--yes'];
  const hit = await killAtEach(movable, us, names, ...args);
  const end = await movable.type(...args);
  expect({ ...end, hit }).toMatchObject({ exitCode: 0 });
  expect(new Set(hit).size).toBeGreaterThanOrEqual(names.length - 2);
  expect(movable.state(us).roles.get(movable.group)).toMatchObject({
    ...{ generation: 2, primary: { region: 'us-east' }, awaitsRestore: { 'eu-west': ['bills'] } },
  });
  expect((await movable.values(us, 'bills')).sort()).toEqual(records('eu', 60).sort());
}, 240_000);

test('the leading agent is killed while it promotes: the next one goes on, and the command waits for it', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['visits'] });
  movable.startAgent(eu);
  await movable.produce(us, 'visits', records('us', 60));
  await movable.mirrored(us);
  const pids = () => movable.agentsOf(eu).map(({ child }) => child.pid);
  const living = () => [...movable.state(eu).agents.values()].filter(({ pid }) => pids().includes(pid));
  await waitFor(() => living().length === 2 && living().some(({ isLeader }) => isLeader), {
    ...{ deadlineMs: 60_000, describe: () => `two agents: ${JSON.stringify(living())}` },
  });
  const leader = living().find(({ isLeader }) => isLeader)!;
  const typed = movable.begin('switchover', '--to', 'eu-west', '--topics', 'visits', '--yes');
  await waitFor(() => movable.move(eu)?.state === 'running' && movable.move(eu)!.step === 'promote', {
    ...{ deadlineMs: 60_000, pollMs: 1, describe: () => `the promotion: ${typed.stdout()}${typed.stderr()}` },
  });
  process.kill(leader.pid, 'SIGKILL');
  const exitCode = await typed.ended;
  expect({ exitCode, stdout: typed.stdout(), stderr: typed.stderr(), logs: movable.logs() }).toMatchObject({
    exitCode: 0,
  });
  await movable.mirrored(eu);
  expect((await movable.values(us, 'visits')).sort()).toEqual(records('us', 60).sort());
}, 240_000);

test('a switchover whose producers do not stop is taken back, and a second terminal is told of the first', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['clicks'] });
  const writing = new AbortController();
  let sent = 0;
  const producer = (async () => {
    while (!writing.signal.aborted) await movable.produce(us, 'clicks', [`us ${sent++}`, `us ${sent++}`]);
  })();
  try {
    const first = movable.begin(
      'switchover',
      '--to',
      'eu-west',
      '--topics',
      'clicks',
      '--yes',
      '--timeout',
      '45s',
    );
    await waitFor(() => movable.move(eu)?.state === 'running' && movable.move(eu)!.step === 'stopWrites', {
      ...{ deadlineMs: 60_000, describe: () => `the first: ${first.stderr()}` },
    });
    const second = await movable.type('switchover', '--to', 'eu-west', '--topics', 'clicks', '--yes');
    expect(second).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /\(process \d+\) runs the switchover to eu-west since .* at step stopWrites.*--resume/,
      ),
    });
    const other = await movable.type('failover', '--to', 'eu-west', '--topics', 'clicks', '--yes');
    expect(other).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/runs the switchover to eu-west/),
    });
    expect(await first.ended).toBe(3);
    expect(first.stderr()).toMatch(/writes go on at us-east: clicks; stop the producers/);
    expect(first.stderr()).toMatch(/what stands: us-east is primary as before.*\n.*--resume\n.*--undo/);
    const undone = await movable.type('switchover', '--to', 'eu-west', '--topics', 'clicks', '--undo');
    expect(undone).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/taken back: us-east is primary/),
    });
    expect(movable.move(eu)).toMatchObject({ state: 'undone' });
    const none = await movable.type('switchover', '--to', 'eu-west', '--topics', 'clicks', '--undo');
    expect(none).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/no switchover to eu-west is under way/),
    });
  } finally {
    writing.abort();
    await producer;
  }
  await movable.mirrored(us);
  expect((await movable.values(eu, 'clicks')).length).toBe(sent);
}, 240_000);
