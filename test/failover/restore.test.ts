// The lost region comes back: what did not diverge continues, what did is saved and copied again.
import { readdir, readFile, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { Cluster, listTopics } from '../../src/client/index.ts';
import { restoreSteps } from '../../src/failover/restore/index.ts';
import { quarantineName } from '../../src/failover/restore/quarantine.ts';
import type { Step } from '../../src/failover/types.ts';
import { splitBatches } from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic } from '../support/region-fixtures.ts';
import {
  deleteAt,
  numbered,
  type Parting,
  startedAtMs,
  stepsWith,
  usePartedRegions,
  withRegions,
} from './parted-regions.ts';
import { expectDone, rolesOf, runRestore, type SplitRegions, undoRestore } from './split-regions.ts';

const parted = usePartedRegions();
const { oracle } = parted;
const partitions = [0, 1];

/** Twenty records in each of two partitions of each topic. */
const write = (region: Region, topics: readonly string[], text: string): Promise<void> =>
  parted.write(region, topics, text, partitions);
const part = (parting: Parting): Promise<SplitRegions> => parted.part({ partitionCount: 2, ...parting });
const savedValues = (region: Region, topic: string, partition: number): Promise<(string | null)[]> =>
  parted.values(region, quarantineName(topic, startedAtMs), partition);

async function idsAt(region: Region, topics: readonly string[]): Promise<(string | undefined)[]> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    const listed = await listTopics(cluster);
    return topics.map((topic) => listed.get(topic)?.topicId);
  } finally {
    cluster.close();
  }
}

withRegions('of many topics only the one that diverged is copied again', async (us, eu) => {
  const prefix = uniqueTopic('shop');
  const topics = Array.from({ length: 10 }, (_, i) => `${prefix}.${i}`);
  const diverged = topics[3]!;
  await using split = await part({ us, eu, topics });
  await write(us, [diverged], 'split');
  await write(eu, topics, 'after');

  const refused = await runRestore(split, { id: 'unconfirmed' });
  expect(refused.lines.at(-1)).toContain(`${diverged}: would be deleted`);

  const idsBefore = await idsAt(us, topics);
  const run = await runRestore(split, { confirmed: [diverged], startedAtMs });
  expectDone(run);
  expect(run.lines[0]).toBe('look: 9 topics continued in place, 1 to be copied again');
  const idsAfter = await idsAt(us, topics);
  expect(topics.filter((_, i) => idsBefore[i] !== idsAfter[i])).toEqual([diverged]);
  for (const topic of topics) await oracle.expectSame({ source: eu, destination: us, topic });
  for (const partition of partitions)
    expect(await savedValues(us, diverged, partition)).toEqual(numbered('split'));
  expect(rolesOf(split)).toMatchObject({ awaitsRestore: {}, changedBy: 'restore' });

  const again = await runRestore(split, { id: 'again' });
  expect(again.lines.at(-1)).toContain('nothing waits for a restore at us-east');
});

withRegions(
  'a restore whose process is lost behind each of its steps goes on, and saves and copies everything once',
  async (us, eu) => {
    const [diverged, kept] = [uniqueTopic('diverged'), uniqueTopic('kept')];
    const topics = [diverged, kept];
    const workload = oracle.workload(us);
    const at = { topic: diverged, partition: 0 };
    const records = [{ ...at, value: 'open' }];
    const also = () => workload.transaction({ producer: 'tx-open', records, end: 'open' });
    await using split = await part({ us, eu, topics, also });
    await workload.transaction({ producer: 'tx-done', records: [{ ...at, value: 'done' }], end: 'commit' });
    await write(us, [diverged], 'split');
    await write(eu, topics, 'after');

    const lostBehind = new Set<string>();
    const steps = restoreSteps.map(
      (step, index): Step => ({
        ...step,
        run: async (context, move) => {
          // Somebody still writes to the lost region, after everything was verified.
          if (step.name === 'deleteTopics' && !lostBehind.has(step.name))
            await workload.produce({ producer: 'late', records: [{ ...at, partition: 1, value: 'late' }] });
          const outcome = await step.run(context, move);
          if (index === 0 || lostBehind.has(step.name)) return outcome;
          lostBehind.add(step.name);
          throw new Error('lost');
        },
      }),
    );
    let run = await runRestore(split, { confirmed: [diverged], startedAtMs, steps });
    for (let tries = 0; run.end.kind === 'failed' && tries < steps.length; tries++) {
      expect(run.lines.at(-1)).toMatch(/FAILED: lost$/);
      run = await runRestore(split, { steps });
    }
    expectDone(run);
    expect([...lostBehind]).toEqual(restoreSteps.slice(1).map(({ name }) => name));
    const remarks = new Map(run.end.move.done.map(({ step, remark }) => [step, remark]));
    expect(remarks.get('copy')).toMatch(/^4 partitions, /);
    expect(remarks.get('verifyCopies')).toBe('160 records compared, all equal');
    expect(await savedValues(us, diverged, 0)).toEqual(['open', 'done', ...numbered('split')]);
    expect(await savedValues(us, diverged, 1)).toEqual([...numbered('split'), 'late']);
    for (const topic of topics) await oracle.expectSame({ source: eu, destination: us, topic });
  },
);

