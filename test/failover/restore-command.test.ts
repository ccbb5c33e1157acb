// A lost region comes back, typed as a person types it: agents and commands are processes, and commands are killed.
import { expect, test } from 'vitest';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const values = (text: string): string[] => Array.from({ length: 40 }, (_, i) => `${text} ${i}`);

test('a restore that is killed after each of its steps, and the way back', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
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
  console.log(plan.stdout, plan.stderr);
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
  console.log(done.stdout, done.stderr);
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

  await movable.mirrored(eu);
  const back = await movable.type('switchover', '--to', 'us-east', '--yes');
  expect(back.exitCode, back.stdout + back.stderr).toBe(0);
  await movable.produce(us, 'orders', values('home again'));
  await movable.mirrored(us);
  for (const topic of topics) await oracle.expectSame({ source: us, destination: eu, topic, waitMs: 30_000 });
}, 300_000);
