// Fillers and the cut on real brokers: what the brokers take, what is left, and what time lookups find afterwards.
import { beforeAll, describe, expect, it } from 'vitest';
import { Cluster, createTopics, deleteRecords, listOffsets, unwrap } from '../../src/client/index.ts';
import type { WriterIdentity } from '../../src/mirror/partition/identity.ts';
import { type AppendOutcome, DestinationWriter } from '../../src/mirror/shell/destination-writer.ts';
import { cutStart, Filler } from '../../src/mirror/shell/filler.ts';
import { FrameLease, LeasedBatch } from '../../src/mirror/shell/leased-batch.ts';
import type { Ask } from '../../src/mirror/shell/log-answers.ts';
import { BatchView, encodeBatch } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';

const regions = useRegions({ newest: {}, oldest: { kafkaVersion: '3.9.2' } });

describe.each(['newest', 'oldest'] as const)('on the %s broker', (name) => {
  let cluster: Cluster;
  let writer: DestinationWriter;
  beforeAll(async () => {
    cluster = await Cluster.connect(configOf(regions[name]));
    const open = () => cluster.openConnection(cluster.brokers[0]!.id, { purpose: 'appending' });
    writer = new DestinationWriter({
      open,
      connectionCount: 1,
      requestBytesMax: 2 ** 22,
      monotonicMs: () => performance.now(),
      ackTimeoutMs: 30_000,
    });
    return () => {
      writer.close();
      cluster.close();
    };
  });

  const makeTopic = async (configs: Record<string, string>) => {
    const topic = uniqueTopic('filled');
    unwrap((await createTopics(cluster, [{ name: topic, partitionCount: 1, configs }])).get(topic)!);
    const { topicId } = await cluster.retry(() => cluster.leaderOf(topic, 0));
    return { topic, topicId, partition: 0 };
  };
  type Log = Awaited<ReturnType<typeof makeTopic>>;
  const append = (log: Log, job: { batch: LeasedBatch; identity: WriterIdentity }) =>
    new Promise<AppendOutcome>((onOutcome) => {
      writer.append({ ...log, ...job, onOutcome });
      job.batch.release();
    });
  const producerId = (1n << 62n) | 0xff_ffffn;
  const fill = async (log: Log, from: number, to: number, countMax: number) => {
    const filler = new Filler();
    for (let offset = from; offset < to; offset += countMax) {
      const count = Math.min(countMax, to - offset);
      const identity = { producerId, epoch: 0, sequence: offset };
      const outcome = await append(log, filler.job({ identity, offset: BigInt(offset), count }));
      expect(outcome).toMatchObject({ kind: 'appended', baseOffset: BigInt(offset), logAppendTimeMs: -1n });
    }
  };
  const cut = async ({ topic, topicId, partition }: Log, before: bigint) => {
    const { leaderId, leaderEpoch } = await cluster.leaderOf(topic, partition);
    const ask: Ask = (api, input) => cluster.request(api, input, { to: leaderId });
    return cutStart(ask, { topic, topicId, partition, leaderEpoch }, before);
  };
  const offsetOf = async ({ topic, partition }: Log, at: 'earliest' | 'latest' | bigint) => {
    const [answer] = await listOffsets(cluster, [{ topic, partition, at }]);
    return unwrap(answer!.outcome).offset;
  };

  it('two million offsets are filled and cut off', async () => {
    const log = await makeTopic({ 'cleanup.policy': 'delete' });
    const end = 2_000_123;
    await fill(log, 0, end, 500_000);
    expect(await offsetOf(log, 'latest')).toBe(BigInt(end));
    expect(await cut(log, BigInt(end))).toBe(BigInt(end));
    expect(await offsetOf(log, 'earliest')).toBe(BigInt(end));
  });

  it('time lookups find records of long ago behind them, in their segment and in the next one', async () => {
    const log = await makeTopic({ 'retention.ms': '-1', 'segment.bytes': '1048576' });
    const end = 100_000;
    await fill(log, 0, end, end);
    // What tells fillers from records where nobody may read.
    expect(await offsetOf(log, 0n)).toBe(-1n);
    await cut(log, BigInt(end));
    const identity = { producerId: 1n << 62n, epoch: 0, sequence: end };
    const records = (timestamps: bigint[], valueBytes: number) => {
      const value = Buffer.alloc(valueBytes, 'v');
      const batch = encodeBatch(
        timestamps.map((timestamp, i) => ({ offset: BigInt(i), timestamp, key: null, value, headers: [] })),
      );
      return new LeasedBatch(new BatchView(batch, 0), new FrameLease(() => {}));
    };
    const first = await append(log, { batch: records([1_000n, 1_001n, 1_002n], 1), identity });
    expect(first).toMatchObject({ kind: 'appended', baseOffset: BigInt(end) });
    // Too large for the rest of the segment that fillers begin.
    const batch = records([2_000n], 1_000_000);
    const next = await append(log, { batch, identity: { ...identity, sequence: end + 3 } });
    expect(next).toMatchObject({ kind: 'appended', baseOffset: BigInt(end + 3) });
    expect(await offsetOf(log, 1_001n)).toBe(BigInt(end + 1));
    expect(await offsetOf(log, 2_000n)).toBe(BigInt(end + 3));
    expect(await offsetOf(log, 3_000n)).toBe(-1n);
    expect(await offsetOf(log, 0n)).toBe(BigInt(end));
  });

  it('a compacted topic refuses the cut, with the reason', async () => {
    const log = await makeTopic({ 'cleanup.policy': 'compact' });
    const job = new Filler().job({ identity: { producerId, epoch: 0, sequence: 0 }, offset: 0n, count: 10 });
    expect(await append(log, job)).toMatchObject({ kind: 'appended', baseOffset: 0n });
    await expect(cut(log, 0n)).rejects.toMatchObject({ code: 'KAFKA_ERROR', detail: { number: 44 } });
    const answer = await deleteRecords(cluster, [{ ...log, beforeOffset: 0n }]);
    expect(answer[0]?.outcome.ok).toBe(false);
  });
});