withRegions(
  'from-divergence copies what is newer; what was recreated is saved as a whole, what is gone is copied',
  async (us, eu) => {
    const name = (what: string): string => uniqueTopic(what);
    const [plain, compacted, recreated, deleted, ahead] = [
      ...[name('plain'), name('compacted'), name('recreated'), name('deleted'), name('untouched')],
    ] as [string, string, string, string, string];
    const topics = [plain, compacted, recreated, deleted, ahead];
    const configsOf = (topic: string) => (topic === compacted ? { 'cleanup.policy': 'compact' } : {});
    await using split = await part({ us, eu, topics, configsOf });
    await write(us, [plain, compacted], 'split');
    await deleteAt(us, [recreated, deleted]);
    await oracle.createTopics(us, [{ name: recreated, partitions: 3 }]);
    await write(us, [recreated], 'another');
    await write(eu, topics, 'after');

    const confirmed = [plain, compacted, recreated];
    const run = await runRestore(split, { confirmed, startedAtMs, history: 'from-divergence' });
    expectDone(run);
    for (const partition of partitions) {
      expect(await savedValues(us, plain, partition)).toEqual(numbered('split'));
      expect(await savedValues(us, recreated, partition)).toEqual(numbered('another'));
    }
    for (const topic of topics)
      await oracle.expectSame({ source: eu, destination: us, topic, startAtLater: true });
    const startsOf = async (topic: string) => (await oracle.ends(us, topic)).map(({ start }) => start);
    await expect.poll(() => startsOf(plain)).toEqual([20, 20]);
    expect(await startsOf(compacted)).toEqual([0, 0]);
    await expect.poll(() => startsOf(recreated)).toEqual([20, 20]);
    await expect.poll(() => startsOf(deleted)).toEqual([20, 20]);
    expect(await startsOf(ahead)).toEqual([0, 0]);
  },
);

/** The disk of a stopped broker loses what it got last of a partition. */
async function loseEnd(region: Region, topic: string, from: bigint): Promise<void> {
  for (const partition of partitions) {
    const folder = path.join(region.directory, 'broker-1', 'data', `${topic}-${partition}`);
    const file = path.join(folder, '00000000000000000000.log');
    const bytes = await readFile(file);
    const kept = splitBatches(bytes).batches.filter(({ baseOffset }) => baseOffset < from);
    await truncate(
      file,
      kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    );
    for (const name of await readdir(folder))
      if (name.endsWith('.snapshot')) await rm(path.join(folder, name));
  }
  // So that the broker looks at its logs again when it starts.
  await rm(path.join(region.directory, 'broker-1', 'data', '.kafka_cleanshutdown'), { force: true });
}

