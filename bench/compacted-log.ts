// Fills a topic with many versions of few keys and has the broker's own cleaner remove all but the newest ones: records in
// random order, so that what is left lies scattered, thin at the start and dense towards the end.
//
// 1. write, into small segments; one record more closes the last of them, which the cleaner leaves alone
// 2. let the cleaner work without pauses until the log does not shrink any more
// 3. have it leave the topic alone, and count what is left by reading it
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Cluster,
  type ConfigResource,
  createTopics,
  incrementalAlterConfigs,
  logEndOffset,
  unwrap,
} from '../src/client/index.ts';
import { LockstepError } from '../src/errors.ts';
import { apis } from '../src/protocol/index.ts';
import { encodeRawBatch, encodeTail, splitBatches } from '../src/records/index.ts';
import type { Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { appendAll, requestTimeoutMs } from './append-loop.ts';
import { logBytes } from './regions.ts';

export interface CompactedLog {
  readonly partitions: number;
  /** Over all partitions. */
  readonly offsets: number;
  readonly keys: number;
  readonly valueBytes: number;
}

const recordsPerBatch = 1000;
const requestsUnderWay = 4;
const leadersMsMax = 30_000;
const segmentBytes = 32 * 1024 * 1024;
const cleanedLookMs = 2_000;
/** The log has not shrunk at so many looks in a row. */
const cleanedLooks = 4;
const cleanedMsMax = 180_000;
const fetchBytesMax = 4 * 1024 * 1024;
const noWait = { maxWaitMs: 0, minBytes: 1, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 };

/** Creates the topic; how many records are left in it, and where each partition ends. */
export async function writeCompactedLog(
  region: Region,
  topic: string,
  log: CompactedLog,
): Promise<{ live: number; ends: ReadonlyMap<number, bigint> }> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    await alter(cluster, { type: 'broker', name: '' }, { 'log.cleaner.backoff.ms': '200' });
    const configs = {
      'cleanup.policy': 'compact',
      'segment.bytes': String(segmentBytes),
      'min.cleanable.dirty.ratio': '0.01',
    };
    const created = await createTopics(cluster, [{ name: topic, partitionCount: log.partitions, configs }]);
    for (const outcome of created.values()) unwrap(outcome);
    const partitions = Array.from({ length: log.partitions }, (_, partition) => partition);
    for (const partition of partitions)
      await waitFor(() => logEndOffset(cluster, { topic, partition }), {
        deadlineMs: leadersMsMax,
        describe: `a leader of ${topic}-${partition}`,
      });
    await Promise.all(partitions.map((partition) => writeKeys(cluster, { topic, partition }, log)));
    await alter(cluster, { type: 'topic', name: topic }, { 'segment.ms': '100' });
    await sleep(1_000);
    for (const partition of partitions)
      await writeKeys(cluster, { topic, partition }, { ...log, offsets: log.partitions });
    await untilCleaned(region, topic);
    await alter(
      cluster,
      { type: 'topic', name: topic },
      { 'segment.ms': '604800000', 'min.cleanable.dirty.ratio': '1' },
    );
    const ends = new Map<number, bigint>();
    let live = 0;
    for (const partition of partitions) {
      const { logEndOffset: end } = await logEndOffset(cluster, { topic, partition });
      ends.set(partition, end);
      live += await countRecords(cluster, { topic, partition, end });
    }
    return { live, ends };
  } finally {
    cluster.close();
  }
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

async function writeKeys(
  cluster: Cluster,
  { topic, partition }: Place,
  { partitions, offsets, keys, valueBytes }: CompactedLog,
): Promise<void> {
  const { leaderId } = await cluster.leaderOf(topic, partition);
  const connection = await cluster.openConnection(leaderId, { purpose: 'bench-writer' });
  const value = Buffer.alloc(valueBytes, 'a compacted value ');
  const keyCount = Math.ceil(keys / partitions);
  const timestamp = BigInt(Date.now());
  const lanes = Array.from({ length: requestsUnderWay }, () => connection);
  let left = Math.ceil(offsets / partitions);
  await appendAll({ cluster, topic, lanes }, () => {
    if (left <= 0) return null;
    const count = Math.min(left, recordsPerBatch);
    left -= count;
    const records = encodeRawBatch(
      Array.from({ length: count }, (_, index) => ({
        offset: BigInt(index),
        timestamp,
        tail: encodeTail(Buffer.from(`${partition}-${randomInt(keyCount)}`), value, []),
      })),
    );
    return [{ index: partition, records }];
  });
  connection.close();
}

async function untilCleaned(region: Region, topic: string): Promise<void> {
  const before = await logBytes(region, topic);
  const deadline = performance.now() + cleanedMsMax;
  let bytes = before;
  for (let looks = 0; looks < cleanedLooks; ) {
    if (performance.now() > deadline)
      throw new LockstepError('INTERNAL', `The cleaner of ${region.name} has not finished ${topic}.`);
    await sleep(cleanedLookMs);
    const now = await logBytes(region, topic);
    // A cleaner that has not begun shrinks nothing either.
    looks = now === bytes && now < before / 2 ? looks + 1 : 0;
    bytes = now;
  }
}

async function countRecords(cluster: Cluster, { topic, partition, end }: Place & { end: bigint }) {
  const { leaderId, topicId } = await cluster.leaderOf(topic, partition);
  const connection = await cluster.openConnection(leaderId, { purpose: 'bench-reader' });
  let count = 0;
  for (let fetchOffset = 0n; fetchOffset < end; ) {
    const wanted = { partition, fetchOffset, partitionMaxBytes: fetchBytesMax };
    const answer = await connection.send(
      apis.Fetch,
      { ...noWait, maxBytes: fetchBytesMax, topics: [{ topic, topicId, partitions: [wanted] }] },
      { timeoutMs: requestTimeoutMs },
    );
    const records = answer.responses[0]?.partitions[0]?.records ?? null;
    if (records === null || records.length === 0) break;
    for (const batch of splitBatches(records).batches) {
      if (batch.nextOffset <= fetchOffset) continue;
      count += batch.recordCount;
      fetchOffset = batch.nextOffset;
    }
  }
  connection.close();
  return count;
}

async function alter(
  cluster: Cluster,
  resource: ConfigResource,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const changes = Object.entries(settings).map(([name, value]) => ({
    name,
    value,
    operation: 'set' as const,
  }));
  for (const { outcome } of await incrementalAlterConfigs(cluster, [{ resource, changes }])) unwrap(outcome);
}
