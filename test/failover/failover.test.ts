// An unplanned move, typed as a person types it, with the primary dead, hanging, or only out of our sight.
import { expect, test } from 'vitest';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const records = (prefix: string, count: number) =>
  Array.from({ length: count }, (_none, index) => `${prefix} ${index}`);

test('the primary hangs: the loss that is known is told, the other region takes writes within seconds', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['orders', 'bills'] });
  await movable.produce(us, 'orders', records('us', 100));
  await movable.mirrored(us);
  for (const broker of us.brokers) broker.pause();
  try {
    const refused = await movable.type('failover', '--to', 'us-east', '--yes');
    expect(refused).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/us-east can not be reached/),
    });
    const unasked = await movable.type('failover', '--to', 'eu-west');
    expect(unasked).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/add --yes/) });
    const begunMs = Date.now();
    const over = await movable.type('failover', '--to', 'eu-west', '--yes');
    expect(Date.now() - begunMs).toBeLessThan(30_000);
    expect(over.exitCode).toBe(0);
    await movable.produce(eu, 'orders', ['eu']);
    expect(movable.primary(eu)).toBe('eu-west');
    expect(movable.state(eu).roles.get(movable.group)!.awaitsRestore).toEqual({
      'us-east': ['bills', 'orders'],
    });
    const again = await movable.type('failover', '--to', 'eu-west', '--yes');
    expect(again).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/primary already/) });
  } finally {
    for (const broker of us.brokers) broker.resume();
  }
  // Back again, the former primary learns that it is none any more.
  await waitFor(() => movable.primary(us) === 'eu-west', {
    deadlineMs: 90_000,
    describe: () => `us-east to learn it: ${movable.logs()}`,
  });
}, 120_000);

test('a primary that is alive: it is said; a mirror that was promoted by hand and written to is taken as it is', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['visits'] });
  await movable.produce(us, 'visits', records('us', 10));
  await movable.mirrored(us);
  expect(await movable.type('failover', '--to', 'eu-wets', '--yes')).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringMatching(/has no region eu-wets; did you mean eu-west\?/) },
  });
  expect(await movable.type('failover', '--to', 'us-east', '--yes')).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringMatching(/us-east is primary already: there is nothing to move/) },
  });
  const plan = await movable.type('failover', '--to', 'eu-west', '--dry-run');
  expect(plan).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/us-east answers us; if it can be saved, a switchover loses nothing/),
  });
  expect(plan.stdout).toMatch(/3\/7 {2}promote the mirrors at eu-west at once: 1 mirror/);
  expect(movable.moves(eu)).toEqual([]);

  const promoted = await movable.typeWords(
    ...['mirrors', 'promote', '--all', '--now', '--yes', '--link', movable.link(us, eu)],
    ...['--file', movable.file, '--cluster', 'eu-west'],
  );
  expect(promoted).toMatchObject({ exitCode: 0 });
  await movable.produce(eu, 'visits', ['eu by hand']);
  const refused = await movable.type('switchover', '--to', 'eu-west', '--yes');
  expect(refused).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/visits: Promoted; somebody has promoted them by hand/),
  });
  expect(refused.stderr).toMatch(/nothing was changed: us-east is primary as before/);
  const over = await movable.type('failover', '--to', 'eu-west', '--yes', '--json');
  expect(over).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/visits: promoted already; taken as they are/),
  });
  expect(JSON.parse(over.stdout)).toMatchObject({
    outcome: 'done',
    move: { kind: 'failover', from: 'us-east', to: 'eu-west', state: 'done' },
  });
  expect((await movable.values(eu, 'visits')).sort()).toEqual([...records('us', 10), 'eu by hand'].sort());
}, 180_000);
