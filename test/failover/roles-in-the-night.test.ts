// What a person meets when a failover can't be done, or has to be ended: no agent at the target, a hook that says no, a
// switchover that is gone on with otherwise.
import { expect, test } from 'vitest';
import { useRegions } from '../support/region-fixtures.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const to = ['--to', 'eu-west'];

test('a target whose agents are dead is refused, and not after a minute', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['aa'] });
  await movable.produce(us, 'aa', ['1', '2', '3']);
  await movable.mirrored(us);
  for (const agent of movable.agentsOf(eu)) {
    agent.child.kill('SIGKILL');
    await agent.ended;
  }
  for (const option of ['--dry-run', '--yes']) {
    const begunMs = Date.now();
    expect(await movable.type('failover', ...to, option)).toMatchObject({
      ...{
        exitCode: 1,
        stderr: expect.stringMatching(/FAIL {2}agents: none at eu-west answers within 15/),
      },
    });
    expect(Date.now() - begunMs).toBeLessThan(35_000);
  }
  movable.startAgent(eu);
  expect(await movable.type('failover', ...to, '--yes')).toMatchObject({ exitCode: 0 });
}, 180_000);

test('a failover that a hook has stopped can be taken back, and a switchover gone on with otherwise', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const gate = { name: 'gate', at: 'before', on: ['failover'], command: ['false'], blocking: true };
  await using movable = await MovableRegions.start({
    ...{ regions: [us, eu], topics: ['bb'], group: { hooks: [gate] } },
  });
  await movable.produce(us, 'bb', ['1', '2', '3']);
  await movable.mirrored(us);
  const stopped = await movable.type('failover', ...to, '--yes');
  expect(stopped.stderr).toMatch(/nothing was promoted[\s\S]*take back: {2}lockstep failover .* --undo/);
  const undone = await movable.type('failover', ...to, '--undo');
  expect(undone).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/us-east is primary as before/),
  });
  expect(movable.move(eu)).toMatchObject({ kind: 'failover', state: 'undone' });
  const over = movable.begin('switchover', ...to, '--yes', '--timeout', '1ms');
  await over.ended;
  expect(over.stderr()).toMatch(/writes go on|not everything came over/);
  expect(await movable.type('switchover', ...to, '--timeout', '30s')).toMatchObject({ exitCode: 0 });
}, 180_000);
