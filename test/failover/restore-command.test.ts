// A lost region comes back, typed as a person types it: agents and commands are processes, and commands are killed.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const oracle = useOracle();
const values = (text: string): string[] => Array.from({ length: 40 }, (_, i) => `${text} ${i}`);

/** The name of the link from eu-west. */
async function linkBack(file: string): Promise<string> {
  const { links } = JSON.parse(await readFile(file, 'utf8')) as { links: Record<string, { source: string }> };
  return Object.keys(links).find((name) => links[name]!.source === 'eu-west')!;
}

/** Roles stand in the regions, so each test has its own. */
function withRegions(name: string, run: (us: Region, eu: Region) => Promise<void>): void {
  describe('two regions', () => {
    const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
    test(name, () => run(regions['us-east'], regions['eu-west']), 300_000);
  });
}

withRegions('a restore that is killed after each of its steps, and the way back', async (us, eu) => {
  const topics = ['orders', 'bills', 'clicks'];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics });
  const restoring = async (...words: string[]) => {
    const typed = movable.beginWords('restore', 'us-east', movable.file, ...words);
    const exitCode = await typed.ended;
    return { exitCode, stdout: typed.stdout(), stderr: typed.stderr() };
  };
  for (const topic of topics) await movable.produce(us, topic, values('before'));
  await movable.mirrored(us);
  expect((await restoring('--dry-run')).stderr).toContain('nothing waits for a restore at us-east');

  const over = await movable.type('failover', '--to', 'eu-west', '--yes');
  expect(over.exitCode, over.stderr + over.stdout).toBe(0);
  await movable.produce(us, 'orders', values('split'));
  for (const topic of topics) await movable.produce(eu, topic, values('after'));

  const plan = await restoring('--dry-run');
  expect(plan.exitCode).toBe(0);
  expect(plan.stdout).toContain('2 topics continued in place: nothing of that is copied again');
  expect(plan.stdout).toMatch(/what only orders of us-east has, to orders\.lost-\d{8}T\d{6}Z/);
  expect(plan.stdout).toContain('DELETED then, at us-east: orders');
  const asJson = JSON.parse((await restoring('--dry-run', '--json')).stdout);
  expect(asJson.plan.deletes).toEqual(['orders']);
  const unasked = await restoring();
  expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringContaining('add --yes')]);

  let last = '';
  for (let step = 1; step <= 9; step++) {
    const typed = movable.beginWords('restore', 'us-east', movable.file, '--yes');
    await waitFor(() => typed.stdout().includes(`${step}/10 `) || typed.child.exitCode !== null, {
      deadlineMs: 90_000,
      describe: () => `step ${step}: ${typed.stdout()}${typed.stderr()}${movable.logs()}`,
    });
    typed.child.kill('SIGKILL');
    await typed.ended;
    last = typed.stdout() + typed.stderr();
  }
  const done = await restoring('--yes');
  expect(done.exitCode, last + done.stderr + movable.logs()).toBe(0);
  const [saved] =
    /orders\.lost-\d{8}T\d{6}Z/.exec(
      movable.move(eu)!.facts.found ? JSON.stringify(movable.move(eu)!.facts) : '',
    ) ?? [];
  for (const partition of [0, 1]) {
    const { records } = await oracle.read({
      region: us,
      topic: saved!,
      partition,
      isolation: 'read_committed',
    });
    expect(records.map(({ value }) => value?.toString())).toEqual(
      values('split').filter((_, i) => i % 2 === partition),
    );
  }
  for (const topic of topics) await oracle.expectSame({ source: eu, destination: us, topic, waitMs: 30_000 });

  const { stdout: loss } = await movable.type('loss', '--json');
  const report = JSON.parse(loss);
  expect(report.summary.completedAtMs).toBeGreaterThan(0);
  const orders = report.topics.find(({ topic }: { topic: string }) => topic === 'orders');
  expect(orders.partitions.map(({ exact }: { exact: { records: string } }) => exact.records)).toEqual([
    '20',
    '20',
  ]);

  await movable.mirrored(eu);
  const back = await movable.type('switchover', '--to', 'us-east', '--yes');
  expect(back.exitCode, back.stdout + back.stderr).toBe(0);
  await movable.produce(us, 'orders', values('home again'));
  await movable.mirrored(us);
  for (const topic of topics) await oracle.expectSame({ source: us, destination: eu, topic, waitMs: 30_000 });
});

withRegions(
  'from the divergence on: what is older stays on the other side, and the way back works',
  async (us, eu) => {
    const topics = ['carts', 'views'];
    await using movable = await MovableRegions.start({ regions: [us, eu], topics });
    for (const topic of topics) await movable.produce(us, topic, values('before'));
    await movable.mirrored(us);
    expect((await movable.type('failover', '--to', 'eu-west', '--yes')).exitCode).toBe(0);
    await movable.produce(us, 'carts', values('split'));
    for (const topic of topics) await movable.produce(eu, topic, values('after'));

    const typed = movable.beginWords(
      'restore',
      'us-east',
      movable.file,
      '--yes',
      '--json',
      '--history',
      'from-divergence',
    );
    expect(await typed.ended, typed.stderr() + movable.logs()).toBe(0);
    expect(JSON.parse(typed.stdout())).toMatchObject({
      outcome: 'done',
      move: { kind: 'restore', state: 'done' },
    });
    await expect
      .poll(async () => (await oracle.ends(us, 'carts')).map(({ start }) => start), { timeout: 20_000 })
      .toEqual([20, 20]);
    expect((await oracle.ends(us, 'views')).map(({ start }) => start)).toEqual([0, 0]);
    const verified = await movable.type('verify', '--link', await linkBack(movable.file));
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);

    const back = await movable.type('switchover', '--to', 'us-east', '--yes');
    expect(back.exitCode, back.stdout + back.stderr).toBe(0);
    for (const topic of topics) await movable.produce(us, topic, values('home again'));
    await movable.mirrored(us);
    for (const topic of topics)
      await oracle.expectSame({ source: us, destination: eu, topic, startAtLater: true, waitMs: 30_000 });
    expect((await oracle.ends(eu, 'carts')).map(({ start }) => start)).toEqual([0, 0]);
  },
);