withRegions(
  'a lost log that lost its own end continues there; one that took others in their place does not',
  async (us, eu) => {
    const [short, replaced] = [uniqueTopic('short'), uniqueTopic('replaced')];
    const topics = [short, replaced];
    const also = () => write(us, topics, 'more');
    await using split = await part({ us, eu, topics, also, endsAt: 40 });
    await us.stop();
    for (const topic of topics) await loseEnd(us, topic, 20n);
    await us.start();
    await write(us, [replaced], 'other');
    // Both end at or in front of the cut now.
    const endsOf = async (topic: string) =>
      (await oracle.ends(us, topic)).map(({ highWatermark }) => highWatermark);
    expect([await endsOf(short), await endsOf(replaced)]).toEqual([
      [20, 20],
      [40, 40],
    ]);
    await write(eu, topics, 'after');

    const [before] = await idsAt(us, [short]);
    const run = await runRestore(split, { confirmed: [replaced], startedAtMs });
    expectDone(run);
    expect(run.lines[0]).toBe('look: 1 topic continued in place, 1 to be copied again');
    expect(await idsAt(us, [short])).toEqual([before]);
    for (const partition of partitions)
      expect(await savedValues(us, replaced, partition)).toEqual(numbered('other'));
    for (const topic of topics) await oracle.expectSame({ source: eu, destination: us, topic });
  },
);

withRegions(
  'a restore is taken back until something is deleted, and one with named topics leaves the others waiting',
  async (us, eu) => {
    const [one, other] = [uniqueTopic('one'), uniqueTopic('other')];
    const topics = [one, other];
    await using split = await part({ us, eu, topics });
    await write(us, topics, 'split');

    const halted = stepsWith('deleteTopics', () => Promise.reject(new Error('halted')));
    const chosen = { confirmed: topics, startedAtMs, topics: [one] };
    expect((await runRestore(split, { ...chosen, id: 'halted', steps: halted })).end.kind).toBe('failed');
    const undone = await undoRestore(split, 'halted');
    expect(undone.lines.join('\n')).toContain(
      `copies stay where they were made: ${quarantineName(one, startedAtMs)}`,
    );
    expect(rolesOf(split).awaitsRestore).toEqual({ 'us-east': [...topics].sort() });

    expectDone(await runRestore(split, { ...chosen, id: 'for good' }));
    expect(rolesOf(split).awaitsRestore).toEqual({ 'us-east': [other] });
    await oracle.expectSame({ source: eu, destination: us, topic: one });
    for (const partition of partitions)
      expect(await savedValues(us, one, partition)).toEqual(numbered('split'));
  },
);

withRegions('what retention emptied at the new primary is filled up to its first record', async (us, eu) => {
  const [emptied, shortened] = [uniqueTopic('emptied'), uniqueTopic('shortened')];
  const topics = [emptied, shortened];
  await using split = await part({ us, eu, topics });
  await write(us, topics, 'split');
  await write(eu, topics, 'after');
  await oracle.deleteRecords(eu, emptied, { 0: -1 });
  await oracle.deleteRecords(eu, shortened, { 0: 30 });

  expectDone(await runRestore(split, { confirmed: topics, startedAtMs }));
  for (const topic of topics) {
    await oracle.expectSame({ source: eu, destination: us, topic, startAtLater: true });
    const startsOf = async (region: Region) => (await oracle.ends(region, topic)).map(({ start }) => start);
    expect(await startsOf(us)).toEqual(await startsOf(eu));
  }
});

withRegions(
  'a region that is lost again in the midst of its restore costs nothing but time',
  async (us, eu) => {
    const topics = [uniqueTopic('twice')];
    const [topic] = topics as [string];
    await using split = await part({ us, eu, topics });
    await write(us, topics, 'split');

    let killing: Promise<void> | null = null;
    const onStep = (name: string): void => {
      if (name === 'verifyTails') killing = us.kill();
    };
    const lost = await runRestore(split, { confirmed: topics, startedAtMs, onStep });
    expect(lost.end.kind, lost.lines.join('\n')).toBe('failed');
    await killing;
    const away = await runRestore(split);
    expect(away.lines.at(-1)).toContain('us-east');
    await us.start();
    expectDone(await runRestore(split));
    for (const partition of partitions)
      expect(await savedValues(us, topic, partition)).toEqual(numbered('split'));
    await oracle.expectSame({ source: eu, destination: us, topic });
  },
);
