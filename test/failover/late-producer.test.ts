// A producer that was not stopped at a switchover goes on writing to the former primary. Its records stand at a mirror, where
// nobody reads them: the mirror says so, and a restore keeps every one of them.
import { describe, expect, test } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const oracle = useOracle();
const deadlineMs = 90_000;
const values = (text: string): string[] => Array.from({ length: 40 }, (_, i) => `${text} ${i}`);

const restoring = async (movable: MovableRegions, ...words: string[]) => {
  const typed = movable.beginWords('restore', 'us-east', movable.file, '--topics', 'orders', ...words);
  const exitCode = await typed.ended;
  return { exitCode, stdout: typed.stdout(), stderr: typed.stderr() };
};

/** What was written is read a moment later. */
const awaitsRestore = (movable: MovableRegions, region: Region, topics: Record<string, string[]>) =>
  expect
    .poll(() => movable.state(region).roles.get(movable.group)?.awaitsRestore, { timeout: deadlineMs })
    .toEqual(topics);

async function diverged(movable: MovableRegions, us: Region, eu: Region): Promise<void> {
  const link = movable.link(eu, us);
  await waitFor(
    () =>
      [0, 1].every((partition) => {
        const status = movable.state(us).statuses.get(`${link}/orders/${partition}`);
        return status?.state === 'Diverged' && status.reason?.includes('lockstep restore us-east') === true;
      }),
    { deadlineMs, describe: () => `orders to be Diverged at us-east\n${movable.logs()}` },
  );
}

/** Every value of a saved topic, aborted ones left out. */
async function saved(movable: MovableRegions, us: Region, eu: Region): Promise<string[]> {
  const [name] = /orders\.lost-\d{8}T\d{6}Z/.exec(JSON.stringify(movable.move(eu)!.facts)) ?? [];
  return movable.values(us, name!);
}

describe('two regions', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

  test('what a late producer wrote is kept, and the region is a mirror again', async () => {
    const [us, eu] = [regions['us-east'], regions['eu-west']];
    const topics = ['orders', 'bills'];
    await using movable = await MovableRegions.start({ regions: [us, eu], topics });
    for (const topic of topics) await movable.produce(us, topic, values('before'));
    await movable.mirrored(us);
    const over = await movable.type('switchover', '--to', 'eu-west', '--yes');
    expect(over.exitCode, over.stderr + over.stdout).toBe(0);
    // The mirror goes on for a while; then somebody writes to it, and what comes next lands too high.
    await movable.produce(eu, 'orders', values('after'));
    await movable.mirrored(eu);
    await movable.produce(us, 'orders', values('late'));
    for (const topic of topics) await movable.produce(eu, topic, values('more'));
    await diverged(movable, us, eu);
    await movable.produce(us, 'orders', values('later still'));

    const status = await movable.type('status');
    expect(status.exitCode).toBe(1);
    expect(status.stdout).toContain(`lockstep restore us-east ${movable.file} --topics orders keeps`);
    const plan = await restoring(movable, '--dry-run');
    expect(plan.exitCode, plan.stderr).toBe(0);
    expect(plan.stdout).toContain('orders: somebody wrote to us-east, although eu-west is primary');
    expect(plan.stdout).toContain('DELETED then, at us-east: orders\n');
    // Forty records and two closing markers in each partition, or one: nothing in front of them is taken for theirs.
    expect(plan.stdout).toMatch(/partition 0 from offset 4[0-9] to \d+; at most \d+ records in all/);
    await awaitsRestore(movable, us, {});

    // Killed behind its first step it is taken back, and the mirror stands as it was.
    const killed = movable.beginWords('restore', 'us-east', movable.file, '--topics', 'orders', '--yes');
    await waitFor(() => killed.stdout().includes('2/11 ') || killed.child.exitCode !== null, {
      deadlineMs,
      describe: () => killed.stdout() + killed.stderr() + movable.logs(),
    });
    killed.child.kill('SIGKILL');
    await killed.ended;
    await awaitsRestore(movable, us, { 'us-east': ['orders'] });
    const undone = await restoring(movable, '--undo');
    expect(undone.exitCode, undone.stdout + undone.stderr).toBe(0);
    await awaitsRestore(movable, us, {});
    await diverged(movable, us, eu);

    // The mirror may still say what it was before it was taken back; it is Diverged again a moment later.
    let done = await restoring(movable, '--yes');
    await waitFor(
      async () => {
        if (!done.stderr.includes('nothing waits for a restore')) return true;
        done = await restoring(movable, '--yes');
        return false;
      },
      { deadlineMs, describe: () => `a restore to begin\n${movable.logs()}` },
    );
    expect(done.exitCode, done.stdout + done.stderr + movable.logs()).toBe(0);
    const kept = await saved(movable, us, eu);
    expect(kept).toEqual(expect.arrayContaining([...values('late'), ...values('later still')]));
    // At most what landed too high is kept beside it.
    expect(kept.filter((value) => /^(before|after) /.test(value))).toEqual([]);
    await awaitsRestore(movable, us, {});
    await movable.mirrored(eu);
    for (const topic of topics)
      await oracle.expectSame({ source: eu, destination: us, topic, waitMs: 30_000 });
    const verified = await movable.type('verify', '--link', movable.link(eu, us));
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
    expect((await restoring(movable, '--yes')).stderr).toContain('restored already');

    const back = await movable.type('switchover', '--to', 'us-east', '--yes');
    expect(back.exitCode, back.stdout + back.stderr).toBe(0);
    for (const topic of topics) await movable.produce(us, topic, values('home again'));
    await movable.mirrored(us);
    for (const topic of topics)
      await oracle.expectSame({ source: us, destination: eu, topic, waitMs: 30_000 });
    expect((await movable.values(eu, 'orders')).filter((value) => value.startsWith('late'))).toEqual([]);
  }, 400_000);
});
