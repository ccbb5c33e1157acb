// Batches that were put together stand in memory that goes round: it serves another partition once their outcome is known.
// Here nobody knows the outcomes: the destination stops reading or answering with requests half written, and connections
// break inside of requests, while other partitions' batches are put together all along.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { type Compression, encodeBatch } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { useProxiedRegion } from '../support/proxied-region.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { append } from '../verify/kafka-copy.ts';
import { startAgent } from './running-agent.ts';
import { expectIdentical } from './same-on-both-sides.ts';

const partitions = 8;
const deadlineMs = 60_000;
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {} });
const proxied = useProxiedRegion(folder);
const oracle = useOracle();

/** A record in each batch, which says where it belongs. */
function batchOf(topic: string, partition: number, offset: bigint, compression: Compression): Buffer {
  const value = Buffer.concat([
    Buffer.from(`${topic}-${partition}@${offset} `.repeat(10)),
    randomBytes(10_000),
  ]);
  const records = [{ offset, timestamp: BigInt(Date.now()), key: null, value, headers: [] }];
  return encodeBatch(records, { compression });
}

it('holds what the source does, where requests stand still and break off', async () => {
  const topics = {
    none: uniqueTopic('cut-none'),
    lz4: uniqueTopic('cut-lz4'),
    zstd: uniqueTopic('cut-zstd'),
  };
  const names = Object.values(topics);
  await oracle.createTopics(
    regions['us-east'],
    names.map((name) => ({ name, partitions })),
  );
  const [proxy] = proxied.proxies;
  const { counts } = proxy!;
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  let isWriting = true;
  const ends = new Map<string, bigint>();
  const writers = Object.entries(topics).flatMap(([compression, topic]) =>
    Array.from({ length: partitions }, async (_, partition) => {
      for (let offset = 0n; isWriting; offset++) {
        await append(cluster, topic, [batchOf(topic, partition, offset, compression as Compression)], {
          partition,
        });
        ends.set(`${topic}/${partition}`, offset + 1n);
      }
    }),
  );
  const link = { oracle, folder: folder.path, source: regions['us-east'], topics: names };
  await using agent = await startAgent({ ...link, destination: proxied.through });
  const unanswered = () =>
    names
      .flatMap((topic) => Array.from({ length: partitions }, (_, p) => agent.partition(topic, p)))
      .reduce((count, status) => count + (status?.errorCounts.appendUnanswered ?? 0), 0);
  try {
    await waitFor(() => names.every((topic) => (agent.partition(topic)?.mirrorEnd ?? 0n) > 100n), {
      deadlineMs,
      describe: 'the mirror to have begun',
    });
    for (let round = 0; round < 4; round++) {
      // It falls behind, so that what follows goes in batches that were put together.
      const { stalledChunks, cut } = counts;
      proxy!.setFault({ kind: 'stall', direction: round % 2 === 0 ? 'up' : 'down' });
      await waitFor(() => counts.stalledChunks > stalledChunks, { deadlineMs, describe: 'a stall' });
      await pause(2_000);
      if (round < 2) proxy!.cutAll();
      proxy!.setFault({ kind: 'cutInFrame', frameBytesMin: 100_000, direction: 'up' });
      await waitFor(() => counts.cut > cut + 1, { deadlineMs, describe: 'a cut in a request' });
      proxy!.setFault({ kind: 'none' });
      await pause(500);
    }
  } finally {
    isWriting = false;
    proxy!.setFault({ kind: 'none' });
    await Promise.all(writers).finally(() => cluster.close());
  }
  for (const topic of names)
    for (let p = 0; p < partitions; p++) await agent.mirrorsUpTo(topic, ends.get(`${topic}/${p}`)!, p);
  const written = [...ends.values()].reduce((sum, end) => sum + end, 0n);
  expect(unanswered()).toBeGreaterThan(0);
  console.info(
    `${written} records, ${counts.cut} cuts, ${counts.cutInFrame} in requests, ${unanswered()} unanswered`,
  );
  expect(await expectIdentical({ ...link, destination: proxied.region })).toBe(Number(written));
});
