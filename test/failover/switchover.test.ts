// A planned move, typed as a person types it: real regions, agents as processes.
import { expect, test } from 'vitest';
import { useRegions } from '../support/region-fixtures.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const records = (prefix: string, count: number) =>
  Array.from({ length: count }, (_none, index) => `${prefix} ${index}`);
/** `writes paused for 1.4 s` in ms. */
const pauseMs = (stdout: string): number => {
  const [, number, unit] = /writes paused for ([\d.]+) (ms|s)/.exec(stdout)!;
  return Number(number) * (unit === 's' ? 1_000 : 1);
};

test('there and back: a plan that changes nothing, numbered steps, no record lost or doubled, a short pause', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['orders', 'bills'] });
  await movable.produce(us, 'orders', records('us', 100));
  await movable.mirrored(us);

  const plan = await movable.type('switchover', '--to', 'eu-west', '--dry-run');
  expect(plan).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/a dry run: nothing was changed/),
  });
  expect(plan.stdout.match(/^ ?\d+\/10 {2}/gm)).toHaveLength(10);
  expect(plan.stdout).toMatch(
    /point of no return.*\n 6\/10 {2}promote the mirrors at eu-west: 2 mirrors, 4 partitions/,
  );
  expect(movable.moves(eu)).toEqual([]);
  expect(movable.primary(eu)).toBe('us-east');

  const there = await movable.type('switchover', '--to', 'eu-west', '--yes');
  expect(there).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/done: eu-west is primary/) });
  expect(there.stdout.match(/^ ?\d+\/10 {2}.* \.\.\.+ [\d.]+ m?s/gm)).toHaveLength(10);
  // A machine that is busy with other tests takes its time; what it was alone stands in the bench.
  expect(pauseMs(there.stdout)).toBeLessThan(10_000);
  expect(movable.moves(eu)).toMatchObject([
    { kind: 'switchover', state: 'done', from: 'us-east', to: 'eu-west', done: { length: 10 } },
  ]);
  const again = await movable.type('switchover', '--to', 'eu-west', '--yes');
  expect(again).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/primary already, by the switchover/),
  });

  await movable.produce(eu, 'orders', records('eu', 10));
  await movable.mirrored(eu);
  const back = await movable.type('switchover', '--to', 'us-east', '--yes', '--json');
  expect(back.exitCode).toBe(0);
  expect(JSON.parse(back.stdout)).toMatchObject({ outcome: 'done', move: { to: 'us-east', state: 'done' } });
  await movable.mirrored(us);
  for (const region of [us, eu])
    expect((await movable.values(region, 'orders')).sort()).toEqual(
      [...records('us', 100), ...records('eu', 10)].sort(),
    );
}, 180_000);
