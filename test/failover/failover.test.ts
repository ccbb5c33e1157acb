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
    console.log(over, Date.now() - begunMs);
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
    deadlineMs: 30_000,
    describe: () => `us-east to learn it: ${movable.logs()}`,
  });
}, 120_000);
