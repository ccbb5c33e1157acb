// The same retention.bytes on both sides: markers in a hole take room at the mirror, so that its broker deletes records
// which the source keeps. Nothing can bring them back; it has to be said, by the agent and by verify.
import { expect, it } from 'vitest';
import { startAgent, writeTopology } from '../mirror/running-agent.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const quick = { 'log.retention.check.interval.ms': '200', 'log.initial.task.delay.ms': '100' };
const regions = useRegions({ 'us-east': { brokerConfig: quick }, 'eu-west': { brokerConfig: quick } });
const oracle = useOracle();

/** 2.3 MB of markers; 200 kB at the source. */
const abortedCount = 30_000;
const recordCount = 100;
const end = BigInt(2 * recordCount + abortedCount + 1);

it('a mirror whose markers fill retention.bytes is told to have lost records, and verify does not excuse it', async () => {
  const { 'us-east': source, 'eu-west': destination } = regions;
  const topic = uniqueTopic('outgrown');
  const configs = { 'retention.bytes': '500000', 'segment.bytes': '1048576' };
  await oracle.createTopics(source, [{ name: topic, partitions: 1, configs }]);
  const workload = oracle.workload(source);
  const records = (count: number, value: string) =>
    Array.from({ length: count }, () => ({ topic, partition: 0, value }));
  await workload.produce({ producer: 'plain', records: records(recordCount, 'kept') });
  await workload.producer('aborting', { properties: { 'linger.ms': '200', 'batch.size': '500000' } });
  await workload.transaction({ producer: 'aborting', records: records(abortedCount, ''), end: 'abort' });
  await workload.produce({ producer: 'plain', records: records(recordCount, 'kept') });
  const link = { folder: folder.path, source, destination, topics: [topic] };

  const startOf = async (region: typeof source): Promise<number> =>
    (await oracle.ends(region, topic))[0]!.start;
  {
    await using agent = await startAgent(link);
    await agent.mirrorsUpTo(topic, end);
    await waitFor(async () => (await startOf(destination)) > recordCount, {
      deadlineMs: 30_000,
      describe: 'retention to take the first records of the mirror',
    });
  }
  expect(await startOf(source)).toBe(0);

  // It tells at the first look after a partition is mirrored.
  await using agent = await startAgent(link);
  const told = () => agent.notices.filter(({ text }) => text.includes('that the source still has'));
  await waitFor(() => told().length > 0, { deadlineMs: 20_000, describe: 'the agent to say what was lost' });
  const start = await startOf(destination);
  expect(told()).toEqual([
    {
      atMs: expect.any(Number),
      level: 'warning',
      text:
        `topic ${topic}: the mirror's retention took ${start} offsets (0 to ${start - 1}) that the source still has in ` +
        'partition 0: retention.bytes=500000 holds fewer records at a mirror with holes; raise retention.bytes or set ' +
        '-1 on the mirror',
    },
  ]);

  const verified = await lockstepCommand('verify', await writeTopology(link));
  expect(verified.exitCode, verified.stdout + verified.stderr).toBe(1);
  expect(verified.stdout).toContain('? incomplete');
  expect(verified.stdout).toContain(
    `offsets 0..${start - 1} are missing in the destination, and retention.bytes=500000`,
  );
}, 90_000);
