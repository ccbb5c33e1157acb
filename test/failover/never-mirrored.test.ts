// A topic that was created at the primary in its last moments, so that no mirror of it was ever made: when the region comes
// back it is found, told, not touched, and kept by a restore where the new primary has another one by then.
import { describe, expect, test } from 'vitest';
import { createTopics, unwrap } from '../../src/client/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const deadlineMs = 90_000;
const values = (text: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${text} ${i}`);

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

  test('a topic that never came over is told, left alone, and kept when it has a namesake', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    await using movable = await MovableRegions.start({
      ...{ regions: [us, eu], topics: ['orders'], link: { topics: ['orders', 'prefix:fresh-'] } },
    });
    const create = async (region: typeof us): Promise<void> => {
      const cluster = movable.clusters.get(region.name)!;
      const topics = [{ name: 'fresh-carts', partitionCount: 2, replicationFactor: 1 }];
      for (const outcome of (await createTopics(cluster, topics)).values()) unwrap(outcome);
    };
    await movable.produce(us, 'orders', values('before', 40));
    await movable.mirrored(us);
    // Nobody at eu-west sees what is created now.
    for (const { child, ended } of movable.agentsOf(eu)) {
      child.kill('SIGKILL');
      await ended;
    }
    await create(us);
    await movable.produce(us, 'fresh-carts', values('alone', 6));
    await us.kill();
    movable.startAgent(eu);
    const over = await movable.type('failover', '--to', 'eu-west', '--yes');
    expect(over.exitCode, over.stdout + over.stderr).toBe(0);
    await movable.produce(eu, 'orders', values('after', 20));

    await us.start();
    await waitFor(() => movable.state(us).roles.get(movable.group)?.generation === 2, {
      ...{ deadlineMs, describe: () => `us-east to learn it\n${movable.logs()}` },
    });
    expect(movable.state(us).roles.get(movable.group)?.awaitsRestore).toEqual({ 'us-east': ['orders'] });
    const told = 'fresh-carts (at most 6 records)';
    const status = await movable.type('status');
    expect([status.exitCode, status.stdout]).toEqual([
      1,
      expect.stringContaining(`1 topic of us-east never came over to eu-west, which is primary: ${told}`),
    ]);
    const loss = await movable.type('loss');
    expect(loss.stdout).toContain(`never mirrored, and only at us-east: ${told}`);

    const restoring = (...words: string[]) =>
      movable.typeWords('restore', 'us-east', movable.file, '--yes', ...words);
    const restored = await restoring();
    expect(restored.exitCode, restored.stdout + restored.stderr + movable.logs()).toBe(0);
    expect(restored.stderr).toContain('fresh-carts: only at us-east, never came over; left as they are');
    expect(await movable.values(us, 'fresh-carts')).toEqual(expect.arrayContaining(values('alone', 6)));

    // Somebody makes it anew at the new primary: the mirror finds the other one in its place.
    await create(eu);
    await movable.produce(eu, 'fresh-carts', values('another', 10));
    const link = movable.link(eu, us);
    await waitFor(
      () =>
        [0, 1].every(
          (one) => movable.state(us).statuses.get(`${link}/fresh-carts/${one}`)?.state === 'Diverged',
        ),
      { deadlineMs, describe: () => `fresh-carts to be Diverged\n${movable.logs()}` },
    );
    expect(await movable.values(us, 'fresh-carts')).toEqual(expect.arrayContaining(values('alone', 6)));
    const again = await restoring('--topics', 'fresh-carts');
    expect(again.exitCode, again.stdout + again.stderr + movable.logs()).toBe(0);
    const [saved] = /fresh-carts\.lost-\d{8}T\d{6}Z/.exec(JSON.stringify(movable.move(eu)!.facts)) ?? [];
    expect((await movable.values(us, saved!)).sort()).toEqual(values('alone', 6));
    expect((await movable.values(us, 'fresh-carts')).sort()).toEqual(values('another', 10));
    const verified = await movable.type('verify', '--link', link);
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
  }, 400_000);
});
