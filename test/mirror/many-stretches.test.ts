// Batches of which the cleaner took every other record: more stretches than are told apart at once, a hole between each two
// of them. Agents end and begin in the middle of such a batch, again and again, and the mirror ends identical.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, listOffsets } from '../../src/client/index.ts';
import { stretchesMax } from '../../src/mirror/partition/plan.ts';
import { BatchView, type Compression, encodeBatch } from '../../src/records/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { append, batchesOf, makeTopic } from '../verify/kafka-copy.ts';
import { startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({
  'us-east': { brokerConfig: { 'log.cleaner.backoff.ms': '100' } },
  'eu-west': {},
});
const compact = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.ms': '100' };
const deadlineMs = 60_000;
const keyCount = stretchesMax * 10;

let from: Cluster;
let to: Cluster;
beforeAll(async () => {
  [from, to] = await Promise.all([
    Cluster.connect(configOf(regions['us-east'])),
    Cluster.connect(configOf(regions['eu-west'])),
  ]);
});
afterAll(() => {
  from?.close();
  to?.close();
});

/** One batch of records with these keys, each with a timestamp of its own. */
function batchOf(baseOffset: bigint, keys: readonly string[], compression: Compression): Buffer {
  const records = keys.map((key, index) => ({
    ...{ offset: baseOffset + BigInt(index), timestamp: BigInt(Date.now() - index), headers: [] },
    ...{ key: Buffer.from(key), value: Buffer.from(`${key} at ${baseOffset}`) },
  }));
  return encodeBatch(records, { compression, baseOffset });
}

/** Writes a batch, overwrites every other of its keys, and waits for the cleaner. Where the log ends. */
async function writeAndClean(topic: string, compression: Compression): Promise<bigint> {
  await makeTopic(from, topic, 1, compact);
  const keys = Array.from({ length: keyCount }, (_, index) => `key ${index}`);
  const again = keys.filter((_, index) => index % 2 === 1);
  await append(from, topic, [batchOf(0n, keys, compression)]);
  await append(from, topic, [batchOf(BigInt(keyCount), again, compression)]);
  let end = BigInt(keyCount + again.length);
  await waitFor(
    async () => {
      // A segment is cleaned once the next one has begun.
      await append(from, topic, [batchOf(end, ['tick'], 'none')]);
      end += 1n;
      const [first] = await batchesOf(from, topic);
      return new BatchView(first!, 0).recordCount === keyCount - again.length;
    },
    { deadlineMs, pollMs: 150, describe: `the cleaner to be done with ${topic}` },
  );
  return end;
}

it.each(['markers', 'copies'] as const)(
  'are copied an append at a time, whoever goes on with them, gaps as %s',
  async (compactionGaps) => {
    const topics = [uniqueTopic('plain'), uniqueTopic('compressed')] as const;
    const ends = await Promise.all([writeAndClean(topics[0], 'none'), writeAndClean(topics[1], 'zstd')]);
    const link = {
      ...{ folder: folder.path, source: regions['us-east'], destination: regions['eu-west'], topics },
      extra: `    compactionGaps: ${compactionGaps}\n`,
    };
    const logEnds = async (): Promise<bigint[]> => {
      const latest = topics.map((topic) => ({ topic, partition: 0, at: 'latest' as const }));
      return (await listOffsets(to, latest)).map(({ outcome }) => (outcome.ok ? outcome.value.offset : 0n));
    };
    let stops = [0n, 0n];
    let betweenCount = 0;
    while (stops.some((stop, index) => stop < ends[index]!)) {
      await using agent = await startAgent(link);
      const goesOn = (topic: string, index: number): boolean => {
        const end = agent.partition(topic)?.mirrorEnd ?? 0n;
        return end > stops[index]! + BigInt(keyCount / 5) || end === ends[index];
      };
      await waitFor(() => topics.every(goesOn), {
        deadlineMs,
        pollMs: 5,
        describe: () => `the mirrors to go on behind ${stops}: ${agent.partition(topics[0])?.reason}`,
      });
      await agent.stop();
      stops = await logEnds();
      betweenCount += stops.filter((stop) => stop < keyCount).length;
    }
    // Copies of so many records go in one append.
    if (compactionGaps === 'markers') expect(betweenCount).toBeGreaterThan(0);
    const verdict = await verifyLink({
      ...{ source: from, destination: to, waitMsMax: deadlineMs },
      gapsHoldCopies: compactionGaps === 'copies',
      topics: topics.map((topic) => ({ source: topic, destination: topic })),
    });
    expect(verdict.partitions.filter(({ outcome }) => outcome !== 'identical')).toEqual([]);
  },
);
