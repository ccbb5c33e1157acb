// Links and mirrors from the command line alone: an agent as a process, every command as it is typed, two real regions.
import { expect, test } from 'vitest';
import { Cluster, createTopics, unwrap } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type AgentProcess, startAgent } from './running-agent.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

async function createTopic(name: string, partitionCount: number): Promise<void> {
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  try {
    for (const outcome of (
      await createTopics(cluster, [{ name, partitionCount, replicationFactor: 1 }])
    ).values())
      unwrap(outcome);
  } finally {
    cluster.close();
  }
}

async function produce(topic: string, count: number): Promise<void> {
  await platformaticProduce({
    bootstrap: regions['us-east'].bootstrap,
    topic,
    messages: Array.from({ length: count }, (_, index) => ({
      partition: index % 2,
      value: Buffer.from(`${topic} ${index}`),
    })),
  });
}

/** One command against the destination. */
const at = (...args: string[]) =>
  lockstepCommand(...args, '--bootstrap-server', regions['eu-west'].bootstrap.join(','));

async function done(...args: string[]) {
  const ended = await at(...args);
  expect({ args, ...ended }).toMatchObject({ exitCode: 0 });
  return ended;
}

// biome-ignore lint/suspicious/noExplicitAny: what a program would read
async function json(...args: string[]): Promise<any> {
  return JSON.parse((await done(...args, '--json')).stdout);
}

/** Waits until every partition of the mirror has these ends and no lag. */
async function untilCopied(topic: string, ends: readonly number[], agent: AgentProcess): Promise<void> {
  let seen: unknown;
  await waitFor(
    async () => {
      const { mirrors } = await json('mirrors', 'describe', '--link', 'us-to-eu');
      seen = mirrors;
      // biome-ignore lint/suspicious/noExplicitAny: what a program would read
      const mirror = mirrors.find(({ sourceTopic }: any) => sourceTopic === topic);
      return (
        mirror?.partitions.length === ends.length &&
        mirror.lagRecords === 0 &&
        ends.every((end, partition) => mirror.partitions[partition].mirrorEnd === end)
      );
    },
    { deadlineMs: 60_000, describe: () => `${topic} to be copied: ${JSON.stringify(seen)}\n${agent.log()}` },
  );
}

test('a link lives: created, looked at, altered, paused, resumed, promoted, deleted', async () => {
  const source = regions['us-east'].bootstrap.join(',');
  await createTopic('orders', 2);
  await createTopic('bills', 2);
  await produce('orders', 100);

  // Before anybody works here.
  expect(await at('links', 'list')).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: expect.stringContaining('no agent is running; shown is what was told last'),
  });
  const create = ['links', 'create', 'us-to-eu', '--source', 'us-east', '--source-bootstrap', source];
  expect(await at(...create, '--topics', 'orders')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringMatching(/no agent runs here.*start one with `lockstep agent`/),
  });

  await using agent = startAgent([
    '--bootstrap-server',
    regions['eu-west'].bootstrap.join(','),
    '--id',
    'a1',
  ]);
  await waitFor(
    async () =>
      // biome-ignore lint/suspicious/noExplicitAny: what a program would read
      (await json('links', 'list')).agents.some(({ id, isAlive }: any) => id === 'a1' && isAlive),
    { deadlineMs: 60_000, describe: () => `the agent to be told of\n${agent.log()}` },
  );

  // Create: dry, for real, and once too often.
  expect((await done(...create, '--topics', 'orders', '--dry-run')).stdout).toContain(
    'link us-to-eu would be created\n',
  );
  expect((await json('links', 'list')).links).toEqual([]);
  expect((await done(...create, '--topics', 'orders')).stdout).toContain('link us-to-eu created\n');
  expect(await at(...create, '--topics', 'orders')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('link us-to-eu exists already'),
  });
  await untilCopied('orders', [50, 50], agent);

  // Look.
  const described = (await done('mirrors', 'describe', '--link', 'us-to-eu', 'orders')).stdout;
  expect(described).toMatch(/^mirror us-to-eu\/orders {2}Mirroring for /);
  expect(described).toMatch(/ 0 {2}Mirroring +50 +50 +0 +0 ms .* a1 /);
  expect((await done('links', 'describe', 'us-to-eu')).stdout).toContain(`us-east at ${source}\n`);

  // Alter: filters while it runs; who was slower is told.
  expect((await done('links', 'alter', 'us-to-eu', '--topics', 'orders,bills')).stdout).toContain(
    'link us-to-eu altered\n  topics: orders -> orders, bills\n',
  );
  expect(
    await at('links', 'alter', 'us-to-eu', '--set', 'fetchBytesMax=65536', '--if-generation', '1'),
  ).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('has generation 2, not 1') });
  await produce('bills', 20);
  await untilCopied('bills', [10, 10], agent);

  // Pause and resume.
  expect((await done('mirrors', 'pause', '--link', 'us-to-eu', 'bills')).stdout).toContain(
    'mirror us-to-eu/bills paused\n',
  );
  expect((await json('mirrors', 'list')).mirrors).toMatchObject([
    { sourceTopic: 'bills', state: 'Paused' },
    { sourceTopic: 'orders', state: 'Mirroring' },
  ]);
  await done('mirrors', 'resume', '--link', 'us-to-eu', '--all');
  await produce('bills', 20);
  await untilCopied('bills', [20, 20], agent);

  // A planned promotion, told partition by partition.
  const planned = await done('mirrors', 'promote', '--link', 'us-to-eu', 'orders', '--timeout', '60s');
  expect(planned.stdout).toMatch(/^orders +0 +50 +50 .* 0 {2}yes$/m);
  expect(await at('mirrors', 'promote', '--link', 'us-to-eu', 'orders')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('is Promoted'),
  });

  // The source is gone: only --now is left, and it has to be confirmed.
  await regions['us-east'].kill();
  expect(await at('mirrors', 'promote', '--link', 'us-to-eu', 'bills', '--now')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('add --yes'),
  });
  const now = await json('mirrors', 'promote', '--link', 'us-to-eu', 'bills', '--now', '--yes');
  expect(now.promoted).toMatchObject([
    { topic: 'bills', partitions: [{ cutOffset: 20 }, { cutOffset: 20 }] },
  ]);

  // Delete, then the agent hands over and ends with 0; what was told last stays to be seen.
  await done('links', 'delete', 'us-to-eu', '--yes');
  await waitFor(async () => (await json('links', 'list')).links.length === 0, {
    deadlineMs: 30_000,
    describe: 'the link to be gone',
  });
  expect({ code: await agent.stop(), log: agent.log() }).toMatchObject({ code: 0 });
  expect((await at('links', 'list')).stderr).toContain('no agent is running');
});
