// A planned move, typed as a person types it: real regions, agents as processes.
import { expect, test } from 'vitest';
import { useRegions } from '../support/region-fixtures.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

test('a switchover there and back: numbered steps, no record lost or doubled', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['orders', 'bills'] });
  await movable.produce(
    us,
    'orders',
    Array.from({ length: 100 }, (_none, index) => `us ${index}`),
  );

  const plan = await movable.type('switchover', '--to', 'eu-west', '--dry-run');
  console.log(plan);
  const there = await movable.type('switchover', '--to', 'eu-west', '--yes');
  console.log(there, movable.logs());
  expect(there.exitCode).toBe(0);
  await movable.produce(
    eu,
    'orders',
    Array.from({ length: 10 }, (_none, index) => `eu ${index}`),
  );
  await movable.mirrored(eu);
  const back = await movable.type('switchover', '--to', 'us-east', '--yes');
  console.log(back);
  expect(back.exitCode).toBe(0);
  await movable.mirrored(us);
}, 120_000);
